"""From timings to tables: medians over processes, ratios to what a target is about, verdicts."""

from collections.abc import Mapping

import pandas as pd
import pytest

from losslab.bench import losses
from losslab.bench.losses import COLUMNS, Cost, Costs, Setting, bench_losses, measure
from losslab.bench.report import losses_text, verdict
from losslab.bench.rows import COPY
from losslab.bench.targets import ARITHMETIC, TARGETS, target
from losslab.bench.timing import Timing
from losslab.errors import LosslabError
from losslab.losses import LOSSES


def costs(ratios: Mapping[str, float], memory: float | None = 1.0) -> Costs:
    """As a process would find them, in units of torch's cross-entropy."""
    found = [
        Cost("cross_entropy", "torch", Timing(10.0, 1.0, 0.0), 3.0, 3.0),
        Cost(COPY, "torch", Timing(5.0, 0.5, 0.0), 0.0, 0.0),
        Cost(ARITHMETIC, "torch", Timing(50.0, 5.0, 0.0), 5.0, 5.0),
    ]
    for name, ratio in ratios.items():
        found.append(Cost(name, "losslab", Timing(10 * ratio, ratio, 0.0), memory, memory))
    return Costs(found, [])


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch):
    """The table that comes of what each process has found."""

    def make(*processes: Costs, shape: str = "B") -> pd.DataFrame:
        answers = iter(processes)
        monkeypatch.setattr(losses, "in_fresh_process", lambda *_, **__: [next(answers)])
        found, _ = bench_losses([Setting(shape, ("dice",))], processes=len(processes))
        return found.set_index("loss")

    return make


def test_a_ratio_is_the_median_over_processes_with_its_ends(table) -> None:
    found = table(costs({"dice": 1.0}), costs({"dice": 1.1}), costs({"dice": 9.0}))
    assert set(COLUMNS) - {"loss"} == set(found.columns)
    dice = found.loc["dice"]
    assert (dice["ratio"], dice["ratio_low"], dice["ratio_high"]) == (1.1, 1.0, 9.0)
    assert dice["times_floor"] == pytest.approx(2.2)
    assert dice["met"] == "yes"
    assert dice["processes"] == 3


def test_a_target_is_missed_by_time_or_by_memory(table) -> None:
    assert table(costs({"dice": 1.25})).loc["dice", "met"] == "no"
    assert table(costs({"dice": 1.0}, memory=1.4)).loc["dice", "met"] == "no"
    assert table(costs({"dice": 1.0}, memory=1.2)).loc["dice", "met"] == "yes"


def test_semeda_is_held_against_its_convolutions(table) -> None:
    semeda = table(costs({"semeda": 10.0})).loc["semeda"]
    assert semeda["target_ratio"] == 2.0
    assert semeda["target_of"] == ARITHMETIC
    assert semeda["met"] == "yes"


def test_no_target_is_about_a_loss_that_does_not_exist() -> None:
    assert {name.split(",")[0] for name in TARGETS} <= set(LOSSES)


def test_targets_are_for_the_shapes_types_and_layouts_that_they_were_set_for() -> None:
    setting = {"device": "cpu", "dtype": "float32", "layout": "contiguous"}
    assert target("dice", "D", **setting).ratio == 1.2
    assert target("dice", "A", **setting).ratio == 2.5
    assert target("dice", "1x3x8x8", **setting).ratio is None
    assert target("dice", "D", **{**setting, "layout": "channels_last"}).ratio is None
    assert target("dice", "D", **{**setting, "device": "cuda", "dtype": "bfloat16"}).ratio == 1.0


def test_the_verdict_names_what_misses_its_target(table) -> None:
    found = table(costs({"dice": 1.5, "iou": 1.0})).reset_index()
    sentence = verdict(found)
    assert sentence.startswith("1 of 2 targets are met.")
    assert "dice at B: 1.50 × torch's cross-entropy, asked 1.2" in sentence
    assert "iou" not in sentence
    assert "| dice " in losses_text(found, {"threads": 1}, ["A note."])


def test_the_slowest_losses_are_measured_in_the_first_process_alone(monkeypatch) -> None:
    left_out: list[set[str]] = []

    def measured(work, settings, without, number, *, threads):
        left_out.extend(without)
        return [costs({"dice": 1.0} if without[0] else {"dice": 1.0, "lovasz": 40.0})]

    monkeypatch.setattr(losses, "in_fresh_process", measured)
    found, _ = bench_losses([Setting("B", ("dice", "lovasz"))], processes=3)
    assert left_out == [set(), {"losslab: lovasz"}, {"losslab: lovasz"}]
    found = found.set_index("loss")
    assert found.loc["lovasz", "processes"] == 1
    assert found.loc["lovasz", "times_floor"] == 80
    assert found.loc["dice", "processes"] == 3


def test_a_row_that_is_to_be_left_out_is(monkeypatch) -> None:
    found = measure(Setting("1,3,8,8", ("dice", "iou"), repeats=1), without={"losslab: iou"})
    names = [cost.loss for cost in found.costs if cost.library == "losslab"]
    assert names == ["dice"]


def test_a_loss_of_another_library_that_fails_is_left_out_with_a_sentence(monkeypatch) -> None:
    def fail() -> None:
        raise RuntimeError("no such thing. Really")

    monkeypatch.setattr(losses, "rows", lambda *_, **__: [losses.Row("worse", "other", fail)])
    found = measure(Setting("1,3,8,8", ("dice",), repeats=1))
    assert [cost.loss for cost in found.costs] == ["cross_entropy"]
    assert found.notes == ["other worse is left out: RuntimeError: no such thing."]


def test_a_loss_of_ours_that_fails_is_an_error(monkeypatch) -> None:
    def fail() -> None:
        raise LosslabError("a reason")

    monkeypatch.setattr(losses, "rows", lambda *_, **__: [losses.Row("ours", "losslab", fail)])
    with pytest.raises(LosslabError, match="a reason"):
        measure(Setting("1,3,8,8", ("dice",), repeats=1))
