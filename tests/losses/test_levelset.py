"""The level set loss: values by hand, Kim et al.'s gradient, and what it cannot do."""

import math

import pytest
import torch

from losslab.losses import PRESETS, build_loss, levelset
from tests.losses.cases import in_turn, random_case


def logits_of(p):
    """Binary logits (1, 1, h, w) of probabilities (h, w)."""
    return torch.logit(torch.tensor(p, dtype=torch.float64))[None, None]


def test_the_energy_of_a_2x2_image_is_as_computed_by_hand():
    # H is 3/4 where tanh(phi / epsilon) = 1/2, and 1/4 on the other side.
    high = 0.5 + 0.05 * math.atanh(0.5)
    logits = logits_of([[high, high], [1 - high, 1 - high]])
    labels = torch.tensor([[[1, 0], [1, 0]]])
    # Inside: 3/4 + 3/4 + 1/4 + 1/4 = 2, of it 1 labelled: c1 = 1/2; outside the same. Each energy
    # is 2 * 1/4; two classes, foreground and background, have it.
    assert float(levelset(logits, labels)) == pytest.approx(2 * (0.5 + 0.5))
    assert float(levelset(logits, labels, reduction="mean")) == pytest.approx(2.0 / 4)


def test_a_contour_along_the_object_costs_nothing_and_one_across_it_the_variance():
    labels = torch.tensor([[[1, 1, 0, 0]]])
    along = logits_of([[1 - 1e-9, 1 - 1e-9, 1e-9, 1e-9]])
    across = logits_of([[1 - 1e-9, 1e-9, 1 - 1e-9, 1e-9]])
    assert float(levelset(along, labels)) == pytest.approx(0, abs=1e-6)
    assert float(levelset(across, labels)) == pytest.approx(2 * 4 * 0.25, abs=1e-6)


DELTAS = {
    "tanh": lambda z, e: (1 - torch.tanh(z / e)) * (1 + torch.tanh(z / e)) / (2 * e),
    "arctan": lambda z, e: e / (math.pi * (e**2 + z**2)),
}
STEPS = {
    "tanh": lambda z, e: (1 + torch.tanh(z / e)) / 2,
    "arctan": lambda z, e: (1 + 2 / math.pi * torch.atan(z / e)) / 2,
}


@in_turn("heaviside", ["tanh", "arctan"])
@in_turn("num_classes", [1, 2, 5])
def test_the_gradient_is_kim_et_als_equation_7(num_classes, heaviside):
    epsilon = 0.2
    logits, labels = random_case(num_classes)
    logits.requires_grad_()
    levelset(logits, labels, epsilon=epsilon, heaviside=heaviside).backward()

    x = logits.detach()
    x = torch.cat((torch.zeros_like(x), x), 1) if num_classes == 1 else x
    p = x.softmax(1)
    by_p = torch.zeros_like(p)
    for image in range(len(p)):
        valid = labels[image] != 255
        for index in labels[image][valid].unique().tolist():
            phi = p[image, index] - 0.5
            g = (labels[image] == index).double()
            h = STEPS[heaviside](phi, epsilon)
            inside = (g * h)[valid].sum() / h[valid].sum()
            outside = (g * (1 - h))[valid].sum() / (1 - h)[valid].sum()
            equation_7 = DELTAS[heaviside](phi, epsilon) * ((g - inside) ** 2 - (g - outside) ** 2)
            by_p[image, index] = equation_7 * valid / len(p)
    by_x = p * (by_p - (p * by_p).sum(1, keepdim=True))
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, by_x[:, -1:] if num_classes == 1 else by_x)


@in_turn("heaviside", ["tanh", "arctan"])
def test_a_prediction_and_its_inverse_cost_the_same(heaviside):
    logits, labels = random_case(1)
    loss = levelset(logits, labels, heaviside=heaviside)
    assert float(levelset(-logits, labels, heaviside=heaviside)) == pytest.approx(float(loss))


@in_turn(
    "num_classes, heaviside, vanishes",
    [(2, "tanh", False), (11, "tanh", True), (19, "tanh", True), (19, "arctan", False)],
)
def test_near_a_uniform_softmax_the_gradient_vanishes_with_11_classes_or_more(
    num_classes, heaviside, vanishes
):
    generator = torch.manual_seed(0)
    shape = (1, num_classes, 16, 16)
    labels = torch.randint(0, num_classes, (1, 16, 16), generator=generator)
    noise = 0.01 * torch.randn(shape, generator=generator, dtype=torch.float64)

    def largest_gradient(logits):
        logits.requires_grad_()
        levelset(logits, labels, heaviside=heaviside).backward()
        return float(logits.grad.abs().max())

    on_the_step = torch.zeros(shape, dtype=torch.float64)
    on_the_step[:, :2] = 9.0  # p is about 1/2 on two classes
    peak = largest_gradient(on_the_step + 100 * noise)
    # At exactly equal logits there is no inside to tell from the outside, and no gradient at all.
    ratio = largest_gradient(noise) / peak
    assert (ratio < 1e-6) == vanishes
    assert ratio > 0


def test_a_present_class_that_is_predicted_nowhere_has_an_energy_outside_alone():
    labels = torch.tensor([[[1, 0, 0, 0]]])
    logits = torch.full((1, 1, 1, 4), -200.0, requires_grad=True)
    loss = levelset(logits, labels)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2 * 4 * 0.25 * 0.75, rel=1e-5)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_the_plain_step_has_no_gradient():
    logits, labels = random_case(4)
    logits.requires_grad_()
    loss = levelset(logits, labels, heaviside="step")
    loss.backward()
    assert loss > 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_binary_task_has_the_energy_of_its_two_classes():
    logits, labels = random_case(1)
    both = torch.cat((torch.zeros_like(logits), logits), 1)
    assert float(levelset(logits, labels)) == pytest.approx(float(levelset(both, labels)))


def test_kims_objective_is_cross_entropy_and_the_energy_as_printed():
    logits, labels = random_case(5)
    objective = build_loss("kim2019_levelset", 5)
    assert (
        objective.expression
        == "ce + 0.0004*levelset"
        == build_loss(PRESETS["kim2019_levelset"], 5).expression
    )
    energies = torch.stack([levelset(logits[i : i + 1], labels[i : i + 1]) for i in range(3)])
    ce = build_loss("ce", 5)(logits, labels)
    assert float(objective(logits, labels)) == pytest.approx(float(ce + 4e-4 * energies.mean()))
