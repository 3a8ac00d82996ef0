"""What a study needs: its data sets with their numbers of pictures, and published weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from losslab.data import (
    DATASETS,
    camvid,
    celebamask,
    cityscapes,
    context,
    helen,
    lfw,
    open_dataset,
    parse_options,
    sbd,
    voc,
)
from losslab.data.dataset import SPLITS
from losslab.data.get.sources import SOURCES
from losslab.data.splits import divide
from losslab.errors import DataError
from losslab.models import MODELS
from losslab.models.published import own_folder
from losslab.models.weights import SUFFIXES
from losslab.spec import RunSpec


@dataclass(frozen=True)
class Pictures:
    """How many pictures a run's division has, and how that is known."""

    train: int
    val: int
    test: int
    tested_on_val: bool
    total: int
    """Pictures of the whole data set, those in no part too."""
    there: bool
    """Whether the data set was opened; else these are the published numbers."""

    def text(self) -> str:
        numbers = [f"{self.train:,}", f"{self.val:,}"]
        return " + ".join(numbers if self.tested_on_val else [*numbers, f"{self.test:,}"])


def count_pictures(spec: RunSpec, data_root: Path | None) -> Pictures | None:
    """The pictures of a run's three parts, from its files where they are there, else as published;
    None where neither tells.
    """
    try:
        dataset = open_dataset(spec.dataset, data_root, split="all", **spec.dataset_options)
        splits, there = list(dataset.splits), True
    except DataError:
        official = published_counts(spec)
        if official is None:
            return None
        splits, there = [s for s in official for _ in range(official[s])], False
    names = [str(number) for number in range(len(splits))]
    try:
        parts = divide(spec.dataset, names, splits, spec.split_options())
    except DataError:
        return None
    numbers = {split: len(parts[split]) for split in SPLITS}
    return Pictures(
        **numbers,
        tested_on_val=parts["test"] == parts["val"],
        total=len(splits),
        there=there,
    )


def published_counts(spec: RunSpec) -> dict[str, int] | None:
    """Pictures of each split as the publisher or a paper has them; None where nobody publishes."""
    options = parse_options(spec.dataset, spec.dataset_options)
    kind = DATASETS[spec.dataset]
    division = getattr(options, "division", "official")
    if spec.dataset == "scenes":
        return {split: getattr(options, split) for split in SPLITS}
    if issubclass(kind, voc.Voc):
        if division == "rahman2016":
            lists = {split: [str(i) for i in range(n)] for split, n in kind.counts.items()}
            return {split: len(ids) for split, ids in voc.rahman2016(lists).items()}
        return dict(kind.counts)
    known = {
        "camvid": camvid.COUNTS,
        "voc_aug": {"train": sbd.TRAINAUG, "val": voc.Voc2012.counts["val"]},
        "pascal_context": context.COUNTS["mat"],
        "cityscapes": cityscapes.COUNTS,
        "lfw_parts": lfw.PORTIONS.get(division, lfw.COUNTS),
        "helen": helen.PORTIONS.get(division, helen.COUNTS),
        "celebamask_hq": celebamask.PORTIONS.get(division, celebamask.COUNTS),
    }
    counts = known.get(spec.dataset)
    if division == "semeda2020":
        return {"train": helen.COUNTS["train"], "test": helen.COUNTS["val"] + helen.COUNTS["test"]}
    return None if counts is None else dict(counts)


def data_lines(specs: Sequence[RunSpec], data_root: Path | None) -> list[str]:
    """For each data set its pictures, whether it is there, and what gets it."""
    lines = []
    for name in dict.fromkeys(spec.dataset for spec in specs):
        own = [spec for spec in specs if spec.dataset == name]
        divisions = {str((s.dataset_options, s.split_options())): s for s in own}
        counted = [count_pictures(spec, data_root) for spec in divisions.values()]
        known = [pictures for pictures in counted if pictures is not None]
        numbers = " or ".join(dict.fromkeys(pictures.text() for pictures in known))
        title = SOURCES[name].title if name in SOURCES else name
        lines.append(f"{name}: {title}; {numbers or 'number of pictures not known'} pictures")
        lines.append(f"  {_where(name, bool(known) and known[0].there, data_root)}")
    return lines


def _where(name: str, there: bool, data_root: Path | None) -> str:
    if name == "scenes":
        return "is generated and needs no files"
    if there:
        return f"is there, in {data_root or 'LOSSLAB_DATA'}"
    root = data_root or "FOLDER"
    place = f"is not in {data_root}" if data_root else "no --data-root is given"
    if name not in SOURCES:
        return f"{place}: put it there, then losslab data check {name} --data-root {root}"
    source = SOURCES[name]
    hand = ", which prints what is left to do by hand" if source.steps or source.placed else ""
    return f"{place}: losslab data get {name} --data-root {root}{hand} ({source.terms})"


def weights_lines(specs: Sequence[RunSpec]) -> list[str]:
    """The published weights that runs begin from, and where they will come from."""
    wanted = {(s.encoder, s.encoder_weights, s.model) for s in specs if s.encoder_weights}
    lines: dict[str, None] = {}
    for encoder, weights, model in sorted(wanted, key=str):
        assert weights is not None
        if weights == "imagenet":
            own = [own_folder() / f"{encoder}{suffix}" for suffix in SUFFIXES]
            publisher = "torchvision" if MODELS[model].encoders else "the hub of smp and timm"
            found = next((path for path in own if path.is_file()), None)
            told = f"in {found}" if found else f"from the cache of {publisher}, or fetched there"
            lines[f"imagenet for {encoder}: {told}"] = None
        else:
            paths = (Path(weights).expanduser(), own_folder() / weights)
            found = next((path for path in paths if path.is_file()), None)
            told = f"is there, {found}" if found else "is missing: put it into LOSSLAB_WEIGHTS"
            lines[f"{weights} for {encoder}: {told}"] = None
    return list(lines)
