"""RunSpec: everything that decides the outcome of one training run, and nothing else.

A spec holds no path and no device: the same spec on another machine is the same run. Data sets,
models and losses know nothing of it, so that each can be used alone; it stands above them and
refuses names that they do not have.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.data import DATASETS, check_task, parse_options
from losslab.data.fitting import FITS
from losslab.data.splits import SplitOptions
from losslab.data.transforms import AUGMENTATIONS
from losslab.errors import DataError, SpecError, unknown
from losslab.losses import canonical
from losslab.models import MODELS, check_model, default_encoder

Count = Annotated[int, Ge(1)]
Pixels = Annotated[int, Ge(1), Le(65535)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[Finite, Ge(0)]

NAMES = {"dataset": DATASETS, "augmentation": AUGMENTATIONS, "model": MODELS, "fit": FITS}
"""Fields whose value is a name, and the names there are."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RunSpec:
    """One training run: data, network, loss, optimisation and seed.

    Unknown fields, wrong types, values out of range and names that do not exist raise `SpecError`,
    which names the field, the rule and the choices. Sizes are (height, width) in pixels.
    """

    dataset: str = "scenes"
    dataset_options: dict[str, Any] = Field(default_factory=dict)
    task: str | None = None
    """None: all classes. "Car", "Car+Bicyclist", "not background": that foreground against the
    rest.
    """
    split: Literal["official", "fractions", "folds"] = "official"
    split_fractions: tuple[Share, Share, Share] = (0.7, 0.15, 0.15)
    split_seed: Annotated[int, Ge(0)] = 0
    folds: Annotated[int, Ge(3)] = 5
    fold: Annotated[int, Ge(0)] = 0
    fold_val: Share | None = None
    """Share of all pictures that validates under split "folds"; None: the fold after the test's."""
    train_on_val: bool = False
    """Train on the validation pictures, too, as is done before a server is asked: scores on them
    say nothing then."""
    size: tuple[Pixels, Pixels] = (64, 64)
    fit: str = "stretch"
    """How pictures come to `size`: stretched; "pad": as large as fits, void around them; "keep":
    pixel for pixel, void below and to the right."""
    test_size: tuple[Pixels, Pixels] | None = None
    test_fit: str | None = None
    """Size and fit of the test pictures where they differ from the others'."""
    augmentation: str = "none"
    crop_size: tuple[Pixels, Pixels] | None = None

    model: str = "unet"
    model_options: dict[str, Any] = Field(default_factory=dict)
    encoder: str | None = None
    """None: the network's own (resnet34 for smp's)."""
    encoder_weights: str | None = None
    """None: random. "imagenet": the encoder's published weights. Otherwise a weights file."""
    start_from: str | None = None
    """Id of a finished run in the same folder, with whose tested weights this one begins."""

    loss: str = "ce"
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    lr: Annotated[Finite, Gt(0)] = 1e-3
    head_lr_factor: Annotated[Finite, Gt(0)] = 1.0
    """Multiplies `lr` for the layers that no encoder brings (10 in DeepLab's recipe)."""
    bias_lr_factor: Annotated[Finite, Gt(0)] = 1.0
    """Multiplies the learning rate of biases (2 in the recipes of FCN and DeepLab)."""
    bias_decay: bool = True
    """False: weight decay spares biases."""
    weight_decay: Share = 0.0
    momentum: Annotated[Finite, Ge(0), Lt(1)] = 0.9
    """Of sgd and rmsprop; the Adams do not read it."""
    rmsprop_alpha: Annotated[Finite, Ge(0), Lt(1)] = 0.99
    """Weight of the past in rmsprop's mean of squares: torch's default (Keras has 0.9)."""
    optimizer_eps: Annotated[Finite, Gt(0)] | None = None
    """Added to the square root that adam, adamw and rmsprop divide by; None: torch's 1e-8 (Keras
    has 1e-7)."""
    schedule: Literal["constant", "poly", "cosine"] = "constant"
    poly_power: Annotated[Finite, Gt(0)] = 0.9
    batch_size: Count = 16
    batches: Literal["any", "positive"] = "any"
    """positive: every batch holds a picture that shows the task's foreground."""
    epochs: Count | None = None
    max_iterations: Count | None = None
    patience: Count | None = None
    """Epochs without a better `monitor` after which training stops; None: never."""
    monitor: Literal["val_iou", "val_boundary_iou", "val_accuracy", "val_loss"] = "val_iou"
    selection: Literal["best", "last"] = "best"
    """The weights that are tested: of the best epoch by `monitor`, or of the last."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    deterministic: bool = False
    """Ask torch for deterministic kernels; on a CPU a run is bit-exact without it."""
    seed: Annotated[int, Ge(0), Lt(2**32)] = 0
    repeat: Annotated[int, Ge(0)] = 0
    """The same run once more: what differs is only what no seed decides, such as the order in which
    a GPU adds up. It measures how far such runs lie apart and takes part in no comparison."""

    @model_validator(mode="wrap")
    @classmethod
    def _readable_errors(cls, values: Any, handler: Any) -> Any:
        try:
            return handler(values)
        except ValidationError as error:
            raise SpecError(_explain(error, [f.name for f in fields(cls)])) from None

    @field_validator("loss")
    @classmethod
    def _known_loss(cls, expression: str) -> str:
        return canonical(expression)

    @model_validator(mode="after")
    def _fits_together(self) -> "RunSpec":
        for field, names in NAMES.items():
            if getattr(self, field) not in names:
                raise SpecError(unknown(field, getattr(self, field), names))
        try:
            parse_options(self.dataset, self.dataset_options)
            check_task(self.dataset, self.dataset_options, self.task)
            self.split_options()
        except DataError as error:
            raise SpecError(str(error)) from None
        if self.test_fit is not None and self.test_fit not in FITS:
            raise SpecError(unknown("test_fit", self.test_fit, FITS))
        if self.encoder is None:
            object.__setattr__(self, "encoder", default_encoder(self.model))
        check_model(self.model, encoder=self.encoder, options=self.model_options)
        if self.batches == "positive" and self.task is None:
            raise SpecError("batches: 'positive' needs a task, whose foreground it looks for")
        if self.optimizer_eps is not None and self.optimizer == "sgd":
            raise SpecError("optimizer_eps: sgd divides by nothing; leave it out")
        if (self.epochs is None) == (self.max_iterations is None):
            raise SpecError("give exactly one of epochs and max_iterations")
        for field in ("fold", "fold_val"):
            if getattr(self, field) and self.split != "folds":
                value = getattr(self, field)
                raise SpecError(f"{field}: {value} needs split 'folds', got {self.split!r}")
        crops = "crop" in self.augmentation
        if crops != (self.crop_size is not None):
            word = "needs" if crops else "takes no"
            raise SpecError(
                f"crop_size: augmentation {self.augmentation!r} {word} crop_size (height, width)"
            )
        return self

    def split_options(self) -> SplitOptions:
        """How the data set is divided into training, validation and test pictures."""
        return SplitOptions(
            rule=self.split,
            fractions=self.split_fractions,
            folds=self.folds,
            fold=self.fold,
            fold_val=self.fold_val,
            seed=self.split_seed,
            train_on_val=self.train_on_val,
        )

    def data_arguments(self) -> dict[str, Any]:
        """What `losslab.data.prepare` takes of a spec; equal for runs on the same pictures."""
        return {
            "name": self.dataset,
            "options": self.dataset_options,
            "task": self.task,
            "split": self.split_options(),
            "size": self.size,
            "fit": self.fit,
            "test_size": self.test_size,
            "test_fit": self.test_fit,
        }

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values, in the order of their declaration."""
        return json.loads(json.dumps(asdict(self)))

    @property
    def run_id(self) -> str:
        """A readable name that ends in 8 hex digits of the SHA-256 of what differs from the
        defaults, so that a field which comes later leaves the names of earlier runs as they are.
        """
        defaults = {f.name: f.default for f in fields(self)}
        told = {k: v for k, v in self.to_dict().items() if getattr(self, k) != defaults[k]}
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        dataset = self.dataset_options.get("name", self.dataset)
        parts = [dataset, self.task, self.model, self.encoder, self.loss]
        names = [_slug(str(part)) for part in parts if part]
        number = f"s{self.seed}" + (f"r{self.repeat}" if self.repeat else "")
        return "-".join([*filter(None, names), number, digest])

    @classmethod
    def field_names(cls) -> list[str]:
        """Names of all fields, in the order of their declaration."""
        return [f.name for f in fields(cls)]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "RunSpec":
        """A spec from JSON or YAML values: lists stand for tuples, all else is as strict."""
        tuples: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in values.items()
        }
        return cls(**tuples)


def _slug(text: str) -> str:
    """Letters and digits of `text`, at most 24, joined by hyphens where others stood."""
    return (
        re.sub(r"[^a-z0-9.]+", "-", text.lower().removeprefix("./")).strip("-.")[:24].rstrip("-.")
    )


def _explain(error: ValidationError, names: list[str]) -> str:
    """Pydantic's findings as one line each: field, rule, value."""
    lines = []
    for finding in error.errors():
        place = [str(part) for part in finding["loc"] if part != "RunSpec"]
        field = place[0] if place else "spec"
        if finding["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            lines.append(unknown("field", field, names))
        else:
            rule = "a list, such as [64, 64]" if finding["type"] == "tuple_type" else finding["msg"]
            lines.append(f"{'.'.join(place)}: {rule}, got {finding['input']!r}")
    return "; ".join(dict.fromkeys(lines))
