"""Learning rates and weight decay of the head, of biases, and of all else."""

import copy

import pytest
import torch
from torch import nn

from losslab.errors import SpecError
from losslab.models import Segmenter, build_model
from losslab.spec import RunSpec
from losslab.training.optimizers import build_optimizer, build_schedule, parameter_groups

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> Segmenter:
    torch.manual_seed(0)
    return build_model("fcn16s", num_classes=2, encoder="resnet18")


def spec(**fields: object) -> RunSpec:
    return RunSpec(
        model="fcn16s",
        encoder="resnet18",
        max_iterations=10,
        optimizer="sgd",
        lr=0.1,
        **fields,  # pyright: ignore
    )


def test_without_factors_there_is_one_group_in_the_models_order(model: Segmenter) -> None:
    (group,) = parameter_groups(spec(weight_decay=0.01), model)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.01)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "rmsprop"])
def test_without_factors_steps_are_those_of_an_optimiser_without_groups(name: str) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    theirs = copy.deepcopy(ours)
    plain = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "sgd": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
    }[name]
    extra = {"momentum": 0.9} if name in ("sgd", "rmsprop") else {}
    with_spec = RunSpec(epochs=1, optimizer=name, lr=0.01, weight_decay=0.1)  # pyright: ignore
    optimizers = [
        build_optimizer(with_spec, ours, CPU),
        plain(theirs.parameters(), lr=0.01, weight_decay=0.1, **extra),
    ]
    for _ in range(3):
        # Both get the very same gradients: two passes of a convolution may differ in the last
        # digit, and Adam's division makes a whole step of that where a gradient is nothing else.
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    assert all(
        torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)
    )


def test_deeplabs_recipe_makes_four_groups(model: Segmenter) -> None:
    recipe = spec(weight_decay=5e-4, head_lr_factor=10.0, bias_lr_factor=2.0, bias_decay=False)
    groups = parameter_groups(recipe, model)
    head = {id(parameter) for parameter in model.head_parameters()}
    rates = {}
    for group in groups:
        for parameter in group["params"]:
            rates[id(parameter)] = (group["lr"], group["weight_decay"])
    assert (
        len(rates) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    )
    for name, parameter in model.named_parameters():
        bias = name.endswith(".bias")
        rate = 0.1 * (10 if id(parameter) in head else 1) * (2 if bias else 1)
        assert rates[id(parameter)] == pytest.approx((rate, 0.0 if bias else 5e-4)), name
    assert [group["lr"] for group in groups] == pytest.approx([0.1, 0.2, 1.0, 2.0])


def test_the_first_group_has_the_specs_learning_rate(model: Segmenter) -> None:
    for fields in ({"head_lr_factor": 10.0}, {"bias_lr_factor": 2.0}, {"bias_decay": False}):
        optimizer = build_optimizer(spec(weight_decay=0.1, **fields), model, CPU)
        assert len(optimizer.param_groups) == 2
        assert optimizer.param_groups[0]["lr"] == 0.1
        assert optimizer.param_groups[0]["weight_decay"] == 0.1


@pytest.mark.parametrize("schedule", ["constant", "poly", "cosine"])
def test_a_schedule_keeps_the_ratio_of_the_groups(model: Segmenter, schedule: str) -> None:
    recipe = spec(head_lr_factor=10.0, schedule=schedule)
    optimizer = build_optimizer(recipe, model, CPU)
    steps = build_schedule(recipe, optimizer, 10)
    seen = []
    for _ in range(9):
        optimizer.step()
        steps.step()
        slow, fast = steps.get_last_lr()
        assert fast == pytest.approx(10 * slow)
        seen.append(slow)
    assert (len(set(seen)) == 1) == (schedule == "constant")


def test_groups_survive_a_checkpoint(model: Segmenter) -> None:
    recipe = spec(head_lr_factor=10.0, schedule="poly")
    first = build_optimizer(recipe, model, CPU)
    schedule = build_schedule(recipe, first, 10)
    first.step()
    schedule.step()
    second = build_optimizer(recipe, model, CPU)
    resumed = build_schedule(recipe, second, 10)
    second.load_state_dict(first.state_dict())
    resumed.load_state_dict(schedule.state_dict())
    for optimizer, steps in ((first, schedule), (second, resumed)):
        optimizer.step()
        steps.step()
    assert schedule.get_last_lr() == resumed.get_last_lr()
    assert [g["lr"] for g in first.param_groups] == [g["lr"] for g in second.param_groups]


def test_a_network_that_does_not_tell_its_head_is_refused_a_factor_on_it() -> None:
    with pytest.raises(SpecError, match="head_lr_factor: this network does not tell"):
        parameter_groups(spec(head_lr_factor=10.0), nn.Conv2d(3, 1, 1))
