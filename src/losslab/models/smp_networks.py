"""The networks that segmentation-models-pytorch (smp) builds: encoder by name, decoder by kind."""

from pathlib import Path
from typing import Annotated, Literal

import segmentation_models_pytorch as smp
import timm
from annotated_types import Ge
from pydantic.dataclasses import dataclass
from segmentation_models_pytorch.encoders import encoders as smp_encoders

from losslab.constants import STRICT
from losslab.errors import SpecError, brief, unknown
from losslab.models.options import Options
from losslab.models.segmenter import Segmenter

Channels = Annotated[int, Ge(1)]


@dataclass(frozen=True, config=STRICT)
class UnetOptions(Options):
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
class DeepLabV3PlusOptions(Options):
    """Stride of the encoder's last features, width of the decoder, and rates of its pooling."""

    encoder_output_stride: Literal[8, 16] = 16
    decoder_channels: Channels = 256
    decoder_atrous_rates: tuple[Channels, Channels, Channels] = (12, 24, 36)

    @property
    def stride(self) -> int:
        return 16


def build_unet(
    *, num_classes: int, encoder: str, options: UnetOptions, timm_file: Path | None = None
) -> Segmenter:
    """U-Net (Ronneberger 2015) with any smp encoder; logits (n, num_classes, h, w)."""
    return _build(
        smp.Unet,
        num_classes,
        encoder,
        timm_file,
        options.stride,
        encoder_depth=options.encoder_depth,
        decoder_channels=options.decoder_channels,
    )


def build_deeplabv3plus(
    *, num_classes: int, encoder: str, options: DeepLabV3PlusOptions, timm_file: Path | None = None
) -> Segmenter:
    """DeepLabv3+ (Chen 2018) with any smp encoder that can be dilated; logits (n, num_classes, h,
    w).

    Features are pooled at rates 12, 24 and 36 unless told otherwise, smp's and so Gul's, at either
    stride; the authors of DeepLabv3+ halve them at output stride 16. timm's Xceptions (SEMEDA's is
    tu-xception71) lose a learnt shortcut at output stride 8: where a block does not stride any more
    they pass its input on.
    """
    return _build(
        smp.DeepLabV3Plus,
        num_classes,
        encoder,
        timm_file,
        options.stride,
        encoder_output_stride=options.encoder_output_stride,
        decoder_channels=options.decoder_channels,
        decoder_atrous_rates=options.decoder_atrous_rates,
    )


def check_encoder(name: str, *, dilated: bool) -> None:
    """Raise `SpecError` unless smp can build an encoder of that name ("tu-NAME" is timm's NAME),
    and dilate it where the network asks for that.

    Which of timm's can be dilated only building them tells.
    """
    if name.startswith("tu-"):
        if not timm.is_model(name.removeprefix("tu-")):
            raise SpecError(unknown("encoder", name, [f"tu-{m}" for m in timm.list_models()]))
        return
    known = {n: of["encoder"] for n, of in smp_encoders.items()}
    if dilated:  # smp's own method serves all others; those that replace it raise
        known = {n: kind for n, kind in known.items() if "make_dilated" not in vars(kind)}
        if name in smp_encoders and name not in known:
            raise SpecError(f"encoder: {name!r} cannot be dilated; one of {', '.join(known)}")
    if name not in known:
        raise SpecError(unknown("encoder", name, known))


def _build(
    network_class: type,
    num_classes: int,
    encoder: str,
    timm_file: Path | None,
    stride: int,
    **shape,
) -> Segmenter:
    shape["encoder_weights"] = None
    if timm_file is not None:
        # timm adapts its published names to the features it extracts while it builds
        shape |= {"encoder_weights": True, "pretrained_cfg_overlay": {"file": str(timm_file)}}
    try:
        network = network_class(encoder_name=encoder, classes=num_classes, **shape)
    except (ValueError, TypeError, AssertionError) as error:
        # encoders that cannot be dilated or cut at this depth, as smp and timm put it
        wanted = f"{network_class.__name__} ({brief(error)})"
        raise SpecError(f"encoder: {encoder!r} does not fit smp's {wanted}") from error
    return Segmenter(network, stride=stride)
