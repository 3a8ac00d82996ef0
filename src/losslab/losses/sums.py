"""The two primitives that losses are written over, and everything that is not a loss's formula.

`region_sums` gives the few sums per class that region losses are functions of, in one pass each
way and without one-hot tensors; its derivative is the one that is written by hand. `pixel_sums`
adds up plain torch code over the pixels, a cache-sized piece of the batch at a time; autograd
makes its derivative. Both know what void, the binary task, half precision, autocast and layouts
need: sums and logarithms are in float32 (float64 for float64 logits), void pixels are taken out by
mask, never by a product (0 times NaN is NaN), and a gradient is rounded to the logits' type last.

A gradient of a gradient (`create_graph=True`) is made by plain torch code over the whole batch.
torch.func raises, and torch.compile leaves both primitives to eager execution.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, cast

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import log_softmax, logsigmoid

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError
from losslab.losses.label_maps import label_map as make_label_map

PIECEWISE = ("cpu",)
"""Devices with a cache to work in; others take the whole batch at once."""

PIECE = 320_000
"""Logits in one piece for each thread: its probabilities (1.3 MB in float32) stay in the cache."""

PIECES = 11
"""Pieces of a large batch on several threads at least, so that one takes little memory."""

PIXELS = 2**17
"""Pixels in one piece at most: there are several numbers for each of them, beside its logits."""

SHORTEST = 16
"""Rows of a piece with a halo at least: below that most of the work would be halo."""

Function = Callable[[Tensor], Tensor]
"""A function of each element by itself, in torch code."""


# Labels and pieces --------------------------------------------------------------------------------

F = TypeVar("F", bound=Callable[..., Any])


def eager(function: F) -> F:
    """The function, which torch.compile calls as it is."""
    return cast(F, torch.compiler.disable(function))


_CHECKED: ContextVar[bool] = ContextVar("labels are known to be legal", default=False)


@contextmanager
def checked_labels() -> Iterator[None]:
    """Within it losses take the labels for legal and do not look at them."""
    token = _CHECKED.set(True)
    try:
        yield
    finally:
        _CHECKED.reset(token)


def check_batch(logits: Tensor, labels: Tensor) -> Tensor:
    """The labels, in a type that torch computes with.

    Raises `DataError` where shapes or types do not fit, or a label is neither a class nor void.
    """
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise DataError(
            "logits have shape (n, c, h, w) and labels (n, h, w); got logits "
            f"{tuple(logits.shape)} and labels {tuple(labels.shape)}"
        )
    if not logits.is_floating_point() or labels.is_floating_point() or labels.is_complex():
        raise DataError(
            "logits are floating-point and labels integer numbers, "
            f"got {logits.dtype} and {labels.dtype}"
        )
    if labels.dtype in (torch.bool, torch.uint16, torch.uint32, torch.uint64):
        labels = labels.long()  # torch does next to nothing with these
    if not _CHECKED.get() and labels.numel():
        _check_labels(labels, logits.shape[1])
    return labels


def _check_labels(labels: Tensor, num_classes: int) -> None:
    low, high = torch.aminmax(labels)
    last = max(num_classes - 1, 1)
    if not bool((low < 0) | (high > last)):
        return
    wrong = (labels != IGNORE_INDEX) & ((labels < 0) | (labels > last))
    if wrong.any():
        raise DataError(
            f"labels: {int(labels[wrong][0])} is neither a class (0 to {last}) nor void "
            f"({IGNORE_INDEX}); {int(wrong.sum())} pixels carry such labels"
        )
    if num_classes == 1 and not (labels == 1).any() and (labels == 0).any():
        raise DataError(
            "labels: the values are 0 and 255 alone, and 255 means not annotated; the foreground "
            "of a binary task is 1: divide the masks by 255, or say validate=False where these "
            "pixels are really not annotated"
        )


def annotated(labels: Tensor) -> Tensor:
    """The number of pixels that are annotated, at least 1."""
    return (labels != IGNORE_INDEX).sum().clamp(min=1)


def sum_type(logits: Tensor) -> torch.dtype:
    """The type of sums and logarithms: float64 for float64 logits, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def _pieces(
    logits: Tensor, halo: int = 0, pixels: int | None = None
) -> Iterator[tuple[slice, slice, slice]]:
    """Of each piece its images, the rows that are read, and which of those count."""
    n, c, h, w = logits.shape
    if logits.numel() == 0:
        return
    images, rows = n, h
    if logits.device.type in PIECEWISE:
        threads = torch.get_num_threads()
        largest = max(PIECE, min(PIECE * threads, logits.numel() // PIECES))
        room = min(largest // c, pixels or PIXELS)
        images = max(1, room // (h * w))
        rows = h if images > 1 else min(h, max(SHORTEST if halo else 1, room // w))
        rows = -(-h // -(-h // rows))
    for image in range(0, n, images):
        for top in range(0, h, rows):
            bottom = min(top + rows, h)
            first, last = max(top - halo, 0), min(bottom + halo, h)
            inside = slice(top - first, bottom - first)
            yield slice(image, image + images), slice(first, last), inside


def _bits(labels: Tensor, kind: torch.dtype) -> Tensor | None:
    """All bits of a number of type `kind` set at annotated pixels, none at void ones; None where no
    pixel is void.
    """
    # A device that is not waited for cannot say so.
    if labels.device.type in PIECEWISE and (not labels.numel() or labels.max() < IGNORE_INDEX):
        return None
    # Comparisons whose result is as wide as what they compare are the fast ones.
    bits = torch.eq(labels, IGNORE_INDEX, out=torch.empty_like(labels)).sub_(1)
    return bits.to(torch.int64 if kind == torch.float64 else torch.int32)


def _cleared(values: Tensor, bits: Tensor | None) -> Tensor:
    """The values themselves, of pixels or with classes as second dimension, set to 0 (even NaN) at
    void pixels.

    What `masked_fill_` does, whose mask has another size than the numbers: ten times its time.
    """
    if bits is not None:
        whole = values.view(bits.dtype)
        whole &= bits if values.ndim == bits.ndim else bits[:, None]
    return values


# Sums over regions --------------------------------------------------------------------------------


def nll(value: Tensor) -> Tensor:
    """-log p(true) itself: the pixel function of cross-entropy."""
    return value


@dataclass(frozen=True)
class Needs:
    """The sums that a loss reads beside those of the probabilities."""

    functions: tuple[Function, ...] = ()
    """Functions f of Σ f(p)."""
    pixel_functions: tuple[Function, ...] = ()
    """Functions g of Σ g(-log p(true)), which are 0 at 0."""

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            tuple(dict.fromkeys((*self.functions, *other.functions))),
            tuple(dict.fromkeys((*self.pixel_functions, *other.pixel_functions))),
        )


class Mass(NamedTuple):
    """Sums of f(p) over annotated pixels, each (n, c)."""

    p: Tensor
    """Σ f(p)."""
    py: Tensor
    """Σ f(p) y: on the class's own pixels."""
    wpy: Tensor
    """Σ w f(p) y: on the class's own pixels by their weights; without weights Σ f(p) y."""


class Sums:
    """Sums over the annotated pixels of each image (n) and class (c); binary has c = 1, the
    foreground. In float32, or float64; those of labels carry no gradient.
    """

    p: Float[Tensor, "n c"]
    """Σ p: probability given to the class."""
    py: Float[Tensor, "n c"]
    """Σ p y: probability on the class's own pixels."""
    wpy: Float[Tensor, "n c"]
    """Σ w p y; without weights Σ p y."""
    y: Float[Tensor, "n c"]
    """Σ y: pixels labelled as the class; 0 says that it is absent."""
    wy: Float[Tensor, "n c"]
    """Σ w y: their weight; without weights Σ y."""
    n: Float[Tensor, "n 1"]
    """Annotated pixels."""
    of: dict[Function, Mass]
    """Sums of functions of p."""
    pixel: dict[Function, Float[Tensor, " n"]]
    """Sums of functions of -log p(true)."""

    def __init__(self, totals: Tensor, singles: Tensor, needs: Needs, width: int) -> None:
        self._totals, self._singles = totals, singles
        self._rest = needs, width
        rows = totals.unbind(1)
        self.y, self.wy = rows[1 - width].detach(), rows[-1].detach()
        ends = range(width, width * (len(needs.functions) + 1) + 1, width)
        masses = [Mass(rows[i - width], rows[i - width + 1], rows[i - 1]) for i in ends]
        self.p, self.py, self.wpy = masses[0]
        self.of = dict(zip(needs.functions, masses[1:], strict=True))
        self.n = singles[:, :1].detach()
        self.pixel = {g: singles[:, i] for i, g in enumerate(needs.pixel_functions, 1)}

    def pooled(self, *, batch: bool = False, classes: bool = False) -> "Sums":
        """The same sums over all images together (n = 1), or over all classes (c = 1)."""
        totals, singles = self._totals, self._singles
        if batch:
            totals, singles = totals.sum(0, keepdim=True), singles.sum(0, keepdim=True)
        if classes:
            totals = totals.sum(2, keepdim=True)
        return Sums(totals, singles, *self._rest) if batch or classes else self


@eager
def region_sums(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    needs: Needs | None = None,
    *,
    weights: Float[Tensor, "n h w"] | None = None,
) -> Sums:
    """The sums of every image and class, from one pass over the logits.

    Labels: 0 to c - 1 (0 and 1 where c = 1), 255 = not annotated; others raise `DataError`.
    `weights` weigh each pixel for its own class and get no gradient.
    """
    labels = check_batch(logits, labels)
    needs = needs or Needs()
    with torch.autocast(logits.device.type, enabled=False):
        totals, singles = _RegionSums.apply(logits, labels, weights, needs)  # pyright: ignore
    return Sums(totals, singles, needs, 2 if weights is None else 3)


class _Piece(NamedTuple):
    """What is known of the k images and m pixels of a piece before the network is asked."""

    label: Tensor
    """Class numbers (k, m), 0 at void pixels; binary: the foreground as 1. among 0."""
    keep: Tensor | None
    """`_bits` (k, m)."""
    weight: Any
    """(k, m), or None."""
    own: Tensor | None
    """One-hot labels (k, c, m), on devices that add by classes only with these."""


class _RegionSums(torch.autograd.Function):
    """Totals (n, rows, c): p, py and wpy of p and of each function, then y and wy, without the
    weighted ones if there are no weights; and singles (n, 1 + pixel functions): annotated pixels
    and the sums of the functions.

    The gradient by p_c is f'(p_c) (a_c + [y = c] (b_c + w d_c)), with a, b and d the gradients by
    the three sums of f; through the softmax it is p_c (g_c - Σ_k p_k g_k). The probabilities are
    kept, and the gradient is written over them: one tensor of the logits' size. Half precision,
    where they would take twice the room of the logits, makes them again, as a second backward pass
    does.
    """

    @staticmethod
    def forward(ctx, logits, labels, weights, needs):
        kind, (n, c) = sum_type(logits), logits.shape[:2]
        ctx.needs, ctx.width = needs, 2 if weights is None else 3
        ctx.save_for_backward(logits, labels, weights)
        ctx.set_materialize_grads(False)
        ctx.kept = ctx.kept_log_p = ctx.piece = None
        if ctx.needs_input_grad[0] and logits.dtype == kind:
            ctx.kept = torch.empty_like(logits)
            if any(g is not nll for g in needs.pixel_functions):
                ctx.kept_log_p = logits.new_empty(labels.shape)
        height = ctx.width * (2 + len(needs.functions)) - 1
        totals = logits.new_zeros((n, height, c), dtype=kind)
        singles = logits.new_zeros((n, 1 + len(needs.pixel_functions)), dtype=kind)
        for images, rows, _ in _pieces(logits):
            piece = _read(logits, labels, weights, images, rows)
            p, log_p = _probabilities(logits[images, :, rows].flatten(2), piece, needs)
            sums = []
            for f in (None, *needs.functions):
                view = p if f is None else _cleared(f(p), piece.keep)
                own = _of_own_class(view, piece)
                sums += [view.sum(2), _by_class(own, piece, c)]
                if piece.weight is not None:
                    sums.append(_by_class(own * piece.weight, piece, c))
            sums.append(_labelled(piece, c, kind))
            count = sums[-1].sum(1)
            if c == 1:  # all bits set is -1
                count = p.shape[2] if piece.keep is None else -piece.keep.sum(1, dtype=kind)
            if piece.weight is not None:
                weight = piece.weight * piece.label if c == 1 else piece.weight.clone()
                sums.append(_by_class(_cleared(weight, piece.keep), piece, c))
            totals[images].add_(torch.stack(sums, 1))
            singles[images, 0].add_(count)
            for index, g in enumerate(needs.pixel_functions, 1):
                singles[images, index].add_(g(-log_p).sum(1))
            if ctx.kept is not None:
                _put(p, ctx.kept[images, :, rows])
            if ctx.kept_log_p is not None:
                _put(log_p, ctx.kept_log_p[images, rows])
            if logits.device.type not in PIECEWISE:
                ctx.piece = piece  # the only one
        return totals, singles

    @staticmethod
    def backward(ctx, d_totals, d_singles):
        logits, labels, weights = ctx.saved_tensors
        needs, masses = ctx.needs, 1 + len(ctx.needs.functions)
        if d_totals is None:
            height = ctx.width * (1 + masses) - 1
            shape = (len(logits), height, logits.shape[1])
            d_totals = logits.new_zeros(shape, dtype=sum_type(logits))
        with torch.autocast(logits.device.type, enabled=False):
            if torch.is_grad_enabled():  # a gradient that will have a gradient
                sums = _whole_region_sums(logits, labels, weights, needs)
                slopes = d_totals, d_singles
                used = [pair for pair in zip(sums, slopes, strict=True) if pair[0].requires_grad]
                outputs, slopes = zip(*used, strict=True)
                gradient = torch.autograd.grad(outputs, logits, slopes, create_graph=True)
                return *gradient, None, None, None
            kept, ctx.kept = ctx.kept, None
            gradient = torch.empty_like(logits) if kept is None else kept
            for images, rows, _ in _pieces(logits):
                piece = ctx.piece or _read(logits, labels, weights, images, rows)
                log_p: Any = None
                target = gradient[images, :, rows]
                p = target.flatten(2)
                if kept is None:
                    x = logits[images, :, rows].flatten(2)
                    p, log_p = _probabilities(x, piece, needs)
                elif ctx.kept_log_p is not None:
                    log_p = ctx.kept_log_p[images, rows].flatten(1)
                by_log_p: Any = None
                used = needs.pixel_functions if d_singles is not None else ()
                for index, g in enumerate(used, 1):
                    slope: Tensor = -d_singles[images, index, None]  # pyright: ignore
                    if g is not nll:
                        slope = _slope(g, -log_p).mul_(slope)
                    by_log_p = slope if by_log_p is None else by_log_p + slope
                by_sums = d_totals[images, : masses * ctx.width].unflatten(1, (masses, ctx.width))
                make = _sigmoid_gradient if p.shape[1] == 1 else _softmax_gradient
                _put(make(p, piece, needs.functions, by_sums, by_log_p), target)
        return gradient, None, None, None


def _read(
    logits: Tensor, labels: Tensor, weights: Tensor | None, images: slice, rows: slice
) -> _Piece:
    kind, c = sum_type(logits), logits.shape[1]
    label = labels[images, rows].flatten(1).to(kind if c == 1 else torch.int64)
    weight = None if weights is None else weights[images, rows].flatten(1).to(kind)
    keep, own = _bits(label, kind), None
    if c == 1:
        label = torch.eq(label, 1, out=torch.empty_like(label))
    elif label.device.type not in PIECEWISE:
        own = label[:, None] == torch.arange(c, device=label.device)[:, None]
    if c > 1 and keep is not None:
        label = label & keep
    return _Piece(label, keep, weight, own)


def _probabilities(x: Tensor, piece: _Piece, needs: Needs) -> tuple[Tensor, Any]:
    """Softmax of logits x (k, c, m), or sigmoid of a single one, and log p(true) (k, m) where it is
    needed; both 0 at void pixels.
    """
    kind, log_p = sum_type(x), None
    if x.shape[1] == 1:
        x = x.to(kind)
        p = x.sigmoid()
        if needs.pixel_functions:
            log_p = logsigmoid(piece.label.mul(2).sub_(1).mul_(x[:, 0]))
    else:
        p = torch.softmax(x, 1, dtype=kind)
        if needs.pixel_functions:
            own = _of_own_class(p, piece)
            # Where no p(true) has lost digits its logarithm is as good as log_softmax, at a fifth
            # of the cost; a GPU would have to be waited for to know.
            if piece.own is None and own.min() >= torch.finfo(kind).tiny:
                log_p = own.log_()
            else:
                log_p = _of_own_class(log_softmax(x, 1, dtype=kind), piece)
    return _cleared(p, piece.keep), None if log_p is None else _cleared(log_p, piece.keep)


def _of_own_class(values: Tensor, piece: _Piece) -> Tensor:
    """The value (k, m) of each pixel's own class among (k, c, m); binary: 0 at the background."""
    if values.shape[1] == 1:
        return values[:, 0] * piece.label
    if piece.own is None:
        return values.gather(1, piece.label[:, None])[:, 0]
    return (values * piece.own).sum(1)


def _by_class(values: Tensor, piece: _Piece, c: int) -> Tensor:
    """Sums (k, c) over the pixels of each class; the values (k, m) are 0 at void pixels, in the
    binary task at the background too.
    """
    if c == 1:
        return values.sum(1, keepdim=True)
    if piece.own is None:
        # In float64: one running sum of many thousand values loses digits in float32.
        totals = values.new_zeros((len(values), c), dtype=torch.float64)
        return totals.scatter_add_(1, piece.label, values.double()).to(values.dtype)
    # scatter_add adds in no fixed order on a GPU.
    return (values[:, None] * piece.own).sum(2)


def _labelled(piece: _Piece, c: int, kind: torch.dtype) -> Tensor:
    """The number of pixels labelled as each class (k, c)."""
    if c == 1:
        return piece.label.sum(1, keepdim=True)
    if piece.own is not None:
        return piece.own.sum(2, dtype=kind)
    return _by_class(_cleared(torch.ones_like(piece.label, dtype=kind), piece.keep), piece, c)


def _slope(f: Function, values: Tensor) -> Tensor:
    """f' at the values, 0 where f is flat everywhere."""
    with torch.enable_grad():
        leaf = values.detach().requires_grad_()
        result = f(leaf)
        if not result.requires_grad:
            return torch.zeros_like(values)
        return torch.autograd.grad(result, leaf, values.new_ones(()).expand_as(values))[0]


def _softmax_gradient(
    p: Tensor,
    piece: _Piece,
    functions: Sequence[Function],
    by_sums: Tensor,
    by_log_p: Tensor | None,
) -> Tensor:
    """The gradient by the logits, written over p (k, c, m); `by_sums` (k, 1 + functions, 2 or 3,
    c) are the gradients by the sums, `by_log_p` (k, m) or (k, 1) that by log p(true).
    """

    def beyond(mass: int) -> Tensor:
        """What each pixel's own class gets beyond the others (k, m)."""
        a, *weighted = (slope.gather(1, piece.label) for slope in by_sums[:, mass, 1:].unbind(1))
        return a.addcmul_(piece.weight, *weighted) if weighted else a

    shared, own = by_sums[:, 0, 0, :, None], beyond(0)
    for mass, f in enumerate(functions, 1):
        steepness = _slope(f, p)
        own.addcmul_(_of_own_class(steepness, piece), beyond(mass))
        shared = (steepness * by_sums[:, mass, 0, :, None]).add_(shared)
    own *= _of_own_class(p, piece)
    if by_log_p is not None:
        own = _cleared(own.add_(by_log_p), piece.keep)
    # p is 0 at void pixels, so the products are 0 there as well.
    if functions:
        by_logit = shared.mul_(p)
        mean = by_logit.sum(1, keepdim=True).add_(own[:, None])
        torch.addcmul(by_logit, p, mean, value=-1, out=p)
    else:
        mean = torch.bmm(shared.mT, p).add_(own[:, None])
        p.mul_(torch.sub(shared, mean, out=torch.empty_like(p)))
    if piece.own is not None:
        return p.add_(piece.own * own[:, None])
    return p.scatter_add_(1, piece.label[:, None], own[:, None])


def _sigmoid_gradient(
    p: Tensor,
    piece: _Piece,
    functions: Sequence[Function],
    by_sums: Tensor,
    by_log_p: Tensor | None,
) -> Tensor:
    label, q = piece.label, p[:, 0]

    def by_value(mass: int) -> Tensor:
        a, b, *weighted = by_sums[:, mass].unbind(1)
        slope = label.mul(b).add_(a)
        return slope.addcmul_(piece.weight * label, *weighted) if weighted else slope

    by_p = by_value(0)
    for mass, f in enumerate(functions, 1):
        by_p.addcmul_(_slope(f, q), by_value(mass))
    by_p.addcmul_(by_p, q, value=-1)  # dp / dx = p (1 - p)
    if by_log_p is None:
        q *= by_p
    else:
        residual = label - q  # d log p(true) / dx, 0 at void pixels
        q.mul_(by_p).addcmul_(residual, by_log_p)
    return p


def _put(piece: Tensor, target: Tensor) -> None:
    """Put a piece into its place in a tensor of whole images, where it is not there already."""
    if piece.data_ptr() != target.data_ptr():
        target.copy_(piece.view(target.shape))


def _whole_region_sums(
    logits: Tensor, labels: Tensor, weights: Tensor | None, needs: Needs
) -> tuple[Tensor, Tensor]:
    """What `_RegionSums` computes, by one-hot labels and plain torch code on the whole batch."""
    kind, c = sum_type(logits), logits.shape[1]
    void = (labels == IGNORE_INDEX)[:, None]
    x = logits.to(kind).masked_fill(void, 0)
    classes = torch.arange(c, device=labels.device) if c > 1 else labels.new_ones(1)
    y = (labels[:, None] == classes[:, None, None]).to(kind)
    log_p = logsigmoid(x * (2 * y - 1)) if c == 1 else (log_softmax(x, 1) * y).sum(1, keepdim=True)
    log_p = log_p.masked_fill(void, 0)
    p = x.sigmoid() if c == 1 else x.softmax(1)
    w = [] if weights is None else [weights[:, None].to(kind).masked_fill(void, 0)]
    rows = []
    for f in (None, *needs.functions):
        view = (p if f is None else f(p)).masked_fill(void, 0)
        rows += [view, view * y, *(view * y * weight for weight in w)]
    rows += [y, *(y * weight for weight in w)]
    singles = [(~void).to(kind), *(g(-log_p) for g in needs.pixel_functions)]
    return (
        torch.stack([row.sum((2, 3)) for row in rows], 1),
        torch.stack([single.sum((1, 2, 3)) for single in singles], 1),
    )


# Losses that are formulas on these sums -----------------------------------------------------------

Per = Literal["batch", "image"]
Average = Literal["macro", "micro", "sum"]
Absent = Literal["skip", "zero", "count"]
Reduction = Literal["mean", "sum"]
Smooth = Annotated[float | int, Ge(0), Le(1e9)]


def ratio(above: Tensor, below: Tensor, *, empty: Literal[0, 1] = 1) -> Tensor:
    """above / below, and `empty` where below is 0, and above with it."""
    nothing = below <= 0  # adds 1 where it is true
    return (above + nothing if empty else above) / (below + nothing)


def mean_of(sums: Sums, g: Function) -> Float[Tensor, ""]:
    """The mean of g(-log p(true)) over the annotated pixels of the batch."""
    return sums.pixel[g].sum() / sums.n.sum().clamp(min=1)


def pooled(
    formula: Callable[[Sums, float], Tensor],
    sums: Sums,
    *,
    per: Per = "batch",
    average: Average = "macro",
    absent: Absent = "skip",
    smooth: Smooth = 0.0,
    reduction: Reduction = "mean",
    constant: float = 0.0,
) -> Float[Tensor, ""]:
    """The mean or sum over images and classes of `formula(sums, smooth)` (n, c).

    `per`: the sums run over the whole batch or over each image. `average`: the mean over classes
    ("macro"), one value for all classes pooled ("micro"), or the sum over classes. `absent`: a
    class without a labelled pixel is left out of the mean ("skip"), contributes 0 yet is counted
    ("zero"), or is treated like any other ("count"); pooling and the binary task ignore this.
    `smooth` is added above and below. `reduction`: mean or sum over the images of `per="image"`; an
    image with nothing annotated is not among them. `constant` is added to each image's value.
    """
    several = sums.y.shape[1] > 1 and average != "micro"
    sums = sums.pooled(batch=per == "batch", classes=average == "micro")
    losses = formula(sums, smooth)
    if several:
        share: Any = 1.0 if absent == "count" else (sums.y > 0).to(losses.dtype)
        if average == "macro":
            skipped = absent == "skip"
            share /= share.sum(1, keepdim=True).clamp(min=1) if skipped else losses.shape[1]
        losses = losses * share
    if not constant and per == "batch":
        return losses.sum()  # where nothing is annotated, unions are empty: no loss
    scored = (sums.n[:, 0] > 0).to(losses.dtype)
    of_image = (losses.sum(1) + constant) * scored
    return of_image.sum() / (scored.sum().clamp(min=1) if reduction == "mean" else 1)


POOLING = list(inspect.signature(pooled).parameters.values())[2:-1]
"""The options of every loss that is pooled."""


def on_sums(
    needs: Callable[..., Needs] = lambda **options: Needs(),
    *,
    weights: Callable[..., str] | None = None,
) -> Callable[[Callable[..., Tensor]], Any]:
    """Makes `loss(logits, labels, **options)` of a formula `loss(sums, **options)`.

    `needs(**options)` are the sums that it reads, `weights(**options)` the name of the map of the
    labels that weighs the pixels, which the loss takes as `label_map` or makes. A formula that
    takes any options takes those of `pooled`. It stays at hand as `loss.of_sums`, so that losses
    which are added together share one pass over the logits.
    """

    def decorate(formula: Callable[..., Tensor]) -> Any:
        def loss(
            logits: Float[Tensor, "n c h w"],
            labels: Integer[Tensor, "n h w"],
            *,
            label_map: Float[Tensor, "n h w"] | None = None,
            **options: Any,
        ) -> Float[Tensor, ""]:
            if weights is not None and label_map is None:
                check_batch(logits, labels)
                label_map = make_label_map(weights(**options), labels, logits.shape[1])
            sums = region_sums(logits, labels, needs(**options), weights=label_map)
            return formula(sums, **options)

        parameters = list(inspect.signature(formula).parameters.values())[1:]
        if parameters and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
            parameters[-1:] = POOLING
        given = inspect.signature(loss).parameters
        resources = [given["label_map"]] if weights else []
        signature = [given["logits"], given["labels"], *parameters, *resources]
        loss.__signature__ = inspect.Signature(signature)  # pyright: ignore
        loss.__name__ = loss.__qualname__ = formula.__name__
        loss.__doc__, loss.__module__ = formula.__doc__, formula.__module__
        loss.of_sums, loss.needs, loss.weights = formula, needs, weights  # pyright: ignore
        return loss

    return decorate


# Sums over pixels ---------------------------------------------------------------------------------


@eager
def pixel_sums(
    f: Callable[..., Tensor],
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *maps: Tensor,
    halo: int = 0,
    pixels: int | None = None,
) -> Float[Tensor, ""]:
    """Σ f(x, y, *m) over the annotated pixels, a piece of the batch at a time.

    `f` is plain torch code that gives values (k, r, w) of logits x (k, c, r, w), labels y (k, r, w)
    and pieces m of the maps (n, ..., h, w), which get no gradient. x is 0 at void pixels, and what
    f makes of them is not summed. `halo`: rows beside its own that f reads; `pixels`: of a piece,
    at most. Value and gradient of a piece are made together, so that a tensor of the logits' size
    is all that is kept.
    """
    labels = check_batch(logits, labels)
    with torch.autocast(logits.device.type, enabled=False):
        return _PixelSums.apply(f, halo, pixels, logits, labels, *maps)  # pyright: ignore


class _PixelSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f, halo, pixels, logits, labels, *maps):
        ctx.f, ctx.halo, ctx.pixels = f, halo, pixels
        ctx.save_for_backward(logits, labels, *maps)
        wanted = ctx.needs_input_grad[3]
        total, ctx.gradient = _add_up(f, halo, pixels, logits, labels, maps, wanted=wanted)
        return total

    @staticmethod
    def backward(ctx, slope):
        logits, labels, *maps = ctx.saved_tensors
        with torch.autocast(logits.device.type, enabled=False):
            if torch.is_grad_enabled():  # a gradient that will have a gradient
                void = labels == IGNORE_INDEX
                x = logits.to(sum_type(logits)).masked_fill(void[:, None], 0)
                total = ctx.f(x, labels, *maps).masked_fill(void, 0).sum()
                (gradient,) = torch.autograd.grad(total, logits, slope, create_graph=True)
            else:
                gradient, ctx.gradient = ctx.gradient, None
                if gradient is None:  # a second backward pass
                    work = ctx.f, ctx.halo, ctx.pixels, logits, labels, maps
                    _, gradient = _add_up(*work, wanted=True)
                # The loss's scale meets the gradient before it is rounded to half precision.
                gradient = gradient.mul_(slope).to(logits.dtype)
        return None, None, None, gradient, None, *(None for _ in maps)


def _add_up(
    f: Callable[..., Tensor],
    halo: int,
    pixels: int | None,
    logits: Tensor,
    labels: Tensor,
    maps: Sequence[Tensor],
    *,
    wanted: bool,
) -> tuple[Tensor, Any]:
    """The sum, and if wanted its gradient, both of `sum_type`."""
    kind = sum_type(logits)
    total = logits.new_zeros((), dtype=torch.float64)
    make = torch.zeros_like if halo else torch.empty_like
    gradient = make(logits, dtype=kind) if wanted else None
    for images, rows, inside in _pieces(logits, halo, pixels):
        x, y, *m = (t[images, ..., rows, :] for t in (logits, labels, *maps))
        keep = _bits(y.to(torch.int64), kind)
        x = x.detach()
        x = x.to(kind) if keep is None else _cleared(x.to(kind, copy=True), keep)
        counted = x.new_zeros(y.shape)
        counted[:, inside] = 1
        counted = _cleared(counted, keep)
        with torch.set_grad_enabled(wanted):
            values = f(x.requires_grad_(wanted), y, *m)
        total += (values.detach() * counted).sum()
        if gradient is None:
            continue
        (part,) = torch.autograd.grad(values, x, counted)
        target = gradient[images, :, rows]
        target.add_(part) if halo else target.copy_(part)
    return total.to(kind), gradient
