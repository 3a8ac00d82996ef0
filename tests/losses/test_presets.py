"""The papers' objectives by name: what is printed, computed from the printed formula."""

import pytest
import torch

from losslab.errors import SpecError
from losslab.losses import LOSSES, PRESETS, build_loss, canonical
from tests.losses.cases import in_turn, objective_of, random_case


def one_hot(labels, num_classes):
    known = labels.masked_fill(labels == 255, 0)
    hot = torch.nn.functional.one_hot(known, num_classes).movedim(-1, 1).double()
    return hot * (labels != 255)[:, None]


@pytest.fixture
def case():
    logits, labels = random_case(5)
    p = logits.softmax(1) * (labels != 255)[:, None]
    return logits, labels, p, one_hot(labels, 5)


@in_turn("name", PRESETS)
def test_a_preset_is_the_objective_it_stands_for(name):
    logits, labels = random_case(3)
    assert canonical(name) == canonical(PRESETS[name])
    assert objective_of(name, 3)(logits, labels) == objective_of(PRESETS[name], 3)(logits, labels)


def test_no_preset_hides_a_loss():
    assert not PRESETS.keys() & LOSSES.keys()


def test_a_preset_takes_a_weight_and_stands_in_a_sum():
    assert canonical("2*gul2023_dice_printed + ce") == "2*dice(average='micro', smooth=1) + ce"
    assert canonical("0.5*kim2019_levelset") == "0.5*ce + 0.0002*levelset"


def test_a_preset_takes_no_options():
    with pytest.raises(SpecError, match=r"rahman2016_iou.*takes no options; write 'iou'"):
        build_loss("rahman2016_iou(smooth=1)", 1)


def test_a_misspelt_preset_is_named():
    with pytest.raises(SpecError, match="did you mean 'gul2023_dice_printed'"):
        build_loss("gul2023_dice_print", 1)


def test_gul_equation_2_2(case):
    logits, labels, p, y = case
    printed = 1 - (1 + 2 * (y * p).sum()) / (1 + y.sum() + p.sum())
    assert float(build_loss("gul2023_dice_printed", 5)(logits, labels)) == pytest.approx(
        float(printed)
    )


def test_gul_equation_2_3(case):
    logits, labels, p, y = case
    printed = 1 - (1 + (y * p).sum()) / (1 + (y + p - y * p).sum())
    assert float(build_loss("gul2023_iou_printed", 5)(logits, labels)) == pytest.approx(
        float(printed)
    )


def test_gul_equations_2_4_and_2_6_add_equations_2_1_and_2_5(case):
    logits, labels, p, y = case
    dice = build_loss("gul2023_dice_printed", 5)(logits, labels)
    log_p, n = p.clamp_min(1e-300).log(), (labels != 255).sum()
    ce = -(y * log_p).sum() / n
    focal = -(y * log_p * (1 - p) ** 2).sum() / n
    combo = build_loss("gul2023_combo_printed", 5)(logits, labels)
    assert float(combo) == pytest.approx(float(dice + ce))
    dice_focal = build_loss("gul2023_dice_focal_printed", 5)(logits, labels)
    assert float(dice_focal) == pytest.approx(float(dice + focal))


def test_rahman_and_wang_take_the_ratio_over_the_batch_and_van_beers_over_each_image():
    logits, labels = random_case(1, void=0.0)
    p, y = logits[:, 0].sigmoid(), labels.double()
    inside, union = (p * y).sum((1, 2)), (p + y - p * y).sum((1, 2))
    rahman = build_loss("rahman2016_iou", 1)(logits, labels)
    assert float(rahman) == pytest.approx(float(1 - inside.sum() / union.sum()))
    van_beers = build_loss("vanbeers2018_iou", 1)(logits, labels)
    assert float(van_beers) == pytest.approx(float((1 - inside / union).sum()))


def test_gul_ran_dice_plus_the_sum_of_the_classes_focal_losses():
    """What segmentation_models_pytorch 0.3.3 gives on this batch, Dice 0.9470 + focal 6.5280."""
    torch.manual_seed(0)
    for num_classes in (2, 5, 19):
        logits = torch.randn(2, num_classes, 32, 32)
        labels = torch.randint(0, num_classes, (2, 32, 32))
    loss = build_loss("gul2023_dice_focal_as_run", 19)(logits, labels)
    assert float(loss) == pytest.approx(7.4750, abs=5e-5)
