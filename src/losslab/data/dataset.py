"""Data sets of pictures and label maps: what each offers, how its files are found and read, and the
one kind of error about a file.
"""

import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps
from pydantic.dataclasses import dataclass as checked_dataclass

from losslab.constants import IGNORE_INDEX, STRICT
from losslab.errors import DataError, unknown


class FileProblem(DataError):
    """A file or folder breaks a rule: which one, the rule, and what to do about it."""

    def __init__(self, file: Path, rule: str, remedy: str):
        super().__init__(file, rule, remedy)
        self.file = file
        self.rule = rule
        self.remedy = remedy
        self.dataset = ""
        """Name of the data set, filled in by `of_dataset`."""

    def __str__(self) -> str:
        whose = f"{self.dataset}: " if self.dataset else ""
        return f"{whose}{self.file}: {self.rule}; {self.remedy}"


Report = Callable[[FileProblem], None]
"""What happens with a problem that need not end the search for others."""


def refuse(problem: FileProblem) -> None:
    """The report of everyday use: the first problem is an error."""
    raise problem


@contextmanager
def of_dataset(name: str) -> Iterator[None]:
    """Problems that arise within carry the data set's name; a place that cannot be looked into is a
    problem too.
    """
    try:
        yield
    except FileProblem as problem:
        problem.dataset = problem.dataset or name
        raise
    except (PermissionError, NotADirectoryError) as error:
        if error.filename is None:
            raise
        problem = closed(Path(error.filename), error)
        problem.dataset = name
        raise problem from error


def closed(file: Path, error: OSError) -> FileProblem:
    """What the operating system refuses to open, as a problem."""
    rule = f"it cannot be opened ({error.strerror})"
    return FileProblem(file, rule, "check what it is, and that it and its folder may be read")


def read_lines(path: Path, remedy: str) -> list[str]:
    """The lines of a UTF-8 text file that are not blank; a byte order mark and CRLF are taken off.

    Raises `FileProblem`, with `remedy` where there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileProblem(path, "the file does not exist", remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        rule = f"the file cannot be read ({error})"
        raise FileProblem(path, rule, "save it as UTF-8 text") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def leads_elsewhere(name: str) -> bool:
    """Whether a name in a list is a path out of the set: absolute, or with "..", on any system."""
    place = PureWindowsPath(name)  # takes both separators
    return bool(place.drive or place.root) or ".." in place.parts


def own_id(match: re.Match[str]) -> str:
    """The id of a line of a list: the group "id" of its match, or the whole line."""
    return match.groupdict().get("id", match[0])


def read_ids(
    path: Path,
    report: Report,
    *,
    pattern: str,
    form: str,
    named: Callable[[re.Match[str]], str] = own_id,
) -> list[str]:
    """The ids of an official list, in its order, each once.

    Every line must match `pattern` whole; `named` makes the id of the match. `form` says in words
    what a line looks like. A line of another form, one that names a place outside the set and one
    that repeats an id are told to `report` and left out.
    """
    found: dict[str, None] = {}
    for line in read_lines(path, "restore the official list"):
        match = re.fullmatch(pattern, line)
        name = "" if match is None else named(match)
        if leads_elsewhere(name) or line.startswith(("/", "..")):
            rule = f"a list names pictures of the set, not other places, as {line!r} does"
            report(FileProblem(path, rule, "restore the official list"))
        elif not name:
            rule = f"a line is {form}, not so {line!r}"
            report(FileProblem(path, rule, "restore the official list"))
        elif name in found:
            rule = f"a list names a picture once, {name!r} occurs again"
            report(FileProblem(path, rule, "keep one of the lines"))
        else:
            found[name] = None
    return list(found)


SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
HEADED = (*SUFFIXES, ".ppm")
"""File name endings of what has a size and a mode."""
INDEX_MODES = ("L", "P", "1", "I", "I;16")
GREY_MODES = ("L", "RGB", "1")
ORIENTATION_TAG = 0x0112

Decoded = TypeVar("Decoded")


def read_image(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """The picture in RGB, turned upright as its EXIF record asks."""

    return _read_rgb(path, "picture", "convert it to 8 bits")


def _read_rgb(path: Path, kind: str, remedy: str) -> UInt8[np.ndarray, "h w 3"]:
    """A file of 8 bits a channel in RGB, upright; `kind` is what its error calls it."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode.startswith(("I", "F")):
            rule = f"a {kind} has 8 bits a channel, this one is of mode {picture.mode!r}"
            raise FileProblem(path, rule, remedy)
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))

    return _opened(path, decode)


def read_indices(
    path: Path,
    modes: Sequence[str] = INDEX_MODES,
    remedy: str = "save it as 8-bit grey, or list the classes' colours if it is painted",
) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that holds class indices (grey levels, or palette indices).

    `modes` are those of the picture that are allowed, `remedy` what to do about another.
    """

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode not in modes:
            listed = f"mode{'s' if len(modes) > 1 else ''} {', '.join(modes)}"
            raise FileProblem(
                path,
                f"a label map holds one class index a pixel ({listed}), this one is of mode "
                f"{picture.mode!r}",
                remedy,
            )
        values = np.array(ImageOps.exif_transpose(picture))
        if values.size and not 0 <= int(values.min()) <= int(values.max()) <= IGNORE_INDEX:
            raise FileProblem(
                path,
                f"label values lie in 0..255, this one holds {values.min()}..{values.max()}",
                "renumber the classes from 0",
            )
        return values.astype(np.uint8)

    return _opened(path, decode)


def read_colours(
    path: Path, colours: Sequence[tuple[int, int, int]], void: tuple[int, int, int] | None
) -> UInt8[np.ndarray, "h w"]:
    """The label map of a file that paints each class in its colour; `void` is that of void."""

    packed = _pack(_read_rgb(path, "painted label map", "save it as 8-bit RGB"))
    table = {code: index for index, code in enumerate(_pack(np.array(colours)).tolist())}
    if void is not None:
        table[_pack(np.array([void])).item()] = IGNORE_INDEX
    found, inverse = np.unique(packed, return_inverse=True)
    strange = [value for value in found.tolist() if value not in table]
    if strange:
        names = shown(f"({v >> 16}, {v >> 8 & 255}, {v & 255})" for v in strange)
        raise FileProblem(
            path,
            f"every colour of a label map is in the colour table, not so {names}",
            "add a class or a void_colour, and save label maps without lossy compression",
        )
    lookup = np.array([table[value] for value in found.tolist()], dtype=np.uint8)
    return lookup[inverse].reshape(packed.shape)


def read_palette(path: Path) -> UInt8[np.ndarray, "n 3"]:
    """The colours of a file of palette indices, by index; of another file none."""

    def decode(picture: Image.Image) -> np.ndarray:
        return np.array(picture.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)

    return _opened(path, decode)


def read_grey(path: Path) -> UInt8[np.ndarray, "h w"]:
    """The grey levels of a mask or map of 8 bits, stored in one channel or in three equal ones."""

    def decode(picture: Image.Image) -> np.ndarray:
        if picture.mode not in GREY_MODES:
            raise FileProblem(
                path,
                f"a mask holds 8-bit grey levels (modes {', '.join(GREY_MODES)}), this one is of "
                f"mode {picture.mode!r}",
                "take the official file",
            )
        if picture.mode == "L":
            return np.array(picture)
        red, green, blue = (np.array(band) for band in picture.convert("RGB").split())
        if (red != green).any() or (red != blue).any():
            raise FileProblem(
                path, "a mask is grey, this one is coloured", "take the official file"
            )
        return red

    return _opened(path, decode)


def header(path: Path) -> tuple[tuple[int, int], str]:
    """Size (width, height) and mode that a picture file declares; its pixels are not read."""
    return _opened(path, lambda picture: (picture.size, picture.mode))


def orientation(path: Path) -> int:
    """How the file's EXIF record asks to turn or mirror its pixels: 1 to 8, 1 for not at all."""
    return _opened(path, lambda picture: int(picture.getexif().get(ORIENTATION_TAG, 1)))


def shown(items: Iterable[object], limit: int = 3) -> str:
    """The first few of `items`, and how many more there are."""
    listed = [str(item) for item in items]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def resize(
    image: UInt8[np.ndarray, "h w 3"], label: UInt8[np.ndarray, "h w"], size: tuple[int, int]
) -> tuple[UInt8[np.ndarray, "h2 w2 3"], UInt8[np.ndarray, "h2 w2"]]:
    """Both at `size` = (height, width): the picture bilinear and antialiased, the label by its
    nearest pixel.
    """
    if label.shape == size:
        return image, label
    shape = (size[1], size[0])
    picture = Image.fromarray(image).resize(shape, Image.Resampling.BILINEAR)
    return np.array(picture), np.array(
        Image.fromarray(label).resize(shape, Image.Resampling.NEAREST)
    )


def _pack(colours: np.ndarray) -> np.ndarray:
    """Colours (..., 3) as whole numbers 0xRRGGBB."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _opened(path: Path, decode: Callable[[Image.Image], Decoded]) -> Decoded:
    try:
        with Image.open(path) as picture:
            return decode(picture)
    except FileNotFoundError:
        raise FileProblem(path, "the file has gone", "restore it") from None
    except FileProblem:
        raise
    except Exception as error:  # damaged files have decoders raise nearly any kind
        raise FileProblem(
            path,
            f"cannot be read as a picture ({type(error).__name__}: {error})",
            "replace it by an intact copy",
        ) from error


SPLITS = ("train", "val", "test")
TASK_COLOURS = np.array([[230, 159, 0]], dtype=np.uint8)


class SegmentationDataset(ABC):
    """Pictures with label maps: `len`, and `[i]` -> (image (h, w, 3) uint8, label (h, w) uint8, 255
    = void).

    `class_names` are the classes by index; of a binary task, the one name of the task, with
    `num_classes` 1 and labels 0, 1 and 255. `splits` holds each picture's official split, None
    where the data set has none.
    """

    name: ClassVar[str]
    options_type: ClassVar[type]
    static_classes: ClassVar[tuple[str, ...] | None] = None
    """The classes by index where they are known without the files."""
    tasks: ClassVar[Mapping[str, str]] = {}
    """The papers' binary tasks by name, each as a task of class names."""
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Classes that a paper scores as one, by the name of the union."""

    def __init__(
        self,
        *,
        class_names: tuple[str, ...],
        colours: UInt8[np.ndarray, "c 3"],
        ids: list[str],
        splits: Sequence[str | None],
    ):
        self.class_names = class_names
        self.colours = colours
        self.all_ids = ids
        self.splits = list(splits)
        self.lookup: UInt8[np.ndarray, " 256"] | None = None
        self._positions = list(range(len(ids)))

    @classmethod
    def known_classes(cls, options: Any) -> tuple[str, ...] | None:
        """The classes by index under these options, or None where only the files tell."""
        return cls.static_classes

    @classmethod
    def known_tasks(cls, options: Any) -> Mapping[str, str]:
        """The tasks that have a name under these options, each as a task of class names."""
        return cls.tasks

    @property
    def named_tasks(self) -> Mapping[str, str]:
        """The tasks of this data set that have a name."""
        return self.tasks

    @classmethod
    @abstractmethod
    def open(cls, root: Any, options: Any, report: Report = refuse) -> "SegmentationDataset":
        """The whole data set, found under the data root; `report` is told of broken rules."""

    @abstractmethod
    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        """Picture and label map (all classes, void = 255) at a position of the whole data set."""

    @abstractmethod
    def content(self, digests: Any) -> dict[str, Any]:
        """JSON values that are equal exactly when what `read` returns is equal."""

    @property
    def ids(self) -> list[str]:
        """Names of the pictures of this view."""
        return [self.all_ids[position] for position in self._positions]

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(
        self, index: int
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, label = self.read(self._positions[index])
        return image, label if self.lookup is None else self.lookup[label]

    def view(self, split: str, task: str | None) -> "SegmentationDataset":
        """This data set narrowed to one official split ("all": every picture) and one task."""
        if split not in (*SPLITS, "all"):
            raise DataError(unknown("split", split, (*SPLITS, "all")))
        if task is not None:
            self.lookup = task_lookup(task, self.class_names, self.named_tasks)
            self.class_names, self.colours = (task,), TASK_COLOURS
        if split != "all":
            kept = [i for i, own in enumerate(self.splits) if own == split]
            if not kept:
                raise DataError(
                    f"{self.name}: there is no official split {split!r}; open split='all', or "
                    "divide the pictures by "
                    "fractions or folds"
                )
            self._positions = kept
        return self


def parse_task(task: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the named classes are left out ("not ...") and the names that `task` lists."""
    names = task.removeprefix("not ")
    listed = tuple(name.strip() for name in names.split("+"))
    if not all(listed):
        raise DataError(
            f"task {task!r}: class names joined by '+' are needed, such as 'Car', "
            "'Car+Bicyclist' or 'not background'"
        )
    if len(set(listed)) < len(listed):
        raise DataError(f"task {task!r}: a class is named twice")
    return names != task, listed


def task_lookup(
    task: str, class_names: Sequence[str], named: Mapping[str, str] | None = None
) -> UInt8[np.ndarray, " 256"]:
    """Table from a label of all classes to 1 (foreground), 0 (the rest) or 255 (void).

    `named` are the tasks that the data set has a name for; a class of that name goes before.
    """
    tasks = {} if named is None else named
    negated, listed = parse_task(task if task in class_names else tasks.get(task, task))
    for name in listed:
        if name not in class_names:
            raise DataError(f"task {task!r}: {unknown('class', name, [*class_names, *tasks])}")
    table = np.full(256, IGNORE_INDEX, dtype=np.uint8)
    for index, name in enumerate(class_names):
        table[index] = (name in listed) != negated
    chosen = int((table[: len(class_names)] == 1).sum())
    if chosen in (0, len(class_names)):
        raise DataError(
            f"task {task!r}: the foreground would hold {chosen} of {len(class_names)} classes; "
            "leave one on each side"
        )
    return table


@dataclass(frozen=True)
class Pair:
    """A picture, its label map and its official split (None where there is none)."""

    id: str
    split: str | None
    image: Path
    label: Path
    parts: tuple[Path, ...] = ()
    """The files of a label map that has several; `label` is then what errors name."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the picture and its label map."""
        return (self.image, *(self.parts or (self.label,)))


class PairedFiles(SegmentationDataset):
    """A data set whose pictures and label maps are files."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        *,
        class_names: tuple[str, ...],
        colours: UInt8[np.ndarray, "c 3"],
    ):
        super().__init__(
            class_names=class_names,
            colours=colours,
            ids=[pair.id for pair in pairs],
            splits=[pair.split for pair in pairs],
        )
        self.pairs = list(pairs)
        self.lists: tuple[Path, ...] = ()
        """Files that decide which pictures there are and how they are divided."""
        self.data_root: Path | None = None
        """The folder in which the data set was found."""
        self._all_classes = class_names

    def read_picture(self, pair: Pair) -> UInt8[np.ndarray, "h w 3"]:
        """The picture at the size of its label map."""
        return read_image(pair.image)

    def read_label(self, pair: Pair) -> UInt8[np.ndarray, "h w"]:
        """The label map as the data set stores it, its own void value already 255."""
        raise NotImplementedError

    def rules(self) -> dict[str, Any]:
        """JSON values of the options that decide how a label map is read."""
        raise NotImplementedError

    def read(
        self, position: int, size: tuple[int, int] | None = None
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        with of_dataset(self.name):
            return self._read(self.pairs[position])

    def _read(self, pair: Pair) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
        image, label = self.read_picture(pair), self.read_label(pair)
        if image.shape[:2] != label.shape:
            raise FileProblem(
                pair.label,
                f"a label map has its picture's size, this one is {_size(label)} and the picture "
                f"{_size(image)} (width x height)",
                "export both at the same size",
            )
        _check_upright(pair, label.shape)
        self.check_size(pair, label.shape)
        highest = len(self._all_classes) - 1
        strange = np.unique(label[(label > highest) & (label != IGNORE_INDEX)]).tolist()
        if strange:
            raise FileProblem(
                pair.label,
                f"label values are 0..{highest} or {IGNORE_INDEX} (void), this one holds "
                f"{shown(strange, 5)}",
                "list the missing classes or renumber the label map",
            )
        return image, label

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        """Hook for data sets whose pictures have one known size."""

    @property
    def manifest_name(self) -> str:
        """What tells the manifest of this data set from others in one data root."""
        return self.name

    def facts(self) -> list[str]:
        """Sentences about the set as a whole that its user should know."""
        return []

    def content(self, digests: Any) -> dict[str, Any]:
        with of_dataset(self.name):
            files = [[p.id, *map(digests, p.files)] for p in self.pairs]
        return {"classes": list(self._all_classes), "rules": self.rules(), "files": files}


def _check_upright(pair: Pair, shape: tuple[int, ...]) -> None:
    """A picture that its EXIF record turns, and a label map without that record: which way round
    the label map lies can be seen only where turning swaps two different sides.
    """
    turn = orientation(pair.image)
    swaps_sides = turn >= 5 and shape[0] != shape[1]
    if turn != 1 and not swaps_sides and _turn_of_label(pair) != turn:
        raise FileProblem(
            pair.image,
            f"its EXIF record turns or mirrors it (orientation {turn}) and that of {pair.label} "
            "does not, so the two may not lie alike",
            "turn the pixels themselves and drop the record, e.g. with `exiftran -a`",
        )


def _turn_of_label(pair: Pair) -> int:
    """The orientation that the label map's EXIF record asks for; 1 where it is no picture file."""
    return orientation(pair.label) if pair.label.suffix.lower() in SUFFIXES else 1


def need_folder(folder: Path, remedy: str) -> Path:
    """`folder`, or an error that says what should be there."""
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise FileProblem(folder, f"the folder {state}", remedy)
    return folder


def files_in(folder: Path, suffixes: Sequence[str], report: Report) -> list[Path]:
    """The folder's files with one of the suffixes, sorted; hidden files are left out.

    A link that leads out of the folder's parent is a problem: what it points at is not part of the
    set, and a copy of the set would lack it. (The set's folder itself may be a link.)
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                (entry.name, entry.is_symlink())
                for entry in entries
                if not entry.name.startswith(".")
                and os.path.splitext(entry.name)[1].lower() in suffixes
            )
    except OSError as error:
        rule = f"the folder cannot be listed ({error.strerror})"
        raise FileProblem(folder, rule, "check that it is a folder that may be read") from None
    for name, is_link in found:
        if is_link:
            check_link(folder / name, folder.parent, report)
    return [folder / name for name, _ in found]


def check_link(path: Path, home: Path, report: Report) -> None:
    """Tell `report` of a link that leads out of the folder `home`, or, where its own folder is a
    link, out of the folder that is meant.
    """
    target = path.resolve()
    if not any(target.is_relative_to(place.resolve()) for place in (home, path.parent)):
        rule = f"a set's files lie in its folder, this one links to {target}"
        report(FileProblem(path, rule, "copy the file, or link the whole folder"))


def all_there(paths: Sequence[Path], home: Path, report: Report) -> bool:
    """Whether all files of a listed picture are there; each that is not, and a link that leads out
    of `home`, is told to `report`.
    """
    missing = 0
    for path in paths:
        try:
            mode = path.lstat().st_mode
        except OSError as error:
            missing += 1
            problem = closed(path, error)
            if isinstance(error, FileNotFoundError):
                rule = "a list names this picture, and the file does not exist"
                problem = FileProblem(path, rule, "restore it from the official archive")
            report(problem)
            continue
        if stat.S_ISLNK(mode):
            check_link(path, home, report)
    return not missing


def pictures_in(folder: Path, report: Report) -> dict[str, Path]:
    """The folder's picture files by stem, sorted; hidden files are left out."""
    found: dict[str, Path] = {}
    for path in files_in(folder, SUFFIXES, report):
        if path.stem in found:
            report(
                FileProblem(
                    path,
                    f"files are paired by stem, and {found[path.stem].name} has the same",
                    "keep one of them",
                )
            )
            continue
        found[path.stem] = path
    return found


def pair_up(
    images: Path, labels: Path, report: Report, *, split: str | None = None, prefix: str = ""
) -> list[Pair]:
    """Pairs of equal stem in two folders, sorted; a file without its partner is a problem."""
    pictures, maps = pictures_in(images, report), pictures_in(labels, report)
    for have, lack, folder in ((pictures, maps, labels), (maps, pictures, images)):
        for stem in sorted(have.keys() - lack.keys()):
            report(
                FileProblem(
                    have[stem],
                    "every picture has a label map of the same stem and the reverse, and there is "
                    f"none in {folder}",
                    "add the partner or move the file away",
                )
            )
    paired = [stem for stem in pictures if stem in maps]
    if not paired:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        raise FileProblem(images, f"the folder holds no pictures ({kinds})", "put them there")
    return [Pair(prefix + stem, split, pictures[stem], maps[stem]) for stem in paired]


def default_colours(count: int) -> UInt8[np.ndarray, "c 3"]:
    """Distinct colours for `count` classes: the bitwise colour map of PASCAL VOC."""
    index = np.arange(count)
    colours = np.zeros((count, 3), dtype=np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * bit + channel) & 1) << (7 - bit)).astype(
                np.uint8
            )
    return colours


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"


@checked_dataclass(frozen=True, kw_only=True, config=STRICT)
class PublishedOptions:
    """How the pictures are divided and how complete the files must be."""

    division: Literal["official"] = "official"
    """The publisher's lists, or a paper's own division."""
    partial: bool = False
    """Accept other counts and sizes than those of the full set, for samples and fixtures."""


def find_home(root: Path, candidates: Sequence[str], mark: str, what: str) -> Path:
    """The first folder of `candidates`, relative to the data root, that holds `mark`.

    `what` says in words what should be put there. Raises `FileProblem` that lists the places.
    """
    for candidate in candidates:
        if (root / candidate / mark).exists():
            return root / candidate
    places = ", ".join(f"{candidate}/" for candidate in candidates if candidate != ".")
    raise FileProblem(
        root,
        f"neither this folder nor {places} in it holds {mark}",
        f"put {what} there, or check the data root",
    )


def check_counts(
    found: Mapping[str, int], expected: Mapping[str, int], where: Path, report: Report
) -> None:
    """Tell `report` of every list or split whose number of pictures is not the published one."""
    for name, count in expected.items():
        if found.get(name, 0) != count:
            rule = f"the full set has {count} pictures in {name}, this one {found.get(name, 0)}"
            remedy = "complete it, or say partial=True to work with a sample"
            report(FileProblem(where, rule, remedy))


def check_disjoint(lists: Mapping[str, Iterable[str]], where: Path, report: Report) -> None:
    """Tell `report` of every picture that two of the lists name."""
    seen: dict[str, str] = {}
    for name, ids in lists.items():
        for one in ids:
            if one in seen:
                rule = f"a picture lies in one split, {one} is in {seen[one]} and in {name}"
                report(FileProblem(where, rule, "restore the official lists"))
            seen.setdefault(one, name)


def check_shape(
    file: Path, shape: tuple[int, ...], expected: tuple[int, int], *, partial: bool
) -> None:
    """Raise `FileProblem` where a picture of the full set has not the published (height, width)."""
    if not partial and tuple(shape) != expected:
        raise FileProblem(
            file,
            f"pictures are {expected[1]}x{expected[0]}, this one is {shape[1]}x{shape[0]}",
            "take the official file, or say partial=True",
        )
