"""What each loss may cost on a CPU, forward and backward together."""

from typing import NamedTuple


class Target(NamedTuple):
    """Upper bounds; None where there is none."""

    ratio: float | None
    """In units of the reference's time."""
    memory: float | None
    """In units of the logits' bytes."""


SEMANTIC = ("B", "C", "D")
BINARY = "A"

ARITHMETIC = "semeda's convolutions alone"
"""The row that semeda is held against; all others are held against torch's cross-entropy."""

ON_THE_FLY = "{}, maps made on the fly"
"""How a row is called whose label maps are made within the call."""


def _everywhere(ratio: float, memory: float | None = None) -> dict[str, Target]:
    return dict.fromkeys(SEMANTIC, Target(ratio, memory))


TARGETS: dict[str, dict[str, Target]] = {
    "iou": _everywhere(1.2, 1.3),
    "dice": _everywhere(1.2, 1.3),
    "tversky": _everywhere(1.2, 1.3),
    "combo": _everywhere(1.3),
    "dice_focal": _everywhere(1.35),
    "distance": _everywhere(1.35),
    ON_THE_FLY.format("distance"): _everywhere(1.6),
    "levelset": {"B": Target(1.6, 1.9), "C": Target(1.35, 1.9), "D": Target(2.0, 1.9)},
    "sobel": _everywhere(2.3),
    "semeda": _everywhere(2.2, 4.0),
}
"""By row and shape, for float32 logits in n c h w order."""

OF_BINARY = Target(2.5, None)
"""Of the region losses on a single logit, in units of binary cross-entropy."""

REGION = ("iou", "dice", "tversky", "combo", "dice_focal", "distance", "levelset")

ON_A_GPU = Target(1.0, None)
"""Of the region losses on bfloat16 logits."""


def target(row: str, shape: str, *, device: str, dtype: str, layout: str) -> Target:
    """The bounds for a row of losslab's own, as far as there are any."""
    none = Target(None, None)
    if device == "cuda":
        return ON_A_GPU if dtype == "bfloat16" and row in REGION else none
    if dtype != "float32" or layout != "contiguous":
        return none
    if shape == BINARY:
        return OF_BINARY if row in REGION else none
    return TARGETS.get(row, {}).get(shape, none)


def reference(row: str) -> str:
    """The row in units of which the ratio of this one is bounded; "" stands for the baseline."""
    return ARITHMETIC if row == "semeda" else ""


STEP_OF_REGION = (*REGION, "jaccard_distance")


def step_target(loss: str, *, device: str) -> float | None:
    """What a training step may cost in units of the step with cross-entropy; None: no bound."""
    if loss == "semeda":
        return 1.25 if device == "cpu" else 1.03
    return 1.03 if loss in STEP_OF_REGION else None


LOOP_SHARE = 0.05
"""Of a step on a CPU with cross-entropy: all but the network's two passes and the optimiser."""


CONFUSION = "confusion matrix by bincount"
"""The row in units of which scores are measured."""

ERODED = "Boundary IoU, every class eroded by itself"
E_OF_LIBRARY = "Emeasure of every class"
SUITE = "all counts, E-measure and accuracy"

SCORE_TARGETS: dict[str, tuple[float, str]] = {
    "boundary_counts": (1 / 3, ERODED),
    "e_measure": (1 / 20, E_OF_LIBRARY),
    "e_measure_of_counts": (1 / 20, E_OF_LIBRARY),
    SUITE: (6.0, CONFUSION),
}
"""What a score may cost on a CPU, in units of which row."""
