"""Divisions of papers that give only numbers of pictures, cut from the sorted names."""

from collections.abc import Mapping, Sequence


def in_portions(ids: Sequence[str], counts: Mapping[str, int], total: int) -> dict[str, str | None]:
    """The split of every picture: the sorted `ids` are cut into portions.

    Training takes the first `counts["train"]` of them, validation those that follow, testing the
    last ones; what remains between is in no split. `counts` are those of `total` pictures: of
    another number each split takes its share, at least one picture, and training gives way, or
    takes the rest where `counts` leave none.
    """
    n = len(ids)
    share = {split: max(1, round(count * n / total)) for split, count in counts.items()}
    room = n - share["val"] - share["test"]
    train = room if sum(counts.values()) == total else min(share["train"], room)
    between = n - train - share["val"] - share["test"]
    cut = [("train", train), ("val", share["val"]), (None, between), ("test", share["test"])]
    splits = [split for split, count in cut for _ in range(count)]
    return dict(zip(sorted(ids), splits, strict=False))
