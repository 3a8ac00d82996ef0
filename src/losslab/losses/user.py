"""Losses that are not losslab's: `module:function`, found where Python finds modules and in the
working folder.

Such a function is called as `function(logits, labels, **options)` with logits (n, c, h, w), c = 1
for a binary task, and labels (n, h, w), 255 = not annotated, and returns a scalar. Its keyword-only
parameters with defaults are options in an expression: "ce + 0.5*mylosses:mine(alpha=2)".
"""

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from losslab.errors import SpecError, brief, unknown
from losslab.losses.registry import Loss, parameters_of

PATTERN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""How such a loss is named in an expression."""


def user_loss(path: str) -> Loss:
    """The loss of a name such as "mylosses:mine"; importing the module executes it.

    Raises `SpecError` where the module cannot be imported, has no such function, or the function
    cannot be called as losses are.
    """
    module_name, _, name = path.partition(":")
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever its code raises
        raise SpecError(
            f"loss: {path!r}: module {module_name!r} cannot be imported ({brief(error)}); call "
            "losslab in the folder that holds it, or put that folder on PYTHONPATH"
        ) from error
    if not hasattr(module, name):
        functions = [
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module_name
        ]
        raise SpecError(f"loss: {path!r}: {unknown('function', name, functions)}")
    return checked_loss(path, getattr(module, name))


def checked_loss(name: str, given: Any) -> Loss:
    """A callable as a loss; raises `SpecError` for one that cannot be called as losses are."""
    if not callable(given):
        raise SpecError(f"loss: {name!r}: a function of logits and labels, got {given!r}")
    function: Any = given
    if isinstance(function, type):
        raise SpecError(f"loss: {name!r} is a class; make an instance in its module and name that")
    if isinstance(function, nn.Module) and any(p.requires_grad for p in function.parameters()):
        raise SpecError(
            f"loss: {name!r} has parameters that learn, and the optimizer has the network's only; "
            "freeze them with requires_grad_(False)"
        )
    parameters = parameters_of(function)
    if parameters is None:
        return Loss(function)
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_two = len(positional) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    if not takes_two or any(p.default is p.empty for p in (*positional[2:], *keywords)):
        raise SpecError(
            f"loss: {name!r}: takes logits and labels and otherwise only keyword options with "
            f"defaults, not {inspect.signature(function)}"
        )
    return Loss(function)


def source_digest(path: str) -> str:
    """SHA-256 of the file that a user's loss is written in, "built-in" for one without a file.

    What that file imports is not looked at.
    """
    function = inspect.unwrap(user_loss(path).function)
    written = function if inspect.isroutine(function) else type(function)
    try:
        file = inspect.getsourcefile(written)
    except TypeError:
        file = None
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else "built-in"


def source_digests(names: Mapping[str, Any] | list[str]) -> dict[str, str]:
    """`source_digest` of each of these losses that is a user's."""
    return {name: source_digest(name) for name in names if ":" in name}


LossFunction = Callable[..., Tensor]
"""A loss as a plain callable: `function(logits, labels)` is a scalar of logits (n, c, h, w) and
labels (n, h, w).
"""
