"""One sentence that reads each figure, computed from the table that the figure shows."""

import math
from collections.abc import Sequence

import pandas as pd

from losslab.analysis.claims import ENOUGH_SEEDS, points, varied


def headline(found: pd.DataFrame, baseline: str, gaps: pd.DataFrame | None = None) -> str:
    """The answer in one sentence: which losses may be claimed to differ from the baseline.

    `gaps` is the table of `uncompared`: settings that the answer leaves out, named after it.
    """
    texts = []
    for verdict, phrase in (
        ("better", "may be claimed to be better than"),
        ("worse", "may be claimed to be worse than"),
    ):
        named = _with_verdict(found, verdict)
        if named:
            texts.append(f"{named} {phrase} `{baseline}`")
    texts = texts or [f"No loss may be claimed to differ from `{baseline}`"]
    for direction in ("better", "worse"):
        if hints := _with_verdict(found, f"hint of {direction}"):
            texts.append(f"there are hints that these are {direction}: {hints}")
    text = f"**{'; '.join(texts)}.**"
    if gaps is None or gaps.empty:
        return text
    return f"{text} Not compared with `{baseline}`: {'; '.join(gaps['setting'])}."


def _with_verdict(found: pd.DataFrame, verdict: str) -> str:
    """The losses with a verdict; of several settings, in how many."""
    settings = found["setting"].nunique()
    counts = found.loc[found["verdict"] == verdict, "loss"].value_counts(sort=False)
    if settings < 2:
        return ", ".join(f"`{loss}`" for loss in counts.index)
    return ", ".join(f"`{loss}` (in {count} of {settings})" for loss, count in counts.items())


def claims_list(found: pd.DataFrame) -> str:
    """The sentences of `claims` as a Markdown list; several settings are headed by their names."""
    lines = []
    for setting, rows in found.groupby("setting", sort=False):
        if found["setting"].nunique() > 1:
            lines.append(f"\n**{setting}**\n")
        lines += [f"- {sentence}" for sentence in rows["sentence"]]
    return "\n".join(lines).strip()


def read_ties(tied: pd.DataFrame) -> str:
    """Says what else differs between the losses, from `tied_to_loss`; "" where nothing does."""
    texts = []
    for name, part in tied.groupby("name", sort=False):
        values = part["value"].value_counts()
        common = values.index[0] if values.iloc[0] > 1 else None
        each = part[part["value"] != common].to_dict("records")
        listed = [f"`{row['loss']}` {row['value']}" for row in each]
        listed += [f"others {common}"] if common is not None else []
        texts.append(
            f"`{name}` goes with the loss ({', '.join(listed)}), so a difference may be due to it."
        )
    return " ".join(texts)


def read_folds(comparison: pd.DataFrame) -> str:
    """What was done about folds that share training pictures; "" where there is but one."""
    if not (comparison["folds"] > 1).any():
        return ""
    return (
        "Folds share training pictures, so their differences are not independent: each fold counts "
        "once, interval and t test are corrected for it (Nadeau & Bengio 2003), and tests that "
        "suppose independent pairs are left out."
    )


def read_test_pictures(runs: pd.DataFrame) -> str:
    """The caveat on a data set whose validation pictures are its test pictures; "" elsewhere."""
    if "data_tested_on_val" not in runs or not runs["data_tested_on_val"].eq(True).any():
        return ""
    text = (
        "This data set publishes no labels for testing: the scores are of its validation pictures"
    )
    if any(spec["selection"] == "best" for spec in runs["spec"]):
        return f"{text}, which also chose the best epoch, so they are a little too high."
    return f"{text}."


def read_failures(
    runs: pd.DataFrame, asked: Sequence[str] = (), gaps: pd.DataFrame | None = None
) -> str:
    """Says which runs of a study are missing from every number: diverged ones and undone ones.

    `gaps` is the table of `uncompared`: its settings and reasons follow.
    """
    rows = [] if gaps is None else gaps.to_dict("records")
    nothing = [f"In {row['setting']} nothing is compared: {row['reason']}." for row in rows]
    return " ".join([_failures(runs, asked), *nothing])


def _failures(runs: pd.DataFrame, asked: Sequence[str]) -> str:
    failed = runs[runs["status"] != "finished"]
    absent = sorted(set(asked) - set(runs["run_id"]))
    if failed.empty and not absent:
        return f"All {len(runs)} runs finished."
    texts = []
    if len(failed):
        losses = pd.Series(sorted(failed["loss"].unique()))
        texts.append(f"{len(failed)} of {len(runs)} runs diverged (of {_names(losses)})")
    if absent:
        one = "1 run that was asked for is not done"
        texts.append(one if len(absent) == 1 else f"{len(absent)} runs asked for are not done")
    return f"{'; '.join(texts)}: what follows is about the others, which flatters such a loss."


def read_unpaired(alone: pd.DataFrame, baseline: str) -> str:
    """Names the finished runs that no difference holds, from `unpaired`; "" where all have one."""
    if alone.empty:
        return ""
    settings = alone["setting"].nunique()
    texts = []
    for row in alone.to_dict("records"):
        runs = f"{row['runs']} runs" if row["runs"] > 1 else "the one run"
        which = f"{row['left_out']} of " if row["left_out"] < row["runs"] else ""
        which = "all " if not which and row["runs"] > 1 else which
        texts.append(f"{which}{runs} of {_named(row, settings)}")
    return (
        f"Left out of all differences, for want of a finished run of `{baseline}` with the same "
        f"fold and seed: {', '.join(texts)}."
    )


def read_scores(scores: pd.DataFrame, noise: pd.DataFrame) -> str:
    """Reads the figure of scores per seed: the spread of means against the spread of seeds."""
    found = []
    for setting, part in scores.groupby("setting", sort=False):
        means = part.groupby("loss")["value"].mean().sort_values()
        sd = float(noise.set_index("setting")["sd"].get(setting, math.nan))
        spread = points(means.iloc[-1] - means.iloc[0], sign=False)
        seeds = "is not known" if math.isnan(sd) else f"is {points(sd, sign=False)}"
        found.append(
            f"the means run from `{means.index[0]}` ({points(means.iloc[0], sign=False)} %) to "
            f"`{means.index[-1]}` ({points(means.iloc[-1], sign=False)} %), {spread} points apart; "
            f"the standard deviation between seeds {seeds}"
        )
    return _join(scores, found)


def read_differences(comparison: pd.DataFrame, noise: pd.DataFrame) -> str:
    """Reads the main figure: which mean differences leave the band of seed noise."""
    found = []
    bands = noise.set_index("setting")["band"]
    for setting, part in comparison.groupby("setting", sort=False):
        band = float(bands.get(setting, math.nan))
        text = "one seed leaves the seed noise unknown"
        if not math.isnan(band):
            outside = part[part["difference"].abs() > band]["loss"]
            size = points(band, sign=False)
            text = (
                f"{_losses(outside, len(part))} outside what a change of seed alone does (±{size} "
                "points)"
            )
        known = part.dropna(subset=["low"])
        if known.empty:
            found.append(f"{text}, and no difference has an interval")
            continue
        sure = known[(known["low"] > 0) | (known["high"] < 0)]["loss"]
        widest = known.iloc[int(known["n"].argmax())]
        found.append(
            f"{text}; the 95 % interval over {varied(widest)} excludes 0 for {_names(sure)}"
        )
    return _join(comparison, found)


def read_classes(classes: pd.DataFrame) -> str:
    """Reads the per-class figure: the largest gain and the largest loss, and how many are sure."""
    found = []
    for _, part in classes.groupby("setting", sort=False):
        known = part.dropna(subset=["difference"])
        if known.empty:
            found.append("no class has a score under both losses")
            continue
        best, worst = (known.iloc[place] for place in _extremes(known["difference"]))
        sure = int(known["beyond_zero"].sum())
        chance = 0.05 * int(known["low"].notna().sum())
        found.append(
            f"differences run from {points(worst['difference'])} points (`{worst['loss']}` on "
            f"`{worst['class']}`) to {points(best['difference'])} (`{best['loss']}` on "
            f"`{best['class']}`); {sure} of {len(known)} intervals "
            f"exclude 0, where chance alone would give about {chance:.1f}"
        )
    return _join(classes, found)


def read_images(images: pd.DataFrame) -> str:
    """Reads the comparison over images."""
    found = []
    for _, part in images.groupby("setting", sort=False):
        sure = part[(part["low"] > 0) | (part["high"] < 0)]["loss"]
        found.append(
            f"over the {int(part['n'].max())} images, and for these trained networks only, the "
            f"interval (not corrected for the number of losses) excludes 0 for {_names(sure)}"
        )
    return _join(images, found)


def read_flips(flips: pd.DataFrame) -> str:
    """Says whether the order of the losses depends on how the score is defined."""
    if flips.empty:
        return "No two losses change places under another common definition of the score."
    pair = ["setting", "better", "worse"]
    pairs, clear = (len(rows[pair].drop_duplicates()) for rows in (flips, flips[flips["clear"]]))
    named = ", ".join(dict.fromkeys(flips["definition"]))
    text = (
        f"The ranking is not the same under every definition: {pairs} "
        f"{'pairs of losses change' if pairs > 1 else 'pair of losses changes'} places "
        f"(under {named})"
    )
    if (flips["seeds"] < ENOUGH_SEEDS).all():
        return f"{text}; fewer than {ENOUGH_SEEDS} seeds cannot tell that from chance."
    return f"{text}; both 95 % intervals exclude 0 (uncorrected) for {clear} of them."


def read_curves(medians: pd.DataFrame, share: float) -> str:
    """Reads the convergence figure: which loss is first at the threshold, and which never is."""
    found = []
    for _, part in medians.groupby("setting", sort=False):
        reached = part.dropna(subset=["median"]).sort_values("median")
        never = part[part["median"].isna()]["loss"]
        text = (
            f"no loss reaches {100 * share:g} % of the baseline's best score in more than half of "
            "its runs"
        )
        if len(reached):
            first = reached[reached["median"] == reached["median"].iloc[0]]
            text = (
                f"first at {100 * share:g} % of the baseline's best score: "
                f"{_names(first['loss'])} (median epoch {first['median'].iloc[0]:g})"
            )
            if len(never):
                text += f"; half of the runs or more of {_names(never)} never reach it"
        found.append(text)
    return _join(medians, found)


def read_costs(costs: pd.DataFrame, baseline: str) -> str:
    """Reads the figure of costs: the dearest loss in time and in memory, against the baseline."""
    found = []
    others = costs[costs["loss"] != baseline]
    if others.empty:
        return "Only the baseline has a finished run."
    for _, part in others.groupby("setting", sort=False):
        texts = []
        for column, what in (("step_ratio", "a step"), ("memory_ratio", "peak memory")):
            known = part.dropna(subset=[column])
            if len(known):
                top = known.iloc[int(known[column].argmax())]
                texts.append(
                    f"{what} is at most {top[column]:.2f} × the baseline's (`{top['loss']}`)"
                )
        found.append(", ".join(texts) or "the baseline has no finished run on the same device")
    return _join(others, found)


def read_samples(summary: pd.DataFrame) -> str:
    """Reads the qualitative figures: which loss errs least, and whether its entropy warns of it."""
    if summary.empty:
        return "The runs share no test image, so there is nothing to show."
    if summary["wrong"].isna().all():
        return "No pixel of the images shown is annotated, so no prediction can be judged."
    means = summary.groupby("loss")[["wrong", "entropy_right", "entropy_wrong"]].mean()
    best = means["wrong"].idxmin()
    known = means[means["entropy_right"] > 0].dropna()
    ratio = (known["entropy_wrong"] / known["entropy_right"]).sort_values()
    text = (
        f"Over the images shown ({summary['image'].nunique()}) `{best}` errs on the fewest pixels "
        f"({points(means['wrong'].min(), sign=False)} %)"
    )
    if len(ratio) == 0:
        return f"{text}."
    return (
        f"{text}; entropy on wrong pixels is {ratio.iloc[0]:.1f} (`{ratio.index[0]}`) to "
        f"{ratio.iloc[-1]:.1f} (`{ratio.index[-1]}`) times that on right ones. A few images "
        "illustrate; they rank nothing."
    )


def read_left_out(missing: pd.DataFrame) -> str:
    """Names the losses of `left_out`; "" for none."""
    if missing.empty:
        return ""
    groups = missing.groupby("setting", sort=False)["loss"]
    named = "; ".join(f"{_names(losses)} ({setting})" for setting, losses in groups)
    return f"Not shown, for want of a finished run with that fold and seed: {named}."


def _named(row: dict, settings: int) -> str:
    return f"`{row['loss']}` ({row['setting']})" if settings > 1 else f"`{row['loss']}`"


def _extremes(values: pd.Series) -> tuple[int, int]:
    return int(values.argmax()), int(values.argmin())


def _names(losses: pd.Series) -> str:
    return ", ".join(f"`{loss}`" for loss in losses) or "no loss"


def _losses(losses: pd.Series, total: int) -> str:
    if len(losses) == 0:
        return f"none of the {total} differences lies" if total > 1 else "the difference is not"
    verb = "lies" if len(losses) == 1 else "lie"
    return f"{len(losses)} of {total} ({_names(losses)}) {verb}"


def _join(frame: pd.DataFrame, found: list[str]) -> str:
    settings = list(dict.fromkeys(frame["setting"]))
    if len(settings) == 1:
        return found[0][:1].upper() + found[0][1:] + "."
    pairs = zip(settings, found, strict=True)
    return "\n".join(f"- **{setting}**: {text}." for setting, text in pairs)
