"""What losses of other libraries do that ours do not."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from losslab.bench import peers as module
from losslab.bench.peers import PEERS, Peer, missing_libraries, peers
from losslab.losses import LOSSES, build_loss
from losslab.losses.card import loss_card
from tests.losses.cases import in_turn, random_case


def peer(title: str) -> Peer:
    """The peer; the test is skipped where its library is not installed."""
    if title not in peers():
        pytest.skip(f"{PEERS[title].library} is not installed")
    return PEERS[title]


def probe(loss: Any, name: str) -> float:
    """One value of the card of a loss; NaN where it raises."""
    card = loss_card(loss).set_index("probe")
    return float(card["value"][name])


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


@in_turn("title, expression, num_classes", SAME)
def test_a_peer_agrees_with_ours_on_one_picture_without_void_or_absent_classes(
    title: str, expression: str, num_classes: int
) -> None:
    logits, labels = plain_case(num_classes)
    theirs = peer(title).build(num_classes)(logits, labels)
    ours = build_loss(expression, num_classes)(logits, labels)
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-5)


@in_turn("title", PEERS)
@in_turn("num_classes", [1, 4])
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


def test_what_smp_does_that_ours_does_not() -> None:
    """Dice is NaN on half logits at 256 x 256 and fades with absent classes; multiclass focal loss
    is one sigmoid a class, so that it sees a constant added to all logits; cross-entropy averages
    over void pixels.
    """
    many = "one class of many, all wrong"
    assert np.isnan(probe(peer("smp DiceLoss"), "float16"))
    assert abs(probe("dice", "float16")) < 1e-3
    assert probe(peer("smp DiceLoss"), many) == pytest.approx(1 / 19, abs=1e-4)
    assert probe("dice", many) == pytest.approx(1, abs=1e-6)
    logits, labels = plain_case(4)
    smp_focal, ours = peer("smp FocalLoss").build(4), build_loss("focal", 4)
    assert not torch.isclose(smp_focal(logits + 1, labels), smp_focal(logits, labels), rtol=1e-3)
    torch.testing.assert_close(ours(logits + 1, labels), ours(logits, labels))
    assert probe(peer("smp SoftCrossEntropyLoss"), "half void") == pytest.approx(0.5, rel=1e-4)
    assert probe("ce", "half void") == pytest.approx(1, rel=1e-4)


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


def test_monai_losses_without_an_ignore_index_refuse_void_pixels() -> None:
    for title in ("monai GeneralizedDiceLoss", "monai DiceCELoss"):
        card = loss_card(peer(title)).set_index("probe")
        assert card["error"]["logits under void"].startswith("raises ")


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
        "import sys, losslab.losses, losslab.bench.peers, losslab.losses.card\n"
        "print([n for n in ('monai', 'kornia', 'segmentation_models_pytorch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
