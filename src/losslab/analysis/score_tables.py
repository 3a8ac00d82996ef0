"""Tables of scores and of rankings, each with what its numbers mean."""

from collections.abc import Iterable, Sequence

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, points
from losslab.analysis.definitions import METRICS, caption, rules_of, short_name
from losslab.analysis.scores import scores_under
from losslab.analysis.table_parts import best_first, for_one_setting, mean_sd
from losslab.metrics import DEFINITIONS, SCORES


def score_table(results: pd.DataFrame, definitions: Iterable[str] = tuple(SCORES)) -> pd.DataFrame:
    """Every score of every loss: n (runs), mean and sd over folds and seeds, as fractions.

    Columns: setting, loss, metric, level, classes, absent, void, width (of `rules_of`), score (key
    of the definition), definition (its short name), n, mean, sd (NaN with one run).
    """
    names, parts = list(definitions), []
    scores = scores_under(results, names)
    for name in names:
        own = scores[scores["score"] == name]
        found = own.groupby(["setting", "loss"])["value"].agg(n="size", mean="mean", sd="std")
        score = DEFINITIONS[name]
        keys = {"metric": score.metric, **rules_of(score), "score": name}
        parts.append(found.reset_index().assign(**keys, definition=short_name(score)))
    columns = ["setting", "loss", "metric", *_RULES, "score", "definition", "n", "mean", "sd"]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)[columns]


_RULES = ("level", "classes", "absent", "void", "width")


def show_scores(
    table: pd.DataFrame, *, metric: str = "iou", level: str = "dataset"
) -> pd.DataFrame:
    """`score_table` of one level for people: a row per loss, "mean ± sd" in percent.

    The column of `metric` comes first and orders the rows, best first; beside it those of whole
    pictures. Their headings say the level, `scores_caption` all else.
    """
    names = _shown(table, metric, level)
    rows = table[table["score"].isin(names)].copy()
    pairs = zip(rows["mean"], rows["sd"], strict=True)
    rows["text"] = [mean_sd(mean, sd) for mean, sd in pairs]
    keys = ["setting", "loss"]
    wide = rows.pivot(index=keys, columns="score", values="text")
    wide.insert(0, "runs", rows.groupby(keys)["n"].max())
    first = rows[rows["score"] == names[0]]
    first = best_first(first, "mean")
    wide = wide.loc[pd.MultiIndex.from_frame(first[keys]), ["runs", *names]].reset_index()
    heads = {name: f"{short_name(DEFINITIONS[name])}, %" for name in names}
    return for_one_setting(wide.rename(columns=heads).fillna("–"))


def scores_caption(table: pd.DataFrame, *, metric: str = "iou", level: str = "dataset") -> str:
    """What the columns of `show_scores` mean, for the line over it."""
    names = _shown(table, metric, level)
    return f"Mean ± sd over runs, in percent. {caption(DEFINITIONS[name] for name in names)}"


def _shown(table: pd.DataFrame, metric: str, level: str) -> list[str]:
    """The keys of the scores that `show_scores` has columns for."""
    there = set(table["score"])
    order = dict.fromkeys([metric, *METRICS])
    return [name for one in order if (name := f"{one}@{level}") in there]


def show_rankings(ranked: pd.DataFrame, agreed: pd.DataFrame | None = None) -> pd.DataFrame:
    """`rankings` for people: a row per definition, "percent (rank)" under each loss.

    Losses stand in the order of the chosen definition. With the table of `agreement` there are two
    more columns: Kendall's tau with the chosen ranking, and a note that is "chosen", "FLIP" where
    two losses or more change places (of a derived definition: that do not under what it follows
    from), or says why a definition is no witness of its own.
    """
    rows = ranked.copy()
    texts = zip(rows["value"], rows["rank"], strict=True)
    rows["text"] = [f"{points(value, sign=False)} ({rank})" for value, rank in texts]
    first = rows[rows["chosen"]].sort_values(["rank", "loss"])
    keys = ["setting", "definition"]
    wide = rows.pivot(index=keys, columns="loss", values="text")
    order = pd.MultiIndex.from_frame(rows[keys].drop_duplicates())
    wide = wide.loc[order, list(dict.fromkeys(first["loss"]))].fillna("–")
    if agreed is not None:
        notes = agreed.set_index(keys).loc[order]
        wide["τ"] = [_of_one(value) for value in notes["tau"]]
        wide["note"] = [_note(row) for row in notes.to_dict("records")]
    return for_one_setting(wide.reset_index())


def show_flips(flips: pd.DataFrame) -> pd.DataFrame:
    """`ranking_flips` for people, in points, with 95 % intervals where two seeds or more give any;
    widths of a trimap that flip alike share a row and give the range of their differences, and
    pairs with a flip that is told from chance (both intervals exclude 0, given enough seeds) come
    first.
    """
    rows: dict[tuple, dict] = {}
    for number, flip in enumerate(flips.to_dict("records")):
        score = DEFINITIONS[flip["score"]]
        few = f"fewer than {ENOUGH_SEEDS} seeds"
        sure = few if flip["seeds"] < ENOUGH_SEEDS else "yes" if flip["clear"] else "no"
        kind = (score.metric.rstrip("0123456789"), score.level)
        kind = kind if isinstance(score.width, int) else (number,)
        key = (flip["setting"], flip["better"], flip["worse"], sure, *kind)
        row = rows.setdefault(key, {**flip, "sure": sure, "widths": [], "all": []})
        row["widths"].append(score.width)
        row["all"].append(flip)
    table = pd.DataFrame(
        [
            {
                "setting": row["setting"],
                "better": row["better"],
                "worse": row["worse"],
                "chosen score, points": _with_interval(row),
                "reverses under": of_widths(row["definition"], row["widths"]),
                "there, points": _others(row["all"]),
                "told from chance": row["sure"],
            }
            for row in _by_pair(list(rows.values()))
        ],
        columns=_FLIP_COLUMNS,
    )
    return for_one_setting(table)


_FLIP_COLUMNS = (
    *("setting", "better", "worse", "chosen score, points", "reverses under"),
    *("there, points", "told from chance"),
)


def of_widths(name: str, widths: Sequence[int | float | None]) -> str:
    """A definition's short name with all widths that it stands for: "within 1, 2, 3 px"."""
    if len(widths) < 2:
        return name
    return name.replace(f" {widths[0]} px", f" {', '.join(f'{w:g}' for w in widths)} px")


def _by_pair(rows: list[dict]) -> list[dict]:
    """Rows of a pair together; pairs with a flip that is told from chance first, and it first."""
    names = [(row["setting"], row["better"], row["worse"]) for row in rows]
    sure = {name for name, row in zip(names, rows, strict=True) if row["clear"]}
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    settings = list(dict.fromkeys(name[0] for name in names))

    def place(row: dict) -> tuple:
        name = (row["setting"], row["better"], row["worse"])
        return settings.index(name[0]), name not in sure, first[name], not row["clear"]

    return sorted(rows, key=place)


def _others(flips: Sequence[dict]) -> str:
    """The difference under another definition, or under several: the range of all."""
    if len(flips) == 1:
        return _with_interval(flips[0], "other_")
    values = [flip["other_difference"] for flip in flips]
    return f"{points(max(values), 2)} to {points(min(values), 2)}"


def _with_interval(flip: dict, prefix: str = "") -> str:
    """Such as "+1.20 (0.30 to 2.10)"; no interval where there is none."""
    text, low, high = (flip[f"{prefix}{name}"] for name in ("difference", "low", "high"))
    if pd.isna(low):
        return points(text, 2)
    ends = [points(end, 2) for end in (low, high)]
    return f"{points(text, 2)} ({ends[0]} to {ends[1]})"


def _of_one(value: float) -> str:
    """A number of -1 to 1 with two digits and a true minus sign; "–" where there is none."""
    return "–" if pd.isna(value) else f"{value:.2f}".replace("-", "−")


def _note(row: dict) -> str:
    if row["chosen"]:
        return "chosen"
    if row["same_as"]:
        return f"as {short_name(DEFINITIONS[row['same_as']])}"
    if row["derived"]:
        return "derived, FLIP" if row["flips"] else "derived"
    return "FLIP" if row["flips"] else ""
