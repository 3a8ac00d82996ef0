"""What holds for every loss and every value of every option, with 1 and with 3 classes.

The second implementation in `reference` is written from the definitions, with one-hot labels in
float64 on the whole batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from losslab.errors import DataError
from losslab.losses import LOSSES, build_loss, iou, sums
from losslab.losses import edges as edge_losses
from tests.losses.cases import (
    EXPRESSIONS,
    NAMES,
    NOT_FREE,
    NUMBERED,
    STOPPED,
    in_turn,
    objective_of,
    random_case,
    sure_logits,
)
from tests.losses.reference import reference_loss

CLASSES = (1, 3)


def value_and_gradient(expression: str, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    logits = logits.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    loss = objective_of(expression, logits.shape[1])(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits, retain_graph=True)
    if "step" not in expression:
        again = torch.autograd.grad(loss, logits)[0]
        torch.testing.assert_close(gradient, again, rtol=1e-9, atol=1e-12)
    return loss.detach(), gradient


def same(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@contextmanager
def pieces_of(size: int, rows: int) -> Iterator[None]:
    """Work cut into pieces of that many logits, of that many rows at least beside a halo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sums, "PIECE", size)
        patch.setattr(sums, "SHORTEST", rows)
        patch.setattr(edge_losses, "STRIP", size)
        yield


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_value_and_gradient_are_those_of_the_definition_however_the_input_lies(expression: str):
    for num_classes in CLASSES:
        logits, labels = random_case(num_classes, size=(13, 6))
        found = value_and_gradient(expression, logits, labels)
        # Maps of labels are float32 whatever the logits are.
        objective = objective_of(expression, num_classes)
        tolerance = 1e-6 if objective.label_maps else 1e-10
        naive = reference_loss(expression, logits, labels)
        assert float(found[0]) == pytest.approx(naive, rel=tolerance)

        with pieces_of(6 * num_classes, 1):
            same(value_and_gradient(expression, logits, labels), found)
        with pieces_of(6 * num_classes * 5, 2):
            same(value_and_gradient(expression, logits, labels), found)
            layouts = (
                logits.contiguous(memory_format=torch.channels_last),
                logits.transpose(2, 3).contiguous().transpose(2, 3),
                torch.cat([logits, logits], 1)[:, :num_classes],
            )
            for layout in layouts:
                same(value_and_gradient(expression, layout, labels), found)
        turned = labels.transpose(1, 2).contiguous().transpose(1, 2)
        for kind in (torch.uint8, torch.int32, torch.uint16):
            same(value_and_gradient(expression, logits, turned.to(kind)), found)
        with pytest.MonkeyPatch.context() as patch:  # as on a device without such a cache
            patch.setattr(sums, "PIECEWISE", ())
            patch.setattr(edge_losses, "PIECEWISE", ())
            same(value_and_gradient(expression, logits, labels), found)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_derivatives_are_those_of_finite_differences_and_void_pixels_have_none(expression: str):
    for num_classes in CLASSES:
        logits, labels = random_case(num_classes, size=(3, 2))
        logits, labels = logits[1:].contiguous(), labels[1:].contiguous()
        labels[1, 1:] = 255
        objective = objective_of(expression, num_classes)

        def loss(x: Tensor, objective=objective, labels=labels) -> Tensor:
            return objective(x, labels)

        if expression not in STOPPED:
            assert gradcheck(loss, logits.requires_grad_())
            assert gradgradcheck(loss, logits, atol=1e-4)

        logits, labels = random_case(num_classes, size=(9, 7))
        void = (labels == 255)[:, None].expand_as(logits)
        found = value_and_gradient(expression, logits, labels)
        assert (found[1][void] == 0).all()
        assert found[1].any() or "step" in expression or expression in STOPPED
        for beneath in (77.0, torch.nan, torch.inf):
            same(value_and_gradient(expression, logits.masked_fill(void, beneath), labels), found)
        before = logits.clone(), labels.clone()
        nothing = value_and_gradient(expression, logits, torch.full_like(labels, 255))
        assert nothing[0] == 0
        assert not nothing[1].any()
        assert torch.equal(logits, before[0])
        assert torch.equal(labels, before[1])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_half_types_extremes_class_numbers_and_a_perfect_prediction(expression: str):
    for num_classes in CLASSES:
        logits, labels = random_case(num_classes)
        for kind in (torch.bfloat16, torch.float16):
            half = logits.to(kind)
            loss, gradient = value_and_gradient(expression, half, labels)
            expected, exact = value_and_gradient(expression, half.float(), labels)
            assert (loss.dtype, gradient.dtype) == (torch.float32, kind)
            assert float(loss) == pytest.approx(float(expected), rel=1e-6)
            largest = float(exact.abs().max())
            torch.testing.assert_close(gradient.float(), exact, rtol=1e-2, atol=1e-2 * largest)
            with torch.autocast("cpu", kind):
                other = value_and_gradient(expression, logits.float(), labels)
            same(other, value_and_gradient(expression, logits.float(), labels))
        for size in (1e4, 1e30):
            loss, gradient = value_and_gradient(expression, (size * logits).float(), labels)
            assert loss.isfinite()
            assert gradient.isfinite().all()
        nan = objective_of(expression, num_classes)(logits * torch.nan, labels)
        assert nan.isnan(), "logits that are no number are not hidden"

        _, full = random_case(num_classes)
        full[:, 0, :num_classes] = torch.arange(num_classes) if num_classes > 1 else 1
        if expression not in NOT_FREE:
            right = objective_of(expression, num_classes)(sure_logits(full, num_classes), full)
            assert float(right) == pytest.approx(0, abs=1e-5)
    if expression not in NUMBERED:
        order, numbers = torch.tensor([2, 0, 1]), torch.full((256,), 255)
        numbers[order] = torch.arange(3)
        renumbered = objective_of(expression, 3)(logits[:, order], numbers[labels])
        expected = objective_of(expression, 3)(logits, labels)
        assert float(renumbered) == pytest.approx(float(expected), rel=1e-12)


@in_turn("name", NAMES)
def test_labels_that_are_no_class_are_refused_unless_validation_is_off(name: str):
    for num_classes, wrong in ((1, -100), (1, 2), (3, -100), (3, 3), (3, 254)):
        logits, labels = random_case(num_classes)
        labels[0, 0, 0] = wrong
        objective = objective_of(name, num_classes)
        with pytest.raises(DataError, match=rf"labels: {wrong} is neither a class"):
            objective(logits, labels)
    logits, labels = random_case(1)
    masks = torch.where(labels == 1, 255, 0)
    with pytest.raises(DataError, match="divide the masks by 255"):
        objective_of(name, 1)(logits, masks)
    if name in LOSSES and name != "semeda":
        with pytest.raises(DataError, match="divide the masks by 255"):
            LOSSES[name](logits, masks)
    objective = objective_of(name, 1)
    objective.validate = False
    assert objective(logits, masks).isfinite()


@pytest.mark.parametrize("name", ["ce", "iou", "lovasz", "active_boundary", "boundary", "sobel"])
def test_a_half_precision_gradient_meets_the_scalers_factor_before_it_is_rounded(name: str):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 19, (2, 8, 8), generator=generator)
    labels = labels.repeat_interleave(16, 1).repeat_interleave(16, 2)
    half = torch.randn(2, 19, 128, 128, generator=generator).half()
    scale, found = 65_536.0, []
    for logits in (half, half.double()):
        logits = logits.requires_grad_()
        (gradient,) = torch.autograd.grad(scale * build_loss(name, 19)(logits, labels), logits)
        found.append(gradient.double())
    assert float((found[0] - found[1]).norm() / found[1].norm()) < 1e-3


NO_WORK = ("alias", "detach", "empty_like", "expand", "select", "slice", "transpose", "unbind")
NO_WORK += ("unsqueeze", "view")


class Calls(TorchDispatchMode):
    """Counts what torch is asked to compute."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ not in NO_WORK
        return func(*args, **(kwargs or {}))


def test_a_gpu_is_asked_for_no_more_the_more_classes_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sums, "PIECEWISE", ())
    counts = []
    for num_classes in (3, 40):
        logits, labels = random_case(num_classes)
        with sums.checked_labels(), Calls() as calls:
            iou(logits.requires_grad_(), labels).backward()
        counts.append(calls.count)
    assert counts[0] == counts[1] <= MOST_CALLS


MOST_CALLS = 60
"""Of torch by `iou`, forward and backward."""


def test_torch_func_is_refused_and_not_answered_wrongly():
    logits, labels = random_case(3)
    for name in ("dice", "sobel"):
        objective = objective_of(name, 3)
        with pytest.raises(RuntimeError):
            torch.func.grad(lambda x, f=objective: f(x, labels))(logits)


def test_a_compiled_network_trains_with_an_eager_loss():
    network = torch.nn.Conv2d(3, 3, 1).double()
    logits, labels = random_case(3)
    compiled = torch.compile(network, backend="aot_eager")
    gradients = []
    for each in (network, compiled):
        loss = build_loss("dice + ce + sobel", 3)(each(logits), labels)
        gradients.append(torch.autograd.grad(loss, list(network.parameters())))
    torch.testing.assert_close(*gradients)
