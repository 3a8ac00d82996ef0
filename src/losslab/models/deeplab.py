"""DeepLab without a decoder (Chen 2015, 2018): dilated trunks at stride 8, their scores upsampled
bilinearly.
"""

from functools import reduce

import torch
from jaxtyping import Float
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from losslab.constants import STRICT
from losslab.models import trunks, upsampling
from losslab.models.options import Options
from losslab.models.segmenter import Segmenter

SCALES = (0.5, 0.75, 1.0)
RATES = (6, 12, 18, 24)


@dataclass(frozen=True, config=STRICT)
class DeepLabOptions(Options):
    """Whether the picture is seen at three scales; see `DeepLab`."""

    multi_scale: bool = False


class DeepLab(nn.Module):
    """A trunk whose points have stride 8, a head that scores them, and bilinear upsampling with
    aligned corners; pictures of 8 m + 1, or 32 m + 1 with several scales.

    With several scales (Chen 2018, section 3.2; Kim 2019, section 2) the picture is shrunk to each,
    the same weights score it, and a pixel's logit is the largest of its scales', class by class.
    What the loss supervises is that maximum; the authors also train each scale by a loss of its
    own.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, scales: tuple[float, ...]):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.scales = scales

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        return reduce(torch.maximum, (self.logits_at(scale, images) for scale in self.scales))

    def logits_at(self, scale: float, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c h w"]:
        """Logits of the picture as the network sees it at one scale, at the picture's own size."""
        h, w = images.shape[-2:]
        if scale != 1:
            size = (round((h - 1) * scale) + 1, round((w - 1) * scale) + 1)
            images = upsampling.between_points(images, size)
        return upsampling.between_points(self.head(self.encoder(images)), (h, w))


class SummedASPP(nn.Module):
    """Atrous spatial pyramid pooling of DeepLab v2: 3 x 3 convolutions of several rates, straight
    to the classes, summed (Chen 2018, section 3.2).
    """

    def __init__(self, width: int, num_classes: int):
        super().__init__()
        self.branches = nn.ModuleList(_score(width, num_classes, 3, rate=rate) for rate in RATES)

    def forward(self, maps: Float[Tensor, "n k y x"]) -> Float[Tensor, "n c y x"]:
        return reduce(torch.add, (branch(maps) for branch in self.branches))


def build_deeplab_largefov(*, num_classes: int, encoder: str, options: DeepLabOptions) -> Segmenter:
    """DeepLab-LargeFOV on VGG-16 for pictures of any size; logits (n, num_classes, h, w)."""
    head = _score(1024, num_classes, 1)
    return _build(trunks.vgg16_large_field_of_view(), head, options)


def build_deeplabv2_resnet101(
    *, num_classes: int, encoder: str, options: DeepLabOptions
) -> Segmenter:
    """DeepLab v2 on a ResNet for pictures of any size; logits (n, num_classes, h, w)."""
    head = SummedASPP(2048, num_classes)
    return _build(trunks.resnet(encoder, dilated=True), head, options)


def _build(encoder: nn.Module, head: nn.Module, options: DeepLabOptions) -> Segmenter:
    scales = SCALES if options.multi_scale else (1.0,)
    # 32 m + 1 pixels shrink to 16 m + 1 and 24 m + 1: every scale's points lie on its pixels
    stride = 32 if options.multi_scale else 8
    return Segmenter(DeepLab(encoder, head, scales), stride=stride, beyond=1)


def _score(width: int, num_classes: int, kernel: int, *, rate: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(width, num_classes, kernel, padding=rate * (kernel // 2), dilation=rate)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]
    return layer
