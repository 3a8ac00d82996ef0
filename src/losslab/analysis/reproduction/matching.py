"""Which finished runs stand in a printed cell, and why there is none."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from losslab.analysis.audit.names import loss_name, model_name
from losslab.analysis.reproduction.cells import Cell, Variant, task_of, variant_of
from losslab.analysis.reproduction.finished import Run
from losslab.analysis.reproduction.forms import forms_of, is_any


class Match(NamedTuple):
    """The runs of a cell."""

    runs: list[Run]
    reason: str = ""
    """Why there is none."""
    form: str = ""
    """The loss that was run in place of the printed one and how it differs; "" where it is it."""


class _Rule(NamedTuple):
    """One thing that a run and a cell must share."""

    holds: Callable[[Run], bool]
    missing: str
    found: Callable[[Run], str] | None = None
    """What the runs have instead, for the reason."""


def match(cell: Cell, runs: Sequence[Run], *, loss: str = "", any_task: bool = False) -> Match:
    """The runs with the cell's data set, network, task, loss, pretraining, division and variant.

    What a paper does not say, a run may have in any way. `loss` stands in for the cell's own;
    `any_task` asks for no task, for a mean over classes that are trained one by one. Of the forms
    of a loss that were run (see `forms_of`) the printed table's own is taken, else the next. Two
    runs that differ in something else than the loss, seed and fold are no measurement of one cell.
    """
    variant = variant_of(cell)
    left = list(runs)
    for rule in (*_setting_rules(cell, any_task), *_loss_rules(cell, loss), *_run_rules(variant)):
        kept = [run for run in left if rule.holds(run)]
        if not kept:
            instead = sorted({rule.found(run) for run in left}) if rule.found and left else []
            there = f" (there is {', '.join(instead)})" if instead else ""
            return Match([], f"{rule.missing}{there}")
        left = kept
    return _of_one_form(cell, loss or cell.loss, left)


def pretraining_fits(printed: str, own: str) -> bool:
    """Whether weights are those that a paper prints, where it prints any; COCO's were trained from
    ImageNet's.
    """
    return printed == "" or own == ("coco" if "coco" in printed else printed)


def _setting_rules(cell: Cell, any_task: bool) -> list[_Rule]:
    task, network = task_of(cell), model_name(cell.model)
    rules = [
        _Rule(lambda run: cell.dataset in ("", run.dataset), f"no run on {cell.dataset}"),
        _Rule(lambda run: cell.model in ("", run.model), f"no run of {network}"),
        _Rule(
            lambda run: cell.encoder in ("", run.encoder),
            f"no run of {model_name(cell.model, cell.encoder)}",
            lambda run: f"encoder {run.encoder}",
        ),
    ]
    if not any_task:
        wanted = "no run of that task" if task else "no run on all classes"
        rules.append(_Rule(lambda run: run.task == task, wanted))
    return rules


def _loss_rules(cell: Cell, loss: str) -> list[_Rule]:
    wanted = loss or cell.loss
    if not wanted:
        return []
    any_of = is_any(wanted)
    forms = forms_of(cell.paper, wanted)
    return [
        _Rule(
            lambda run: any_of in run.loss if any_of else run.loss in forms,
            f"no run with the loss {loss_name(wanted)}",
        ),
        _Rule(
            lambda run: pretraining_fits(cell.pretraining, run.pretraining),
            f"no run from {cell.pretraining} weights",
            lambda run: f"{run.pretraining} weights",
        ),
    ]


def _run_rules(variant: Variant) -> list[_Rule]:
    divided = "5 folds" if variant.folds else f"the division {variant.division}"
    scales = "several scales" if variant.multi_scale else "one scale"
    return [
        _Rule(
            lambda run: _is_divided(run, variant),
            f"no run on {divided}",
            lambda run: run.tested if run.tested in ("folds", "fractions") else run.division,
        ),
        _Rule(lambda run: run.multi_scale == variant.multi_scale, f"no run on {scales}"),
        _Rule(
            lambda run: variant.seed in (None, run.seed),
            f"no run with seed {variant.seed}",
            lambda run: f"seed {run.seed}",
        ),
        _Rule(
            lambda run: variant.fold in (None, run.fold),
            f"no run of fold {(variant.fold or 0) + 1}",
            lambda run: f"fold {run.fold + 1}",
        ),
    ]


def _is_divided(run: Run, variant: Variant) -> bool:
    if variant.folds:
        return run.tested == "folds" and run.spec["folds"] == 5
    return run.tested in ("test", "val") and run.division == variant.division


def _of_one_form(cell: Cell, loss: str, runs: list[Run]) -> Match:
    losses = {run.loss for run in runs}
    if loss == "":
        return Match(runs)
    if is_any(loss):
        if len(losses) > 1:
            names = "; ".join(sorted(losses))
            return Match([], f"the weights are not printed, and several were run: {names}")
        return _unless_twice(runs, f"{losses.pop()}: the weights are not printed")
    for form, words in forms_of(cell.paper, loss).items():
        if form in losses:
            chosen = [run for run in runs if run.loss == form]
            return _unless_twice(chosen, f"{form}: {words}" if words else "")
    raise AssertionError("a rule left runs of none of the forms")


def _unless_twice(runs: list[Run], form: str) -> Match:
    """The runs, unless two of them have the same task, seed and fold."""
    first: dict[tuple[str, int, int], Run] = {}
    for run in runs:
        other = first.setdefault((run.task, run.seed, run.fold), run)
        if other is not run:
            fields = [key for key in run.spec if run.spec[key] != other.spec.get(key)]
            return Match(
                [],
                f"two runs have this setting and seed and differ in {', '.join(fields)}: choose "
                "between them with run_ids",
            )
    return Match(runs, form=form)
