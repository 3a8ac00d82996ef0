"""One test picture under several losses as a table of HTML, quick enough for a slider."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

from losslab.analysis.samples import Sample, SampleIndex
from losslab.plots.explore import disagreement_key, disagreement_picture
from losslab.plots.pictures import (
    ENTROPY_MAP,
    ENTROPY_SCALE,
    VOID,
    WRONG,
    error_picture,
    overlay,
    shown_classes,
)

LARGEST = 512
"""Pixels of a picture's longer side; of larger ones every second or third is shown, and what is one
pixel thin may be lost.
"""

_TABLE = "border-collapse:collapse;font-size:12px;line-height:1.35"
_CELL = "padding:3px 6px 3px 0;text-align:left;vertical-align:top;font-weight:normal"
_COLOURS = matplotlib.colormaps[ENTROPY_MAP]


def page(samples: Mapping[str, Sample], index: SampleIndex, pair: Sequence[str], width: int) -> str:
    """Image, label and where the two losses of `pair` disagree at the left; a column a loss of
    prediction, errors and entropy; below, what the colours mean.

    Pictures are `width` CSS pixels wide, their pixels square. Entropies share one scale.
    """
    one, other = (_thinned(samples[name]) for name in pair)
    left = [
        _cell(one.image, "image", width),
        _cell(overlay(one.image, one.label, index.colours), "label", width),
        _cell(disagreement_picture(one, other), f"{pair[0]} and {pair[1]} apart", width),
    ]
    columns = [_column(loss, sample, index, width) for loss, sample in samples.items()]
    heads = "".join(f'<th style="{_CELL}"><b>{escape(name)}</b></th>' for name in ("", *samples))
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in zip(left, *columns, strict=True))
    table = f'<table style="{_TABLE}"><tr>{heads}</tr>{rows}</table>'
    return f'<div class="losslab-page">{table}{_keys(samples, index, pair)}</div>'


def _column(loss: str, sample: Sample, index: SampleIndex, width: int) -> list[str]:
    """The three cells of one loss."""
    wrong = 100 * sample.wrong.sum() / max(1, sample.annotated.sum())
    mean, small = sample.entropy.mean(), _thinned(sample)
    shown = overlay(small.image, small.prediction, index.colours)
    certain = entropy_picture(small.entropy)
    return [
        _cell(shown, f"{loss}: prediction", width, "prediction"),
        _cell(error_picture(small), f"{loss}: errors", width, f"errors: {wrong:.1f} %"),
        _cell(certain, f"{loss}: entropy", width, f"entropy: mean {mean:.2f}"),
    ]


def _thinned(sample: Sample) -> Sample:
    """The sample with every second or third pixel, so that no side is longer than `LARGEST`."""
    step = -(-max(sample.label.shape) // LARGEST)
    fewer = slice(step // 2, None, step), slice(step // 2, None, step)
    layers = (sample.image, sample.label, sample.prediction, sample.entropy)
    return sample if step == 1 else Sample(*(layer[fewer] for layer in layers))


def entropy_picture(entropy: Float[ndarray, "h w"]) -> UInt8[ndarray, "h w 3"]:
    """The entropy map in the colours of its shared scale."""
    return (_COLOURS(ENTROPY_SCALE(entropy))[..., :3] * 255).round().astype(np.uint8)


def _cell(picture: UInt8[ndarray, "h w 3"], alt: str, width: int, caption: str = "") -> str:
    style = f"width:{width}px;image-rendering:pixelated;border:1px solid #999;display:block"
    source = f"data:image/png;base64,{base64.b64encode(_png(picture)).decode()}"
    image = f'<img alt="{escape(alt)}" style="{style}" src="{source}">'
    return f'<td style="{_CELL}">{image}{escape(caption or alt)}</td>'


def _png(picture: UInt8[ndarray, "h w 3"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def _keys(samples: Mapping[str, Sample], index: SampleIndex, pair: Sequence[str]) -> str:
    """What the colours mean: of the classes in sight, of errors, of disagreement, of entropy."""
    classes = [(index.colours[c], index.class_names[c]) for c in shown_classes(samples)]
    errors = [(WRONG, "wrong"), ((200, 200, 200), "right"), (VOID, "not annotated")]
    apart = disagreement_key(samples[pair[0]], samples[pair[1]], pair[0], pair[1])
    stops = ", ".join(_css(255 * np.array(_COLOURS(x)[:3])) for x in np.linspace(0, 1, 9))
    bar = f"display:inline-block;width:120px;height:10px;background:linear-gradient(90deg,{stops})"
    rows = [
        ("classes", _patches(classes)),
        ("errors", _patches(errors)),
        ("apart", _patches(apart)),
        ("entropy / log c", f'0 <span style="{bar}"></span> 1'),
    ]
    name_cell = f"{_CELL};white-space:nowrap"
    lines = "".join(
        f'<tr><td style="{name_cell}">{name}</td><td style="{_CELL}">{patches}</td></tr>'
        for name, patches in rows
    )
    return f'<table style="{_TABLE}">{lines}</table>'


def _patches(entries: Sequence[tuple[object, str]]) -> str:
    box = "display:inline-block;width:10px;height:10px;border:1px solid #999;margin-right:4px"
    return " ".join(
        f'<span style="white-space:nowrap;margin-right:10px"><span style="{box};background:'
        f'{_css(colour)}"></span>{escape(name)}</span>'
        for colour, name in entries
    )


def _css(colour: object) -> str:
    red, green, blue = (round(float(channel)) for channel in np.asarray(colour))
    return f"rgb({red},{green},{blue})"
