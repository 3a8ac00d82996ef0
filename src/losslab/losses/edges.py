"""Losses that compare edges: in the layers of a network that finds them, by Sobel's kernels, and
pixel by pixel along the predicted boundary.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import safetensors
import safetensors.torch
import torch
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, SpecError, brief
from losslab.files import write_atomically
from losslab.losses.label_maps import label_map as make_label_map
from losslab.losses.sums import PIECEWISE, annotated, check_batch, eager, pixel_sums, sum_type

CHANNELS = (16, 32, 2)
"""Channels of the EdgeNet's three embeddings."""

VERSION = 1
"""Raised when the same weights come to mean something else: other versions are not read."""

STRIP = 2**15
"""Pixels in a piece of `semeda` at most: its embeddings are some 170 numbers a pixel."""

Weight = Annotated[float | int, Ge(0)]


class Embeddings(NamedTuple):
    """What the three layers make of masks, each at full resolution: after ReLU, ReLU and softmax.

    The last one holds the probabilities of "no edge" and "edge".
    """

    first: Float[Tensor, "n 16 h w"]
    second: Float[Tensor, "n 32 h w"]
    edges: Float[Tensor, "n 2 h w"]


class EdgeNet(nn.Module):
    """Finds the pixels of a mask where classes meet: three 3x3 convolutions, 16, 32 and 2 channels.

    Chen et al. 2020 (SEMEDA), section 3.4: ReLU between the layers, softmax last; padding by zeros.
    It takes class probabilities or one-hot labels; `num_classes` = 1 takes two channels, (1 - p,
    p). Its convolutions never use TF32: predictions and labels meet the same arithmetic.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        widths = (max(num_classes, 2), *CHANNELS)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )

    def embeddings(self, masks: Float[Tensor, "n c h w"]) -> Embeddings:
        """The embeddings of masks (n, c, h, w), c = 2 for a binary task."""
        return Embeddings(*self.first_embeddings(masks, 3))

    def first_embeddings(
        self, masks: Float[Tensor, "n c h w"], count: int, *, frozen: bool = False
    ) -> list[Tensor]:
        """The embeddings of the first `count` layers; `frozen`: no gradient reaches the weights."""
        found = [masks]
        for index in range(count):
            x = self._layer(index, found[-1], frozen=frozen)
            found.append(x.softmax(1) if index == 2 else x.relu_())
        return found[1:]

    def forward(self, masks: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 2 h w"]:
        """Logits of "no edge" and "edge" of masks (n, c, h, w), c = 2 for a binary task."""
        return self._layer(2, self.first_embeddings(masks, 2)[1])

    def _layer(self, index: int, x: Tensor, *, frozen: bool = False) -> Tensor:
        weight, bias = (parameter.to(x.dtype) for parameter in self.layers[index].parameters())
        if frozen:
            weight, bias = weight.detach(), bias.detach()
        with torch.backends.cudnn.flags(allow_tf32=False):
            return conv2d(x, weight, bias, padding=1)

    def save(self, path: Path) -> None:
        """Write weights, number of classes and version as one safetensors file, atomically."""
        state = {name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}
        facts = {"num_classes": str(self.num_classes), "version": str(VERSION)}
        write_atomically(
            path, lambda temporary: safetensors.torch.save_file(state, temporary, facts)
        )

    @classmethod
    def load(cls, path: Path) -> "EdgeNet":
        """Read what `save` wrote; raises `DataError` for a file that is missing or anything
        else.
        """
        try:
            with safetensors.safe_open(path, "pt") as file:
                facts = file.metadata() or {}
            if facts.get("version") != str(VERSION):
                raise ValueError(f"version {facts.get('version')}, this is {VERSION}")
            with torch.device("meta"):  # no first weights: they would be drawn from global state
                net = cls(int(facts["num_classes"]))
            net.load_state_dict(safetensors.torch.load_file(path), assign=True)
        except Exception as error:
            raise DataError(
                f"{path} does not hold an EdgeNet ({brief(error)}); delete it and train it again "
                "with `losslab edges`"
            ) from error
        return net


def checked_edge_net(edge_net: EdgeNet | None, num_classes: int) -> EdgeNet:
    """The EdgeNet itself; raises `SpecError` without one, or with one for other classes."""
    if edge_net is None:
        raise SpecError(
            "semeda: needs an EdgeNet for the data's classes: give build_loss(..., "
            "edge_net=...); `losslab edges` trains one"
        )
    if edge_net.num_classes != num_classes:
        raise SpecError(
            f"semeda: the EdgeNet is for num_classes={edge_net.num_classes}, the logits have "
            f"{num_classes}; `losslab edges` trains one for other classes"
        )
    return edge_net


def random_edge_net(num_classes: int) -> EdgeNet:
    """An untrained, frozen EdgeNet with the weights of seed 0: its edges mean nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EdgeNet(num_classes).requires_grad_(False)


def label_masks(
    labels: Integer[Tensor, "n h w"], num_classes: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "n c h w"]:
    """Label maps as an EdgeNet takes them: one-hot (n, c, h, w), c = 2 for a binary task, void all
    0.
    """
    classes = torch.arange(max(num_classes, 2), dtype=labels.dtype, device=labels.device)
    return (labels[:, None] == classes[:, None, None]).to(dtype)


def probability_masks(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"]
) -> Float[Tensor, "n channels h w"]:
    """Predicted probabilities as an EdgeNet takes them: (n, c, h, w), c = 2 for a binary task, void
    all 0.
    """
    if logits.shape[1] == 1:
        probs = torch.cat((torch.sigmoid(-logits), torch.sigmoid(logits)), 1)
    else:
        probs = logits.softmax(1)
    void = labels == IGNORE_INDEX
    return probs.masked_fill(void[:, None], 0) if void.any() else probs


def semeda(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    weights: tuple[Weight, Weight, Weight] = (1.0, 1.0, 0.0),
    reduction: Literal["mean", "l1"] = "mean",
    edge_net: EdgeNet | None = None,
) -> Float[Tensor, ""]:
    """SEMEDA: Σ_l λ_l times the mean absolute difference between the EdgeNet's embeddings of the
    predicted probabilities and of the labels in its layer l.

    Chen et al. 2020, eqs. 4 and 5; `weights` are λ_1 to λ_3, of the layers' 16, 32 and 2 channels.
    The embeddings are those after ReLU, ReLU and softmax. Eq. 5 prints an L1 norm, which is a sum.
    `reduction="mean"` is the mean over annotated pixels and channels, so that a weight means the
    same at every layer and picture size. `"l1"` is the mean over annotated pixels of the L1 norm
    over channels: 16, 32 and 2 times as much, layer by layer. Eq. 6 adds the printed sum to a
    cross-entropy that eq. 2 prints as a sum over pixels; next to `ce`, which is the mean over
    pixels, `"l1"` therefore keeps the printed proportions. Void pixels are 0 in both masks, and
    enter neither sum nor mean. The EdgeNet is frozen: nothing reaches its parameters. Raises
    `SpecError` without an EdgeNet, or with one for another number of classes.
    """
    net = checked_edge_net(edge_net, logits.shape[1])
    depth = max((layer for layer, weight in enumerate(weights, 1) if weight), default=0)

    def values(x: Tensor, y: Tensor) -> Tensor:
        fast = torch.channels_last
        p = probability_masks(x, y).contiguous(memory_format=fast)
        with torch.no_grad():
            masks = label_masks(y, net.num_classes, x.dtype).contiguous(memory_format=fast)
            targets = net.first_embeddings(masks, depth, frozen=True)
        embeddings = net.first_embeddings(p, depth, frozen=True)
        norms = [0 * x[:, 0]]
        for weight, psi_p, psi_y in zip(weights, embeddings, targets, strict=False):
            if weight:  # eq. 5: the L1 norm over the channels
                share = weight if reduction == "l1" else weight / psi_y.shape[1]
                norms.append(share * (psi_p - psi_y).abs().sum(1))
        return torch.stack(norms).sum(0)

    total = pixel_sums(values, logits, labels, halo=depth, pixels=STRIP)
    return total / annotated(labels)


class _Sobel(torch.autograd.Function):
    """The response to Sobel's kernel across a dimension, smoothed along `dim`; 0 outside.

    Turned by 180 degrees the kernel changes its sign only, so the map's gradient is its negative.
    """

    @staticmethod
    def forward(ctx, masks, dim):
        ctx.dim = dim
        x = pad(masks, (1, 1, 1, 1))
        length, width = x.shape[dim] - 2, x.shape[5 - dim] - 2
        smooth = x.narrow(dim, 0, length) + x.narrow(dim, 2, length)
        smooth.add_(x.narrow(dim, 1, length), alpha=2)
        return smooth.narrow(5 - dim, 2, width) - smooth.narrow(5 - dim, 0, width)

    @staticmethod
    def backward(ctx, gradient):
        return -_Sobel.apply(gradient, ctx.dim), None  # pyright: ignore


def sobel_maps(masks: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n c h w"]]:
    """What [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]] and its transpose answer to each class of masks."""
    return [_Sobel.apply(masks, dim) for dim in (2, 3)]  # pyright: ignore


def sobel(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    weight: Weight = 1.0,
    reduction: Literal["mean", "l1"] = "mean",
) -> Float[Tensor, ""]:
    """`weight` times the mean absolute difference between the Sobel maps of the predicted
    probabilities and of the labels, each class by itself.

    Chen et al. 2020 (SEMEDA), section 4.1 and Table 1, the baseline that puts Sobel's 3x3 kernels
    (x and y, integer coefficients) in the EdgeNet's place. The mean runs over annotated pixels,
    classes and the two maps; `reduction="l1"` is the mean over annotated pixels of the sum over
    classes and maps, 2c times as much, as the L1 norm of eq. 5 has it beside a cross-entropy that
    is a mean over pixels. Outside the image masks are 0, as the EdgeNet pads them: both masks have
    the same edge there, so a right prediction costs nothing. Void pixels are 0 in both masks, and
    enter neither sum nor mean. The binary task has one map of p; a second one of 1 - p would give
    the same mean.
    """
    classes = logits.shape[1]

    def values(x: Tensor, y: Tensor) -> Tensor:
        known = (y != IGNORE_INDEX).to(x.dtype)[:, None]
        own = y.long()[:, None] * known.long()
        p = (x.sigmoid() if classes == 1 else x.softmax(1)) * known
        # The maps are linear: that of the difference is the difference of the maps.
        d = p - own if classes == 1 else p.scatter_add(1, own, -known)
        across, down = sobel_maps(d)
        return across.abs().sum(1) + down.abs().sum(1)

    share = 1.0 if reduction == "l1" else 1.0 / (2 * classes)
    return float(weight) * share * pixel_sums(values, logits, labels, halo=1) / annotated(labels)


STEPS = ((1, 0), (-1, 0), (0, -1), (0, 1), (-1, 1), (1, 1), (-1, -1), (1, -1))
"""The 8 directions as (rows, columns); of equally near ones the first is taken, so straight ones
come first.
"""

LEAST_DIVERGENCE = 1e-5
"""Nats; below that two neighbours' predictions are the same, as the authors' code starts with."""


@eager
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
    to; pixels that already lie on a labelled edge are not counted. M differs in two ways: their
    edges are the pixels whose label is not that of the pixel below or to the right, on one side of
    where classes meet, ours lie on both; and where labels are void their map is all boundary, ours
    has edges around it alone. Costs nothing where no boundary is predicted or none is labelled, so
    it trains next to a region loss: "ce + iou + active_boundary".
    """
    labels = check_batch(logits, labels)
    if label_map is None:
        label_map = make_label_map("edge_distance", labels, logits.shape[1])
    if labels.numel() == 0:
        return logits.sum(dtype=sum_type(logits))
    with torch.autocast(logits.device.type, enabled=False):
        void = labels == IGNORE_INDEX
        rows = logits.permute(0, 2, 3, 1).flatten(0, 2)  # (pixels, c)
        with torch.no_grad():
            log_p = _log_probabilities(rows, void.flatten())
            # NaN is on no side of a comparison, so no boundary would be seen in it.
            diverged = log_p[:, 0].isnan().any()
            log_p = log_p.view(*void.shape, -1)
            pixels, exists, neighbours, open_ = _neighbourhoods(
                _predicted_boundary(log_p, void, share), void, share
            )
            log_p = log_p.flatten(0, 2)
            distances = label_map.to(log_p.dtype).flatten()
            distance = distances[pixels]
            counted = exists & (distance > 0) & open_.any(0)
            weight = (distance.clamp(max=theta) / theta).mul_(counted)
            weight /= counted.sum().clamp(min=1)
            target = distances[neighbours].masked_fill_(~open_, torch.inf).argmin(0)
            goal = _smoothed(target, open_, smoothing, log_p.dtype)

        def log_probabilities(at: Tensor) -> Tensor:
            return _log_probabilities(rows.index_select(0, at), void.flatten()[at])

        centre = log_probabilities(pixels)
        around = ((log_p[at] if detach else log_probabilities(at)) for at in neighbours)
        divergences = torch.stack([_divergence(log_q, centre) for log_q in around])
        ways = divergences.masked_fill(~open_, -torch.inf).log_softmax(0)
        # 0 log 0 is 0: directions that are not open have goal 0, and pixels without any weight 0.
        losses = -(goal * ways.masked_fill(~open_, 0)).sum(0)
        total = (weight * losses.masked_fill(~counted, 0)).sum()
        return total.masked_fill(diverged, torch.nan)


def _log_probabilities(x: Tensor, void: Tensor) -> Tensor:
    """(m, c) of logits (m, c), of two classes in the binary task; of equal ones at void pixels."""
    x = x.to(sum_type(x)).masked_fill(void[:, None], 0)
    if x.shape[1] == 1:
        x = torch.cat((torch.zeros_like(x), x), 1)
    return x.log_softmax(1)


def _divergence(log_q: Tensor, log_p: Tensor) -> Tensor:
    """KL(q || p) over the last axis, in nats."""
    return ((log_q - log_p) * log_q.exp()).sum(-1)


def _predicted_boundary(log_p: Tensor, void: Tensor, share: float | int) -> Tensor:
    """Where the prediction (n, h, w, c) changes most (n, h, w), widened by a pixel."""
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


def _most(void: Tensor, share: float | int) -> int:
    """How many pixels a picture's predicted boundary has before it is widened."""
    return max(1, int(share * void[0].numel()))


def _neighbourhoods(
    boundary: Tensor, void: Tensor, share: float | int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Positions of the boundary's pixels (k,) and whether there is one; of their 8 neighbours
    (8, k), their own where there is none, and whether there is one, annotated.
    """
    n, h, w = void.shape
    if boundary.device.type in PIECEWISE:
        most = int(boundary.sum())
    else:  # as many as there can be: to ask how many there are would be to wait
        most = n * min(h * w, 9 * _most(void, share))
    found = torch.nonzero_static(boundary.flatten(), size=most, fill_value=-1)[:, 0]
    pixels = found.clamp(min=0)
    rows, columns = pixels // w % h, pixels % w
    neighbours, open_ = [], []
    for down, right in STEPS:
        inside = (rows + down >= 0) & (rows + down < h)
        inside &= (columns + right >= 0) & (columns + right < w)
        neighbour = torch.where(inside, pixels + down * w + right, pixels)
        neighbours.append(neighbour)
        open_.append(inside & ~void.flatten()[neighbour])
    return pixels, found >= 0, torch.stack(neighbours), torch.stack(open_)


def _smoothed(target: Tensor, open_: Tensor, smoothing: float | int, kind: torch.dtype) -> Tensor:
    """The goal of each direction (8, k): the target's share, and an equal one for each other."""
    others = open_.sum(0) - 1
    spread = torch.where(others > 0, smoothing / others.clamp(min=1), 0.0).to(kind)
    return (spread * open_).scatter_(0, target[None], (1 - spread * others)[None])
