"""Small generated copies of the data sets' layouts on disk, for tests and rehearsals.

Label maps are stored as the entries of `sets.yaml` have them decoded, in the official encodings;
the files are the same each time, to the byte.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from scipy import ndimage, sparse
from scipy.io import savemat

from losslab.constants import IGNORE_INDEX
from losslab.data.dataset import default_colours
from losslab.data.dials import KINDS, Dials
from losslab.data.preparation import parse_options
from losslab.data.scenes import SPLIT_START, generate
from losslab.data.sets import DATASETS, SETS
from losslab.errors import DataError, unknown

Counts = dict[str, int]
Drawn = tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]

VOC_SHAPES = ((375, 500), (333, 500), (500, 375), (375, 500), (334, 500), (500, 333))
HELEN_SHAPES = ((375, 500), (500, 400), (500, 500))
"""Height and width of some of the published pictures, in turn."""
YEARS = {"train": 2008, "val": 2009}
"""The year in VOC's ids of each split."""
CITIES = {"train": ("aachen", "bochum"), "val": ("frankfurt", "lindau")}
ENLARGED = 8
"""Pictures of Cityscapes are drawn this many times smaller, so that they are soon written."""


def write_fixture(
    name: str, directory: Path, count: int, options: Mapping[str, Any] | None = None
) -> None:
    """Write `count` generated pictures in the official layout of data set `name`.

    Half of them train, a quarter each validates and tests. `directory` must be new or empty, and
    serves as data root afterwards (with partial=True where a full set has known counts). `options`
    are the data set's: a folder's class names and colours are honoured.
    """
    if name not in WRITERS:
        if name in DATASETS:
            choices = ", ".join(WRITERS)
            raise DataError(f"{name} is generated and needs no files; fixtures: {choices}")
        raise DataError(unknown("fixture", name, WRITERS))
    parsed = parse_options(name, options or {})
    if count < 4:
        raise DataError(f"fixture count: at least 4 pictures fill three splits, got {count}")
    quarter = count // 4
    counts = {"train": count - 2 * quarter, "val": quarter, "test": quarter}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise DataError(f"{directory}: a fixture goes into a new or empty folder; name another")
        WRITERS[name](directory, counts, parsed)
    except OSError as error:
        raise DataError(
            f"{directory}: the fixture cannot be written ({error.strerror}); name another folder"
        ) from error


def drawn(split: str, index: int, shape: tuple[int, int], classes: int, void_rim: int = 0) -> Drawn:
    """A generated picture and its label map with values 0..classes - 1, and 255 in rims of
    `void_rim` pixels on either side of every boundary.

    Classes beyond the kinds of generated object cut bands out of the background, so that all
    classes occur.
    """
    dials = Dials(classes=max(2, min(classes, len(KINDS))), void_rim=void_rim)
    image, label = generate(dials, SPLIT_START[split] + index, shape)
    extra = classes - len(KINDS)
    if extra > 0:
        band = np.arange(shape[0]) * (extra + 1) // shape[0]
        bands = np.where(band == 0, 0, len(KINDS) - 1 + band)[:, None]
        label = np.where(label == 0, bands, label).astype(np.uint8)
    return image, label


def save(array: np.ndarray, path: Path, *, palette: bool = False, **options: Any) -> None:
    """Write a picture or an 8-bit map, making its folder; with VOC's `palette` as its indices.
    `options` are those of PIL's `save`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(array)
    if palette:
        picture.putpalette(default_colours(256).tobytes())
    picture.save(path, **options)


def save_mat(values: dict[str, Any], path: Path) -> None:
    """A compressed MAT-file, as MATLAB writes them, without the time in its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, values, do_compression=True)
    with path.open("r+b") as file:
        file.write(b"MATLAB 5.0 MAT-file, generated".ljust(116))


def _write_camvid(root: Path, counts: Counts, options: Any) -> None:
    """With 11 as void, and lists of another machine's paths."""
    entry = SETS["camvid"]
    for split, count in counts.items():
        lines = []
        for i in range(count):
            image, label = drawn(split, i, tuple(entry["shape"]), len(entry["classes"]), 2)
            label[label == IGNORE_INDEX] = entry["decode"]["void"]
            file = f"{split}_{i:05d}.png"
            save(image, root / split / file)
            save(label, root / f"{split}annot" / file)
            lines.append(f"/SegNet/CamVid/{split}/{file} /SegNet/CamVid/{split}annot/{file}")
        _write_lines(root / f"{split}.txt", lines)


def _write_folder(root: Path, counts: Counts, options: Any) -> None:
    """A user's own folder, under the option `name`, with the options' class names and colours."""
    home = root / options.name
    names = options.classes or tuple(kind.name for kind in KINDS[:6])
    for split, count in counts.items():
        ids = [f"{split}_{i:05d}" for i in range(count)]
        for i, one in enumerate(ids):
            image, label = drawn(split, i, (96, 128), len(names))
            if options.colours is not None:
                label = np.array(options.colours, dtype=np.uint8)[label]
            save(image, home / "images" / f"{one}.png")
            save(label, home / "masks" / f"{one}.png")
        _write_lines(home / f"{split}.txt", ids)
    _write_lines(home / "classes.txt", names)


def _voc_ids(counts: Counts) -> dict[str, list[str]]:
    """Ids in the form of VOC's; it has no test pictures, so those are validation pictures."""
    numbers = {"train": range(counts["train"]), "val": range(counts["val"] + counts["test"])}
    return {split: [f"{YEARS[split]}_{i:06d}" for i in numbers[split]] for split in YEARS}


def _drawn_as(one: str, classes: int, void_rim: int = 0) -> Drawn:
    """The picture of an id of VOC's, the same in every list that names it."""
    split = "train" if one.startswith(str(YEARS["train"])) else "val"
    index = int(one[-6:])
    return drawn(split, index, VOC_SHAPES[index % len(VOC_SHAPES)], classes, void_rim)


def _write_voc_pairs(home: Path, ids: dict[str, list[str]]) -> None:
    """Pictures, label maps with void rims, and the lists."""
    for one in (*ids["train"], *ids["val"]):
        image, label = _drawn_as(one, 21, void_rim=2)
        save(image, home / "JPEGImages" / f"{one}.jpg", quality=90)
        save(label, home / "SegmentationClass" / f"{one}.png", palette=True)
    _write_voc_lists(home / "ImageSets" / "Segmentation", ids)


def _write_voc_lists(folder: Path, ids: dict[str, list[str]]) -> None:
    for split, listed in {**ids, "trainval": sorted([*ids["train"], *ids["val"]])}.items():
        _write_lines(folder / f"{split}.txt", listed)


def _voc_writer(place: str) -> Callable[[Path, Counts, Any], None]:
    return lambda root, counts, options: _write_voc_pairs(root / place, _voc_ids(counts))


def _write_voc_aug(root: Path, counts: Counts, options: Any) -> None:
    """VOC 2012 with a third of the training pictures, and SBD with the others, with one of VOC's
    training pictures and with its validation pictures.
    """
    ids = _voc_ids(counts)
    own = ids["train"][: max(1, counts["train"] // 3)]
    _write_voc_pairs(root / "VOCdevkit" / "VOC2012", {"train": own, "val": ids["val"]})
    home, added = root / "benchmark_RELEASE" / "dataset", ids["train"][len(own) :]
    listed = {
        "train": sorted([*own[:1], *added[::2]]),
        "val": sorted([*added[1::2], *ids["val"]]),
    }
    for split, names in listed.items():
        for one in names:
            image, label = _drawn_as(one, 21)
            save(image, home / "img" / f"{one}.jpg", quality=90)
            save_mat({"GTcls": _sbd_structure(label)}, home / "cls" / f"{one}.mat")
        _write_lines(home / f"{split}.txt", names)


def _sbd_structure(label: UInt8[np.ndarray, "h w"]) -> dict[str, Any]:
    """SBD's structure: the classes' outlines, the label map and the classes in it."""
    outlines = np.empty((20, 1), dtype=object)
    for index in range(20):
        mask = label == index + 1
        outlines[index, 0] = sparse.csc_matrix(mask & ~(np.roll(mask, 1, 0) & np.roll(mask, 1, 1)))
    present = np.setdiff1d(label, [0]).astype(np.uint8)[:, None]
    return {"Boundaries": outlines, "Segmentation": label, "CategoriesPresent": present}


def _write_context(root: Path, counts: Counts, options: Any) -> None:
    """The original label maps and VOC 2010's pictures. The background holds the other 400 labels in
    turn, one a picture.
    """
    entry, labels = SETS["pascal_context"], context_labels()
    home, voc = root / "pascal_context", root / "VOCdevkit" / "VOC2010"
    _, *names = entry["classes"]
    for file, listed in (("labels.txt", labels), ("59_labels.txt", names)):
        _write_lines(home / file, [f"{number}: {name}" for number, name in enumerate(listed, 1)])
    stored = [labels.index(entry["renamed"].get(name, name)) + 1 for name in names]
    values = np.array([0, *stored], np.uint16)
    others = sorted({*range(1, len(labels) + 1)} - {*stored})
    ids = _voc_ids(counts)
    for i, one in enumerate((*ids["train"], *ids["val"])):
        image, label = _drawn_as(one, len(values))
        map_ = values[label]
        map_[label == 0] = others[i % len(others)]
        save(image, voc / "JPEGImages" / f"{one}.jpg", quality=90)
        save_mat({"LabelMap": map_}, home / "trainval" / f"{one}.mat")
    _write_voc_lists(voc / "ImageSets" / "Main", ids)


def context_labels() -> list[str]:
    """The 459 label names of PASCAL-Context, in the order of its labels.txt."""
    return SETS["pascal_context"]["all_labels"].strip().split(", ")


def _write_cityscapes(root: Path, counts: Counts, options: Any) -> None:
    """Train and val at full size; the labels of test are private, so its pictures are validation
    pictures. The first row is out of the region that is scored.
    """
    entry = SETS["cityscapes"]
    ids, (height, width) = entry["decode"]["ids"], entry["shape"]
    table = np.zeros(256, dtype=np.uint8)
    table[: len(ids)] = ids
    for split, count in {"train": counts["train"], "val": counts["val"] + counts["test"]}.items():
        for i in range(count):
            shape = height // ENLARGED, width // ENLARGED
            image, label = drawn(split, i, shape, len(ids), void_rim=1)
            stored = table[label]
            stored[:1] = 3
            city = CITIES[split][i % 2]
            one = f"{city}_{i:06d}_{19 * i:06d}"
            for array, part in ((image, "image"), (stored, "label")):
                large = array.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
                path = root / entry[part].format(split=split, city=city, id=one)
                save(large, path, compress_level=1)


def _write_lfw(root: Path, counts: Counts, options: Any) -> None:
    """With an AppleDouble companion of each label map, and one list of padded numbers.

    The first test picture shows the first person of training, as the full set has people in both.
    """
    entry = SETS["lfw_parts"]
    colours = np.array([*entry["classes"].values()], dtype=np.uint8)
    for split, count in counts.items():
        lines = []
        for i in range(count):
            person, number = f"{split.capitalize()}_Person{i:03d}", 1
            if split == "test" and i == 0:
                person, number = "Train_Person000", 2
            image, label = drawn(split, i, tuple(entry["shape"]), len(colours))
            one = f"{person}_{number:04d}"
            path = root / entry["label"].format(id=one)
            save(image, root / entry["image"].format(id=one, person=person), quality=95)
            save(colours[label], path)
            path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00")
            lines.append(f"{person} {number:04d}" if split == "val" else f"{person} {number}")
        _write_lines(root / entry["lists"]["files"][split], lines)


def _write_helen(root: Path, counts: Counts, options: Any) -> None:
    """Eleven maps of probability a picture, and lists with a blank line."""
    entry, number = SETS["helen"], 0
    for split, count in counts.items():
        lines = []
        for i in range(count):
            number += 1
            one, classes = f"{100_000_000 + 7919 * number}_1", len(entry["classes"])
            image, label = drawn(split, i, HELEN_SHAPES[number % len(HELEN_SHAPES)], classes)
            save(image, root / entry["image"].format(id=one), quality=95)
            for part in range(classes):
                save(_probability(label == part), root / entry["label"].format(id=one, part=part))
            lines.append(f"{i + 1} , {one}")
        _write_lines(root / entry["lists"]["files"][split], [*lines, ""])


def _probability(inside: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """A map of 0 to 255 with soft edges that is above 127 just inside: the mean of the region and
    of the region blurred. Over all classes the maps sum to 255, up to rounding.
    """
    region = inside.astype(np.float32)
    blurred = ndimage.gaussian_filter(region, sigma=1.5)
    return np.rint(255 * (region + blurred) / 2).astype(np.uint8)


def _write_celebamask(root: Path, counts: Counts, options: Any) -> None:
    """A mask for each part that is to be seen, and the mapping with its header; test pictures have
    their masks in a second folder.

    The mask of skin reaches under the parts of the face, so that the order of painting matters.
    """
    entry = SETS["celebamask_hq"]
    _, *parts = entry["classes"]
    first = dict(zip(counts, (0, *entry["cuts"]), strict=True))
    lines, number = ["idx     orig_idx    orig_file"], 0
    for split, count in counts.items():
        number = max(number, entry["per_folder"]) if split == "test" else number
        for i in range(count):
            image, label = drawn(split, i, tuple(entry["shape"]), len(parts) + 1)
            label = np.where(label == len(parts), 1, label + (label > 0))  # a band becomes skin
            large = Image.fromarray(image).resize(
                entry["picture_shape"][::-1], Image.Resampling.BICUBIC
            )
            save(np.array(large), root / entry["image"].format(number=number), quality=90)
            for index, part in enumerate(parts, start=1):
                inside = label == index
                if part == "skin":
                    inside = (label >= 1) & (label <= parts.index("hair"))
                if inside.any():
                    folder = number // entry["per_folder"]
                    path = entry["label"].format(folder=folder, id=f"{number:05d}", part=part)
                    filled = np.uint8(entry["decode"]["filled"])
                    save(np.repeat(inside[..., None] * filled, 3, axis=2), root / path)
            original = first[split] + 11 * i
            lines.append(f"{number:<8d}{original:<12d}{original + 1:06d}.jpg")
            number += 1
    _write_lines(root / entry["mapping"], lines)


def _write_lines(path: Path, lines: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


WRITERS: dict[str, Callable[[Path, Counts, Any], None]] = {
    "camvid": _write_camvid,
    "folder": _write_folder,
    "voc2010": _voc_writer("VOCdevkit/VOC2010"),
    "voc2011": _voc_writer("TrainVal/VOCdevkit/VOC2011"),
    "voc2012": _voc_writer("VOCdevkit/VOC2012"),
    "voc_aug": _write_voc_aug,
    "pascal_context": _write_context,
    "cityscapes": _write_cityscapes,
    "lfw_parts": _write_lfw,
    "helen": _write_helen,
    "celebamask_hq": _write_celebamask,
}
"""Writes as many pictures of each split as it is told into a data root, in the official layout and
encodings; the options are the data set's."""
