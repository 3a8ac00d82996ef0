"""The papers' printed tables: complete, named as losslab names things, and read as printed."""

import numpy as np
import pandas as pd
import pytest

from losslab.analysis.published import COLUMNS, KEY, PAPERS, UNITS, load_published
from losslab.analysis.published_ratios import PUBLISHED
from losslab.data import DATASETS
from losslab.errors import DataError
from losslab.losses import PRESETS
from losslab.losses.objective import canonical
from losslab.models import MODELS, check_model

PIZZA = {
    "ce": [0.565, 0.619, 0.597],
    "iou": [0.037, 0.214, 0.166],
    "dice": [0.019, 0.120, 0.091],
    "distance": [0.056, 0.296, 0.238],
}
"""Gul 2023, Table 3.1."""

CELLS = {
    "rahman2016": {"1": 18, "2": 40, "3": 42, "4": 20},
    "vanbeers2018": {"3.1": 16, "3.2": 5, "4.1": 24, "4.2": 24, "4.3": 24, "4.4": 24},
    "kim2019": {"1": 21, "2": 9, "3": 9, "4": 18, "5": 4},
    "chen2020": {"1": 26, "2": 126, "3": 120, "4": 8, "5": 8, "6": 8, "7": 12, "8": 9},
    "gul2023": {"3.1": 12}
    | {f"4.{n}": 77 for n in range(1, 7)}
    | {"4.7": 42, "4.8": 6, "4.9": 42, "4.10": 42, "4.11": 36, "4.12": 77}
    | {f"A.{n}": 21 for n in range(1, 7)},
}
"""Rows times columns of each table; Gul's differences in brackets are cells of their own."""

SUMS = {
    "rahman2016": {"1": 839.27, "2": 4544, "3": 2793.42, "4": 1435.48},
    "vanbeers2018": {"3.1": 13862, "3.2": 1120.0001, "4.1": 909.795, "4.2": 948.531}
    | {"4.3": 704.771, "4.4": 1097.978},
    "kim2019": {"1": 1264.6, "2": 335.3, "3": 529.6, "4": 473.305, "5": 304},
    "chen2020": {"1": 2005.2, "2": 10438.4, "3": 10070.41, "4": 563.2, "5": 604.4, "6": 667.71}
    | {"7": 1002.4, "8": 661},
    "gul2023": {"3.1": 3.018, "4.1": 439.1352, "4.2": 339.3264, "4.3": 286.4226, "4.4": 487.9602}
    | {"4.5": 548.568, "4.6": 88.1202, "4.7": 50, "4.8": 0, "4.9": 163, "4.10": 582}
    | {"4.11": 16.017, "4.12": 458.3682, "A.1": 15.7052, "A.2": 16.1001, "A.3": 16.178}
    | {"A.4": 15.9739, "A.5": 15.6478, "A.6": 16.2365},
}
"""All numbers of each table added up, as they stand in the papers."""

PEERS = {
    *("LRR 4x ResNet-CRF", "LRR-4x", "Deeplabv2", "Deeplabv2-CRF", "Deeplabv3", "SegModel"),
    *("Deep Layer Cascade", "TuSimple", "Large Kernel Matters", "RefineNet", "PSPNet", "EncNet"),
    *("ML-CRNN", "FoveaNet", "MRF_IoU (Ranjbar et al. 2013)"),
}
"""Models that losslab lacks."""

PEER_LOSSES = {"L^AD (Guo et al. 2018)", "loss max-pooling (Bulo et al. 2017)", "SEMEDA"}
"""Losses that losslab lacks, and SEMEDA where its weights are not printed."""

GUL = {name: canonical(f"gul2023_{name}_as_run") for name in ("iou", "dice", "combo", "dice_focal")}
LEVELSET = canonical("kim2019_levelset")
IMAGE_IOU = canonical("vanbeers2018_iou")
VOC_SEMEDA = canonical("chen2020_semeda_voc_printed")

SPOTS = [
    ("rahman2016", "1", {"class": "person", "loss": "iou"}, 72.65),
    ("rahman2016", "2", {"dataset": "voc2011", "class": "bicycle"}, 341),
    ("rahman2016", "3", {"class": "pottedplant", "loss": "ce"}, 61.62),
    ("rahman2016", "3", {"class": "mean", "loss": "iou"}, 63.82),
    ("rahman2016", "4", {"class": "Pole", "split": "test", "loss": "iou"}, 52.79),
    ("rahman2016", "4", {"class": "Fence", "split": "val", "loss": "ce"}, 75.97),
    (*("vanbeers2018", "3.1", {"dataset": "helen", "split": "train", "variant": "big"}), 1864),
    ("vanbeers2018", "3.2", {"metric": "patience"}, 20),
    ("vanbeers2018", "3.2", {"metric": "learning_rate"}, 0.0001),
    (
        *("vanbeers2018", "4.1"),
        {"class": "face", "variant": "small", "loss": "ce", "metric": "epochs"},
        98,
    ),
    (
        *("vanbeers2018", "4.2"),
        {"class": "face_without_hair", "variant": "big", "loss": IMAGE_IOU, "metric": "iou"},
        0.905,
    ),
    (
        *("vanbeers2018", "4.3"),
        {"class": "face_without_hair", "variant": "small", "loss": "ce", "metric": "iou"},
        0.453,
    ),
    (
        *("vanbeers2018", "4.4"),
        {"class": "face", "variant": "big", "loss": IMAGE_IOU, "metric": "accuracy"},
        0.913,
    ),
    ("kim2019", "1", {"model": "fcn32s", "loss": LEVELSET}, 68.9),
    ("kim2019", "1", {"variant": "multi-scale input; dense CRF", "encoder": "vgg16"}, 68.1),
    ("kim2019", "2", {"model": "deeplab_largefov", "loss": LEVELSET}, 39.4),
    ("kim2019", "3", {"model": "deeplabv2_resnet101", "variant": "dense CRF"}, 69.8),
    (
        *("kim2019", "4"),
        {"encoder": "resnet101", "metric": "seconds_per_image", "loss": LEVELSET},
        0.054,
    ),
    (
        *("kim2019", "4"),
        {"encoder": "vgg16", "metric": "relative_time", "variant": "dense CRF, 5 iterations"},
        10.8,
    ),
    ("kim2019", "5", {"loss": "L^AD (Guo et al. 2018)"}, 76.1),
    ("chen2020", "1", {"dataset": "voc_aug", "loss": canonical("chen2020_sobel_printed")}, 77.6),
    ("chen2020", "1", {"dataset": "voc_aug", "loss": VOC_SEMEDA}, 78.8),
    ("chen2020", "2", {"class": "chair", "metric": "e_measure", "loss": VOC_SEMEDA}, 76.1),
    ("chen2020", "2", {"class": "tvmonitor", "metric": "iou", "loss": "ce"}, 76.1),
    ("chen2020", "3", {"class": "motorcycle", "metric": "dice", "loss": "ce"}, 74.6),
    ("chen2020", "3", {"class": "traffic sign", "metric": "e_measure", "loss": "ce"}, 94.2),
    (
        *("chen2020", "4"),
        {"dataset": "cityscapes", "pretraining": "imagenet + coco", "loss": "ce"},
        65.8,
    ),
    ("chen2020", "5", {"dataset": "voc_aug", "encoder": "resnet101", "loss": VOC_SEMEDA}, 75.3),
    ("chen2020", "6", {"class": "mouth", "loss": "SEMEDA"}, 90.37),
    ("chen2020", "7", {"model": "PSPNet"}, 85.4),
    ("chen2020", "8", {"variant": "with coarse labels"}, 71.8),
    ("gul2023", "3.1", {"loss": "distance", "variant": "prediction 2"}, 0.296),
    ("gul2023", "4.1", {"loss": GUL["combo"], "metric": "iou_difference"}, (0.1156, 0.0055)),
    ("gul2023", "4.2", {"loss": "ce", "metric": "boundary_iou"}, (0.6001, 0.6777)),
    ("gul2023", "4.3", {"loss": "distance", "metric": "superiority"}, 43.33),
    ("gul2023", "4.4", {"loss": GUL["dice"], "metric": "dice"}, (0.7691, 0.9839)),
    ("gul2023", "4.5", {"loss": GUL["iou"], "metric": "superiority_difference"}, 80),
    ("gul2023", "4.6", {"loss": GUL["dice_focal"], "metric": "iou"}, (0.651, 0.9466)),
    ("gul2023", "4.7", {"loss": GUL["dice"], "metric": "wins_iou"}, (1, 5)),
    ("gul2023", "4.9", {"loss": GUL["dice"], "variant": "seed 1234"}, 8),
    ("gul2023", "4.10", {"loss": GUL["dice_focal"], "encoder": "mobilenet_v2"}, (11, np.nan)),
    (
        *("gul2023", "4.11"),
        {"loss": "distance", "metric": "dice", "variant": "mean of 5 folds"},
        0.9889,
    ),
    ("gul2023", "4.12", {"loss": GUL["dice"], "metric": "dice_difference"}, (0.0131, -0.0002)),
    ("gul2023", "A.1", {"metric": "dice", "variant": "fold 4"}, 0.9677),
    ("gul2023", "A.2", {"metric": "iou", "variant": "fold 5"}, 0.9592),
    ("gul2023", "A.3", {"metric": "boundary_iou", "variant": "fold 2"}, 0.7389),
    ("gul2023", "A.4", {"metric": "iou", "variant": "mean of 5 folds"}, 0.9728),
    ("gul2023", "A.5", {"metric": "dice", "variant": "standard deviation of 5 folds"}, 0.0034),
    ("gul2023", "A.6", {"metric": "boundary_iou", "variant": "fold 5"}, 0.7471),
]


def cells(paper: str, table: str, **where: str) -> pd.DataFrame:
    rows = load_published(paper)
    for column, wanted in {"table": table, **where}.items():
        rows = rows[rows[column] == wanted]
    return rows


@pytest.mark.parametrize("paper", PAPERS)
def test_every_table_has_as_many_cells_as_are_printed(paper: str) -> None:
    found = load_published(paper)["table"].value_counts(sort=False).to_dict()
    assert found == CELLS[paper]


@pytest.mark.parametrize("paper", PAPERS)
def test_the_numbers_of_every_table_add_up_to_those_in_print(paper: str) -> None:
    found = load_published(paper).groupby("table")["value"].sum().to_dict()
    assert found == pytest.approx(SUMS[paper], abs=1e-6)


@pytest.mark.parametrize(("paper", "table", "where", "value"), SPOTS)
def test_a_cell_holds_the_number_that_is_printed(
    paper: str, table: str, where: dict[str, str], value: float | tuple[float, ...]
) -> None:
    found = cells(paper, table, **where)["value"].unique()
    np.testing.assert_array_equal(found, np.atleast_1d(value))


def test_every_table_but_the_one_of_colours_is_spot_checked() -> None:
    every = {(paper, table) for paper, tables in CELLS.items() for table in tables}
    assert every - {spot[:2] for spot in SPOTS} == {("gul2023", "4.8")}
    colours = cells("gul2023", "4.8").set_index("loss")["printed"]
    assert colours[["ce", "distance"]].to_list() == ["orange", "red"]
    assert colours.nunique() == 6


def test_all_papers_are_the_papers_one_after_the_other() -> None:
    table = load_published()
    parts = [load_published(paper) for paper in PAPERS]
    pd.testing.assert_frame_equal(table, pd.concat(parts, ignore_index=True))
    assert all((part["paper"] == paper).all() for part, paper in zip(parts, PAPERS, strict=True))
    assert tuple(table.columns) == COLUMNS
    assert table["value"].dtype == np.float64
    assert all(isinstance(cell, str) for cell in table.drop(columns="value").to_numpy().flat)


def test_an_unknown_paper_is_an_error_that_names_the_papers() -> None:
    with pytest.raises(DataError, match=r"unknown paper 'kim2018': one of .*mean 'kim2019'"):
        load_published("kim2018")


def test_no_cell_is_there_twice() -> None:
    table = load_published()
    assert not table.duplicated(list(KEY)).any()


def test_a_cell_has_a_number_or_a_text_and_a_unit() -> None:
    table = load_published()
    assert (table["value"].isna() == (table["printed"] != "")).all()
    assert set(table["unit"]) == set(UNITS)
    texts = table.loc[table["value"].isna()].groupby("paper")["printed"].unique().map(set)
    assert texts["rahman2016"] == {"<20", "<30", "<10", "<25", "<15"}
    assert texts["kim2019"] == {"-"}
    assert texts["vanbeers2018"] == {"RMSprop"}
    assert set(texts.index) == {"rahman2016", "kim2019", "vanbeers2018", "gul2023"}


@pytest.mark.parametrize(("unit", "most"), [("percent", 100), ("fraction", 1)])
def test_scores_lie_within_their_unit(unit: str, most: float) -> None:
    rows = load_published().query("unit == @unit")
    signed = rows["metric"].str.endswith("_difference")
    scores = rows.loc[~signed, "value"].dropna()
    assert scores.between(0, most).all()
    assert scores.max() > most / 2
    assert rows.loc[signed, "value"].abs().max() < most


def test_losses_are_canonical_expressions_or_their_authors_words() -> None:
    losses = set(load_published()["loss"]) - {""}
    assert losses - PEER_LOSSES == {canonical(loss) for loss in losses - PEER_LOSSES}
    assert losses >= PEER_LOSSES
    measured = [name for name in PRESETS if not name.endswith(("_as_linked", "_confident"))]
    printed_only = {f"gul2023_{name}_printed" for name in (*GUL, "distance")}
    without_figures = {"kim2019_levelset_arctan", "kim2019_levelset_step"}  # Kim's Fig. 5
    means = {"chen2020_semeda_cityscapes", "chen2020_semeda_voc", "chen2020_sobel"}
    for name in set(measured) - printed_only - without_figures - means:
        paper = name.split("_")[0]
        assert canonical(name) in set(load_published(paper)["loss"]), name


def test_models_and_encoders_are_losslabs_or_named_as_peers() -> None:
    table = load_published()
    ours = table[table["model"].isin(list(MODELS))]
    assert set(table["model"]) - set(MODELS) == {"", *PEERS}
    assert (table.loc[table["model"].isin(PEERS), "encoder"] == "").all()
    for model, encoder in ours[["model", "encoder"]].drop_duplicates().itertuples(index=False):
        check_model(model, encoder=encoder or None, options={})
    assert set(table["pretraining"]) == {"", "imagenet", "coco", "imagenet + coco"}


def test_data_sets_splits_and_classes_are_losslabs() -> None:
    table = load_published()
    assert set(table["dataset"]) <= {"", *DATASETS}
    assert set(table["split"]) == {"", "train", "val", "test"}
    for name, rows in table[table["dataset"] != ""].groupby("dataset"):
        dataset = DATASETS[str(name)]
        known = {*(dataset.static_classes or ()), *dataset.tasks, *dataset.groups, "mean", ""}
        assert set(rows["class"]) <= known, name


def test_what_other_modules_hold_of_the_tables_is_the_same() -> None:
    hand = cells("gul2023", "3.1").pivot(index="variant", columns="loss", values="value")
    names = {"ce": "ce", "iou": GUL["iou"], "dice": GUL["dice"], "distance": "distance"}
    for name, loss in names.items():
        assert PIZZA[name] == hand[loss].to_list()
    assert PUBLISHED["voc2010"][:4] == (152, 319, 107, 142)
    assert list(PUBLISHED) == ["voc2010", "voc2011"]
    order = cells("rahman2016", "2", dataset="voc2011")["class"].to_list()
    assert order == list((DATASETS["voc2011"].static_classes or ())[1:])
