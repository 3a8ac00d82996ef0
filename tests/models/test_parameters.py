"""Numbers of parameters, against sums over the layer tables of the papers."""

from itertools import pairwise

import pytest
from torch import nn

from losslab.models import MODELS
from tests.models.networks import OURS, on_paper, parameters


def conv(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> int:
    return outputs * (inputs * kernel**2 + bias)


VGG16 = (  # Simonyan 2015, Table 1, column D: 13 convolutions of 3 x 3
    (conv(3, 64, 3) + conv(64, 64, 3))
    + (conv(64, 128, 3) + conv(128, 128, 3))
    + (conv(128, 256, 3) + 2 * conv(256, 256, 3))
    + (conv(256, 512, 3) + 2 * conv(512, 512, 3))
    + 3 * conv(512, 512, 3)
)
ALEXNET = (  # Krizhevsky 2014, the five convolutions
    conv(3, 64, 11) + conv(64, 192, 5) + conv(192, 384, 3) + conv(384, 256, 3) + conv(256, 256, 3)
)


def bottlenecks(count: int, inputs: int, width: int) -> int:
    """A stage of He 2016, Table 1: 1 x 1, 3 x 3, 1 x 1 (x 4), each with batch normalisation's two
    numbers a channel, and a projection around the first block.
    """
    norms = 2 * (width + width + 4 * width)

    def block(into: int) -> int:
        return (
            conv(into, width, 1, bias=False)
            + conv(width, width, 3, bias=False)
            + conv(width, 4 * width, 1, bias=False)
            + norms
        )

    projection = conv(inputs, 4 * width, 1, bias=False) + 2 * 4 * width
    return block(inputs) + projection + (count - 1) * block(4 * width)


def resnet(third: int) -> int:
    """ResNet-50 (6 blocks in the third stage) or -101 (23), without its classifier."""
    return (
        conv(3, 64, 7, bias=False)
        + 2 * 64
        + bottlenecks(3, 64, 64)
        + bottlenecks(4, 256, 128)
        + bottlenecks(third, 512, 256)
        + bottlenecks(3, 1024, 512)
    )


def test_the_tables_of_the_trunks_sum_to_what_is_known_of_them() -> None:
    assert VGG16 == 14_714_688
    assert ALEXNET == 2_469_696
    assert resnet(6) == 25_557_032 - (2048 + 1) * 1000
    assert resnet(23) == 44_549_160 - (2048 + 1) * 1000


@pytest.mark.parametrize("c", [1, 21])
def test_bfcn32s_is_vgg16_its_layers_as_convolutions_a_score_and_an_upsampling(c: int) -> None:
    model = on_paper("bfcn32s", c)
    trunk = VGG16 + 4096 * (512 * 49 + 1) + 4096 * (4096 + 1)
    assert parameters(model.encoder) == trunk
    assert parameters(model) == trunk + c * (4096 + 1) + c * c * 64 * 64


@pytest.mark.parametrize("c", [1, 21])
def test_fcresnet_is_resnet50_a_score_and_an_upsampling(c: int) -> None:
    model = on_paper("fcresnet", c)
    assert parameters(model.encoder) == resnet(6)
    assert parameters(model) == resnet(6) + c * (2048 + 1) + c * c * 63 * 63


@pytest.mark.parametrize("c", [1, 21])
@pytest.mark.parametrize("kernel", [1, 6])
def test_fcn_alexnet32s_is_alexnet_its_layers_as_convolutions_and_a_score(
    c: int, kernel: int
) -> None:
    model = on_paper("fcn_alexnet32s", c, fc6_kernel=kernel)
    trunk = ALEXNET + 4096 * (256 * kernel**2 + 1) + 4096 * (4096 + 1)
    assert parameters(model.encoder) == trunk
    assert parameters(model) == trunk + c * (4096 + 1)


@pytest.mark.parametrize("c", [1, 21])
def test_the_fcns_add_scores_and_doublings_to_resnet101(c: int) -> None:
    last = c * (2048 + 1)
    skip16 = c * (1024 + 1) + c * c * 3 * 3
    skip8 = c * (512 + 1) + c * c * 3 * 3
    assert parameters(on_paper("fcn32s", c)) == resnet(23) + last
    assert parameters(on_paper("fcn16s", c)) == resnet(23) + last + skip16
    assert parameters(on_paper("fcn8s", c)) == resnet(23) + last + skip16 + skip8


@pytest.mark.parametrize("c", [1, 21])
@pytest.mark.parametrize("multi_scale", [False, True])
def test_largefov_is_vgg16_with_1024_filters_in_fc6_and_fc7(c: int, multi_scale: bool) -> None:
    model = on_paper("deeplab_largefov", c, multi_scale=multi_scale)
    trunk = VGG16 + 1024 * (512 * 9 + 1) + 1024 * (1024 + 1)
    assert parameters(model.encoder) == trunk
    assert parameters(model) == trunk + c * (1024 + 1)


@pytest.mark.parametrize("c", [1, 21])
@pytest.mark.parametrize(("encoder", "blocks"), [("resnet50", 6), ("resnet101", 23)])
def test_deeplab_v2_adds_four_3x3_convolutions_to_a_resnet(
    c: int, encoder: str, blocks: int
) -> None:
    model = on_paper("deeplabv2_resnet101", c, encoder=encoder)
    assert parameters(model) == resnet(blocks) + 4 * c * (2048 * 9 + 1)


def separable(*widths: int) -> int:
    """Separable convolutions of 3 x 3, one after the other, both halves normalised."""
    pairs = pairwise(widths)
    return sum(
        conv(1, i, 3, bias=False) + 2 * i + conv(i, o, 1, bias=False) + 2 * o for i, o in pairs
    )


def shortcut(inputs: int, outputs: int) -> int:
    return conv(inputs, outputs, 1, bias=False) + 2 * outputs


def xception71() -> int:
    """Chen 2018 (DeepLabv3+), Fig. 4, with the entry flow of 71 layers."""
    stem = conv(3, 32, 3, bias=False) + 2 * 32 + conv(32, 64, 3, bias=False) + 2 * 64
    entry = sum(
        separable(i, o, o, o) + shortcut(i, o)
        for i, o in [(64, 128), (128, 256), (256, 256), (256, 728), (728, 728)]
    )
    middle = 16 * separable(728, 728, 728, 728)
    leaving = separable(728, 728, 1024, 1024) + shortcut(728, 1024)
    return stem + entry + middle + leaving + separable(1024, 1536, 1536, 2048)


def test_deeplabv3plus_has_xception71_whole_at_stride_16_and_a_shortcut_less_at_8() -> None:
    whole = on_paper("deeplabv3plus", 21, encoder="tu-xception71")
    at8 = on_paper("deeplabv3plus", 21, encoder="tu-xception71", encoder_output_stride=8)
    assert parameters(whole.encoder) == xception71()
    assert parameters(at8.encoder) == xception71() - shortcut(728, 728)


@pytest.mark.parametrize("name", MODELS)
def test_the_head_is_all_but_the_encoder(name: str) -> None:
    model = on_paper(name, 21)
    head = sum(parameter.numel() for parameter in model.head_parameters())
    assert head == parameters(model) - parameters(model.encoder) > 0


@pytest.mark.parametrize("name", OURS)
def test_a_head_begins_with_score_layers_that_see_all_classes_alike(name: str) -> None:
    model = on_paper(name, 21)
    head = {id(parameter) for parameter in model.head_parameters()}
    biases = [
        layer.bias
        for layer in model.modules()
        if isinstance(layer, nn.Conv2d) and id(layer.bias) in head
    ]
    assert biases
    assert all(bias is not None and bias.shape == (21,) for bias in biases)
