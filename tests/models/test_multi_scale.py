"""Multi-scale input: the largest logit over three scales of the picture."""

import pytest
import torch
from torch.nn import functional

from losslab.models import Segmenter, build_model
from losslab.models.deeplab import DeepLab


def network(*, multi_scale: bool) -> Segmenter:
    torch.manual_seed(0)
    return build_model(
        "deeplabv2_resnet101", num_classes=3, encoder="resnet50", multi_scale=multi_scale
    ).eval()


@pytest.fixture(scope="module")
def both() -> tuple[Segmenter, Segmenter]:
    """The network with one scale and the same one with three."""
    return network(multi_scale=False), network(multi_scale=True)


def test_its_logits_are_the_maximum_over_the_scales_by_hand(
    both: tuple[Segmenter, Segmenter],
) -> None:
    single, multi = both
    images = torch.rand(1, 3, 97, 129)
    seen = []
    with torch.inference_mode():
        for size in ((49, 65), (73, 97), (97, 129)):
            shrunk = functional.interpolate(images, size, mode="bilinear", align_corners=True)
            seen.append(
                functional.interpolate(
                    single(shrunk), (97, 129), mode="bilinear", align_corners=True
                )
            )
        found = multi(images)
    torch.testing.assert_close(
        found, torch.stack(seen).amax(0), rtol=0, atol=1e-5 * found.abs().max().item()
    )
    winners = torch.stack(seen).argmax(0)
    assert all((winners == scale).any() for scale in range(3))


def test_each_scale_is_scored_on_a_grid_that_ends_on_its_last_pixel(
    both: tuple[Segmenter, Segmenter],
) -> None:
    deeplab = both[1].network
    assert isinstance(deeplab, DeepLab)
    shapes = []
    hook = deeplab.encoder.register_forward_hook(
        lambda module, inputs, output: shapes.append(
            (tuple(inputs[0].shape[2:]), tuple(output.shape[2:]))
        )
    )
    with torch.inference_mode():
        assert both[1](torch.rand(1, 3, 321, 300)).shape == (1, 3, 321, 300)
    hook.remove()
    assert shapes == [((161, 161), (21, 21)), ((241, 241), (31, 31)), ((321, 321), (41, 41))]


def test_the_loss_reaches_only_the_scale_that_won(both: tuple[Segmenter, Segmenter]) -> None:
    deeplab = both[1].network
    assert isinstance(deeplab, DeepLab)
    images = torch.rand(1, 3, 33, 33)
    each = [deeplab.logits_at(scale, images).detach().requires_grad_() for scale in deeplab.scales]
    torch.maximum(torch.maximum(each[0], each[1]), each[2]).sum().backward()
    total = sum(logits.grad for logits in each if logits.grad is not None)
    assert torch.equal(total, torch.ones_like(each[0]))


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_largefov_has_it_too(size: tuple[int, int]) -> None:
    model = build_model("deeplab_largefov", num_classes=1, multi_scale=True).eval()
    with torch.inference_mode():
        assert model(torch.rand(1, 3, *size)).shape == (1, 1, *size)
