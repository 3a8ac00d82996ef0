"""Fully convolutional networks (Long 2015) as three of the papers build them: scores of a
classifier's last maps, upsampled to the picture.

Score layers begin at zero, as Long, Shelhamer & Darrell begin them.
"""

from typing import Literal

from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn import functional

from losslab.constants import STRICT
from losslab.models import trunks, upsampling
from losslab.models.options import Options
from losslab.models.segmenter import Segmenter


@dataclass(frozen=True, config=STRICT)
class FCNAlexNetOptions(Options):
    """Side of fc6's kernel; see `FCNAlexNet32s`."""

    fc6_kernel: Literal[1, 6] = 6


class BFCN32s(nn.Module):
    """BFCN-32s of van Beers 2018, section 2.1.1: VGG-16, a linear score and one trained transposed
    convolution of stride 32; pictures of multiples of 32.

    Neither its kernel nor its start is printed: ours is 64 wide and begins as bilinear
    interpolation, as in FCN-32s.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.encoder = trunks.vgg16()
        self.score = _score(4096, num_classes)
        self.upsampling = upsampling.trained_between_cells(num_classes, 32)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        return self.upsampling(self.score(self.encoder(images)))


class FCResNet(nn.Module):
    """FCResNet of van Beers 2018, section 2.1.2: ResNet-50, a linear score and one trained
    transposed convolution of stride 32; pictures of 32 m + 1.

    "A similar upsampling layer" is all that is printed of the last one: ours is 63 wide, since the
    points of a ResNet's grid lie on pixels, and begins as bilinear interpolation.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.encoder = trunks.resnet("resnet50")
        self.score = _score(2048, num_classes)
        self.upsampling = upsampling.trained_between_points(num_classes, 32)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        return self.upsampling(self.score(self.encoder(images)))


class FCNAlexNet32s(nn.Module):
    """The network of Rahman & Wang 2016, Fig. 1: AlexNet as FCN-32s, with a fixed bilinear
    upsampling of stride 32; pictures of multiples of 32.

    They call fc6 (C6) a 1 x 1 convolution, and also say that all is as in FCN-32s and begins from
    AlexNet's weights, which fit a 6 x 6 kernel only, FCN's. 6 x 6 is the default; with
    `fc6_kernel=1` AlexNet's weights are summed over the kernel.

    32 n pixels, padded to 32 n + 31 by repeating the border, give n x n cells whose centres lie
    half a pixel from those that the upsampling assumes.
    """

    def __init__(self, num_classes: int, fc6_kernel: int):
        super().__init__()
        self.encoder = trunks.alexnet(fc6_kernel)
        self.score = _score(4096, num_classes)
        before = 0 if fc6_kernel == 6 else 16
        self.padding = (before, 31 - before, before, 31 - before)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        padded = functional.pad(images, self.padding, mode="replicate")
        return upsampling.between_cells(self.score(self.encoder(padded)), 32)


class FCN(nn.Module):
    """FCN-32s, -16s or -8s on a ResNet (Kim 2019, section 4; Long 2015, section 4.2); pictures of
    32 m + 1.

    Scores of strides 16 and 8 are added to those below them, which trained transposed convolutions
    double from a bilinear start; the last upsampling is bilinear and fixed. The points of a
    ResNet's grids lie on pixels, so a doubling is 3 wide where FCN's is 4, and nothing is cropped.
    """

    def __init__(self, num_classes: int, encoder: str, finest_stride: int):
        super().__init__()
        self.encoder = trunks.resnet(encoder)
        at8, at16, at32 = trunks.resnet_widths(self.encoder)
        skips = {32: [], 16: [at16], 8: [at16, at8]}[finest_stride]
        self.score = _score(at32, num_classes)
        self.skip_scores = nn.ModuleList(_score(width, num_classes) for width in skips)
        self.doublings = nn.ModuleList(
            upsampling.trained_between_points(num_classes, 2) for _ in skips
        )

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        maps, skipped = images, []
        for name, stage in self.encoder.named_children():
            maps = stage(maps)
            if name in ("layer2", "layer3"):
                skipped.append(maps)
        scores = self.score(maps)
        for doubling, score in zip(self.doublings, self.skip_scores, strict=True):
            scores = doubling(scores) + score(skipped.pop())
        h, w = images.shape[-2:]
        return upsampling.between_points(scores, (h, w))


def build_bfcn32s(*, num_classes: int, encoder: str, options: Options) -> Segmenter:
    """BFCN-32s for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(BFCN32s(num_classes), stride=32)


def build_fcresnet(*, num_classes: int, encoder: str, options: Options) -> Segmenter:
    """FCResNet for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(FCResNet(num_classes), stride=32, beyond=1)


def build_fcn_alexnet32s(
    *, num_classes: int, encoder: str, options: FCNAlexNetOptions
) -> Segmenter:
    """FCN-AlexNet for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(FCNAlexNet32s(num_classes, options.fc6_kernel), stride=32)


def build_fcn32s(*, num_classes: int, encoder: str, options: Options) -> Segmenter:
    """FCN-32s for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(FCN(num_classes, encoder, 32), stride=32, beyond=1)


def build_fcn16s(*, num_classes: int, encoder: str, options: Options) -> Segmenter:
    """FCN-16s for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(FCN(num_classes, encoder, 16), stride=32, beyond=1)


def build_fcn8s(*, num_classes: int, encoder: str, options: Options) -> Segmenter:
    """FCN-8s for pictures of any size; logits (n, num_classes, h, w)."""
    return Segmenter(FCN(num_classes, encoder, 8), stride=32, beyond=1)


def _score(width: int, num_classes: int) -> nn.Conv2d:
    layer = nn.Conv2d(width, num_classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer
