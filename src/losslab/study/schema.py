"""What a study file holds."""

from typing import Annotated, Any, Literal, get_args

from annotated_types import Ge
from pydantic import Field
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT


@dataclass(frozen=True, config=STRICT)
class Override:
    """Values that replace the fixed ones in the runs that match."""

    when: dict[str, Any]
    """By field, or by the name of a bundle of an axis."""
    set: dict[str, Any]


@dataclass(frozen=True, config=STRICT)
class Published:
    """The printed tables that the runs of a study are to be laid beside."""

    paper: str
    """One of `losslab.analysis.published.PAPERS`."""
    tables: tuple[str, ...]


Part = Literal["compare", "certainty", "definitions", "convergence"]

PARTS: tuple[Part, ...] = get_args(Part)
"""The notebooks of a report, in its order; all take the same parameters."""


@dataclass(frozen=True, config=STRICT)
class Report:
    """What the report compares: each loss with `baseline`, by `metric` at `level`."""

    baseline: str = "ce"
    metric: Literal["iou", "dice", "boundary_iou", "accuracy"] = "iou"
    level: Literal["dataset", "image"] = "dataset"
    pictures: bool = True
    """Whether the report may show pictures; False where the data set's licence forbids it."""
    published: Published | None = None
    notebooks: tuple[str, ...] = ()
    """Notebooks that stand before all others in the report, such as `sparsity`; they take the
    parameters of compare.ipynb."""
    parts: tuple[Part, ...] = PARTS
    """Which of the usual notebooks follow: a report on many settings grows long."""


@dataclass(frozen=True, config=STRICT)
class Study:
    """A question and the runs that answer it."""

    name: str
    question: str
    fixed: dict[str, Any] = Field(default_factory=dict)
    grid: dict[str, list[Any]] = Field(default_factory=dict)
    """Values of fields by field; an axis that is no field bundles several: each of its values is a
    mapping of fields, and may have a `name`."""
    exceptions: tuple[Override, ...] = ()
    first: tuple[Override, ...] = ()
    """Where there are any, each run begins with the weights of one that is made before it, which
    differs from it in the values of those that match."""
    repeats: Annotated[int, Ge(0)] = 0
    """How often the baseline's first run of each setting is run again, with the same seed: its
    noise floor."""
    report: Report = Field(default_factory=Report)
    notes: tuple[str, ...] = ()
    """What a reader has to know beside the runs: printed rows that are not run, and why."""
    changes: tuple[str, ...] = ()
    """What `--set` has left out of the study in the file."""
