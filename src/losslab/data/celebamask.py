"""CelebAMask-HQ: 30,000 faces with nineteen classes (Lee et al. 2020)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from pydantic.dataclasses import dataclass

from losslab.constants import STRICT
from losslab.data.dataset import (
    SPLITS,
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    check_counts,
    check_shape,
    default_colours,
    files_in,
    find_home,
    header,
    need_folder,
    read_grey,
    read_image,
    read_lines,
    refuse,
    shown,
)
from losslab.data.portions import in_portions

PARTS = (
    "skin",
    "nose",
    "eye_g",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "ear_r",
    "neck_l",
    "neck",
    "cloth",
)
"""In the order in which they are painted: a later part lies over an earlier one."""
IMAGES, LABELS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
MAPPING = "CelebA-HQ-to-CelebA-mapping.txt"
COUNTS = {"train": 24183, "val": 2993, "test": 2824}
PORTIONS = {"gul2023": {"train": 23200, "val": 5800, "test": 1000}}
A_FOLDER = 2000
"""Pictures whose masks lie in one folder."""
FIRST_VAL, FIRST_TEST = 162771, 182638
"""Numbers in CelebA at which its validation and test pictures begin."""
FILLED = 255
"""Value of a mask where its part is."""
IMAGE_SHAPE, LABEL_SHAPE = (1024, 1024), (512, 512)
PLACES = ("celebamask_hq", "celebamask_hq/CelebAMask-HQ", "CelebAMask-HQ", ".")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CelebAMaskOptions(PublishedOptions):
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official", "gul2023"] = "official"
    """CelebA's partition, or Gul's 23,200/5,800/1,000 (2023, 4.1.1)."""


class CelebAMaskHQ(PairedFiles):
    """`CelebA-HQ-img/<n>.jpg` and `CelebAMask-HQ-mask-anno/<n // 2000>/<n>_<part>.png`, one mask
    for each part that is to be seen; the ids are the numbers n in five digits.

    A label map is painted from its masks in the order of the classes; what no mask covers is
    background. Pictures are twice as large as label maps and are reduced to their size (bilinear,
    antialiased); those of a partial set may have another size. The official division is that of
    CelebA, whose number of each picture is in `CelebA-HQ-to-CelebA-mapping.txt`. Gul (2023) does
    not say which pictures belong to which split: here training takes the first 23,200 numbers,
    validation the next 5,800, testing the last 1,000. Of a partial set each split takes its share.

    Pictures of a split are neighbours, so that training reads a window of the cache and not a copy
    in memory; another division is another cache entry.
    """

    name = "celebamask_hq"
    options_type = CelebAMaskOptions
    static_classes = ("background", *PARTS)
    tasks: ClassVar[Mapping[str, str]] = {"face": "not background"}

    def __init__(self, pairs: list[Pair], *, partial: bool):
        names = ("background", *PARTS)
        super().__init__(pairs, class_names=names, colours=default_colours(len(names)))
        self.partial = partial

    @classmethod
    def open(
        cls, root: Path, options: CelebAMaskOptions, report: Report = refuse
    ) -> "CelebAMaskHQ":
        home = find_home(root, PLACES, LABELS, "CelebAMask-HQ")
        splits: dict[int, str | None] = read_mapping(home / MAPPING, report)
        images = _images(need_folder(home / IMAGES, "the set has its pictures there"), report)
        masks = _masks(home / LABELS, report)
        present = {*images, *masks}
        for number in sorted(present - splits.keys()):
            rule = f"every picture is in {MAPPING}, not so {number}"
            report(FileProblem(home / MAPPING, rule, "restore the official file"))
        if not options.partial:
            counts = {split: list(splits.values()).count(split) for split in SPLITS}
            check_counts(counts, COUNTS, home / MAPPING, report)
            present |= splits.keys()
        present &= splits.keys()
        if options.division != "official":
            names = [_name(number) for number in present]
            cut = in_portions(names, PORTIONS[options.division], sum(COUNTS.values()))
            splits = {int(name): split for name, split in cut.items()}
        pairs = []
        for number in sorted(present, key=lambda n: ([*SPLITS, None].index(splits[n]), n)):
            image = images.get(number, home / IMAGES / f"{number}.jpg")
            folder, parts = home / LABELS / str(number // A_FOLDER), masks.get(number, {})
            skin = folder / f"{_name(number)}_skin.png"
            for path, there in ((image, number in images), (skin, "skin" in parts)):
                if not there:
                    rule = "every picture has its image and a mask of skin, this one does not exist"
                    report(FileProblem(path, rule, "restore it from the official archive"))
            if number in images and "skin" in parts:
                files = tuple(parts[part] for part in PARTS if part in parts)
                pairs.append(Pair(_name(number), splits[number], image, skin, files))
        dataset = cls(pairs, partial=options.partial)
        dataset.lists = (home / MAPPING,)
        return dataset

    def read_picture(self, pair: Pair) -> UInt8[np.ndarray, "h w 3"]:
        image = read_image(pair.image)
        check_shape(pair.image, image.shape[:2], IMAGE_SHAPE, partial=self.partial)
        (width, height), _ = header(pair.label)
        if image.shape[0] * width != image.shape[1] * height:
            raise FileProblem(
                pair.image,
                f"a picture and its masks have one ratio of sides, this one is {image.shape[1]}x"
                f"{image.shape[0]} and {pair.label.name} is {width}x{height}",
                "take the official files",
            )
        reduced = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return np.array(reduced)

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        label = np.zeros(header(pair.label)[0][::-1], dtype=np.uint8)
        for path in pair.parts:
            mask = read_grey(path)
            if mask.shape != label.shape:
                sizes = [f"{shape[1]}x{shape[0]}" for shape in (label.shape, mask.shape)]
                rule = f"the masks of a picture have one size, {sizes[0]}, this one is {sizes[1]}"
                raise FileProblem(path, rule, "take the official file")
            inside = mask == FILLED
            strange = np.unique(mask[~inside & (mask != 0)]).tolist()
            if strange:
                rule = f"a mask holds 0 and {FILLED}, this one also {shown(strange, 5)}"
                raise FileProblem(path, rule, "take the official file, and no JPEG of it")
            label[inside] = 1 + PARTS.index(path.stem.partition("_")[2])
        return label

    def rules(self) -> dict[str, Any]:
        return {"painted": list(PARTS), "picture": "bilinear"}

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        check_shape(pair.label, shape, LABEL_SHAPE, partial=self.partial)


def read_mapping(path: Path, report: Report) -> dict[int, str | None]:
    """The official split of each picture by its number, from its number in CelebA.

    Lines after the header are `idx orig_idx orig_file`; one that is not so is told to `report`.
    """
    splits: dict[int, str | None] = {}
    for line in read_lines(path, "restore the official file")[1:]:
        match = re.fullmatch(r"(\d+)\s+(\d+)\s+\d+\.jpg", line)
        if match is None:
            rule = f"a line is 'idx orig_idx orig_file', not so {line!r}"
            report(FileProblem(path, rule, "restore the official file"))
            continue
        number, original = int(match[1]), int(match[2])
        if number in splits:
            rule = f"each picture has one line, {number} occurs again"
            report(FileProblem(path, rule, "restore the official file"))
        splits[number] = SPLITS[(original >= FIRST_VAL) + (original >= FIRST_TEST)]
    return splits


def _name(number: int) -> str:
    return f"{number:05d}"


def _images(folder: Path, report: Report) -> dict[int, Path]:
    """The pictures by number."""
    found = {}
    for path in files_in(folder, (".jpg",), report):
        if re.fullmatch(r"0|[1-9]\d{0,4}", path.stem):
            found[int(path.stem)] = path
        else:
            rule = "a picture is named by its number, such as 123.jpg"
            report(FileProblem(path, rule, "move it away"))
    return found


def _masks(home: Path, report: Report) -> dict[int, dict[str, Path]]:
    """The masks by number and part. One listing a folder: there are some 390,000 files."""
    found: dict[int, dict[str, Path]] = {}
    for folder in sorted(path for path in home.iterdir() if path.name.isdecimal()):
        for path in files_in(folder, (".png",), report):
            number, _, part = path.stem.partition("_")
            if len(number) != 5 or not number.isdecimal() or part not in PARTS:
                rule = "a mask is named <number in five digits>_<part>.png"
                report(FileProblem(path, rule, "move it away"))
            elif int(number) // A_FOLDER != int(folder.name):
                rule = f"masks of picture {int(number)} lie in folder {int(number) // A_FOLDER}"
                report(FileProblem(path, rule, "move it there"))
            else:
                found.setdefault(int(number), {})[part] = path
    return found
