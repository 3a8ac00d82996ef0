"""Sentences that read the figures and tables of the audit, computed from what they show."""

import pandas as pd

from losslab.analysis.audit.censored import EPOCHS
from losslab.analysis.audit.findings import VERDICTS
from losslab.analysis.audit.names import comparison_name, loss_name, paper_name
from losslab.analysis.claims import ALPHA, p_text, points
from losslab.analysis.scores import METRICS


def read_verdicts(found: pd.DataFrame) -> str:
    """How many of the printed figures the tables give, and whose are contradicted."""
    counts = found["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    text = (
        f"Of {len(found)} statistics and claims, {counts['reproduced']} are reproduced from the "
        f"papers' own cells, {counts['contradicted']} are contradicted and "
        f"{counts['undeterminable']} cannot be told."
    )
    wrong = found.loc[found["verdict"] == "contradicted", "paper"].value_counts()
    if not len(wrong):
        return text
    named = [f"{paper_name(str(paper))} ({count})" for paper, count in wrong.items()]
    return f"{text} Contradicted: {', '.join(named)}."


def show_findings(found: pd.DataFrame) -> pd.DataFrame:
    """The findings for people, without paper: four digits that count."""
    table = found[["table", "claim", "printed"]].copy()
    table["derived"] = [
        "–" if pd.isna(value) else f"{value:.4g}".replace("-", "−") for value in found["derived"]
    ]
    return table.assign(verdict=found["verdict"], note=found["note"])


def show_gains(summary: pd.DataFrame) -> pd.DataFrame:
    """The summary of gains for people, in points."""
    rows = summary
    table = pd.DataFrame({"paper": [paper_name(paper) for paper in rows["paper"]]})
    table["comparison"] = [comparison_name(name) for name in rows["comparison"]]
    table["score"] = [METRICS[metric] for metric in rows["metric"]]
    table["over"] = [loss_name(loss) for loss in rows["baseline"]]
    pairs = zip(rows["better"], rows["n"], strict=True)
    table["pairs that gain"] = [f"{better} of {n}" for better, n in pairs]
    table["data sets"] = rows["datasets"].to_numpy()
    table["gain, points"] = [points(value, 2) for value in rows["difference"]]
    for name, low, high in (("t", "low", "high"), ("BCa", "bca_low", "bca_high")):
        ends = zip(rows[low], rows[high], strict=True)
        table[f"95 % interval, {name}"] = [
            "–" if pd.isna(a) else f"{points(a, 2)} to {points(b, 2)}" for a, b in ends
        ]
    table["p, paired t"] = [p_text(value) for value in rows["t_p"]]
    table["p, Holm"] = [p_text(value) for value in rows["t_p_holm"]]
    return table


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
        f"{comparison_name(row['comparison'])}: Spearman {_rho(row['rho'])} ({_rho(row['low'])} to "
        f"{_rho(row['high'])}, p = {p_text(row['p'])}, {row['n']} classes)"
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
    sure = int((others["p_holm"] < ALPHA).sum())
    always = [
        f"{loss_name(row['loss'])} ({comparison_name(row['dataset'] + ' ').rstrip(', ')})"
        for row in others[others["sooner"] == others["runs"]].to_dict("records")
    ]
    text = f"{censored} of {int(table['runs'].sum())} runs do not reach the threshold in 60 epochs."
    if always:
        text += f" Distance is sooner in every setting than {', '.join(always)}."
    return (
        f"{text} By the sign test over settings, Holm-corrected within a data set, it is sooner "
        f"beyond chance than {sure} of {len(others)}: seven settings cannot say more."
    )


def show_convergence(table: pd.DataFrame) -> pd.DataFrame:
    """`convergence` for people; ">60" is a median that lies beyond the last epoch."""
    sets = [comparison_name(f"{dataset} ").rstrip(", ") for dataset in table["dataset"]]
    shown = pd.DataFrame({"data set": sets, "loss": [loss_name(loss) for loss in table["loss"]]})
    counts = zip(table["reached"], table["runs"], strict=True)
    shown["runs that reach it"] = [f"{reached} of {runs}" for reached, runs in counts]
    medians = [f">{EPOCHS}" if pd.isna(value) else f"{value:g}" for value in table["median"]]
    shown["median epoch"] = medians
    for name in ("sooner", "later", "undecided"):
        alone = table["p"].isna() & (table["sooner"] + table["later"] == 0)
        shown[f"distance {name}"] = table[name].astype(str).mask(alone, "–").to_numpy()
    shown["p, sign test"] = [p_text(value) for value in table["p"]]
    shown["p, Holm"] = [p_text(value) for value in table["p_holm"]]
    return shown


def _rho(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
