"""What a loss keeps in memory from its forward to its backward pass, for each pixel and class."""

import warnings
from collections.abc import Sequence

import pandas as pd
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from losslab.bench.inputs import Inputs, Size, make_inputs
from losslab.bench.memory import allocated_after
from losslab.bench.rows import Forward, baseline, rows
from losslab.errors import brief

COLUMNS = ("loss", "library", "held", "logits", "declared")


def held_memory(
    size: Size, losses: Sequence[str], *, with_peers: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """A row for torch's cross-entropy, each loss and, if asked for, its counterparts elsewhere, and
    sentences on what was left out.

    Columns: loss, library, and in bytes per pixel and class of float32 logits of `size` (n, c, h,
    w): held, what is allocated by the forward pass and still there after it, logits and labels
    apart; logits, what the logits themselves take where the loss keeps them, else 0; declared, what
    `torch.autograd.graph.saved_tensors_hooks` sees, logits and labels apart, label maps that are
    given included. A loss may keep more than it declares: ours compute the gradient in the forward
    pass and keep it by themselves. Exact, and but for a few bytes the same for every height and
    width.
    """
    inputs = make_inputs(size)
    notes, table = [], []
    for row in (baseline(inputs), *rows(inputs, losses, with_peers=with_peers)):
        if row.forward is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other libraries
                found = measured(row.forward, inputs)
        except Exception as error:
            notes.append(f"{row.library} {row.loss} is left out: {brief(error)}.")
            continue
        pixels = inputs.logits.numel()
        held = {name: value / pixels for name, value in found.items()}
        table.append({"loss": row.loss, "library": row.library, **held})
    return pd.DataFrame(table, columns=list(COLUMNS)), notes


def measured(forward: Forward, inputs: Inputs) -> dict[str, int]:
    """The bytes of `held_memory`, of one loss."""
    device = inputs.logits.device
    forward(inputs.logits)  # what is made once and kept does not count
    held = allocated_after(lambda: forward(inputs.logits), device)
    # logits that nobody else holds stay in memory only if the loss keeps them
    alone = allocated_after(lambda: forward(inputs.logits.clone()), device)
    return {"held": held, "logits": alone - held, "declared": declared_bytes(forward, inputs)}


def declared_bytes(forward: Forward, inputs: Inputs) -> int:
    """The bytes that the forward pass saves for the backward pass through autograd; what is saved
    twice counts once, logits and labels not at all.
    """
    known = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = forward(inputs.logits)
        storages = {place: one.untyped_storage() for place, one in kept.items()}
        del loss
    return sum(one.nbytes() for place, one in storages.items() if place not in known)
