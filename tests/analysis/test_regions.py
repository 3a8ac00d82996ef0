"""Trimaps and entropies of runs, from counts."""

import pandas as pd
import pytest

from losslab.analysis.definition_sentences import read_entropy, read_trimap
from losslab.analysis.regions import (
    entropy_caption,
    entropy_table,
    show_entropy,
    show_trimap,
    trimap_caption,
    trimap_table,
)
from losslab.errors import StudyError
from losslab.metrics.trimap import TRIMAP_WIDTHS
from tests.analysis.counted import results_of


def counts(near: float, far: float, *, band: float = 0.5, inside: float = 0.1) -> pd.DataFrame:
    """One image of one class of 1000 pixels: 10 w of them within w pixels of an edge.

    A share `near` of those within 5 pixels is found, and a share `far` of the others; the entropies
    are those of each pixel on the band (of 100 pixels) and off it.
    """
    row: dict[str, object] = {"image": "one", "class": "object", "pixels": 2000}
    row |= {"boundary_width": 1, "boundary_tp": 80, "boundary_fp": 0, "boundary_fn": 20}
    row |= {"tp": 50 * near + 950 * far, "fp": 0, "fn": 50 * (1 - near) + 950 * (1 - far)}
    for width in TRIMAP_WIDTHS:
        close, rest = 10 * min(width, 5), 10 * max(width - 5, 0)
        found = close * near + rest * far
        row |= {f"trimap_{width}_tp": found, f"trimap_{width}_fp": 0}
        row[f"trimap_{width}_fn"] = close + rest - found
    row |= {"entropy_band": 100 * band, "entropy_inside": 900 * inside}
    row |= {"image_band_pixels": 100, "image_entropy_band": 100 * band}
    row |= {"image_entropy_inside": 1900 * inside}
    return pd.DataFrame([row])


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """dice leads near the edges, iou away from them; ce is the least sure."""
    return results_of(
        {
            "ce": [counts(0.2, 0.5, band=0.8, inside=0.4), counts(0.3, 0.5, band=0.6, inside=0.2)],
            "dice": [counts(0.8, 0.7), counts(0.6, 0.7)],
            "iou": [counts(0.5, 0.9), counts(0.5, 0.9)],
        }
    )


def test_the_trimap_table_holds_both_regions_at_every_width(results: pd.DataFrame) -> None:
    table = trimap_table(results).set_index(["loss", "region", "width"])
    assert len(table) == 3 * 2 * len(TRIMAP_WIDTHS)
    near = table.loc[("dice", "within", 1)]
    assert near["mean"] == pytest.approx(0.7)
    assert near["sd"] == pytest.approx(0.1414, abs=1e-4)
    assert (near["low"], near["high"]) == pytest.approx((0.6, 0.8))
    assert near["n"] == 2
    assert table.loc[("iou", "within", 10), "mean"] == pytest.approx((50 * 0.5 + 50 * 0.9) / 100)
    assert table.loc[("iou", "beyond", 10), "mean"] == pytest.approx(0.9)
    assert table.loc[("ce", "beyond", 40), "mean"] == pytest.approx(0.5)


def test_every_number_of_a_region_carries_its_definition(results: pd.DataFrame) -> None:
    for table in (trimap_table(results, level="image"), entropy_table(results)):
        rules = table[["metric", "level", "classes", "absent", "void", "width"]]
        assert rules.notna().all(axis=None)
    assert "Entropy on the band" in entropy_caption("dataset")
    assert "2 % of the image's diagonal" in entropy_caption("dataset")
    assert "mean over images, then over classes" in trimap_caption("image")


def test_the_entropy_table_has_the_mean_of_each_region(results: pd.DataFrame) -> None:
    table = entropy_table(results).set_index(["loss", "region"])
    assert table.loc[("ce", "on the band"), "mean"] == pytest.approx(0.7)
    assert table.loc[("ce", "off the band"), "mean"] == pytest.approx(0.3)
    shown = show_entropy(table.reset_index()).set_index("loss")
    assert shown.loc["ce"].to_list() == ["70.00 ± 14.14", "30.00 ± 14.14", "2.3 ×"]
    assert shown.loc["iou", "ratio"] == "5.0 ×"


def test_the_trimap_table_for_people_has_a_column_per_width(results: pd.DataFrame) -> None:
    shown = show_trimap(trimap_table(results))
    assert list(shown.columns) == ["region", "loss", *(f"{w} px" for w in TRIMAP_WIDTHS)]
    assert shown["region"].to_list() == ["within"] * 3 + ["beyond"] * 3
    assert shown.iloc[1]["1 px"] == "70.0 ± 14.1"


def test_a_width_beyond_which_nothing_is_left_has_no_score() -> None:
    whole = counts(0.5, 0.5)
    for name in ("tp", "fp", "fn"):
        whole[f"trimap_40_{name}"] = whole[name]
    shown = show_trimap(trimap_table(results_of({"ce": [whole]})))
    beyond = shown[shown["region"] == "beyond"].iloc[0]
    assert (beyond["20 px"], beyond["40 px"]) == ("50.0", "–")


def test_the_sentence_on_trimaps_names_who_leads_where(results: pd.DataFrame) -> None:
    text = read_trimap(trimap_table(results))
    assert text.startswith("The highest mean IoU within w px of the edges is that of `dice` for")
    assert "`dice` for w = 1 to 10, `iou` for w = 20 to 40; beyond them that of `iou`" in text
    assert text.endswith("at the edge pixels themselves (w = 1) the means lie 45.0 points apart.")


def test_the_sentence_on_entropy_states_who_is_least_sure_and_judges_nothing(
    results: pd.DataFrame,
) -> None:
    text = read_entropy(entropy_table(results))
    assert "on the band" in text.lower()
    assert "to 70.0 % (`ce`)" in text
    assert not {"better", "worse", "calibrated", "good"} & set(text.split())


def test_runs_of_older_versions_have_no_regions_and_an_error_says_so() -> None:
    old = results_of({"ce": [counts(0.5, 0.5)]})
    old = old[~old["metric"].str.contains("trimap|entropy|nonboundary")]
    with pytest.raises(StudyError, match="no run stored trimap counts"):
        trimap_table(old)
    with pytest.raises(StudyError, match="no run stored entropies"):
        entropy_table(old)
    with pytest.raises(StudyError, match="unknown level 'images'"):
        trimap_table(old, level="images")
