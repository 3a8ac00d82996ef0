"""How a data set is divided into training, validation and test pictures."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from losslab.data.dataset import SPLITS
from losslab.errors import DataError, unknown

RULES = ("official", "fractions", "folds")


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """The rule by which pictures are divided, and its numbers.

    With "official" they are the data set's own lists. With "fractions" a seeded order is cut at
    `fractions`. With "folds" the seeded order is dealt into `folds`: test is fold `fold`,
    validation the next one, training the rest; where `fold_val` is given, validation is instead
    that share of all pictures, from the beginning of the next fold on, and training the rest (Gul
    2023 has 5 folds of 70/10/20 %).
    """

    rule: str = "official"
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    folds: int = 5
    fold: int = 0
    fold_val: float | None = None
    seed: int = 0
    train_on_val: bool = False
    """Training holds the pictures of validation, too."""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise DataError(unknown("split rule", self.rule, RULES))
        # Written so that NaN fails too.
        if not (all(part > 0 for part in self.fractions) and abs(sum(self.fractions) - 1) < 1e-6):
            raise DataError(
                "split fractions: three positive numbers that sum to 1 (train, val, test), got "
                f"{self.fractions}"
            )
        if self.folds < 3:
            raise DataError(f"folds: at least 3 (training, validation, test), got {self.folds}")
        if not 0 <= self.fold < self.folds:
            raise DataError(f"fold: 0..{self.folds - 1} for {self.folds} folds, got {self.fold}")
        if self.fold_val is not None and not 0 < self.fold_val < 1 - 1 / self.folds:
            raise DataError(
                f"fold_val: a share between 0 and {1 - 1 / self.folds:.3g} of all pictures for "
                f"{self.folds} folds, got {self.fold_val}"
            )


def divide(
    dataset: str, ids: Sequence[str], official: Sequence[str | None], options: SplitOptions
) -> dict[str, list[int]]:
    """Positions of the training, validation and test pictures, each in ascending order.

    The seeded order depends on the ids and the seed alone, not on the machine. An empty part is an
    error, but where a data set's official division has only one of validation and test, that part
    is both: what is published for such sets is measured on the pictures of validation.
    """
    if options.rule == "official":
        parts = {s: [i for i, own in enumerate(official) if own == s] for s in SPLITS}
        if not any(parts.values()):
            raise DataError(
                f"{dataset}: it has no official split; give lists (train.txt, val.txt, test.txt) "
                "or subfolders, or "
                "choose split 'fractions' or 'folds'"
            )
        parts["val"] = parts["val"] or parts["test"]
        parts["test"] = parts["test"] or parts["val"]
    else:
        order = sorted(range(len(ids)), key=lambda i: _rank(ids[i], options.seed))
        parts = _cut(order, options) if options.rule == "fractions" else _deal(order, options)
    for split, positions in parts.items():
        if not positions:
            raise DataError(
                f"{dataset}: split {options.rule!r} of {len(ids)} pictures leaves none for "
                f"{split}; add pictures or "
                "change the split"
            )
    if options.train_on_val:
        parts["train"] = [*parts["train"], *parts["val"]]
    return {split: sorted(positions) for split, positions in parts.items()}


def _rank(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def _cut(order: list[int], options: SplitOptions) -> dict[str, list[int]]:
    # 1e-9 absorbs sums such as 0.7 + 0.15 that fall just short of a whole number of pictures.
    first = math.floor(len(order) * options.fractions[0] + 1e-9)
    second = math.floor(len(order) * sum(options.fractions[:2]) + 1e-9)
    return {"train": order[:first], "val": order[first:second], "test": order[second:]}


def _deal(order: list[int], options: SplitOptions) -> dict[str, list[int]]:
    folds = [order[i :: options.folds] for i in range(options.folds)]
    test = folds[options.fold]
    after = [n % options.folds for n in range(options.fold + 1, options.fold + options.folds)]
    rest = [i for n in after for i in folds[n]]
    count = len(folds[after[0]])
    if options.fold_val is not None:
        count = round(len(order) * options.fold_val)
    return {"train": rest[count:], "val": rest[:count], "test": test}
