"""Results of runs whose counts tests choose: what the store would give for them."""

from collections.abc import Mapping, Sequence

import pandas as pd

from losslab.metrics import DEFINITIONS, image_scores, score
from tests.analysis.synthetic import SETTINGS, run_columns

SIZES = {"large": 10_000, **{f"small{number}": 100 for number in range(9)}}
"""Pixels of the one object in each of ten images: one object is larger than all others together."""

Found = Mapping[str, Mapping[str, float]]
"""Of each class: the share of its pixels that is found in each image."""


def counts_of(
    found: Found, sizes: Mapping[str, int] = SIZES, *, edges: bool = True
) -> pd.DataFrame:
    """Counts of networks that find a share of each object and nothing else.

    Every class has an object of the same size in each image; a share of None is an image without
    it. With `edges` a tenth of each object is its boundary band and each of its trimaps, found as
    the rest is.
    """
    rows = []
    for name, shares in found.items():
        for image, share in shares.items():
            size = 0 if share is None else sizes[image]
            tp = round(size * (share or 0))
            row = {"image": image, "class": name, "pixels": 4 * sizes[image]}
            row |= {"tp": tp, "fp": 0, "fn": size - tp, "boundary_width": 1}
            row |= {"boundary_tp": tp / 10, "boundary_fp": 0, "boundary_fn": (size - tp) / 10}
            if edges:
                trimap = {"tp": tp / 10, "fp": 0, "fn": (size - tp) / 10}
                row |= {f"trimap_{w}_{key}": n for w in (1, 3) for key, n in trimap.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def evenly(large: float, small: float) -> dict[str, float]:
    """The share that is found of the large object, and of each small one."""
    return {image: large if image == "large" else small for image in SIZES}


def results_of(
    runs: Mapping[str, Sequence[pd.DataFrame]], setting: tuple[str, ...] = SETTINGS[0]
) -> pd.DataFrame:
    """As `losslab.study.load_results` under all definitions: of each loss a table of counts for
    each seed.
    """
    parts = []
    for loss, tables in runs.items():
        for seed, counts in enumerate(tables):
            over_set = score(counts, DEFINITIONS).assign(image="")
            single = image_scores(counts).assign(level="per_image", definition="")
            run = run_columns(setting, loss, seed)
            parts += [part.assign(**run) for part in (over_set, single)]
    return pd.concat(parts, ignore_index=True)
