"""A dense CRF of seconds: enough for a notebook to show itself."""

from collections.abc import Iterable
from pathlib import Path

from losslab.postprocess.crf import CRFError, check_library
from losslab.postprocess.probabilities import store_probabilities
from losslab.postprocess.runs import apply_crf
from losslab.training.finished import reopen


def smoke_crf(folder: Path, run_ids: Iterable[str]) -> str:
    """Correct what the runs of `losslab.study.smoke.smoke_runs` predict by 5 and 10 iterations.

    Returns "", or, where pydensecrf is missing and nothing is done, a sentence that says so.
    """
    try:
        check_library()
    except CRFError as error:
        return f"The CRF is left out: {error}."
    for name in run_ids:
        run = reopen(folder / name, cache_root=folder / "cache")
        probabilities = store_probabilities(run, device="cpu")
        apply_crf(run, probabilities, parameters="resnet101", iterations=[5, 10])
    return ""
