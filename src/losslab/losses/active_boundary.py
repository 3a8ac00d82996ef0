"""The active boundary loss: predicted boundaries are pushed towards those of the labels, pixel by
pixel.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import torch
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import max_pool2d

from losslab.constants import IGNORE_INDEX
from losslab.losses.at_once import at_once
from losslab.losses.label_maps import label_map as make_label_map
from losslab.losses.passes import sum_type

STEPS = ((1, 0), (-1, 0), (0, -1), (0, 1), (-1, 1), (1, 1), (-1, -1), (1, -1))
"""The 8 directions as (rows, columns); of equally near ones the first is taken, so straight ones
come first.
"""

LEAST_DIVERGENCE = 1e-5
"""Nats; below that two neighbours' predictions are the same, as the authors' code starts with."""


def active_boundary(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    theta: Annotated[float | int, Gt(0)] = 20.0,
    share: Annotated[float | int, Gt(0), Le(1)] = 0.01,
    smoothing: Annotated[float | int, Ge(0), Lt(1)] = 0.2,
    detach: bool = True,
    label_map: Float[Tensor, "n h w"] | None = None,
) -> Float[Tensor, ""]:
    """The mean over predicted boundary pixels of the cross-entropy, in nats, between the direction
    to the nearest labelled boundary and the directions in which the prediction changes, weighted by
    that boundary's distance.

    Wang et al. 2022. Predicted boundary: the `share` of each picture's pixels at which the
    prediction diverges most from that of the pixels below and to the right, and the 8 neighbours of
    those. For each of them, the target is the neighbour at which the distance M to the labels'
    semantic edges is least; the 8 divergences KL(neighbour || pixel) are the logits of a softmax,
    and the target is smoothed, 1 - `smoothing` for it and the rest for the others. The weight is
    min(M, `theta`) / `theta`, M in pixels. `detach` stops the gradient at the neighbours, as the
    authors found it must be: pixels side by side would pull against each other. `label_map` is
    `LABEL_MAPS["edge_distance"]` where it is already there.

    As their code does and their text does not, the two divergences are summed and the boundary is
    widened by a pixel. Otherwise than there: the share is of each picture, exactly, instead of a
    threshold for the batch; neighbours that are void or outside the picture are no direction to go
    to; pixels that already lie on a labelled edge are not counted. Costs nothing where no boundary
    is predicted or none is labelled, so it trains next to a region loss: "ce + iou +
    active_boundary".
    """
    if label_map is None:
        label_map = make_label_map("edge_distance", labels, logits.shape[1])
    numbers = [float(theta), float(share), float(smoothing), float(detach)]
    return _active_boundary(logits, labels, [label_map], numbers)


class _Chosen(NamedTuple):
    """The pixels that count, of those of all pictures in one row."""

    pixels: Tensor
    """Their positions (k,); 0 where there are fewer than k."""
    exists: Tensor
    """Whether there is one (k,)."""
    neighbours: Tensor
    """Positions of their 8 neighbours (8, k), their own where there is none."""
    open: Tensor
    """Whether there is one, and annotated (8, k)."""


def _value_and_gradient(
    logits: Tensor,
    labels: Tensor,
    constants: Sequence[Tensor],
    numbers: Sequence[float],
    with_gradient: bool,
) -> tuple[Tensor, Tensor]:
    """The loss and its gradient by the logits."""
    (distances,) = constants
    theta, share, smoothing, detach = numbers
    kind = sum_type(logits)
    if labels.numel() == 0:
        gradient = torch.zeros_like(logits) if with_gradient else logits.new_empty(0)
        return logits.new_zeros((), dtype=kind), gradient
    void = labels == IGNORE_INDEX
    log_p = _log_probabilities(logits, void)  # (n, h, w, c)
    # NaN is on no side of a comparison, so no boundary would be seen in it, and nothing lost.
    diverged = log_p[..., 0].isnan().any()
    chosen = _neighbourhoods(_predicted_boundary(log_p, void, share), void, share)
    log_p = log_p.flatten(0, 2)
    distances = distances.to(kind).flatten()
    distance = distances[chosen.pixels]
    counted = chosen.exists & (distance > 0) & chosen.open.any(0)
    weight = (distance.clamp(max=theta) / theta).mul_(counted)
    weight /= counted.sum().clamp(min=1)

    there = distances[chosen.neighbours]
    target = there.masked_fill_(~chosen.open, torch.inf).argmin(0)
    centre = log_p.index_select(0, chosen.pixels)
    around = [log_p.index_select(0, neighbour) for neighbour in chosen.neighbours]
    divergences = torch.stack([_divergence(log_q, centre) for log_q in around])
    log_ways = divergences.masked_fill(~chosen.open, -torch.inf).log_softmax(0)
    goal = _smoothed(target, chosen.open, smoothing).to(kind)
    # 0 log 0 is 0: directions that are not open have goal 0, and pixels without any weight 0.
    losses = -(goal * log_ways.masked_fill(~chosen.open, 0)).sum(0)
    total = (weight * losses.masked_fill(~counted, 0)).sum().masked_fill(diverged, torch.nan)
    if not with_gradient:
        return total, logits.new_empty(0)

    # By a pixel's logits KL(q || p) has the gradient p - q, and the p's of the 8 directions cancel,
    # for their pulls sum to 0; by its neighbour's logits it has q (log q/p - KL).
    pull = (log_ways.exp() - goal).masked_fill_(~(chosen.open & counted), 0) * weight
    rows = torch.zeros((len(log_p) + 1, log_p.shape[1]), dtype=kind, device=log_p.device)
    # Each index occurs once, but for the last, a row that takes what has no place.
    of_centre = torch.zeros_like(centre)
    for direction, log_q in enumerate(around):
        q = log_q.exp().mul_(pull[direction][:, None])
        of_centre -= q
        if not detach:
            excess = log_q - centre - divergences[direction][:, None]
            open_ = counted & chosen.open[direction]
            _add(rows, chosen.neighbours[direction], open_, q * excess)
    _add(rows, chosen.pixels, counted, of_centre)
    n, c, h, w = logits.shape
    gradient = rows[:-1].view(n, h, w, -1).permute(0, 3, 1, 2)[:, -c:]  # binary: the second's
    return total, torch.empty_like(logits).copy_(gradient)


_active_boundary = at_once("active_boundary", _value_and_gradient)


def _log_probabilities(logits: Tensor, void: Tensor) -> Tensor:
    """(n, h, w, c), of two classes in the binary task; those of equal logits at void pixels."""
    x = logits.to(sum_type(logits)).permute(0, 2, 3, 1)
    x = x.masked_fill(void[..., None], 0).contiguous()
    if x.shape[3] == 1:
        x = torch.cat((torch.zeros_like(x), x), 3)
    return x.log_softmax(3)


def _divergence(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || p) over the last axis, in nats."""
    return (log_q - log_p).mul_(log_q.exp()).sum(-1)


def _predicted_boundary(log_p: Tensor, void: Tensor, share: float) -> Tensor:
    """Where the prediction changes most (n, h, w), widened by a pixel."""
    change = log_p.new_zeros(void.shape)
    down = _divergence(log_p[:, :-1], log_p[:, 1:]).masked_fill_(void[:, :-1] | void[:, 1:], 0)
    right = _divergence(log_p[:, :, :-1], log_p[:, :, 1:])
    change[:, :-1] += down
    change[:, :, :-1] += right.masked_fill_(void[:, :, :-1] | void[:, :, 1:], 0)
    strongest = change.flatten(1).topk(_most(void, share))
    found = torch.zeros_like(change).flatten(1)
    found.scatter_(1, strongest.indices, (strongest.values > LEAST_DIVERGENCE).to(found.dtype))
    widened = max_pool2d(found.view_as(change)[:, None], 3, stride=1, padding=1)[:, 0]
    return (widened > 0) & ~void


def _most(void: Tensor, share: float) -> int:
    """How many pixels a picture's predicted boundary has before it is widened."""
    return max(1, int(share * void[0].numel()))


def _neighbourhoods(boundary: Tensor, void: Tensor, share: float) -> _Chosen:
    """The boundary's pixels; on a GPU as many as there can be, so that it need not be asked how
    many there are.
    """
    n, h, w = void.shape
    most = n * min(h * w, 9 * _most(void, share))
    if boundary.device.type == "cpu":
        most = int(boundary.sum())
    found = torch.nonzero_static(boundary.flatten(), size=most, fill_value=-1)[:, 0]
    pixels = found.clamp(min=0)
    rows, columns = pixels // w % h, pixels % w
    neighbours, open_ = [], []
    for down, right in STEPS:
        inside = (rows + down >= 0) & (rows + down < h) & (columns + right >= 0)
        inside &= columns + right < w
        neighbour = torch.where(inside, pixels + down * w + right, pixels)
        neighbours.append(neighbour)
        open_.append(inside & ~void.flatten()[neighbour])
    return _Chosen(pixels, found >= 0, torch.stack(neighbours), torch.stack(open_))


def _smoothed(target: Tensor, open_: Tensor, smoothing: float) -> Tensor:
    """The goal of each direction (8, k): the target's share, and an equal one for each other."""
    others = open_.sum(0) - 1
    spread = torch.where(others > 0, smoothing / others.clamp(min=1), 0.0)
    goal = spread * open_
    return goal.scatter_(0, target[None], (1 - spread * others)[None])


def _add(rows: Tensor, positions: Tensor, where: Tensor, values: Tensor) -> None:
    """rows[positions] += values for positions that occur once; where not, the last row takes it."""
    positions = torch.where(where, positions, len(rows) - 1)
    rows[positions] += values
