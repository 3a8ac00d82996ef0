"""Value and gradient of SEMEDA together, a strip of rows at a time.

The EdgeNet looks one pixel further with every layer, so a strip is read with a halo of as many rows
as it has layers in use. Convolutions of the strip with zero padding are wrong in rows of the halo
alone, and those enter neither the sum nor, as their gradient starts at 0, the gradient. Within a
strip tensors are laid out (k images, rows, columns, channels), as convolutions are fastest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, embedding_bag

from losslab.constants import IGNORE_INDEX
from losslab.losses.pieces import sum_type
from losslab.losses.strips import Strip, bits, keep, strips

STRIP = {"cpu": 2**15, "cuda": 2**18}
"""Pixels of a strip: on a CPU its embeddings stay in the cache, on a GPU they bound the memory.

They take about 170 numbers a pixel: little beside the logits of a batch with many classes, several
times those of a binary one.
"""


class Layer(NamedTuple):
    """One convolution, there and back."""

    weight: Tensor
    bias: Tensor
    back: Tensor
    """The same kernel mirrored, from output to input channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(k, r, w, in) to (k, r, w, out)."""
        y = conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias, padding=1)
        return y.permute(0, 2, 3, 1)

    def backward(self, gradient: Tensor) -> Tensor:
        """(k, r, w, out) to (k, r, w, in)."""
        x = conv2d(gradient.permute(0, 3, 1, 2), self.back, padding=1)
        return x.permute(0, 2, 3, 1)


def value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    parameters: Sequence[Tensor],
    factors: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """Σ_l factor_l · Σ |ψ̂_l - ψ_l| over annotated pixels and channels, and its gradient by the
    logits.

    `parameters` are the EdgeNet's weights and biases. The gradient has the logits' type and layout;
    it is empty where it is not asked for.
    """
    kind = sum_type(logits)
    used = max((index + 1 for index, factor in enumerate(factors) if factor), default=0)
    layers = _layers(parameters, kind)[:used]
    total = logits.new_zeros((), dtype=torch.float64)
    gradient = torch.empty_like(logits) if with_gradient else logits.new_empty(0)
    if not layers:
        return total.to(kind), gradient.zero_()
    codes = _codes(labels, layers[0].weight.shape[1])
    pixels = STRIP["cpu" if logits.device.type == "cpu" else "cuda"]
    for strip in strips(labels, halo=used, pixels=pixels):
        annotated = bits((strip.read(labels) != IGNORE_INDEX)[..., None], kind)
        counted = strip.clear_halo(annotated.clone(), dim=1)
        p = keep(_masks(strip.read(logits)), annotated)
        target = _label_embeddings(codes, layers, strip)
        signs, outputs = [], []
        x = p
        for index, (layer, factor) in enumerate(zip(layers, factors, strict=False)):
            x = layer.forward(x)
            x = x.softmax(3) if index == 2 else x.relu_()
            outputs.append(x)
            sign = None
            if factor:
                # The labels' embeddings make room for the differences, and these for their signs.
                difference = keep(torch.sub(x, target[index], out=target[index]), counted)
                total += factor * difference.abs().sum()
                sign = difference.sign_()
            signs.append(sign)
        if with_gradient:
            d_p = _backward(layers, factors, outputs, signs)
            strip.add(_of_logits(d_p, p, binary=logits.shape[1] == 1), gradient)
    return total.to(kind), gradient


def _layers(parameters: Sequence[Tensor], kind: torch.dtype) -> list[Layer]:
    layers = []
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        weight = weight.detach().to(kind)
        back = weight.flip(2, 3).transpose(0, 1)
        last = {"memory_format": torch.channels_last}
        layers.append(
            Layer(weight.contiguous(**last), bias.detach().to(kind), back.contiguous(**last))
        )
    return layers


def _masks(logits: Tensor) -> Tensor:
    """Probabilities (k, r, w, c) as the EdgeNet takes them."""
    kind = sum_type(logits)
    if logits.shape[1] == 1:
        x = logits[:, 0].to(kind)
        return torch.stack(((-x).sigmoid_(), x.sigmoid()), 3)
    if logits.stride(1) == 1:
        return logits.permute(0, 2, 3, 1).softmax(3, dtype=kind)
    return logits.softmax(1, dtype=kind).permute(0, 2, 3, 1).contiguous()


def _codes(labels: Tensor, classes: int) -> Tensor:
    """Rows of the first layer's table: labels in a frame; void, and what lies outside, is
    `classes`.
    """
    codes = torch.full(
        (len(labels), labels.shape[1] + 2, labels.shape[2] + 2),
        classes,
        dtype=torch.int32,
        device=labels.device,
    )
    codes[:, 1:-1, 1:-1] = labels
    return codes.masked_fill_(codes == IGNORE_INDEX, classes)


def _label_embeddings(codes: Tensor, layers: Sequence[Layer], strip: Strip) -> list[Tensor]:
    """Embeddings (k, r, w, channels) of the one-hot labels, which are never made.

    A convolution of one-hot masks is a sum of nine columns of its weights.
    """
    weight = layers[0].weight
    table = weight.permute(2, 3, 1, 0).reshape(9, weight.shape[1], -1)
    table = torch.cat((table, table.new_zeros(9, 1, table.shape[2])), 1)
    window = codes[strip.images, strip.first : strip.last + 2]
    k, r, w = window.shape[0], window.shape[1] - 2, window.shape[2] - 2
    places = [(dy, dx) for dy in range(3) for dx in range(3)]
    index = torch.stack(
        [
            window[:, dy : dy + r, dx : dx + w] + number * table.shape[1]
            for number, (dy, dx) in enumerate(places)
        ],
        3,
    )
    x = embedding_bag(index.view(-1, 9), table.flatten(0, 1), mode="sum")
    found = [x.add_(layers[0].bias).relu_().view(k, r, w, -1)]
    for index, layer in enumerate(layers[1:], 1):
        x = layer.forward(found[-1])
        found.append(x.softmax(3) if index == 2 else x.relu_())
    return found


def _backward(
    layers: Sequence[Layer],
    factors: Sequence[float],
    outputs: Sequence[Tensor],
    signs: Sequence[Tensor | None],
) -> Tensor:
    """The gradient (k, r, w, c) by the masks."""
    gradient = None
    for index in reversed(range(len(layers))):
        sign = signs[index]
        if gradient is None:
            assert sign is not None  # the last layer in use has a factor
            gradient = sign.mul_(factors[index])
        elif sign is not None:
            gradient = gradient.add_(sign, alpha=factors[index])
        if index == 2:
            gradient = _through_softmax(gradient, outputs[index])
        else:
            gradient = torch.ops.aten.threshold_backward(gradient, outputs[index], 0)
        gradient = layers[index].backward(gradient)
    assert gradient is not None
    return gradient


def _through_softmax(gradient: Tensor, p: Tensor) -> Tensor:
    """p_c (g_c - Σ_k p_k g_k) over the last dimension; overwrites the gradient."""
    gradient = gradient.mul_(p)
    return gradient.addcmul_(p, gradient.sum(-1, keepdim=True), value=-1)


def _of_logits(d_p: Tensor, p: Tensor, *, binary: bool) -> Tensor:
    """The gradient (k, c, r, w) by the logits from that by their masks (k, r, w, c)."""
    gradient = _through_softmax(d_p, p)
    # Of two probabilities that sum to 1, the second one's logit gets what a softmax gives it.
    return gradient[..., 1:].permute(0, 3, 1, 2) if binary else gradient.permute(0, 3, 1, 2)
