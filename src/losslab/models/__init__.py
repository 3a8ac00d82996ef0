"""Segmentation networks by name: pictures (n, 3, h, w) in, logits (n, c, h, w) of the same size
out.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from torch import nn

from losslab.errors import SpecError, unknown
from losslab.models.smp_networks import (
    DeepLabV3PlusOptions,
    UnetOptions,
    build_deeplabv3plus,
    build_unet,
    check_encoder,
)
from losslab.models.weights import find_weights

__all__ = ["MODELS", "build_model", "check_model", "default_encoder", "find_weights"]

MODELS = {
    "unet": (build_unet, UnetOptions),
    "deeplabv3plus": (build_deeplabv3plus, DeepLabV3PlusOptions),
}
"""Each network's builder and the class of its options."""


def build_model(
    name: str,
    *,
    num_classes: int,
    encoder: str = "resnet34",
    weights: str | None = None,
    **options: Any,
) -> nn.Module:
    """A network that maps pictures (n, 3, h, w) of any size to logits (n, num_classes, h, w).

    `num_classes` is 1 for a binary task. `weights` are the encoder's: None (random, from torch's
    global generator), "imagenet" or a file. Raises `SpecError` for an unknown name or option and
    `WeightsError` for weights that cannot be had.
    """
    checked = check_model(name, encoder=encoder, options=options)
    build, _ = MODELS[name]
    return build(num_classes=num_classes, encoder=encoder, weights=weights, options=checked)


def check_model(name: str, *, encoder: str, options: Mapping[str, Any]) -> Any:
    """The network's options, checked; raises `SpecError` that names the field and the choices."""
    if name not in MODELS:
        raise SpecError(unknown("model", name, MODELS))
    check_encoder(encoder)
    _, options_class = MODELS[name]
    known = options_class.__dataclass_fields__
    for key in options:
        if key not in known:
            raise SpecError("model_options: " + unknown(f"option of {name}", key, known))
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return options_class(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SpecError(f"model_options: {place}: {first['msg']}, got {first['input']!r}") from None


def default_encoder(name: str) -> str:
    """The encoder that the network of that name has unless told otherwise."""
    if name not in MODELS:
        raise SpecError(unknown("model", name, MODELS))
    return "resnet34"
