"""What the papers' tables give when they are recomputed: the figures of their texts, and the
places where a table contradicts itself.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from losslab.analysis.published import load_published
from losslab.losses.objective import canonical

SEVEN = ["4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "4.12"]
"""Gul's tables of scores, one an experiment."""

SCORES = ["boundary_iou", "iou", "dice"]


def of(paper: str, *tables: str) -> pd.DataFrame:
    rows = load_published(paper)
    return rows[rows["table"].isin(tables)]


def wide(rows: pd.DataFrame, index: list[str], columns: str | list[str] = "loss") -> pd.DataFrame:
    return rows.pivot(index=index, columns=columns, values="value")


def dice_of(iou: pd.Series, top: float) -> pd.Series:
    return 2 * iou / (1 + iou / top)


def vanbeers(metric: str) -> pd.DataFrame:
    rows = of("vanbeers2018", "4.1", "4.2", "4.3", "4.4").query("metric == @metric")
    table = wide(rows, ["model", "dataset", "class", "variant"])
    return table.rename(columns=lambda loss: "ce" if loss == "ce" else "iou").reset_index()


def p_value(table: pd.DataFrame) -> float:
    return float(stats.ttest_rel(table["iou"], table["ce"]).pvalue)


def odd(table: pd.DataFrame) -> pd.Series:
    return (
        (table["model"] == "fcresnet")
        & (table["dataset"] == "lfw_parts")
        & (table["class"] == "face_without_hair")
    )


@pytest.mark.parametrize(
    ("metric", "p", "printed"),
    [("accuracy", 0.494, 0.49), ("iou", 0.0420, 0.042), ("epochs", 0.0427, 0.043)],
)
def test_vanbeers_paired_tests_over_the_16_settings_come_out_as_printed(
    metric: str, p: float, printed: float
) -> None:
    table = vanbeers(metric)
    assert len(table) == 16
    assert p_value(table) == pytest.approx(p, rel=2e-3)
    assert p_value(table) == pytest.approx(printed, rel=0.02)


def test_vanbeers_tests_of_parts_of_the_settings_come_out_as_printed() -> None:
    iou, epochs = vanbeers("iou"), vanbeers("epochs")
    assert odd(iou).sum() == 2
    assert p_value(iou[~odd(iou)]) == pytest.approx(0.0246, abs=5e-5)
    assert p_value(epochs[~odd(epochs)]) == pytest.approx(0.0643, abs=5e-5)
    assert p_value(iou.query("model == 'bfcn32s'")) == pytest.approx(1.76e-5, abs=5e-8)
    assert p_value(iou.query("model == 'fcresnet'")) == pytest.approx(0.410, abs=5e-4)


def test_vanbeers_accuracies_are_higher_with_iou_in_seven_settings_and_lower_in_eight() -> None:
    gain = vanbeers("accuracy").eval("iou - ce")
    assert ((gain > 0).sum(), (gain < 0).sum()) == (7, 8)
    assert gain.abs().max() < 0.02


def test_vanbeers_parts_of_each_data_set_add_up_to_it() -> None:
    images = of("vanbeers2018", "3.1").query("variant == 'big'")
    sums = images.groupby(["dataset", "class"])["value"].sum().unstack("class")
    assert (sums["face"] == sums["face_without_hair"]).all()
    # Of 2927 and 2330 pictures, a tenth for testing; one of LFW's is in no part.
    assert sums["face"].to_dict() == {"lfw_parts": 2927 - 292 - 1, "helen": 2330 - 233}


def test_rahmans_printed_means_are_not_those_of_the_20_classes() -> None:
    table = wide(of("rahman2016", "3"), ["class"])
    assert table.loc["mean"].to_dict() == {"ce": 63.18, "iou": 63.82}
    classes = table.drop(index="mean")
    assert classes.mean().round(2).to_dict() == {"ce": 66.16, "iou": 67.16}
    assert p_value(classes) == pytest.approx(0.030, abs=5e-4)
    assert stats.wilcoxon(classes["iou"], classes["ce"]).pvalue == pytest.approx(0.0094, abs=5e-5)
    ratio = of("rahman2016", "2").query("dataset == 'voc2011'").set_index("class")["value"]
    rank = stats.spearmanr(classes["iou"] - classes["ce"], ratio.loc[classes.index])
    assert rank.statistic == pytest.approx(0.44, abs=5e-3)
    assert rank.pvalue == pytest.approx(0.055, abs=5e-4)


def test_rahmans_text_holds_for_the_tables() -> None:
    first = wide(of("rahman2016", "1").query("loss != ''"), ["class"])
    assert first.query("iou < ce").index.to_list() == ["person"]  # "almost all categories"
    fourth = wide(of("rahman2016", "4"), ["class", "split"])
    assert (fourth["iou"] > fourth["ce"]).all()  # "all 5 categories"


def test_kims_tables_repeat_each_others_scores() -> None:
    levelset = canonical("kim2019_levelset")
    tables = {t: of("kim2019", t).query("metric == 'iou'") for t in ("1", "4", "5")}
    first = tables["1"].set_index(["model", "loss", "variant"])["value"]
    for model in ("deeplab_largefov", "deeplabv2_resnet101"):
        timed = tables["4"].query("model == @model").set_index(["loss", "variant"])["value"]
        assert timed[levelset, ""] == first[model, levelset, ""]
        assert timed["ce", "dense CRF, 10 iterations"] == first[model, "ce", "dense CRF"]
    fifth = tables["5"].set_index("loss")["value"]
    for loss in ("ce", levelset):
        assert fifth[loss] == first["deeplabv2_resnet101", loss, ""]
    gains = wide(tables["1"].query("variant == '' and encoder == 'resnet101'"), ["model"])
    gain = gains[levelset] - gains["ce"]
    assert gain[["fcn32s", "deeplabv2_resnet101"]].to_list() == pytest.approx([3.8, 1.4])


def test_kims_relative_times_are_the_quotients_of_the_times() -> None:
    rows = of("kim2019", "4")
    times = wide(rows, ["encoder", "loss", "variant"], "metric")
    alone = times["seconds_per_image"].groupby("encoder").transform("min")
    quotient = times["seconds_per_image"] / alone
    # Two are truncated, the others rounded to one digit.
    assert (quotient - times["relative_time"]).between(-0.05, 0.1).all()
    noted = rows[rows["note"].str.contains("truncated")]
    off = quotient[(quotient - times["relative_time"]) > 0.05]
    assert sorted(noted["value"]) == sorted(times.loc[off.index, "relative_time"]) == [10.8, 15.4]


def chen(table: str) -> pd.DataFrame:
    rows = of("chen2020", table)
    method = rows["loss"].where(rows["loss"] == "ce", "semeda")
    return wide(rows.assign(method=method), ["method", "class"], "metric")


@pytest.mark.parametrize("table", ["2", "3"])
def test_chens_f1_is_a_function_of_iou_in_every_class(table: str) -> None:
    scores = chen(table).drop(index="mean", level="class")
    gap = scores["dice"] - dice_of(scores["iou"], 100)
    assert gap.abs().max() < 0.08  # two roundings to a tenth
    assert len(gap) == {"2": 40, "3": 38}[table]


def test_chens_means_over_voc_include_a_background_that_is_not_printed() -> None:
    scores = chen("2")
    means = scores.xs("mean", level="class")
    classes = scores.drop(index="mean", level="class").groupby("method").mean()
    assert means.loc["ce", "iou"] == 77.1
    assert classes.loc["ce", "iou"] == pytest.approx(76.29)
    background = 21 * means - 20 * classes
    assert background.loc["ce"].to_dict() == pytest.approx(
        {"iou": 93.3, "dice": 97.5, "e_measure": 94.9}, abs=0.1
    )
    # A mean printed to a tenth leaves 21 * 0.05 open.
    gap = background["dice"] - dice_of(background["iou"], 100)
    assert gap.abs().max() < 1.5


def test_chens_means_over_cityscapes_are_those_of_the_19_classes() -> None:
    scores = chen("3")
    classes = scores.drop(index="mean", level="class").groupby("method").mean()
    assert (classes - scores.xs("mean", level="class")).abs().to_numpy().max() <= 0.05


def test_chens_tables_repeat_each_others_means() -> None:
    first = of("chen2020", "1").set_index(["dataset", "loss"])["value"]
    for table, dataset in (("2", "voc_aug"), ("3", "cityscapes")):
        means = of("chen2020", table).query("metric == 'iou' and `class` == 'mean'")
        for loss, value in means[["loss", "value"]].itertuples(index=False):
            assert value == first[dataset, loss]
    fifth = of("chen2020", "5").query("encoder == 'tu-xception71'")
    for dataset, loss, value in fifth[["dataset", "loss", "value"]].itertuples(index=False):
        assert value == first[dataset, loss]
    for dataset, name in (("voc_aug", "voc"), ("cityscapes", "cityscapes")):
        assert first[dataset].idxmax() == canonical(f"chen2020_semeda_{name}_printed")


def gul() -> pd.DataFrame:
    return wide(of("gul2023", *SEVEN), ["dataset", "table", "loss"], "metric")


def test_guls_differences_are_those_of_the_scores() -> None:
    table = gul()
    for metric in (*SCORES, "superiority"):
        ours = table[metric].xs("distance", level="loss")
        groups = table[metric].groupby(["dataset", "table"])
        expected = groups.transform(lambda scores, ours=ours: ours[scores.name]) - table[metric]
        gap = (table[f"{metric}_difference"] - expected).dropna()
        assert len(gap) == 35 * (1 if metric == "superiority" else 2)
        assert gap.abs().max() < 1e-9, metric


def test_guls_superiorities_are_shares_of_60_epochs_that_add_up_to_one() -> None:
    shares = gul()["superiority"].dropna()
    assert shares.groupby("table").sum().to_numpy() == pytest.approx(100, abs=0.02)
    epochs = 60 * shares / 100
    assert (epochs - epochs.round()).abs().max() < 0.005


def test_guls_dice_lies_a_little_under_the_dice_of_the_iou() -> None:
    table = gul()
    gap = dice_of(table["iou"], 1) - table["dice"]
    assert gap["celebamask_hq"].between(0.0003, 0.00052).all()
    # Over classes the mean of Dices is the smaller by more.
    assert gap["cityscapes"].between(0.0026, 0.0063).all()


def test_guls_wins_are_those_of_the_tables_but_for_one_superiority() -> None:
    table = gul()[[*SCORES, "superiority"]]
    best = table == table.groupby(["dataset", "table"]).transform("max")
    wins = best.groupby(["dataset", "loss"]).sum().add_prefix("wins_").stack()
    printed = of("gul2023", "4.7").set_index(["dataset", "loss", "metric"])
    wins = wins.reindex(printed.index)
    wrong = printed[printed["value"] != wins]
    assert wrong.index.get_level_values("metric").to_list() == ["wins_superiority"] * 2
    assert wrong["value"].to_list() == [1, 0]
    assert wins[wrong.index].to_list() == [0, 1]
    assert (wrong["note"] != "").all()


@pytest.mark.parametrize(
    ("table", "distance", "other", "second"),
    [("4.9", 5, "iou(absent='zero')", 3), ("4.10", 4, "ce", 2)],
)
def test_guls_loss_converges_first_as_often_as_the_text_says(
    table: str, distance: int, other: str, second: int
) -> None:
    epochs = wide(of("gul2023", table), ["model", "encoder", "variant"])
    first = epochs.eq(epochs.min(axis=1), axis=0).sum()
    assert first["distance"] == distance
    assert first.drop("distance").max() == first[other] == second
    assert epochs.max(axis=None) <= 60


def test_guls_convergence_is_reached_where_the_final_score_lies_above_the_threshold() -> None:
    keys = ["dataset", "model", "encoder", "variant", "loss"]
    epochs = of("gul2023", "4.9", "4.10").set_index(keys)["value"]
    final = of("gul2023", *SEVEN).query("metric == 'boundary_iou'").set_index(keys)["value"]
    threshold = final.index.get_level_values("dataset").map(
        {"celebamask_hq": 0.72, "cityscapes": 0.47}
    )
    reached = pd.Series(final.to_numpy() >= threshold, final.index)
    assert len(reached) == 84
    pd.testing.assert_series_equal(
        reached, epochs.notna().reindex(reached.index), check_names=False
    )


def test_guls_means_and_deviations_are_those_of_the_folds() -> None:
    appendix = of("gul2023", *(f"A.{n}" for n in range(1, 7)))
    fold = appendix["variant"].str.startswith("fold")
    folds = appendix[fold].groupby(["loss", "metric"])["value"]
    printed = wide(of("gul2023", "4.11"), ["loss", "metric"], "variant")
    pd.testing.assert_frame_equal(
        wide(appendix[~fold], ["loss", "metric"], "variant"), printed, check_exact=True
    )
    assert len(printed) == 18
    # The folds are rounded themselves.
    mean, deviation = "mean of 5 folds", "standard deviation of 5 folds"
    assert (folds.mean() - printed[mean]).abs().max() < 0.0001
    assert (folds.std() - printed[deviation]).abs().max() < 0.0001


def test_guls_cross_validated_dice_is_more_than_the_iou_allows_in_14_of_30_folds() -> None:
    rows = of("gul2023", *(f"A.{n}" for n in range(1, 7)))
    folds = wide(rows[rows["variant"].str.startswith("fold")], ["table", "variant"], "metric")
    above = folds["dice"] - dice_of(folds["iou"], 1) > 0.0001
    assert (len(folds), above.sum()) == (30, 14)
    noted = rows[rows["note"].str.startswith("above 2 IoU")].set_index(["table", "variant"])
    assert set(above[above].index) == {key for key in noted.index if key[1].startswith("fold")}
    assert (noted["metric"] == "dice").all()
    # The other experiments' Dice, of one data set or of means over pictures, is never above it.
    assert not (gul().eval("dice - 2 * iou / (1 + iou)") > 0).any()
    assert np.isfinite(folds.to_numpy()).all()
