"""Costs that were measured before, costs that papers print, and what is read from them."""

import math
from pathlib import Path

import pandas as pd
import pytest

from losslab.analysis.cost_sentences import (
    read_bench,
    read_crf,
    read_held,
    read_printed,
    read_steps,
    show_bench,
    show_corrections,
    show_held,
    show_printed,
    show_steps,
    show_stored,
)
from losslab.analysis.costs import costs, own_rows, read_setup, stored_costs
from losslab.analysis.costs import read_bench as read_file
from losslab.analysis.published_costs import PRINTED, printed_costs, published_crf
from losslab.errors import StudyError
from losslab.losses import build_loss
from tests.analysis.synthetic import synthetic_runs

PAPERS = Path(__file__).resolve().parents[3] / "shared" / "papers"


def bench(**ratios: tuple[float, float]) -> pd.DataFrame:
    """A table of `losslab bench losses` at two shapes: of each loss the ratios there."""
    rows = []
    found = {"cross_entropy": (1.0, 1.0), **ratios}
    for place, (shape, size) in enumerate((("A", "8x1x9x9"), ("C", "4x21x9x9"))):
        for loss, both in found.items():
            library = "torch" if loss == "cross_entropy" else "losslab"
            row = {"shape": shape, "size": size, "loss": loss, "library": library}
            row |= {"ratio": both[place], "ratio_low": both[place], "ratio_high": both[place]}
            rows.append(row | {"memory": 3.0 if library == "torch" else 1.2})
    return pd.DataFrame(rows)


def steps(**ratios: tuple[float, float, float]) -> pd.DataFrame:
    """A table of `losslab bench train`: lower quartile, median, upper quartile."""
    rows = [("cross_entropy", "torch", (1.0, 1.0, 1.0))]
    rows += [(loss, "losslab", ends) for loss, ends in ratios.items()]
    return pd.DataFrame(
        [
            {"loss": loss, "library": library, "milliseconds": 100.0, "share_loss": 0.05}
            | {"ratio_low": low, "ratio": middle, "ratio_high": high, "ratio_by_parts": middle}
            for loss, library, (low, middle, high) in rows
        ]
    )


HELD = pd.DataFrame(
    [
        {"loss": "cross_entropy", "library": "torch", "held": 4.0, "logits": 0.0, "declared": 4.0},
        {"loss": "distance", "library": "losslab", "held": 5.0, "logits": 4.0, "declared": 0.5},
        {"loss": "DiceLoss", "library": "smp", "held": 12.0, "logits": 0.0, "declared": 12.0},
    ]
)


def test_stored_costs_are_those_of_every_study_that_left_some(tmp_path: Path) -> None:
    table = costs(synthetic_runs(), "ce")
    for study in ("one", "two"):
        (tmp_path / study / "tables").mkdir(parents=True)
        table.to_csv(tmp_path / study / "tables" / "cost.csv", index=False)
    (tmp_path / "bench").mkdir()
    found = stored_costs(tmp_path)
    assert found["study"].value_counts().to_dict() == {"one": len(table), "two": len(table)}
    assert found["step_ratio"].to_list()[: len(table)] == pytest.approx(table["step_ratio"])
    assert show_stored(found)["step, × baseline"][0] == "1.00"


def test_where_no_study_is_done_there_are_no_rows(tmp_path: Path) -> None:
    assert stored_costs(tmp_path).empty


@pytest.mark.parametrize("text", [None, "a,b\n1,2\n", ""])
def test_a_benchmark_that_is_not_there_is_an_error_with_the_command(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / "train.csv").write_text(text)
    with pytest.raises(StudyError, match=r"train\.csv .*losslab bench train"):
        read_file(tmp_path, "train")


def test_the_committed_benchmarks_can_be_read() -> None:
    folder = Path(__file__).resolve().parents[2] / "reports" / "bench"
    table = own_rows(read_file(folder, "losses"))
    assert set(table["library"]) == {"torch", "losslab"}
    assert set(table.loc[table["library"] == "torch", "ratio"]) == {1.0}
    taken = read_file(folder, "train")
    assert {printed.loss for printed in PRINTED} <= set(taken["loss"])


def test_every_printed_cost_is_of_a_loss_that_can_be_built() -> None:
    for printed in PRINTED:
        build_loss(printed.loss.replace("semeda", "dice"), 3)
        assert printed.term in printed.loss


@pytest.mark.parametrize(
    ("paper", "words"),
    [
        ("levelset2019", ["0.133 sec/image", "0.157 sec/image", "DeepLab-largeFOV"]),
        ("semeda2020", ["negligible computational overhead"]),
        ("gul2023", ["no significant differences", "relatively longer", "2.4% less"]),
        ("gul2023", ["at 49.32%, which was 2.0% less than the second-best", "28.1%"]),
    ],
)
def test_what_is_quoted_stands_in_the_paper(paper: str, words: list[str]) -> None:
    path = PAPERS / f"{paper}.txt"
    if not path.exists():
        pytest.skip("the papers are not beside this checkout")
    text = path.read_text()
    for word in words:
        assert word in text


def test_kims_ratio_is_that_of_his_two_times() -> None:
    kim = PRINTED[0]
    assert (kim.paper, round(kim.ratio, 2)) == ("kim2019", 1.18)


def test_printed_costs_stand_beside_those_measured_of_the_same_loss() -> None:
    losses = bench(levelset=(2.0, 1.7), distance=(1.5, 1.4))
    taken = steps(**{"ce + 0.0004*levelset": (1.0, 1.1, 1.3)})
    table = printed_costs(taken, losses, HELD)
    assert len(table) == len(PRINTED)
    kim = table[table["paper"] == "kim2019"].iloc[0]
    assert (kim["step_low"], kim["step"], kim["step_high"]) == (1.0, 1.1, 1.3)
    assert (kim["alone_low"], kim["alone_high"]) == (1.7, 1.7)  # the binary shape is left out
    assert kim["peak"] == pytest.approx(0.4)
    assert math.isnan(kim["held"])
    gul = table[table["paper"] == "gul2023"].iloc[0]
    assert math.isnan(gul["step"])
    assert gul["held"] == 1.25
    shown = show_printed(table)
    assert shown["difference"][0] == "−0.08"
    assert shown["its term alone, × CE"][0] == "1.70 to 1.70"


@pytest.mark.parametrize(
    ("quartiles", "word"),
    [((1.0, 1.1, 1.3), "within"), ((1.0, 1.05, 1.1), "above"), ((1.3, 1.4, 1.5), "below")],
)
def test_the_sentence_says_on_which_side_the_printed_ratio_lies(quartiles, word: str) -> None:
    taken = steps(**{"ce + 0.0004*levelset": quartiles})
    text = read_printed(printed_costs(taken, bench(levelset=(2.0, 1.7)), HELD))
    assert f"The 1.18 × of kim2019 (4.3) lies {word} the quartiles of our" in text


def test_without_a_measurement_the_sentence_says_so() -> None:
    text = read_printed(printed_costs(steps(), bench(), HELD))
    assert text.startswith("No objective of which a paper prints the cost was measured")


def test_what_a_paper_says_in_words_stands_beside_the_measured_ratio() -> None:
    taken = steps(**{"ce + semeda": (1.1, 1.16, 1.3)})
    text = read_printed(printed_costs(taken, bench(), HELD))
    assert 'chen2020 (5) says "negligible computational overhead" of what takes 1.16 × here' in text


def test_a_report_tells_how_it_was_measured() -> None:
    folder = Path(__file__).resolve().parents[2] / "reports" / "bench"
    text = read_setup(folder, "train")
    assert text.startswith("U-Net with mobilenet_v2")
    assert "Measured with device:" in text
    assert read_setup(folder, "nothing") == ""


def test_kims_table_4_is_read_as_printed() -> None:
    table = published_crf().set_index(["model", "iterations"])
    assert table.loc[("deeplab_largefov", 10), "seconds"] == 0.387
    assert table.loc[("deeplab_largefov", 0), "loss"] == "ce + 0.0004*levelset"
    assert table.loc[("deeplabv2_resnet101", 5), "miou"] == pytest.approx(0.761)
    assert len(table) == 6


def test_the_crf_is_compared_with_every_network_alone() -> None:
    rows = [("ce", 0, 1.0, 1.0, 0.60), ("ce", 5, 4.0, 4.0, 0.61), ("ce", 10, 8.0, 8.0, 0.63)]
    rows += [("ls", 0, 1.0, 1.0, 0.64)]
    table = pd.DataFrame(rows, columns=["loss", "iterations", "seconds", "relative", "miou"])
    text = read_crf(table.assign(panel="here"))
    assert text == (
        "here: 10 iterations after `ce` take 8.0 × the network's time; their mean IoU lies +3.0 "
        "points from `ce` alone and −1.0 points from `ls` alone."
    )
    shown = show_corrections(table.assign(panel="here"))
    assert shown["correction"].to_list() == ["none", "CRF-5", "CRF-10", "none"]


def test_without_any_crf_the_sentence_names_the_command() -> None:
    table = pd.DataFrame([{"panel": "a", "loss": "ce", "iterations": 0, "relative": 1, "miou": 1}])
    assert "losslab crf" in read_crf(table)


def test_the_cheapest_and_the_dearest_loss_are_named_with_their_range() -> None:
    text = read_bench(bench(iou=(1.1, 1.2), lovasz=(20.0, 30.0)))
    assert "`iou` takes least, 1.10 to 1.20 ×, and `lovasz` most, 20.00 to 30.00 ×" in text
    assert "1 of 2 take at most twice its time" in text
    assert "need 1.20 × the logits' memory beyond these, cross-entropy 3.00 ×." in text
    shown = show_bench(bench(iou=(1.1, 1.2)))
    assert shown["time, × CE, 4×21×9×9"].to_list() == ["1.00", "1.20"]


def test_what_hooks_do_not_see_is_said() -> None:
    text = read_held(HELD)
    assert "cross-entropy keeps 4.00 bytes a pixel and class (one float32" in text
    assert "losslab's losses keep 5.0 bytes of their own and 9.0 bytes with the logits" in text
    assert "Of 1 of them autograd's hooks see less than they keep" in text
    assert "the other rows keep 12.0 bytes" in text
    assert show_held(HELD)["kept by the loss, × CE"].to_list() == ["1.00", "1.25", "3.00"]


def test_no_difference_is_seen_where_the_quartiles_hold_1() -> None:
    text = read_steps(steps(iou=(0.9, 1.02, 1.1), semeda=(1.1, 1.2, 1.3)))
    assert "`semeda` takes longest, 1.20 ×" in text
    assert "The quartiles of `iou` hold 1" in text
    assert show_steps(steps(iou=(0.9, 1.02, 1.1)))["× CE"][1] == "1.02 (0.90–1.10)"
