"""Bilinear upsampling: fixed, or as the start of a transposed convolution that learns.

Score maps come on two kinds of grid. *Cells* lie side by side, as after 2 x 2 pooling: cell i of
stride f covers the pixels f i to f i + f - 1. *Points* lie on pixels, as after odd kernels with
padding: point i of stride f is pixel f i, and m + 1 points span f m + 1 pixels.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def trained_between_cells(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution from m cells to `factor` * m pixels that begins as bilinear
    interpolation; `factor` is even.

    Kernel 2 f, stride f, padding f / 2, no bias, as Keras pads "same". Beyond the outermost cells
    there is nothing: scores fade over the last f / 2 pixels, to about half at the border.
    """
    return _trained(channels, factor, kernel=2 * factor, padding=factor // 2)


def trained_between_points(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution from m + 1 points to `factor` * m + 1 points that begins as exact
    bilinear interpolation, without a border that fades.
    """
    return _trained(channels, factor, kernel=2 * factor - 1, padding=factor - 1)


def between_cells(scores: Float[Tensor, "n c h w"], factor: int) -> Float[Tensor, "n c H W"]:
    """Fixed bilinear interpolation from m cells to `factor` * m pixels: the transposed convolution
    of `trained_between_cells` with the outermost cells repeated.
    """
    return functional.interpolate(
        scores, scale_factor=float(factor), mode="bilinear", align_corners=False
    )


def between_points(
    scores: Float[Tensor, "n c h w"], size: tuple[int, int]
) -> Float[Tensor, "n c H W"]:
    """Fixed bilinear interpolation to `size` points; the corner points stay where they are."""
    return functional.interpolate(scores, size=size, mode="bilinear", align_corners=True)


def _trained(channels: int, factor: int, *, kernel: int, padding: int) -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(
        channels, channels, kernel, stride=factor, padding=padding, bias=False
    )
    tent = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor
    with torch.no_grad():
        layer.weight.zero_()
        for channel in range(channels):
            layer.weight[channel, channel] = tent[:, None] * tent
    return layer
