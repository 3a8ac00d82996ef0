"""Sentences that read the figures and tables of the audit, computed from what they show."""

import pandas as pd

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.findings import CHECKS, VERDICTS
from losslab.analysis.audit.names import (
    comparison_name,
    data_set_name,
    loss_name,
    paper_name,
    rho_text,
)
from losslab.analysis.claims import ALPHA, p_text, points


def read_verdicts(found: pd.DataFrame) -> str:
    """How many of the printed figures the tables give, whose are contradicted, and our checks."""
    checks = found["verdict"].isin(CHECKS)
    printed = found[~checks]
    counts = printed["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    text = (
        f"Of {len(printed)} statistics and claims that the papers print, {counts['reproduced']} "
        f"are reproduced from their own cells, {counts['contradicted']} are contradicted and "
        f"{counts['undeterminable']} cannot be told."
    )
    wrong = printed.loc[printed["verdict"] == "contradicted", "paper"].value_counts()
    if len(wrong):
        named = [f"{paper_name(str(paper))} ({count})" for paper, count in wrong.items()]
        text += f" Contradicted: {', '.join(named)}."
    if not checks.any():
        return text
    failed = found[found["verdict"] == CHECKS[1]]
    text += f" Of {int(checks.sum())} checks of ours, {int(checks.sum()) - len(failed)} hold"
    names = [f"{paper_name(row['paper'])}, {row['claim']}" for row in failed.to_dict("records")]
    return f"{text}; not: {'; '.join(names)}." if names else f"{text}."


def read_gains(summary: pd.DataFrame) -> str:
    """Which mean gains stay clear of 0, and which do not."""
    sure = (summary["t_p_holm"] < ALPHA) & (summary["difference"] > 0)
    text = (
        f"The proposed loss scores higher on average in {int((summary['difference'] > 0).sum())} "
        f"of {len(summary)} comparisons, and after Holm's correction within its paper in "
        f"{int(sure.sum())}, as far as the pairs are taken for independent."
    )
    rest = summary[~sure]
    names = [
        f"{paper_name(row['paper'])}, {comparison_name(row['comparison'])}"
        f"{'' if row['baseline'] == 'ce' else ' over ' + loss_name(row['baseline'])} "
        f"({points(row['difference'])} points, p = {p_text(row['t_p_holm'])})"
        for row in rest.to_dict("records")
    ]
    return f"{text} Not clear of 0: {'; '.join(names)}." if names else text


def dependence_list(summary: pd.DataFrame) -> str:
    """Why pairs are not independent, and on how many data sets they rest; a line a comparison."""
    groups = summary.drop_duplicates(["paper", "comparison"]).to_dict("records")
    return "\n".join(
        f"- {paper_name(row['paper'])}, {comparison_name(row['comparison'])}: {row['n']} pairs on "
        f"{row['datasets']} data set{'s' if row['datasets'] > 1 else ''}: {row['dependence']}."
        for row in groups
    )


def read_sparsity(table: pd.DataFrame) -> str:
    """`associations` with the ratio: whether sparse classes gain more."""
    texts = [
        f"{comparison_name(row['comparison'])}: Spearman {rho_text(row['rho'])} "
        f"({rho_text(row['low'])} to {rho_text(row['high'])}, p = {p_text(row['p'])}, "
        f"{row['n']} classes)"
        for row in table.to_dict("records")
    ]
    sure = bool((table["p"] < ALPHA).any())
    end = "at least one is clear of 0" if sure else "none is clear of 0"
    return f"Gain against sparsity: {'; '.join(texts)}: {end}."


def read_strength(table: pd.DataFrame) -> str:
    """`associations` with the baseline: whether weak baselines gain more, and how much is real."""
    falls = int((table["rho"] < 0).sum())
    sure = int(((table["p"] < ALPHA) & (table["rho"] < 0)).sum())
    smaller = int((table["rho_mean"] > table["rho"]).sum())
    return (
        f"In {falls} of {len(table)} comparisons the gain falls as the baseline rises (p below "
        f"{ALPHA:g}, uncorrected, in {sure}). A part of that is arithmetic, as the gain holds the "
        f"baseline's own error: against the mean of the two scores the correlation is less "
        f"negative in {smaller} of them."
    )


def read_convergence(table: pd.DataFrame) -> str:
    """`convergence`: censored runs, and whether distance is sooner beyond chance."""
    censored = int((table["runs"] - table["reached"]).sum())
    others = table[table["p"].notna()]
    sooner = others[(others["p_holm"] < ALPHA) & (others["earlier"] > 0)]
    always = [
        f"{loss_name(row['loss'])} ({data_set_name(row['dataset'])})"
        for row in others[others["sooner"] == others["runs"]].to_dict("records")
    ]
    text = (
        f"{censored} of {int(table['runs'].sum())} runs do not reach the threshold in {EPOCHS} "
        "epochs."
    )
    if always:
        text += f" Distance is sooner in every setting than {', '.join(always)}."
    of_set = others.groupby("dataset").size().max()
    least = float(others["p_min"].min())
    text += (
        f" By log-rank tests within settings, Holm-corrected within a data set, it is sooner "
        f"beyond chance than {len(sooner)} of {len(others)} losses"
    )
    if of_set * least > ALPHA:
        text += (
            f", and could not be: {int(table['runs'].max())} settings give no p below {least:.3f}, "
            f"which is {of_set * least:.3f} after the correction"
        )
    return f"{text}. One threshold a data set is printed, so no other can be tried."
