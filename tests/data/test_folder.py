"""People's own folders: what opens, and what each mistake is called."""

import numpy as np
import pytest
from PIL import Image

from losslab.data import SplitOptions, open_dataset, prepare
from losslab.errors import DataError
from tests.data.conftest import CLASSES, save


def opened(tree, split="all", **options):
    return open_dataset("folder", tree, split=split, **options)


def write_lists(tree, train, val, test):
    for name, stems in (("train", train), ("val", val), ("test", test)):
        (tree / f"{name}.txt").write_text("\n".join(stems) + "\n")


def test_folder_opens_with_the_classes_of_its_text_file(tree):
    data = opened(tree)
    image, label = data[3]
    assert len(data) == 12
    assert data.class_names == CLASSES
    assert data.ids == sorted(data.ids)
    assert (image == np.array(Image.open(tree / "images" / "p03.png"))).all()
    assert (label == np.array(Image.open(tree / "masks" / "p03.png"))).all()


def test_folder_is_found_below_the_data_root_by_name(tree):
    data = open_dataset("folder", tree.parent, split="all", name="pets")
    assert len(data) == 12


def test_class_names_of_the_options_come_first(tree):
    assert opened(tree, classes=("a", "b", "c")).class_names == ("a", "b", "c")


def test_data_root_comes_from_the_environment(tree, monkeypatch):
    monkeypatch.setenv("LOSSLAB_DATA", str(tree.parent))
    assert len(open_dataset("folder", split="all", name="pets")) == 12


def test_lists_give_the_official_split_by_stem_or_file_name(tree):
    write_lists(tree, ["p03", "p01.png"], ["images/p02.png"], ["p05", "p04"])
    assert opened(tree, "train").ids == ["p03", "p01"]
    assert opened(tree, "val").ids == ["p02"]
    assert opened(tree, "test").ids == ["p05", "p04"]
    assert len(opened(tree, "all")) == 12


def test_subfolders_give_the_official_split(tree):
    for i, split in enumerate(("train", "val", "test")):
        for part in ("images", "masks"):
            (tree / part / split).mkdir()
            for k in range(i * 4, i * 4 + 4):
                file = tree / part / f"p{k:02d}.png"
                file.rename(tree / part / split / "same.png" if k % 4 == 0 else file)
    assert opened(tree, "train").ids == ["train_same"]
    assert opened(tree, "test").ids == ["test_same"]


def test_painted_label_maps_are_read_by_their_colours(tree):
    colours = ((0, 0, 0), (255, 0, 0), (0, 255, 0))
    before = [opened(tree)[i][1] for i in range(12)]
    for i, label in enumerate(before):
        table = np.full((256, 3), 9, dtype=np.uint8)
        table[:3] = colours
        save(table[label], tree / "masks" / f"p{i:02d}.png")
    data = opened(tree, colours=colours, void_colour=(9, 9, 9))
    assert all((data[i][1] == before[i]).all() for i in range(12))
    assert (data.colours == np.array(colours)).all()
    with pytest.raises(DataError, match=r"p00.png: every colour.*not so \(9, 9, 9\)"):
        opened(tree, colours=colours)[0]


def test_palette_one_bit_and_sixteen_bit_label_maps_are_indices(tree):
    label = (np.arange(320).reshape(16, 20) % 2).astype(np.uint8)
    palette = Image.fromarray(label, mode=None).convert("P")
    palette.putdata(label.ravel().tolist())
    palette.save(tree / "masks" / "p00.png")
    Image.fromarray(label * 255).convert("1").save(tree / "masks" / "p01.png")
    Image.fromarray(label.astype(np.uint16)).save(tree / "masks" / "p02.png")
    data = opened(tree)
    assert all((data[i][1] == label).all() for i in range(3))


def test_own_void_value_becomes_255(tree):
    label = opened(tree, void=2)[0][1]
    assert set(np.unique(label)) == {0, 1, 255}


def test_grey_and_transparent_pictures_become_rgb(tree):
    grey = np.array(Image.open(tree / "images" / "p00.png").convert("L"))
    save(grey, tree / "images" / "p00.png")
    save(np.dstack([grey] * 4), tree / "images" / "p01.png")
    data = opened(tree)
    assert (data[0][0] == grey[..., None]).all()
    assert data[1][0].shape == (16, 20, 3)


def test_hidden_and_foreign_files_are_left_out(tree):
    (tree / "images" / "._p00.png").write_bytes(b"\0")
    (tree / "images" / "Thumbs.db").write_bytes(b"\0")
    assert len(opened(tree)) == 12


def test_masks_of_0_and_255_are_explained_before_training_on_void(tree, tmp_path):
    for file in (tree / "masks").iterdir():
        save((np.array(Image.open(file)) == 2) * 255, file)
    call = {
        "task": None,
        "split": SplitOptions(rule="fractions"),
        "size": (16, 20),
        "data_root": tree,
        "cache_root": tmp_path / "cache",
    }
    options = {"classes": ["background", "dog"]}
    with pytest.raises(DataError, match=r"255, which means void.*colours=\(\(0, 0, 0\)"):
        prepare("folder", options=options, **call)
    options["colours"] = [[0, 0, 0], [255, 255, 255]]
    assert set(np.unique(prepare("folder", options=options, **call).train.labels)) == {0, 1}


def remove_masks(tree):
    for file in (tree / "masks").iterdir():
        file.unlink()
    (tree / "masks").rmdir()


def lists(train, val="p02", test="p03"):
    return lambda tree: write_lists(tree, [train], [val], [test])


MISTAKES = {
    "no masks folder": (remove_masks, "masks: the folder does not exist; a set has images/"),
    "no classes": (lambda t: (t / "classes.txt").unlink(), "classes.txt.*give the option classes"),
    "blank classes": (lambda t: (t / "classes.txt").write_text("\n"), "two to 255 classes"),
    "classes no text": (lambda t: (t / "classes.txt").write_bytes(b"\xff\xfe\xfa"), "UTF-8"),
    "twice": (lambda t: (t / "classes.txt").write_text("a\nb\na"), "class 'a' is named twice"),
    "lonely picture": (lambda t: (t / "masks" / "p03.png").unlink(), "images/p03.png: every pict"),
    "lonely mask": (lambda t: (t / "images" / "p03.png").unlink(), "masks/p03.png: every picture"),
    "two of a stem": (lambda t: save(np.zeros((4, 4)), t / "images" / "p03.bmp"), "paired by stem"),
    "list names nothing": (lists("p99"), "train.txt: .*not so 'p99'"),
    "absolute path in a list": (lists("/data/p01.png"), "train.txt: .*not so '/data/p01.png'"),
    "absolute path of Windows": (lists("C:\\p\\p01.png"), "train.txt: .*not so 'C:"),
    "path out of the set": (lists("../p01.png"), "train.txt: .*not so '../p01.png'"),
    "name that goes on": (lists("p01.left"), "train.txt: .*not so 'p01.left'"),
    "leak": (lists("p02"), "val.txt: .*'p02' is already in train.txt"),
    "one list": (lambda t: (t / "train.txt").write_text("p01\n"), "val.txt: the file does not ex"),
    "not a picture": (lambda t: (t / "images" / "p00.png").write_text("x"), "p00.png: cannot be r"),
    "cut short": (
        lambda t: (t / "images" / "p00.png").write_bytes(
            (t / "images" / "p00.png").read_bytes()[:99]
        ),
        "p00.png: cannot be read as a picture",
    ),
    "other size": (lambda t: save(np.zeros((8, 8)), t / "masks" / "p00.png"), "8x8.*20x16"),
    "high label": (
        lambda t: save(np.full((16, 20), 7), t / "masks" / "p00.png"),
        r"0\.\.2 or 255.*7",
    ),
    "painted": (lambda t: save(np.zeros((16, 20, 3)), t / "masks" / "p00.png"), "'RGB'.*colours"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_error_that_names_the_file(tree, mistake):
    spoil, message = MISTAKES[mistake]
    spoil(tree)
    with pytest.raises(DataError, match=message) as caught:
        opened(tree)[0]
    assert "; " in str(caught.value)  # a rule and a remedy
    assert "\n" not in str(caught.value)


def test_picture_that_would_exhaust_memory_is_refused(tree, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match="DecompressionBomb"):
        opened(tree)[0]


def test_a_tag_of_another_type_is_one_error_too(tree):
    (tree / "images" / "p00.png").unlink()
    path = tree / "images" / "p00.tif"
    Image.fromarray(np.zeros((16, 20, 3), np.uint8)).save(path)
    content = bytearray(path.read_bytes())
    start = int.from_bytes(content[4:8], "little") + 2
    tags = {
        int.from_bytes(content[at : at + 2], "little"): at for at in range(start, start + 96, 12)
    }
    content[tags[273] + 2] = 12  # where the pixels begin: a fraction
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"p00.tif: cannot be read as a picture \("):
        opened(tree)[0]


def test_sixteen_bit_pictures_are_refused(tree):
    Image.fromarray(np.zeros((16, 20), dtype=np.uint16)).save(tree / "images" / "p00.png")
    with pytest.raises(DataError, match=r"8 bits a channel.*convert it"):
        opened(tree)[0]


def test_missing_official_split_is_named(tree):
    with pytest.raises(DataError, match="folder: there is no official split 'train'"):
        opened(tree, "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nme": "x"}, "unknown folder option 'nme'.*'name'"),
        ({"name": "/abs"}, "below the data root"),
        ({"name": "../up"}, "below the data root"),
        ({"classes": ("a", "a")}, "'a' is named twice"),
        ({"classes": ("a", "b+c")}, "'b\\+c' is no class name"),
        ({"classes": ("a",)}, "two to 255 classes"),
        ({"colours": ((0, 0, 0), (0, 0, 0), (1, 1, 1))}, "share a colour"),
        ({"colours": ((0, 0, 0), (1, 1, 1))}, "give one colour a class"),
        ({"colours": ((0, 0, 300),)}, "folder option colours.0.2"),
        ({"void_colour": (1, 1, 1)}, "give colours too"),
    ],
)
def test_wrong_options_are_named(tree, options, message):
    with pytest.raises(DataError, match=message):
        opened(tree, **options)


def test_missing_data_root_says_how_to_give_one(tmp_path, monkeypatch):
    monkeypatch.delenv("LOSSLAB_DATA", raising=False)
    with pytest.raises(DataError, match="--data-root FOLDER or set LOSSLAB_DATA"):
        open_dataset("folder")
    with pytest.raises(DataError, match=r"data root .*gone does not exist"):
        open_dataset("folder", tmp_path / "gone")


def test_unknown_data_set_and_split_are_named(tree):
    with pytest.raises(DataError, match=r"unknown dataset 'foldr'.*did you mean 'folder'"):
        open_dataset("foldr", tree)
    with pytest.raises(DataError, match="unknown split 'valid': one of train, val, test, all"):
        opened(tree, "valid")


def with_orientation(path, turn):
    picture = Image.open(path)
    exif = picture.getexif()
    exif[0x0112] = turn
    picture.save(path, exif=exif)


@pytest.mark.parametrize("turn", [2, 3, 4])
def test_a_picture_that_its_exif_record_turns_alone_is_refused(tree, turn):
    with_orientation(tree / "images" / "p00.png", turn)
    with pytest.raises(DataError, match="EXIF record turns or mirrors it"):
        opened(tree)[0]


@pytest.mark.parametrize("turn", [2, 3, 4, 5, 6, 7, 8])
def test_a_label_map_turned_like_its_picture_stays_on_it(tree, turn):
    for part in ("images", "masks"):
        with_orientation(tree / part / "p00.png", turn)
    image, label = opened(tree)[0]
    plain, plain_label = opened(tree)[1]
    assert image.shape[:2] == label.shape
    assert (image.shape == plain.shape) == (turn < 5)
    flat = np.array(Image.open(tree / "masks" / "p00.png"))
    assert sorted(label.ravel().tolist()) == sorted(flat.ravel().tolist())
    assert label[0, 0] != 255 or turn in (5,)  # the void corner has moved
    assert plain_label[0, 0] == 255


def test_a_portrait_with_an_upright_label_map_opens(tree):
    label = np.array(Image.open(tree / "masks" / "p00.png"))
    with_orientation(tree / "images" / "p00.png", 6)
    save(np.rot90(label, -1), tree / "masks" / "p00.png")
    image, turned = opened(tree)[0]
    assert image.shape[:2] == turned.shape == (20, 16)


def test_a_painted_label_map_of_16_bits_is_refused(tree):
    values = np.zeros((16, 20), np.uint16)
    Image.fromarray(values).save(tree / "masks" / "p00.png")
    with pytest.raises(DataError, match="8 bits a channel"):
        opened(tree, colours=((0, 0, 0), (9, 9, 9), (8, 8, 8)))[0]


def test_masks_of_0_and_255_are_refused_whatever_the_number_of_classes(tree, tmp_path):
    for path in (tree / "masks").iterdir():
        save(np.where(np.array(Image.open(path)) == 0, 0, 255), path)
    with pytest.raises(DataError, match="if 255 is your object"):
        cached_folder(tree, tmp_path)


def test_a_split_without_annotation_is_refused(tree, tmp_path):
    write_lists(tree, ["p00", "p01"], ["p02"], ["p03"])
    save(np.full((16, 20), 255), tree / "masks" / "p03.png")
    with pytest.raises(DataError, match="no pixel of the test split is annotated"):
        cached_folder(tree, tmp_path, SplitOptions())


def test_a_class_called_mean_is_refused(tree):
    with pytest.raises(DataError, match="'mean' is what tables call"):
        opened(tree, classes=("a", "mean", "b"))


def cached_folder(tree, tmp_path, split=SplitOptions(rule="fractions")):  # noqa: B008
    return prepare(
        "folder",
        options={},
        task=None,
        split=split,
        size=(16, 20),
        data_root=tree,
        cache_root=tmp_path / "cache",
    )


def test_a_task_goes_by_the_name_that_the_options_give_it(tree):
    named = {"thing": "not background"}
    view = open_dataset("folder", tree, split="all", task="thing", tasks=named)
    plain = open_dataset("folder", tree, split="all", task="not background")
    assert view.class_names == ("thing",)
    assert (view[0][1] == plain[0][1]).all()


def test_what_a_named_task_means_is_part_of_the_datas_fingerprint(tree, tmp_path):
    def fingerprint(meaning: str) -> str:
        return prepare(
            "folder",
            options={"tasks": {"thing": meaning}},
            task="thing",
            split=SplitOptions(rule="fractions"),
            size=(8, 8),
            data_root=tree,
            cache_root=tmp_path,
        ).fingerprint

    assert fingerprint(CLASSES[1]) != fingerprint(f"not {CLASSES[1]}")


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"cat": "not background"}, "'cat' is no name of a task"),
        ({"a+b": "cat"}, "'a\\+b' is no name of a task"),
        ({"thing": "dog"}, "unknown class 'dog'"),
    ],
)
def test_names_of_tasks_that_make_no_sense_are_refused(tree, tasks, message):
    with pytest.raises(DataError, match=message):
        open_dataset("folder", tree, classes=["background", "cat"], tasks=tasks)
