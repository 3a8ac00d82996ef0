"""What losses of other libraries do that ours do not."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from losslab.losses.contracts import LossCard, loss_card
from losslab.losses.contracts.tables import facts
from scipy import ndimage
from torch import Tensor

from losslab.bench.peers import PEERS, Peer, missing_libraries, peers
from losslab.losses import LOSSES, build_loss
from losslab.losses import peers as module
from tests.losses.cases import random_case


def peer(title: str) -> Peer:
    """The peer; the test is skipped where its library is not installed."""
    if title not in peers():
        pytest.skip(f"{PEERS[title].library} is not installed")
    return PEERS[title]


@cache
def card(title: str, num_classes: int = 4, *, largest_size: int = 32) -> LossCard:
    return loss_card(peer(title), num_classes=num_classes, largest_size=largest_size)


def plain_case(num_classes: int) -> tuple[Tensor, Tensor]:
    """One picture without void pixels, in which every class is present."""
    logits, labels = random_case(num_classes, size=(16, 16), void=0.0)
    return logits[1:2].float(), labels[1:2]


# What both compute alike: adapters that got an argument wrong would fail here.
SAME: list[tuple[str, str, int]] = [
    ("smp SoftCrossEntropyLoss", "ce", 1),
    ("smp SoftCrossEntropyLoss", "ce", 4),
    ("smp FocalLoss", "focal", 1),
    ("smp FocalLoss", "focal(one_vs_all=True)", 4),
    ("smp JaccardLoss", "iou", 1),
    ("smp JaccardLoss", "iou", 4),
    ("smp DiceLoss", "dice", 1),
    ("smp DiceLoss", "dice", 4),
    ("smp TverskyLoss", "dice", 4),
    ("smp LovaszLoss", "lovasz", 4),
    ("monai FocalLoss", "focal", 1),
    ("monai FocalLoss", "4*focal(one_vs_all=True)", 4),
    ("monai DiceLoss", "dice", 1),
    ("monai DiceLoss", "dice", 4),
    ("monai DiceCELoss", "combo", 1),
    ("monai DiceCELoss", "combo", 4),
    ("monai DiceFocalLoss", "dice_focal", 1),
    ("monai DiceFocalLoss", "dice + focal(one_vs_all=True)", 4),
    ("monai TverskyLoss", "dice", 4),
    ("kornia focal_loss", "0.25*focal", 4),
    ("kornia dice_loss", 'dice(average="micro")', 4),
    ("kornia tversky_loss", "dice", 4),
]


@pytest.mark.parametrize(("title", "expression", "num_classes"), SAME)
def test_a_peer_agrees_with_ours_on_one_picture_without_void_or_absent_classes(
    title: str, expression: str, num_classes: int
) -> None:
    logits, labels = plain_case(num_classes)
    theirs = peer(title).build(num_classes)(logits, labels)
    ours = build_loss(expression, num_classes)(logits, labels)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("title", PEERS)
@pytest.mark.parametrize("num_classes", [1, 4])
def test_every_peer_gives_a_scalar_with_a_gradient_binary_and_not(
    title: str, num_classes: int
) -> None:
    logits, labels = plain_case(num_classes)
    leaf = logits.requires_grad_()
    value = peer(title).build(num_classes)(leaf, labels)
    value.backward()
    assert value.shape == ()
    assert leaf.grad is not None
    assert leaf.grad.abs().sum() > 0


def test_every_counterpart_is_a_loss_of_ours() -> None:
    assert {peer.counterpart for peer in PEERS.values()} <= set(LOSSES)


def test_smp_dice_is_no_number_on_half_logits_from_256() -> None:
    found = card("smp DiceLoss", largest_size=256)
    assert found.get("half precision", "float16", "first wrong size") == 256
    assert str(found.get("half precision", "float16", "value there")) in ("nan", "inf", "-inf")
    ours = loss_card("dice", largest_size=256)
    assert ours.get("half precision", "float16", "first wrong size") is None


def test_smp_dice_fades_with_the_number_of_absent_classes() -> None:
    case = ("class count", "one class, all wrong, 19 classes")
    assert card("smp DiceLoss").get(*case) == pytest.approx(1 / 19, abs=1e-4)
    assert loss_card("dice", largest_size=32).get(*case) == pytest.approx(1, abs=1e-6)


def test_smp_multiclass_focal_is_one_sigmoid_a_class() -> None:
    """So a constant added to all logits of a pixel, which softmax does not see, changes it."""
    added = ("invariances", "a constant added to all logits of a pixel", "holds")
    assert card("smp FocalLoss").get(*added) is False
    assert loss_card("focal", largest_size=32).get(*added) is True


def test_smp_cross_entropy_averages_over_void_pixels() -> None:
    found = card("smp SoftCrossEntropyLoss")
    whole, half = (found.get("void", f"{share} of 4 pixels void") for share in (0, 2))
    assert half == pytest.approx(whole / 2, rel=1e-4)
    assert facts(loss_card("ce", largest_size=32))["half void"] == "the same"


def test_kornia_dice_is_no_more_than_one_minus_the_mean_of_p_true() -> None:
    logits, labels = plain_case(4)
    value = peer("kornia dice_loss").build(4)(logits, labels)
    mean = logits.softmax(1).gather(1, labels[:, None]).mean()
    torch.testing.assert_close(value, 1 - mean, rtol=1e-5, atol=1e-6)


def test_monai_focal_with_an_ignore_index_is_the_sum_over_classes_and_not_their_mean() -> None:
    losses = pytest.importorskip("monai.losses")
    logits, labels = plain_case(4)
    mean = losses.FocalLoss(to_onehot_y=True)(logits, labels[:, None])
    torch.testing.assert_close(peer("monai FocalLoss").build(4)(logits, labels), 4 * mean)


@pytest.mark.parametrize("title", ["monai GeneralizedDiceLoss", "monai DiceCELoss"])
def test_monai_losses_without_an_ignore_index_refuse_void_pixels(title: str) -> None:
    words = str(card(title).get("void", "logits under void", "enters the value"))
    assert words.startswith("raises ")


def test_scipys_distances_to_what_is_not_there_are_no_distances() -> None:
    """Why HausdorffDTLoss and every label map has to look first whether there is an outside."""
    full = np.ones((5, 5), bool)
    euclidean = np.asarray(ndimage.distance_transform_edt(full))
    inside = np.asarray(ndimage.distance_transform_edt(np.pad(full, 1)))[1:-1, 1:-1]
    assert inside.max() == 3
    assert euclidean.max() > 3 * np.sqrt(2), "to a pixel outside the picture"
    assert (ndimage.distance_transform_cdt(full) == -1).all()


def test_peers_of_a_library_that_is_missing_are_left_out_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real: Callable = module.find_spec
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "monai" else real(name))
    assert not [title for title in peers() if title.startswith("monai")]
    assert "smp DiceLoss" in peers()
    assert missing_libraries().startswith("Losses of monai")
    assert "pip install -e '.[peers]'" in missing_libraries()


def test_importing_the_losses_imports_no_other_library() -> None:
    code = (
        "import sys, losslab.losses, losslab.bench.peers, losslab.losses.contracts\n"
        "print([n for n in ('monai', 'kornia', 'segmentation_models_pytorch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
