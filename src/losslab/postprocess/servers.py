"""Files in which the servers of PASCAL VOC and Cityscapes take predictions; their pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from losslab.data.dataset import default_colours
from losslab.data.sets import SETS, voc_home
from losslab.errors import StudyError, unknown
from losslab.spec import RunSpec

Classes = UInt8[np.ndarray, "h w"]

VOC_YEARS = {"voc2010": 2010, "voc2011": 2011, "voc2012": 2012, "voc_aug": 2012}
"""The challenge whose pictures each data set holds."""

VOC_TEST = {2010: 964, 2011: 1111, 2012: 1456}
"""Pictures that the server scores, by challenge."""

CITYSCAPES_TEST = 1525
CITYSCAPES = SETS["cityscapes"]
PICTURE = CITYSCAPES["image"].partition("{id}")[2]

_LABEL_IDS = np.array(CITYSCAPES["decode"]["ids"], dtype=np.uint8)


@dataclass(frozen=True)
class ServerFormat:
    """How one server wants predictions."""

    name: str
    datasets: tuple[str, ...]
    path: Callable[[RunSpec, str, str], Path]
    """Of a run, a split ("test" or "val") and a picture's id: the file, below the output folder."""
    encode: Callable[[Classes], Image.Image]
    """The file's picture from class indices of the data set."""
    pictures: Callable[[RunSpec, Path], dict[str, Path]]
    """The server's own pictures in a data root by id; empty where they are not there."""
    expected: Callable[[RunSpec], int]
    """How many pictures the server scores."""
    pack: str
    """What to do with the folder before it is handed in."""


def voc_competition(spec: RunSpec) -> str:
    """comp5 for runs from random weights on VOC's own pictures, comp6 for all others: the rules of
    the challenge (devkit of 2012, section 5.2) count other labels and pretraining as further data.
    """
    own = spec.dataset.startswith("voc20") and spec.encoder_weights is None
    return "comp5" if own else "comp6"


def _voc_path(spec: RunSpec, split: str, picture: str) -> Path:
    home = Path("results") / f"VOC{VOC_YEARS[spec.dataset]}" / "Segmentation"
    return home / f"{voc_competition(spec)}_{split}_cls" / f"{picture}.png"


def voc_picture(classes: Classes) -> Image.Image:
    """Class indices 0..20 as palette indices with the colours of VOC's label maps."""
    picture = Image.fromarray(classes)
    picture.putpalette(default_colours(256).tobytes())
    return picture


def _voc_pictures(spec: RunSpec, root: Path) -> dict[str, Path]:
    home = voc_home(root, VOC_YEARS[spec.dataset], "JPEGImages")
    listed = home / "ImageSets" / "Segmentation" / "test.txt"
    if not listed.is_file():
        return {}
    names = listed.read_text(encoding="utf-8").split()
    found = {name: home / "JPEGImages" / f"{name}.jpg" for name in names}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise StudyError(
            f"{listed} lists {len(missing)} pictures that are not in {home / 'JPEGImages'} "
            f"({missing[0]}, ...); unpack the test archive, or give --pictures tested"
        )
    return found


def _cityscapes_path(spec: RunSpec, split: str, picture: str) -> Path:
    return Path("results") / f"{picture}_pred_labelIds.png"


def cityscapes_picture(classes: Classes) -> Image.Image:
    """Class indices 0..18 as the publisher's label ids, 7 (road) to 33 (bicycle), in 8 bits."""
    return Image.fromarray(_LABEL_IDS[classes])


def _cityscapes_pictures(spec: RunSpec, root: Path) -> dict[str, Path]:
    for place in CITYSCAPES["places"]:
        found = sorted((root / place / "leftImg8bit" / "test").glob(f"*/*{PICTURE}"))
        if found:
            return {path.name.removesuffix(PICTURE): path for path in found}
    return {}


FORMATS: dict[str, ServerFormat] = {
    "voc": ServerFormat(
        name="voc",
        datasets=tuple(VOC_YEARS),
        path=_voc_path,
        encode=voc_picture,
        pictures=_voc_pictures,
        expected=lambda spec: VOC_TEST[VOC_YEARS[spec.dataset]],
        pack="tar czf results.tgz results",
    ),
    "cityscapes": ServerFormat(
        name="cityscapes",
        datasets=("cityscapes",),
        path=_cityscapes_path,
        encode=cityscapes_picture,
        pictures=_cityscapes_pictures,
        expected=lambda spec: CITYSCAPES_TEST,
        pack="zip -r results.zip results",
    ),
}
"""By name. VOC (devkit of 2012, sections 5.2 and 5.3): a PNG of palette indices for each picture of
the list, at the picture's size, in results/VOC<year>/Segmentation/<competition>_<set>_cls/<id>.png.
Cityscapes (cityscapesScripts, evalPixelLevelSemanticLabeling.py): a PNG of label ids, not train
ids, at 2048 x 1024, whose name begins with <city>_<sequence>_<frame>."""


def server_format(name: str, spec: RunSpec) -> ServerFormat:
    """The format of that name; raises `StudyError` for an unknown one and for a run that the server
    does not score.
    """
    if name not in FORMATS:
        raise StudyError(unknown("format", name, FORMATS))
    chosen = FORMATS[name]
    if spec.dataset not in chosen.datasets:
        raise StudyError(
            f"the format {name} is for runs on {', '.join(chosen.datasets)}; this one is on "
            f"{spec.dataset}"
        )
    if spec.task is not None:
        raise StudyError(
            f"the server scores all classes, and this run knows {spec.task!r} alone; name a run "
            "without a task"
        )
    return chosen
