"""The networks that segmentation-models-pytorch (smp) builds: encoder by name, decoder by kind."""

from typing import Annotated, Literal

import segmentation_models_pytorch as smp
import timm
from annotated_types import Ge
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from losslab.errors import SpecError, unknown
from losslab.models.padding import AnySize
from losslab.models.weights import find_weights, load_encoder

STRICT = ConfigDict(extra="forbid", strict=True)
Channels = Annotated[int, Ge(1)]


@dataclass(frozen=True, config=STRICT)
class UnetOptions:
    """Depth of the encoder that is used (stride 2 ** depth) and width of each decoder stage,
    deepest first.
    """

    encoder_depth: Literal[3, 4, 5] = 5
    decoder_channels: tuple[Channels, ...] = (256, 128, 64, 32, 16)

    def __post_init__(self) -> None:
        if len(self.decoder_channels) != self.encoder_depth:
            raise SpecError(
                f"model_options: decoder_channels has {len(self.decoder_channels)} widths for "
                "encoder_depth "
                f"{self.encoder_depth}; give one width for each stage"
            )

    @property
    def stride(self) -> int:
        return 2**self.encoder_depth


@dataclass(frozen=True, config=STRICT)
class DeepLabV3PlusOptions:
    """Stride of the encoder's last features and width of the decoder."""

    encoder_output_stride: Literal[8, 16] = 16
    decoder_channels: Channels = 256

    @property
    def stride(self) -> int:
        return 16


def build_unet(
    *, num_classes: int, encoder: str, weights: str | None, options: UnetOptions
) -> AnySize:
    """U-Net (Ronneberger 2015) with any smp encoder; logits (n, num_classes, h, w)."""
    return _build(
        smp.Unet,
        num_classes,
        encoder,
        weights,
        options.stride,
        encoder_depth=options.encoder_depth,
        decoder_channels=options.decoder_channels,
    )


def build_deeplabv3plus(
    *, num_classes: int, encoder: str, weights: str | None, options: DeepLabV3PlusOptions
) -> AnySize:
    """DeepLabv3+ (Chen 2018) with any smp encoder that can be dilated; logits (n, num_classes, h,
    w).
    """
    return _build(
        smp.DeepLabV3Plus,
        num_classes,
        encoder,
        weights,
        options.stride,
        encoder_output_stride=options.encoder_output_stride,
        decoder_channels=options.decoder_channels,
    )


def check_encoder(name: str) -> None:
    """Raise `SpecError` unless smp can build an encoder of that name ("tu-NAME" is timm's NAME)."""
    if name.startswith("tu-"):
        if not timm.is_model(name.removeprefix("tu-")):
            raise SpecError(unknown("encoder", name, [f"tu-{m}" for m in timm.list_models()]))
    elif name not in smp_encoders:
        raise SpecError(unknown("encoder", name, smp_encoders))


def _build(
    network_class: type, num_classes: int, encoder: str, weights: str | None, stride: int, **shape
) -> AnySize:
    path = find_weights(encoder, weights)
    timm_file = path is not None and weights == "imagenet" and encoder.startswith("tu-")
    if timm_file:
        # timm adapts its published names to the features it extracts while it builds
        shape |= {"encoder_weights": True, "pretrained_cfg_overlay": {"file": str(path)}}
    else:
        shape |= {"encoder_weights": None}
    network = network_class(encoder_name=encoder, classes=num_classes, **shape)
    if path is not None and not timm_file:
        load_encoder(network.encoder, path)
    return AnySize(network, stride)
