"""Losses whose gradient is made together with their value, while what both need is in the cache."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from losslab.losses.pieces import sum_type

Compute = Callable[[Tensor, Tensor, Sequence[Tensor], Sequence[float], bool], tuple[Tensor, Tensor]]


def at_once(name: str, compute: Compute) -> Callable[..., Tensor]:
    """The differentiable sum that `compute` finds, as `sum(logits, labels, constants, numbers)`.

    `compute(logits, labels, constants, numbers, with_gradient)` returns the sum, a scalar of
    `sum_type(logits)`, and its gradient by the logits in their type and layout (empty where it is
    not asked for). One tensor of the logits' size is kept for the backward pass. `name` is that of
    the operator that torch.compile sees.
    """

    def computed(
        logits: Tensor,
        labels: Tensor,
        constants: Sequence[Tensor],
        numbers: Sequence[float],
        with_gradient: bool,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(logits.device.type, enabled=False):
            return compute(logits, labels, constants, numbers, with_gradient)

    class Eager(torch.autograd.Function):
        """Hands out the kept gradient; a second backward pass makes it again."""

        @staticmethod
        def forward(ctx: Any, logits: Any, labels: Any, constants: Any, numbers: Any) -> Any:
            ctx.save_for_backward(logits, labels, *constants)
            ctx.numbers = numbers
            wanted = ctx.needs_input_grad[0]
            total, ctx.gradient = computed(logits, labels, constants, numbers, wanted)
            return total

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, d_total: Any) -> Any:
            gradient, ctx.gradient = ctx.gradient, None
            if gradient is None:
                logits, labels, *constants = ctx.saved_tensors
                _, gradient = computed(logits, labels, constants, ctx.numbers, True)
            return scale_(gradient, d_total), None, None, None

    operator = torch.library.custom_op(f"losslab::{name}", computed, mutates_args=())

    @operator.register_fake
    def _(logits, labels, constants, numbers, with_gradient):
        total = logits.new_empty((), dtype=sum_type(logits))
        return total, torch.empty_like(logits) if with_gradient else logits.new_empty(0)

    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(output[1])
        # One None for each constant; torch takes any empty list for one of tensors.
        ctx.others = [None] * len(inputs[2]), None if inputs[3] else []
        ctx.set_materialize_grads(False)  # the gradient's own gradient would be a tensor of zeros

    def backward(ctx: Any, d_total: Tensor, d_gradient: None) -> Any:
        (gradient,) = ctx.saved_tensors
        return _scaled(gradient, d_total), None, *ctx.others, None

    operator.register_autograd(backward, setup_context=setup_context)

    def summed(
        logits: Tensor, labels: Tensor, constants: Sequence[Tensor], numbers: Sequence[float]
    ) -> Tensor:
        if not torch.compiler.is_compiling():
            return Eager.apply(logits, labels, constants, numbers)  # pyright: ignore
        wanted = torch.is_grad_enabled() and logits.requires_grad
        return operator(logits, labels, constants, numbers, wanted)[0]

    return summed


def scale_(gradient: Tensor, factor: Tensor) -> Tensor:
    """The gradient itself, times a number."""
    if gradient.dtype == factor.dtype:
        return gradient.mul_(factor)
    # One over the number of pixels is no number of half precision: the product is made in float32,
    # an image at a time.
    for image in gradient:
        image.copy_(image.to(factor.dtype).mul_(factor))
    return gradient


@torch.library.custom_op("losslab::scaled", mutates_args=())
def _scaled(gradient: Tensor, factor: Tensor) -> Tensor:
    return scale_(gradient.clone(), factor)


@_scaled.register_fake
def _(gradient, factor):
    return torch.empty_like(gradient)
