"""The gain of a loss against the share of the foreground."""

import numpy as np
import pandas as pd
import pytest

from losslab.analysis import provenance
from losslab.analysis.sparsity import (
    answer,
    gains_by_ratio,
    read_sparsity,
    scores_by_ratio,
    show_gains,
    show_trends,
    trends,
)
from losslab.errors import StudyError
from losslab.plots.sparsity import sparsity_figure
from losslab.plots.style import loss_styles

RATIOS = (1, 10, 100)


def made(effects: dict[str, float], *, seeds: int = 5, noise: float = 0.004) -> tuple:
    """Results and specs: a loss gains `effects[loss]` for each factor of ten beyond 1:1."""
    rng = np.random.default_rng(3)
    rows, specs = [], []
    for ratio in RATIOS:
        for loss, effect in effects.items():
            for seed in range(seeds):
                run_id = f"r{ratio}-{loss}-{seed}"
                value = 0.8 - 0.2 * np.log10(ratio) + effect * np.log10(ratio)
                row = {"run_id": run_id, "dataset": "scenes", "task": "blob", "model": "unet"}
                row |= {"encoder": "e", "loss": loss, "seed": seed, "fold": 0, "repeat": 0}
                row |= {"image": "", "class": "mean", "metric": "iou"}
                row["variant"] = f"dataset_options.foreground_ratio={ratio}"
                for level, drop in (("dataset", 0.0), ("image", 0.05)):
                    own = value - drop + rng.normal(0, noise)
                    rows.append(row | {"level": level, "definition": f"iou@{level}", "value": own})
                specs.append({"run_id": run_id, "dataset_options.foreground_ratio": ratio})
    return pd.DataFrame(rows), pd.DataFrame(specs)


def test_the_trend_is_the_gain_for_each_factor_of_ten() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05, "dice": 0.0}))
    found = trends(scores, "ce").set_index(["level", "loss"])
    for level in ("dataset", "image"):
        row = found.loc[(level, "iou")]
        assert row["low"] < 0.05 < row["high"]
        assert row["high"] - row["low"] < 0.02
        assert row["t_p_holm"] < 0.01
        assert found.loc[(level, "dice"), "low"] < 0 < found.loc[(level, "dice"), "high"]


def test_the_trend_of_each_seed_is_numpys_least_squares_line() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05}, noise=0.03))
    part = scores[scores["level"] == "image"]
    wide = part.pivot(index=["loss", "seed"], columns="ratio", values="value")
    gain = wide.loc["iou"] - wide.loc["ce"]
    slopes = [np.polyfit(np.log10(RATIOS), line, 1)[0] for line in gain.to_numpy()]
    found = trends(scores, "ce").set_index("level").loc["image"]
    assert found["slope"] == pytest.approx(np.mean(slopes))
    assert found["n"] == 5


def test_gains_are_of_runs_of_the_same_ratio_and_seed() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05}, noise=0.0))
    gains = gains_by_ratio(scores, "ce").set_index(["level", "ratio"])["difference"]
    assert gains.to_dict() == pytest.approx(
        {(lv, r): 0.05 * np.log10(r) for lv in ("dataset", "image") for r in RATIOS}
    )


def test_the_answer_names_what_grows_what_does_not_and_what_is_left_at_the_densest() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05, "dice": 0.0}, noise=0.002))
    gains = gains_by_ratio(scores, "ce")
    text = read_sparsity(gains, trends(scores, "ce"))
    assert "the gain of `iou` over `ce` grows with sparsity" in text
    assert "the gain of `dice` over `ce` shows no trend that could be told from seeds" in text
    assert text.count("At data-set level") == 1
    assert text.count("\n- `iou`: ") == 2
    assert "behind" not in text
    assert answer(gains, trends(scores, "ce"), "dataset").startswith(
        "One of 2 losses gains more over `ce` the sparser the foreground: at 1:1 none of these "
        "gains is beyond ±1.0 points, at 1:100 `iou` gains +10."
    )


def test_where_a_loss_that_gains_with_sparsity_is_behind_is_said() -> None:
    results, specs = made({"ce": 0.0, "iou": 0.05}, noise=0.002)
    results.loc[results["loss"] == "iou", "value"] -= 0.03
    scores = scores_by_ratio(results, specs)
    gains, found = gains_by_ratio(scores, "ce"), trends(scores, "ce")
    assert read_sparsity(gains, found).count("; behind at 1:1") == 2
    assert "at 1:1 `iou` not told from it" in answer(gains, found, "image")


def test_without_a_trend_the_answer_is_that_none_was_seen() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.0}, seeds=3))
    text = answer(gains_by_ratio(scores, "ce"), trends(scores, "ce"), "dataset")
    assert text.startswith("No loss was seen to gain more over `ce`")
    assert text.endswith("(a hint: fewer than 5 seeds).")


def test_one_seed_gives_gains_without_intervals_and_no_trend() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05}, seeds=1))
    gains, found = gains_by_ratio(scores, "ce"), trends(scores, "ce")
    assert gains["low"].isna().all()
    assert found["t_p"].isna().all()
    assert "no trend that could be told" in read_sparsity(gains, found)
    assert set(show_trends(found)["95 % interval"]) == {"–"}


def test_runs_of_one_share_are_refused_with_what_to_do() -> None:
    results, specs = made({"ce": 0.0, "iou": 0.05})
    with pytest.raises(StudyError, match=r"foreground_ratio or more, such as the study 'sparsity'"):
        scores_by_ratio(results, specs[specs["dataset_options.foreground_ratio"] == 1])


def test_tables_and_figure_have_a_column_and_a_tick_for_each_ratio() -> None:
    scores = scores_by_ratio(*made({"ce": 0.0, "iou": 0.05, "dice": 0.0}))
    gains = gains_by_ratio(scores, "ce")
    table = show_gains(gains[gains["level"] == "dataset"])
    assert list(table) == ["loss", "1:1", "1:10", "1:100"]
    assert table["loss"].tolist() == ["iou", "dice"]
    figure = sparsity_figure(scores, gains, name="IoU", styles=loss_styles(scores["loss"]))
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1:1", "1:10", "1:100"]
    assert "IoU" in figure.axes[1].get_ylabel()


def test_specs_of_stored_runs_hold_the_ratio() -> None:
    runs = pd.DataFrame(
        {"run_id": ["a"], "spec": [{"dataset_options": {"foreground_ratio": 30}, "repeat": 0}]}
    )
    assert provenance.spec_table(runs)["dataset_options.foreground_ratio"].tolist() == [30]
