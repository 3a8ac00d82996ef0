"""The data sets by name, and the reading of the published ones as `sets.yaml` describes them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import yaml
from jaxtyping import UInt8
from PIL import Image
from pydantic.dataclasses import dataclass as checked_dataclass

from losslab.constants import IGNORE_INDEX, STRICT
from losslab.data.dataset import (
    SPLITS,
    FileProblem,
    Pair,
    PairedFiles,
    PublishedOptions,
    Report,
    SegmentationDataset,
    check_counts,
    check_disjoint,
    check_shape,
    default_colours,
    files_in,
    find_home,
    header,
    need_folder,
    pair_up,
    read_colours,
    read_grey,
    read_ids,
    read_image,
    read_indices,
    read_lines,
    read_palette,
    refuse,
    shown,
)
from losslab.data.folder import Folder
from losslab.data.matfiles import read_mat
from losslab.data.portions import in_portions
from losslab.data.scenes import Scenes

Entry = dict[str, Any]
Label = UInt8[np.ndarray, "h w"]
SETS: dict[str, Entry] = yaml.safe_load(
    files("losslab.data").joinpath("sets.yaml").read_text(encoding="utf-8")
)
ARCHIVE = "restore it from the official archive"
OFFICIAL = "take the official file"


@dataclass
class Found:
    """What was found of a set: its pairs, the files that decide which there are and how they are
    divided, the route where there are several, and the name of each stored value where the files
    have names of their own.
    """

    pairs: list[Pair]
    lists: tuple[Path, ...] = ()
    route: str = ""
    names: list[str] = field(default_factory=list)


class Published(PairedFiles):
    """A published data set, as its entry in `sets.yaml` describes it."""

    options_type: ClassVar[type] = PublishedOptions
    entry: ClassVar[Entry]

    def __init__(self, found: Found, options: Any):
        entry = self.entry
        first = 1 if getattr(options, "background", "class") == "void" else 0
        names = [*entry["classes"]]
        colours = default_colours(len(names))
        if isinstance(entry["classes"], dict):
            colours = np.array([*entry["classes"].values()], dtype=np.uint8)
        super().__init__(found.pairs, class_names=tuple(names[first:]), colours=colours[first:])
        self.lists, self.route, self.options = found.lists, found.route, options
        rule = entry["routes"][found.route]["decode"] if found.route else entry["decode"]
        self.table = _table(rule)
        if found.names:
            self.table = np.full(len(found.names), IGNORE_INDEX if first else 0, dtype=np.uint8)
            for index, name in enumerate(names[1:], start=1):
                stored = entry["renamed"].get(name, name) if found.route == "mat" else name
                self.table[found.names.index(stored)] = index - first

    @classmethod
    def known_classes(cls, options: Any) -> tuple[str, ...]:
        first = 1 if getattr(options, "background", "class") == "void" else 0
        return tuple(cls.entry["classes"])[first:]

    @classmethod
    def open(cls, root: Path, options: Any, report: Report = refuse) -> "Published":
        return cls(FINDERS[cls.entry["find"]](cls.entry, root, options, report), options)

    def read_picture(self, pair: Pair) -> UInt8[np.ndarray, "h w 3"]:
        image = read_image(pair.image)
        if "picture_shape" not in self.entry:
            return image
        expected = self.entry["picture_shape"]
        check_shape(pair.image, image.shape[:2], expected, partial=self.options.partial)
        (width, height), _ = header(pair.label)
        if image.shape[0] * width != image.shape[1] * height:
            rule = (
                "a picture and its masks have one ratio of sides, this one is "
                f"{image.shape[1]}x{image.shape[0]} and {pair.label.name} is {width}x{height}"
            )
            raise FileProblem(pair.image, rule, "take the official files")
        return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))

    def read_label(self, pair: Pair) -> Label:
        rule = self.entry.get("decode")
        if self.route and (rule is None or pair.label.parent.name != "SegmentationClass"):
            rule = self.entry["routes"][self.route]["decode"]
        assert rule is not None
        return DECODERS[rule["as"]](self, rule, pair)

    def rules(self) -> dict[str, Any]:
        entry = self.entry
        rule, route = entry.get("decode", {}), {"route": self.route} if self.route else {}
        if "background" in entry.get("options", {}):
            background = self.options.background
            return {**route, "background": background, "table": self.table.tolist()}
        if "ids" in rule:
            return {"labels": self.table.tolist()}
        if rule["as"] == "colours":
            return {"colours": [*entry["classes"].values()]}
        if rule["as"] == "argmax":
            return {"label": "argmax of the maps"}
        if rule["as"] == "masks":
            return {"painted": entry["classes"][1:], "picture": "bilinear"}
        return {**route, "void": rule["void"]}

    def check_size(self, pair: Pair, shape: tuple[int, ...]) -> None:
        if "shape" in self.entry:
            file = pair.label if "picture_shape" in self.entry else pair.image
            check_shape(file, shape, self.entry["shape"], partial=self.options.partial)

    def facts(self) -> list[str]:
        """The route, and people with pictures in two splits: scores on the second may be too
        good.
        """
        facts = [self.entry["routes"][self.route]["told"]] if self.route else []
        if "{person}" in self.entry.get("image", ""):
            people = {
                split: {_person(pair.id) for pair in self.pairs if pair.split == split}
                for split in SPLITS
            }
            for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
                if both := sorted(people[first] & people[second]):
                    both_in = f"people of {first} who are in {second} too"
                    facts.append(f"{both_in}: {len(both)} ({shown(both)})")
        return facts


# How label maps are decoded.


def _table(rule: Entry) -> UInt8[np.ndarray, " 256"]:
    """The class of each stored value."""
    table = np.arange(256, dtype=np.uint8)
    if "ids" in rule:
        table[:] = IGNORE_INDEX
        table[rule["ids"]] = np.arange(len(rule["ids"]))
    elif "void" in rule:
        table[rule["void"]] = IGNORE_INDEX
    return table


def _indices(dataset: Published, rule: Entry, pair: Pair) -> Label:
    """Class indices or label ids, as grey levels, palette indices or a matrix of a MAT-file."""
    if rule["as"] == "mat":
        stored = read_mat(pair.label, *rule["key"].split("."))
    else:
        stored = read_indices(pair.label, **{k: rule[k] for k in ("modes",) if k in rule})
    highest = rule.get("highest", 255)
    strange = (stored < 0) | (stored > highest)
    if "ids" in rule:
        strange &= stored != IGNORE_INDEX
    if strange.any():
        values = shown(np.unique(stored[strange]).tolist(), 5)
        void = f" or {IGNORE_INDEX}" if "ids" in rule else ""
        text = f"label values are 0..{highest}{void}, this one holds {values}"
        raise FileProblem(pair.label, text, OFFICIAL)
    return dataset.table[stored]


def _palette(dataset: Published, rule: Entry, pair: Pair) -> Label:
    return read_voc_label(pair.label)


def _colours(dataset: Published, rule: Entry, pair: Pair) -> Label:
    return read_colours(pair.label, [*dataset.entry["classes"].values()], None)


def _argmax(dataset: Published, rule: Entry, pair: Pair) -> Label:
    maps = [read_grey(path) for path in pair.parts]
    for path, one in zip(pair.parts, maps, strict=True):
        _check_like(path, one, maps[0].shape, "the maps of a picture")
    return np.argmax(np.stack(maps), axis=0).astype(np.uint8)


def _masks(dataset: Published, rule: Entry, pair: Pair) -> Label:
    label = np.zeros(header(pair.label)[0][::-1], dtype=np.uint8)
    for path in pair.parts:
        mask = read_grey(path)
        _check_like(path, mask, label.shape, "the masks of a picture")
        inside = mask == rule["filled"]
        strange = np.unique(mask[~inside & (mask != 0)]).tolist()
        if strange:
            text = f"a mask holds 0 and {rule['filled']}, this one also {shown(strange, 5)}"
            raise FileProblem(path, text, f"{OFFICIAL}, and no JPEG of it")
        label[inside] = dataset.entry["classes"].index(path.stem.partition("_")[2])
    return label


def _check_like(path: Path, array: np.ndarray, shape: tuple[int, ...], what: str) -> None:
    if array.shape != shape:
        sizes = [f"{width}x{height}" for height, width in (shape, array.shape)]
        raise FileProblem(path, f"{what} have one size, {sizes[0]}, this is {sizes[1]}", OFFICIAL)


def read_voc_label(path: Path) -> Label:
    """A label map of PASCAL VOC as it is published: palette indices, 255 = void.

    A map whose palette shows a class's colour at another index was saved anew with other indices,
    and would be read as other classes: `FileProblem`.
    """
    remedy = f"{OFFICIAL}; grey copies are read by voc_aug from SegmentationClassAug"
    label, palette = read_indices(path, ("P",), remedy), read_palette(path)
    names = SETS["voc2012"]["classes"]
    classes = default_colours(len(names))
    for value in np.unique(label[label < len(names)]).tolist():
        shows = (palette[value] == classes).all(1) if value < len(palette) else np.zeros(1, bool)
        if shows.any() and not shows[value]:
            other = f"this one that of {names[int(shows.argmax())]} at {value}"
            raise FileProblem(
                path, f"the palette has VOC's colours by class index, {other}", OFFICIAL
            )
    return label


DECODERS: dict[str, Callable[[Published, Entry, Pair], Label]] = {
    "indices": _indices,
    "mat": _indices,
    "palette": _palette,
    "colours": _colours,
    "argmax": _argmax,
    "masks": _masks,
}


# How pictures are found.


class Shelves:
    """The files below a set's folder; each of their folders is listed once."""

    def __init__(self, home: Path, report: Report):
        self.home, self.report = home, report
        self.folders: dict[tuple[Path, str], dict[str, Path] | None] = {}

    def find(self, path: Path) -> Path | None:
        """The file, its suffix in capitals or not; what is not there is told to `report`."""
        name, folder = f"{path.stem}{path.suffix.lower()}", path.parent
        if (folder, path.suffix) not in self.folders:
            self.folders[folder, path.suffix] = self._listed(folder, path.suffix)
        listed = self.folders[folder, path.suffix]
        if listed is not None and name not in listed:
            rule = "an official list names it and the file does not exist"
            self.report(FileProblem(path, rule, ARCHIVE))
        return None if listed is None else listed.get(name)

    def _listed(self, folder: Path, suffix: str) -> dict[str, Path] | None:
        try:
            found = files_in(need_folder(folder, ARCHIVE), (suffix,), self.report, self.home)
        except FileProblem as problem:
            self.report(problem)
            return None
        return {f"{path.stem}{path.suffix.lower()}": path for path in found}


def _home(entry: Entry, root: Path) -> Path:
    """The set's folder below the data root."""
    if "year" in entry:
        return voc_home(root, entry["year"], entry["mark"])
    return find_home(root, entry["places"], entry["mark"], entry["title"])


def voc_home(root: Path, year: int, mark: str) -> Path:
    """The folder VOC<year>, which holds `mark`: as the archives unpack, or less deep."""
    devkits = ("VOCdevkit/", "TrainVal/VOCdevkit/", "")
    places = [f"{o}{devkit}VOC{year}" for o in ("", f"voc{year}/") for devkit in devkits]
    title = f"PASCAL VOC {year} (VOCdevkit/VOC{year})"
    home = find_home(root, [*places, f"voc{year}", "."], mark, title)
    if re.fullmatch(r"VOC\d{4}", home.name) and home.name != f"VOC{year}":
        rule = f"the set of {year} is in a folder VOC{year}, not {home.name}"
        raise FileProblem(home, rule, "check the data root")
    return home


def _stems(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """A folder of pictures and one of label maps for each split, paired by stem."""
    home = _home(entry, root)
    pairs: dict[str, Pair] = {}
    for split, count in entry["counts"].items():
        images, labels = (
            need_folder(home / entry[part].format(split=split), ARCHIVE)
            for part in ("image", "label")
        )
        found = pair_up(images, labels, report, split=split)
        if not options.partial:
            check_counts({split: len(found)}, {split: count}, images, report)
        for pair in found:
            if pair.id in pairs:
                rule = f"a picture lies in one split, this one also in {pairs[pair.id].split}"
                report(FileProblem(pair.image, rule, "keep one"))
            pairs.setdefault(pair.id, pair)
    return Found([*pairs.values()])


def _cities(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """A folder for each split and city; names begin with the city."""
    home = _home(entry, root)
    pairs: list[Pair] = []
    for split, count in entry["counts"].items():
        parts = []
        for part in ("image", "label"):
            place, ending = entry[part].split("/{city}/{id}")
            folder = home / place.format(split=split)
            parts.append((folder, _of_cities(folder, ending, report)))
        (image_folder, images), (label_folder, labels) = parts
        if not options.partial:
            check_counts({split: len(images)}, {split: count}, image_folder, report)
        for have, lack, folder in (
            (images, labels, label_folder),
            (labels, images, image_folder),
        ):
            for one in sorted(have.keys() - lack.keys()):
                rule = "every picture has a label map and the reverse, and there is none in"
                report(FileProblem(have[one], f"{rule} {folder}", ARCHIVE))
        both = sorted(images.keys() & labels.keys())
        pairs += [Pair(one, split, images[one], labels[one]) for one in both]
    by_split = {s: [pair.id for pair in pairs if pair.split == s] for s in entry["counts"]}
    check_disjoint(by_split, home, report)
    return Found(pairs)


def _of_cities(folder: Path, ending: str, report: Report) -> dict[str, Path]:
    found = {}
    for city in sorted(p for p in need_folder(folder, ARCHIVE).iterdir() if p.is_dir()):
        if city.name.startswith("."):
            continue
        for path in files_in(city, (".png",), report):
            one = path.name.removesuffix(ending)
            if re.fullmatch(rf"{re.escape(city.name)}_\d{{6}}_\d{{6}}", one):
                found[one] = path
            elif path.name.endswith(ending):
                rule = f"a file is named after its folder: {city.name}_<sequence>_<frame>{ending}"
                report(FileProblem(path, rule, "put it into the folder of its city"))
    return found


def _listed(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """Pictures that official lists name."""
    home = _home(entry, root)
    lists, paths = _read_lists(entry, home, options, report)
    splits = divide(entry, lists, getattr(options, "division", "official"))
    return Found(_pairs(entry, splits, home, home, report), paths)


def _read_lists(
    entry: Entry, home: Path, options: Any, report: Report
) -> tuple[dict[str, list[str]], tuple[Path, ...]]:
    """The ids of each split's list, sorted, and the lists; that they share no picture is asserted,
    and, unless partial, how many there are.
    """
    form, folder = entry["lists"], home / entry["lists"]["folder"]
    paths = {split: folder / file for split, file in form["files"].items()}
    lists = {
        split: sorted(read_ids(path, report, form["line"], form["form"], form.get("id", "{id}")))
        for split, path in paths.items()
    }
    check_disjoint(lists, folder, report)
    if not options.partial:
        found = {paths[split].name: len(ids) for split, ids in lists.items()}
        counts = {paths[split].name: count for split, count in entry["counts"].items()}
        check_counts(found, counts, folder, report)
    return lists, tuple(paths.values())


def divide(entry: Entry, lists: Mapping[str, Iterable[str]], name: str) -> dict[str, str | None]:
    """The split of every picture in the division of that name: the official lists, or a paper's."""
    official = {one: split for split in lists for one in sorted(lists[split])}
    if name == "official":
        return {**official}
    rule = entry["divisions"][name]
    if "portions" in rule:
        counts: dict[str, int] = dict(zip(SPLITS, rule["portions"], strict=True))
        return in_portions([*official], counts, sum(entry["counts"].values()))
    splits = {one: rule["join"].get(split, split) for one, split in official.items()}
    if "fifth" in rule:
        splits |= dict.fromkeys(sorted(lists["train"])[::5], rule["fifth"])
    return splits


def _pairs(
    entry: Entry, splits: Mapping[str, str | None], pictures: Path, labels: Path, report: Report
) -> list[Pair]:
    """The pairs of these ids whose files are all there, below two folders."""
    images, maps = Shelves(pictures, report), Shelves(labels, report)
    classes, by_id = len(entry["classes"]), entry.get("order") == "id"
    several = "{part" in entry["label"]
    pairs = []
    for one in sorted(splits, key=lambda o: (0 if by_id else SPLITS.index(splits[o] or ""), o)):
        image = images.find(pictures / entry["image"].format(id=one, person=_person(one)))
        names = [entry["label"].format(id=one, part=part) for part in range(classes)]
        parts = [maps.find(labels / name) for name in (names if several else names[:1])]
        if image is not None and None not in parts:
            kept = tuple(part for part in parts if part is not None)
            label = kept[0].parent if several else kept[0]
            pairs.append(Pair(one, splits[one], image, label, kept if several else ()))
    return pairs


def _person(one: str) -> str:
    return one.rpartition("_")[0]


def _aug(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """VOC 2012's lists and SBD's, or the grey copies."""
    own = SETS["voc2012"]
    voc = _home(own, root)
    lists, paths = _read_lists(own, voc, options, report)
    mat, png = (own | entry["routes"][route] for route in ("mat", "png"))
    home = next((root / p for p in mat["places"] if (root / p / mat["mark"]).is_dir()), None)
    copies = voc / "SegmentationClassAug"
    if home is not None:
        route, added, where = mat, home, home / mat["mark"]
        sbd, more_paths = _read_lists(mat, home, options, report)
        more, paths = {*sbd["train"], *sbd["val"]}, paths + more_paths
    elif copies.is_dir():
        route, added, where = png, voc, copies
        more = {path.stem for path in files_in(copies, (".png",), report)}
    else:
        rule = "neither benchmark_RELEASE/dataset/cls nor VOC2012/SegmentationClassAug is here"
        raise FileProblem(root, rule, "put SBD there (benchmark.tgz), or check the data root")
    more -= {*lists["train"], *lists["val"]}
    if not options.partial:
        found = {"trainaug": len(lists["train"]) + len(more)}
        check_counts(found, entry["counts"], where, report)
    pairs = _pairs(own, divide(own, lists, "official"), voc, voc, report)
    pairs += _pairs(route, dict.fromkeys(more, "train"), added, added, report)
    pairs.sort(key=lambda pair: (SPLITS.index(pair.split or ""), pair.id))
    return Found(pairs, paths, "png" if home is None else "mat")


def _context(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """The original label maps, or the copies, of VOC 2010's pictures."""
    voc, routes = voc_home(root, 2010, "JPEGImages"), entry["routes"]
    places = [*(root / place for place in routes["mat"]["places"]), voc]
    home = next(
        (p for p in places if (p / "labels.txt").is_file() and (p / "trainval").is_dir()), None
    )
    if home is not None:
        route, labels, names = "mat", home, _label_names(entry, home)
    elif (voc / "SegmentationClassContext").is_dir():
        route, labels, names = "png", voc, copied_order(entry)
    else:
        rule = (
            "neither pascal_context/ with trainval/ and labels.txt nor "
            "VOC2010/SegmentationClassContext/ is here"
        )
        raise FileProblem(root, rule, "put one of them there, or check the data root")
    chosen = entry | routes[route]
    lists, paths = _read_lists(chosen, voc, options, report)
    if home is not None:
        paths += (home / "labels.txt",)
    pairs = _pairs(chosen, divide(chosen, lists, "official"), voc, labels, report)
    return Found(pairs, paths, route, names)


def copied_order(entry: Entry) -> list[str]:
    """The classes of PASCAL-Context as the copies number them: in the order of labels.txt, which
    is alphabetical.
    """
    background, *names = entry["classes"]
    return [background, *sorted(names, key=lambda name: entry["renamed"].get(name, name))]


def _label_names(entry: Entry, home: Path) -> list[str]:
    """The names of labels.txt by value, with "" for 0; 59_labels.txt is checked where it is there.

    Spaces are left out, as in the code of the set's first users (Shelhamer et al. 2017).
    """
    path, count = home / "labels.txt", entry["routes"]["mat"]["decode"]["highest"]
    names, classes = _numbered(path), entry["classes"][1:]
    if sorted(names) != list(range(1, count + 1)) or len(set(names.values())) < count:
        rule = f"there are {count} labels, numbered from 1 and each named once"
        raise FileProblem(path, f"{rule}, this file has {len(names)} lines", OFFICIAL)
    wanted = {entry["renamed"].get(name, name) for name in classes}
    if missing := sorted(wanted - set(names.values())):
        rule = f"it names all of the 59 classes, not so {shown(missing)}"
        raise FileProblem(path, rule, OFFICIAL)
    most_used = home / "59_labels.txt"
    if most_used.exists():
        listed = {name for value, name in _numbered(most_used).items() if value}
        if differing := sorted(listed ^ set(classes)):
            rule = f"it lists the 59 classes, and differs in {shown(differing)}"
            raise FileProblem(most_used, rule, OFFICIAL)
    return ["", *(names[value] for value in range(1, count + 1))]


def _numbered(path: Path) -> dict[int, str]:
    """The names in a file of lines such as "1: accordion", by number."""
    names = {}
    for line in read_lines(path, "take it from the original archive"):
        number, colon, name = line.partition(":")
        if not colon or not number.strip().isdecimal() or int(number) in names:
            rule = f'a line is a new number and a name, such as "1: accordion", not so {line!r}'
            raise FileProblem(path, rule, OFFICIAL)
        names[int(number)] = name.replace(" ", "")
    return names


def _mapping(entry: Entry, root: Path, options: Any, report: Report) -> Found:
    """Pictures by number, a mask for each part that is to be seen, and a mapping that divides them.

    Of a partial set those count that are there. Pictures of a split are neighbours, so that
    training reads a window of the cache and not a copy in memory.
    """
    home = _home(entry, root)
    path = home / entry["mapping"]
    splits: dict[int, str | None] = read_mapping(entry, path, report)
    image_folder, mask_home = (home / entry[key].split("/")[0] for key in ("image", "label"))
    images: dict[int, Path] = _numbered_images(need_folder(image_folder, ARCHIVE), report)
    masks = _numbered_masks(entry, mask_home, report)
    present = {*images, *masks}
    for number in sorted(present - splits.keys()):
        rule = f"every picture is in {path.name}, not so {number}"
        report(FileProblem(path, rule, "restore the official file"))
    if not options.partial:
        counts = {split: list(splits.values()).count(split) for split in SPLITS}
        check_counts(counts, entry["counts"], path, report)
        present |= splits.keys()
    present &= splits.keys()
    if options.division != "official":
        cut = divide(entry, {"train": [f"{n:05d}" for n in present]}, options.division)
        splits = {int(name): split for name, split in cut.items()}
    pairs = []
    for number in sorted(present, key=lambda n: ([*SPLITS, None].index(splits[n]), n)):
        one, folder, parts = f"{number:05d}", number // entry["per_folder"], masks.get(number, {})
        image = images.get(number, home / entry["image"].format(number=number))
        skin = home / entry["label"].format(folder=folder, id=one, part="skin")
        for file, there in ((image, number in images), (skin, "skin" in parts)):
            if not there:
                rule = "every picture has its image and a mask of skin, this one does not exist"
                report(FileProblem(file, rule, ARCHIVE))
        if number in images and "skin" in parts:
            kept = tuple(parts[part] for part in entry["classes"] if part in parts)
            pairs.append(Pair(one, splits[number], image, skin, kept))
    return Found(pairs, (path,))


def read_mapping(entry: Entry, path: Path, report: Report) -> dict[int, str | None]:
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
        if int(match[1]) in splits:
            rule = f"each picture has one line, {int(match[1])} occurs again"
            report(FileProblem(path, rule, "restore the official file"))
        splits[int(match[1])] = SPLITS[sum(int(match[2]) >= cut for cut in entry["cuts"])]
    return splits


def _numbered_images(folder: Path, report: Report) -> dict[int, Path]:
    found = {}
    for path in files_in(folder, (".jpg",), report):
        if re.fullmatch(r"0|[1-9]\d{0,4}", path.stem):
            found[int(path.stem)] = path
        else:
            rule = "a picture is named by its number, such as 123.jpg"
            report(FileProblem(path, rule, "move it away"))
    return found


def _numbered_masks(entry: Entry, home: Path, report: Report) -> dict[int, dict[str, Path]]:
    """The masks by number and part. One listing a folder: there are some 390,000 files."""
    found: dict[int, dict[str, Path]] = {}
    for folder in sorted(path for path in home.iterdir() if path.name.isdecimal()):
        for path in files_in(folder, (".png",), report):
            number, _, part = path.stem.partition("_")
            if not re.fullmatch(r"[0-9]{5}", number) or part not in entry["classes"][1:]:
                rule = "a mask is named <number in five digits>_<part>.png"
                report(FileProblem(path, rule, "move it away"))
            elif (right := int(number) // entry["per_folder"]) != int(folder.name):
                rule = f"masks of picture {int(number)} lie in folder {right}"
                report(FileProblem(path, rule, "move it there"))
            else:
                found.setdefault(int(number), {})[part] = path
    return found


FINDERS: dict[str, Callable[[Entry, Path, Any, Report], Found]] = {
    "stems": _stems,
    "cities": _cities,
    "lists": _listed,
    "aug": _aug,
    "context": _context,
    "mapping": _mapping,
}


def _published(name: str, entry: Entry) -> type[Published]:
    """The class of one entry, with its options as a strict dataclass."""
    choices = dict(entry.get("options", {}))
    if "divisions" in entry:
        choices["division"] = ["official", *entry["divisions"]]
    hints = {key: Literal[tuple(values)] for key, values in choices.items()}
    defaults = {key: values[0] for key, values in choices.items()}
    made = type(f"{name}_options", (PublishedOptions,), {"__annotations__": hints, **defaults})
    options = checked_dataclass(made, frozen=True, kw_only=True, config=STRICT)
    return type(
        name,
        (Published,),
        {
            "name": name,
            "entry": entry,
            "options_type": options,
            "static_classes": tuple(entry["classes"]),
            "tasks": entry.get("tasks", {}),
            "groups": {key: tuple(names) for key, names in entry.get("groups", {}).items()},
        },
    )


DATASETS: dict[str, type[SegmentationDataset]] = {
    "scenes": Scenes,
    "camvid": _published("camvid", SETS["camvid"]),
    "folder": Folder,
    **{name: _published(name, entry) for name, entry in SETS.items() if name != "camvid"},
}
