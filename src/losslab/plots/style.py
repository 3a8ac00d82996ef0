"""How every figure looks and how it is saved: sizes, fonts, colours, PNG and PDF."""

import hashlib
import io
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image, ImageChops, ImageStat

MM = 1 / 25.4
COLUMN, PAGE = 85 * MM, 180 * MM
"""Widths in inches: one column, and a page."""

DPI = 200
_SCREEN_DPI = 135  # a column is then 450 CSS pixels wide and its 8 pt text reads like body text

UNSEEN = 0.2
"""Mean difference of a palette's colours, of 255, up to which a figure may have one."""

RC: dict = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # matplotlib's own: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "pdf.fonttype": 42,  # editable text
    "image.interpolation": "nearest",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class LossStyle:
    """Colour, marker and line of one loss; the three differ together, so grey print reads too."""

    colour: str
    marker: str
    line: str


# Okabe & Ito 2008, without its yellow, which vanishes on white.
_STYLES = (
    LossStyle("#000000", "o", "-"),
    LossStyle("#0072B2", "s", "--"),
    LossStyle("#D55E00", "D", "-."),
    LossStyle("#009E73", "^", ":"),
    LossStyle("#CC79A7", "v", "--"),
    LossStyle("#E69F00", "P", "-."),
    LossStyle("#56B4E9", "X", "-"),
    LossStyle("#777777", "<", ":"),
)
_FIXED = {"ce": 0, "iou": 1, "dice": 2, "focal": 3, "combo": 4, "dice_focal": 5}


def loss_styles(losses: Iterable[str]) -> dict[str, LossStyle]:
    """A style per loss expression: fixed for the basic losses, the free ones in order for others.

    Computed once from all losses of a study and handed to each figure, so that a loss looks the
    same in all of them. Beyond eight losses styles repeat; every figure also names its losses.
    """
    names = sorted(set(losses))
    taken = {_FIXED[name] for name in names if name in _FIXED}
    free = [number for number in range(len(_STYLES)) if number not in taken]
    free = free or list(range(len(_STYLES)))
    others = [name for name in names if name not in _FIXED]
    numbers = {name: free[place % len(free)] for place, name in enumerate(others)}
    return {name: _STYLES[_FIXED.get(name, numbers.get(name, 0))] for name in names}


def figure_style() -> AbstractContextManager[None]:
    """The context in which figures are drawn; it leaves matplotlib's own settings as they were."""
    return matplotlib.rc_context(rc=RC)


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = COLUMN, height: float = 2.4
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of `width` by `height` inches that no notebook shows by itself, and its Axes."""
    engine = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04, wspace=0.06, hspace=0.06)
    figure = Figure(figsize=(width, height), layout=engine)
    return figure, figure.subplots(rows, columns, squeeze=False).tolist()


def file_name(name: str) -> str:
    """The name itself where it is all ASCII letters, digits and `. _ -`, else a safe one.

    What a link or a file system might misread becomes "-", and six digits of the name's SHA-256
    keep two names apart that then would be equal.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return name if safe == name else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def save_figure(figure: Figure, directory: str | Path, name: str) -> list[Path]:
    """Write `<name>.png` (200 dpi) and `<name>.pdf`, without dates: equal figures, equal files.

    The name is made safe by `file_name`.
    """
    folder, name = Path(directory), file_name(name)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png", folder / f"{name}.pdf"]
    paths[0].write_bytes(png_bytes(figure))
    with figure_style():
        figure.savefig(paths[1], metadata={"CreationDate": None, "Producer": None})
    return paths


def show(figure: Figure, name: str, figures_dir: str | Path = "", *, alt: str = "") -> None:
    """Display the figure in a notebook and, where a folder is given, save it there.

    The output carries its name as metadata `losslab_figure`, by which a report can link the saved
    file instead of holding the picture, and `alt`, what it shows for those who cannot see it.
    """
    if str(figures_dir):
        png = save_figure(figure, figures_dir, name)[0].read_bytes()
    else:
        png = png_bytes(figure)
    name = file_name(name)
    width = round(figure.get_figwidth() * _SCREEN_DPI)
    metadata = {"losslab_figure": name, "image/png": {"alt": alt or name, "width": width}}
    display({"image/png": png, "text/plain": f"<{name}>"}, metadata=metadata, raw=True)


def png_bytes(figure: Figure) -> bytes:
    """The figure as a PNG file, 200 dpi; a chart with a palette of 256 colours, a third of the
    bytes, where nobody could see the difference.
    """
    buffer = io.BytesIO()
    with figure_style():
        _lay_out(figure)
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(buffer) as opened:
        full = opened.convert("RGB")
    few = full.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    off = ImageStat.Stat(ImageChops.difference(full, few.convert("RGB")))
    if max(off.mean) > UNSEEN:
        return buffer.getvalue()
    small = io.BytesIO()
    few.save(small, "PNG", optimize=True, dpi=(DPI, DPI))
    return small.getvalue()


def _lay_out(figure: Figure) -> None:
    """Place its Axes, once for all its files; matplotlib would do so, and draw twice, for each."""
    if (engine := figure.get_layout_engine()) is not None:
        figure.set_dpi(DPI)
        engine.execute(figure)
        figure.set_layout_engine(None)
