"""Where the networks' grids lie: score (y, x) must be upsampled to the pixels that it saw."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from losslab.models import Segmenter, trunks, upsampling
from losslab.models.deeplab import SummedASPP
from losslab.models.fcn import FCN, FCNAlexNet32s
from losslab.models.trunks import ConvolutionalClassifier
from tests.models.networks import built_once

FACTORS = (2, 8, 32)


def ramp(count: int) -> Tensor:
    """(1, 2, count, count): rows in the first map, columns in the second."""
    rows = torch.arange(count, dtype=torch.float32)
    return torch.stack(torch.meshgrid(rows, rows, indexing="ij"))[None]


@pytest.mark.parametrize("factor", FACTORS)
def test_trained_upsampling_of_points_begins_as_interpolation(factor: int) -> None:
    layer = upsampling.trained_between_points(2, factor)
    scores = torch.rand(1, 2, 4, 6)
    whole = functional.interpolate(
        scores, size=(3 * factor + 1, 5 * factor + 1), mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(layer(scores), whole)
    torch.testing.assert_close(whole, upsampling.between_points(scores, tuple(whole.shape[2:])))


@pytest.mark.parametrize("factor", FACTORS)
def test_trained_upsampling_of_cells_begins_as_interpolation_but_for_its_border(
    factor: int,
) -> None:
    layer = upsampling.trained_between_cells(2, factor)
    scores, edge = torch.rand(1, 2, 4, 6), factor // 2
    whole = functional.interpolate(
        scores, scale_factor=factor, mode="bilinear", align_corners=False
    )
    trained = layer(scores)
    assert trained.shape == whole.shape == (1, 2, 4 * factor, 6 * factor)
    inside = (..., slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(trained[inside], whole[inside])
    torch.testing.assert_close(whole, upsampling.between_cells(scores, factor))


@pytest.mark.parametrize("factor", FACTORS)
def test_fixed_upsampling_of_cells_is_the_transposed_convolution_of_repeated_cells(
    factor: int,
) -> None:
    layer = upsampling.trained_between_cells(2, factor)
    scores = torch.rand(1, 2, 3, 5)
    repeated = layer(functional.pad(scores, (1, 1, 1, 1), mode="replicate"))
    inside = repeated[..., factor:-factor, factor:-factor]
    torch.testing.assert_close(upsampling.between_cells(scores, factor), inside)


def test_a_ramp_of_points_becomes_a_ramp_of_pixels() -> None:
    torch.testing.assert_close(upsampling.trained_between_points(2, 8)(ramp(5)), ramp(33) / 8)


def test_a_ramp_of_cells_becomes_a_ramp_through_their_centres() -> None:
    upsampled = upsampling.trained_between_cells(2, 8)(ramp(5))
    centred = (ramp(40) - 3.5) / 8  # cell i covers pixels 8 i to 8 i + 7
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(upsampled[inside], centred[inside])


def thin(module: nn.Module) -> nn.Module:
    """The network with one channel, convolutions and pools as means and nothing else: its gradient
    shows what each score sees, as symmetrically as its grid lies.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            shape = (child.kernel_size, child.stride, child.padding, child.dilation)
            mean = nn.Conv2d(1, 1, *shape, bias=False, dtype=torch.float64)  # pyright: ignore
            nn.init.constant_(mean.weight, 1 / mean.weight.numel())
            setattr(module, name, mean)
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        elif isinstance(child, nn.ReLU | nn.Dropout | nn.BatchNorm2d):
            setattr(module, name, nn.Identity())
        else:
            thin(child)
    return module


def sight(trunk: Callable[[Tensor], Tensor], size: int, cell: int) -> Tensor:
    """How much each column of a square picture counts for a score in its middle."""
    images = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    trunk(images)[0, 0, cell, cell].backward()
    assert images.grad is not None
    weight = images.grad[0, 0].sum(0)
    assert weight[0] == weight[-1] == 0, "the picture is too small for the field of view"
    return weight


def centre_of_sight(trunk: Callable[[Tensor], Tensor], size: int, cell: int) -> float:
    """Centre of gravity, in pixels, of what a score in the middle of a square picture sees."""
    weight = sight(trunk, size, cell)
    return (weight @ torch.arange(size, dtype=torch.float64) / weight.sum()).item()


def width_of_sight(trunk: Callable[[Tensor], Tensor], size: int, cell: int) -> int:
    """Pixels from the first to the last that a score in the middle of a square picture sees."""
    seen = sight(trunk, size, cell).nonzero()
    return int(seen.max() - seen.min()) + 1


def blank(size: int) -> Tensor:
    return torch.zeros(1, 1, size, size, dtype=torch.float64)


@pytest.fixture(scope="module")
def network() -> Callable[[str], Segmenter]:
    return built_once()


@pytest.mark.parametrize("kernel", [1, 6])
def test_alexnets_cells_are_centred_within_half_a_pixel_of_their_upsampling(kernel: int) -> None:
    with torch.device("meta"):
        model = FCNAlexNet32s(1, kernel)
    encoder = thin(model.encoder)
    layers = nn.Sequential(encoder.features, encoder.fc6)  # pyright: ignore

    def cells(images: Tensor) -> Tensor:
        return layers(functional.pad(images, model.padding))

    assert cells(blank(512)).shape == (1, 1, 16, 16)
    assert centre_of_sight(cells, 512, 7) == pytest.approx(32 * 7 + 15.5, abs=0.51)


@pytest.mark.parametrize(
    ("trunk", "size", "grid", "cell", "centre"),
    [
        (trunks.vgg16, 32 * 15, 15, 7, 32 * 7 + 15.5),
        (trunks.vgg16_large_field_of_view, 8 * 60 + 1, 61, 30, 8 * 30),
    ],
)
def test_vggs_grids_lie_where_their_upsampling_puts_them(
    trunk: Callable[[], ConvolutionalClassifier], size: int, grid: int, cell: int, centre: float
) -> None:
    with torch.device("meta"):
        network = trunk()
    thin(network)
    layers = nn.Sequential(network.features, network.fc6, network.fc7)
    assert layers(blank(size)).shape == (1, 1, grid, grid)
    assert centre_of_sight(layers, size, cell) == pytest.approx(centre)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
@pytest.mark.parametrize(("depth", "stride"), [(6, 8), (7, 16), (8, 32)])
def test_a_resnets_points_lie_on_pixels(encoder: str, depth: int, stride: int) -> None:
    with torch.device("meta"):
        network = trunks.resnet(encoder)
    layers = nn.Sequential(*list(thin(network))[:depth])  # pyright: ignore
    size, point = 32 * 18 + 1, 9 * 32 // stride
    assert layers(blank(size)).shape[2:] == ((size - 1) // stride + 1,) * 2
    assert centre_of_sight(layers, size, point) == pytest.approx(stride * point)


def test_a_dilated_resnets_points_lie_on_every_eighth_pixel() -> None:
    with torch.device("meta"):
        network = trunks.resnet("resnet50", dilated=True)
    layers, size = thin(network), 8 * 90 + 1
    assert layers(blank(size)).shape == (1, 1, 91, 91)
    assert centre_of_sight(layers, size, 45) == pytest.approx(8 * 45)


def test_largefov_sees_435_pixels() -> None:
    """Each layer adds (kernel - 1) x dilation x stride so far to the field of view."""
    with torch.device("meta"):
        network = trunks.vgg16_large_field_of_view()
    thin(network)
    layers = nn.Sequential(network.features, network.fc6, network.fc7)
    conv1 = 1 + 2 * 2 * 1 + 2 * 1  # two convolutions and a 3 x 3 pool at stride 1
    conv2 = conv1 + 2 * 2 * 2 + 2 * 2
    conv3 = conv2 + 3 * 2 * 4 + 2 * 4
    conv4 = conv3 + 3 * 2 * 8 + 2 * 8
    conv5 = conv4 + 3 * 2 * 2 * 8 + 2 * 8 + 2 * 8  # dilated by 2; the largest, then the mean
    fc6 = conv5 + 2 * 12 * 8  # dilated by 12
    assert width_of_sight(layers, 8 * 60 + 1, 30) == fc6 == 435


def test_a_dilated_resnet_sees_as_far_as_one_that_strides() -> None:
    with torch.device("meta"):
        plain, dilated = trunks.resnet("resnet50"), trunks.resnet("resnet50", dilated=True)
    size = 32 * 18 + 1
    widths = width_of_sight(thin(plain), size, 9), width_of_sight(thin(dilated), size, 36)
    assert widths[0] == widths[1] > 400


def test_the_branches_of_deeplab_v2_see_their_rates() -> None:
    for branch, rate in zip(SummedASPP(1, 1).branches, (6, 12, 18, 24), strict=True):
        (only,) = thin(nn.Sequential(branch))
        assert width_of_sight(only, 65, 32) == 2 * rate + 1


def test_the_branches_of_deeplab_v2_are_summed() -> None:
    torch.manual_seed(0)
    aspp, maps = SummedASPP(4, 3), torch.rand(2, 4, 9, 9)
    by_hand = torch.stack([branch(maps) for branch in aspp.branches]).sum(0)
    torch.testing.assert_close(aspp(maps), by_hand)


@pytest.mark.parametrize("name", ["bfcn32s", "fcn_alexnet32s", "deeplab_largefov"])
def test_half_of_fc7_is_dropped_while_training(
    name: str, network: Callable[[str], Segmenter]
) -> None:
    encoder = network(name).encoder
    assert isinstance(encoder, ConvolutionalClassifier)
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        kept = (encoder.eval()(images) > 0).float().mean()
        torch.manual_seed(0)
        left = (encoder.train()(images) > 0).float().mean()
    encoder.eval()
    assert left / kept == pytest.approx(0.5, abs=0.1)


def test_224_pixels_give_7_x_7_cells_of_vgg_and_224_pixels_again(
    network: Callable[[str], Segmenter],
) -> None:
    model, images = network("bfcn32s"), torch.zeros(1, 3, 224, 224)
    with torch.inference_mode():
        assert model.encoder(images).shape == (1, 4096, 7, 7)
        assert model(images).shape == (1, 3, 224, 224)


def test_321_pixels_give_41_x_41_points_of_deeplab(network: Callable[[str], Segmenter]) -> None:
    with torch.inference_mode():
        maps = network("deeplab_largefov").encoder(torch.zeros(1, 3, 321, 321))
    assert maps.shape == (1, 1024, 41, 41)


def test_fcn8s_adds_the_scores_of_three_strides(network: Callable[[str], Segmenter]) -> None:
    model, images = network("fcn8s"), torch.rand(1, 3, 65, 97)
    fcn = model.network
    assert isinstance(fcn, FCN)
    with torch.inference_mode():
        maps = [images]
        for stage in fcn.encoder:
            maps.append(stage(maps[-1]))
        at8, at16, at32 = maps[-3:]
        assert (at8.shape[2:], at16.shape[2:], at32.shape[2:]) == ((9, 13), (5, 7), (3, 4))
        skip16, skip8 = fcn.skip_scores
        by_hand = upsampling.between_points(fcn.score(at32), (5, 7)) + skip16(at16)
        by_hand = upsampling.between_points(by_hand, (9, 13)) + skip8(at8)
        by_hand = upsampling.between_points(by_hand, (65, 97))
        torch.testing.assert_close(model(images), by_hand)
        assert by_hand.std() > 0.01
