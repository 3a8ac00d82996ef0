"""Losses that users bring: callables, and functions named by module."""

import re
import textwrap

import pytest
import torch

from losslab.errors import DataError, SpecError
from losslab.losses import build_loss, canonical, dice, source_digests, user_losses
from tests.losses.cases import in_turn, random_case

SOURCE = """
import torch
from losslab.losses import dice

def log_dice(logits, labels, *, power: float = 1.0, floor=1e-6):
    return -(1 - dice(logits, labels)).clamp_min(floor).log() ** power

def takes_three(logits, labels, weights):
    return logits.sum()

class Mine(torch.nn.Module):
    def forward(self, logits, labels, scale: float = 1.0):
        return scale * logits.mean()

class Learning(Mine):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

def needs_net(logits, labels, *, edge_net):
    return logits.mean()

def odd(logits, labels, *, centre: torch.Tensor = torch.zeros(3), sides: list[float] = [], mode=1,
        limit: float | None = None):
    return logits.mean() * (10 if mode is True else 1)

learning = Learning()

ready = Mine()
number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working folder, which is not on the path."""
    name = f"mylosses_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("/nowhere")  # restores the path afterwards
    return name


def test_a_function_of_ones_own_stands_in_an_expression(module):
    logits, labels = random_case(3)
    own = -(1 - dice(logits, labels)).log()
    objective = build_loss(f"dice + 0.5*{module}:log_dice", 3)
    assert float(objective(logits, labels)) == pytest.approx(
        float(dice(logits, labels) + 0.5 * own)
    )
    assert objective.names == ("dice", f"0.5*{module}:log_dice")


def test_its_options_are_those_of_its_signature(module):
    text = f"{module}:log_dice(floor=0.5, power=2)"
    assert canonical(text) == f"{module}:log_dice(power=2, floor=0.5)"
    assert canonical(f"{module}:log_dice(power=1)") == f"{module}:log_dice"
    with pytest.raises(SpecError, match=r"unknown option .* 'pwer': one of power, floor"):
        canonical(f"{module}:log_dice(pwer=2)")
    with pytest.raises(SpecError, match="option 'power'"):
        canonical(f"{module}:log_dice(power='2')")


def test_an_instance_of_a_module_is_a_loss_too(module):
    logits, labels = random_case(3)
    assert build_loss(f"{module}:ready", 3)(logits, labels) == logits.mean()
    scaled = build_loss(f"{module}:ready(scale=3)", 3)(logits, labels)
    assert float(scaled) == pytest.approx(3 * float(logits.mean()))


@in_turn(
    "given, kept",
    [
        ("centre=(1, 2, 3)", "(centre=(1, 2, 3))"),
        ("sides=(1., 2.)", "(sides=(1, 2))"),
        ("mode=True", "(mode=True)"),
        ("mode=1.0", ""),
        ("limit=None", ""),
        ("limit=0.5", "(limit=0.5)"),
    ],
)
def test_options_of_any_type_are_read(module, given, kept):
    text = f"{module}:odd({given})"
    assert canonical(text) == f"{module}:odd{kept}"


@in_turn(
    "text, words",
    [
        ("no_such_module_at_all:mine", "cannot be imported (ModuleNotFoundError"),
        ("{module}:log_dize", "unknown function 'log_dize'"),
        (
            "{module}:log_dize",
            "one of log_dice, takes_three, Mine, Learning, needs_net, odd, ",
        ),
        ("{module}:takes_three", "takes logits and labels and otherwise only keyword options"),
        ("{module}:Mine", "is a class; make an instance"),
        ("{module}:learning", "has parameters that learn"),
        ("{module}:needs_net", "takes logits and labels and otherwise only keyword options"),
        ("{module}:number", "a function of logits and labels, got 3"),
        ("{module}:log_dice - ce", "cannot read '{module}:log_dice - ce'"),
    ],
)
def test_a_mistake_is_one_error_that_names_it(text, words, module):
    with pytest.raises(SpecError, match=re.escape(words.format(module=module))):
        canonical(text.format(module=module))


def test_an_error_in_the_users_module_is_quoted(module, tmp_path):
    (tmp_path / "broken_losses.py").write_text("raise RuntimeError('not today')")
    with pytest.raises(SpecError, match="RuntimeError: not today"):
        canonical("broken_losses:mine")
    (tmp_path / "exiting_losses.py").write_text("raise SystemExit(3)")
    with pytest.raises(SpecError, match="SystemExit: 3"):
        canonical("exiting_losses:mine")


def test_a_callable_is_an_objective():
    logits, labels = random_case(3)

    def half_mean(logits, labels):
        return logits.mean() / 2

    assert build_loss(half_mean, 3)(logits, labels) == logits.mean() / 2
    assert build_loss(half_mean, 3).expression == "half_mean"
    assert build_loss(lambda x, y: x.mean(), 3)(logits, labels) == logits.mean()
    both = build_loss("ce + 2*mine", 3, losses={"mine": half_mean}).terms(logits, labels)
    assert both["2*mine"] == logits.mean()


@in_turn(
    "function, words",
    [
        (lambda logits, labels: logits.mean(1), "returned shape (3, 7, 5); a loss returns one"),
        (lambda logits, labels: 0.5, "returned 0.5; a loss returns one number as a tensor"),
        (lambda logits, labels: logits.detach().mean(), "no gradient by the logits"),
    ],
)
def test_what_a_loss_cannot_return_is_named(function, words):
    logits, labels = random_case(3)
    with pytest.raises(DataError, match=re.escape(words)):
        build_loss("ce + mine", 3, losses={"mine": function})(logits.requires_grad_(), labels)


def test_a_default_makes_a_parameter_no_less_a_place_for_the_labels():
    logits, labels = random_case(3)
    assert build_loss(lambda x, y=None: x.mean(), 3)(logits, labels) == logits.mean()


def test_a_module_with_tensors_moves_with_the_objective():
    class Weighted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("weight", torch.ones(1))

        def forward(self, logits, labels):
            return (self.weight * logits).mean()

    own = Weighted()
    build_loss("mine", 3, losses={"mine": own}).double()
    assert own.weight.dtype == torch.float64


def test_the_source_of_a_users_loss_is_known_by_its_digest(module, tmp_path):
    names = user_losses(f"ce + 2*{module}:log_dice(power=2) + {module}:ready")
    assert names == [f"{module}:log_dice", f"{module}:ready"]
    before = source_digests(names)
    file = tmp_path / f"{module}.py"
    file.write_text(file.read_text() + "\n# changed\n")
    after = source_digests(names)
    assert before.keys() == after.keys() == set(names)
    assert all(before[name] != after[name] for name in names)
