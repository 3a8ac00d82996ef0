"""Segmentation networks by name: pictures (n, 3, h, w) in, logits (n, c, h, w) of the same size
out.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from losslab.errors import SpecError, unknown
from losslab.models import deeplab, fcn, smp_networks
from losslab.models.options import Options
from losslab.models.published import from_hub, from_torchvision
from losslab.models.segmenter import Segmenter
from losslab.models.trunks import BOTTLENECKS, RESNETS
from losslab.models.weights import (
    WeightsFile,
    find_file,
    is_whole_timms,
    load_encoder,
    statistics,
)

__all__ = ["MODELS", "Segmenter", "build_model", "check_model", "default_encoder", "find_weights"]


class Architecture(NamedTuple):
    """A network's builder, the class of its options, and the encoders it can have."""

    build: Callable[..., Segmenter]
    options: type[Options]
    default_encoder: str
    encoders: tuple[str, ...] | None
    """torchvision's classifiers; None: any of smp's and timm's."""


VGG, ALEXNET, RESNET50 = ("vgg16",), ("alexnet",), ("resnet50",)
DILATED = deeplab.DeepLabOptions

MODELS: dict[str, Architecture] = {
    "unet": Architecture(smp_networks.build_unet, smp_networks.UnetOptions, "resnet34", None),
    "deeplabv3plus": Architecture(
        smp_networks.build_deeplabv3plus, smp_networks.DeepLabV3PlusOptions, "resnet34", None
    ),
    "bfcn32s": Architecture(fcn.build_bfcn32s, Options, "vgg16", VGG),
    "fcresnet": Architecture(fcn.build_fcresnet, Options, "resnet50", RESNET50),
    "fcn_alexnet32s": Architecture(
        fcn.build_fcn_alexnet32s, fcn.FCNAlexNetOptions, "alexnet", ALEXNET
    ),
    "fcn32s": Architecture(fcn.build_fcn32s, Options, "resnet101", RESNETS),
    "fcn16s": Architecture(fcn.build_fcn16s, Options, "resnet101", RESNETS),
    "fcn8s": Architecture(fcn.build_fcn8s, Options, "resnet101", RESNETS),
    "deeplab_largefov": Architecture(deeplab.build_deeplab_largefov, DILATED, "vgg16", VGG),
    "deeplabv2_resnet101": Architecture(
        deeplab.build_deeplabv2_resnet101, DILATED, "resnet101", BOTTLENECKS
    ),
}


def build_model(
    name: str,
    *,
    num_classes: int,
    encoder: str | None = None,
    weights: str | None = None,
    **options: Any,
) -> Segmenter:
    """A network that maps pictures (n, 3, h, w) of any size to logits (n, num_classes, h, w).

    `num_classes` is 1 for a binary task; `encoder` None is the network's own. `weights` are the
    encoder's: None (random, from torch's global generator), "imagenet" or a file. Raises
    `SpecError` for an unknown name or option and `WeightsError` for weights that cannot be had.
    Its `statistics` are the mean and standard deviation to normalise pictures with, its
    `weights_file` says where the weights came from.
    """
    encoder = default_encoder(name) if encoder is None else encoder
    checked = check_model(name, encoder=encoder, options=options)
    found = find_weights(name, encoder, weights)
    path = found.path if found else None
    what = {"num_classes": num_classes, "encoder": encoder, "options": checked}
    by_timm = encoder.startswith("tu-") and path is not None and is_whole_timms(encoder, path)
    model = MODELS[name].build(**what, **({"timm_file": path} if by_timm else {}))
    if path is not None and not by_timm:
        load_encoder(model.encoder, path)
    if checked.initialization == "glorot":
        model.start_by_glorot()
    if found is not None:
        model.weights_file, model.statistics = found, statistics(encoder)
    if checked.frozen_batch_norm:
        model.freeze_batch_norm()
    return model


def check_model(name: str, *, encoder: str | None, options: Mapping[str, Any]) -> Options:
    """The network's options, checked; raises `SpecError` that names the field and the choices."""
    encoder = default_encoder(name) if encoder is None else encoder
    choices = _architecture(name).encoders
    if choices is None:
        smp_networks.check_encoder(encoder, dilated=name == "deeplabv3plus")
    elif encoder not in choices:
        raise SpecError(unknown(f"encoder of {name}", encoder, choices))
    options_class = MODELS[name].options
    known = options_class.__dataclass_fields__
    for key in options:
        if key not in known:
            raise SpecError("model_options: " + unknown(f"option of {name}", key, known))
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return options_class(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SpecError(f"model_options: {place}: {first['msg']}, got {first['input']!r}") from None


def default_encoder(name: str) -> str:
    """The encoder that the network of that name has unless told otherwise."""
    return _architecture(name).default_encoder


def find_weights(name: str, encoder: str | None, weights: str | None) -> WeightsFile | None:
    """The file with the weights of that network's encoder, fetched where it must be; None for
    random ones. Raises `WeightsError`.
    """
    published = from_hub if _architecture(name).encoders is None else from_torchvision
    return find_file(encoder or default_encoder(name), weights, published)


def _architecture(name: str) -> Architecture:
    if name not in MODELS:
        raise SpecError(unknown("model", name, MODELS))
    return MODELS[name]
