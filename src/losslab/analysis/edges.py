"""What an EdgeNet has learnt: how right its edges are, its features, and what SEMEDA makes of
mistakes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Integer, UInt8
from scipy import ndimage
from torch import Tensor

from losslab.constants import IGNORE_INDEX
from losslab.data import RunData
from losslab.losses import EdgeNet, ce, semeda, sobel
from losslab.losses.edges import CHANNELS, label_masks, probability_masks, sobel_maps
from losslab.training.edges import edge_score, edge_targets
from losslab.training.evaluate import classify

SURE, UNSURE = 0.999, 0.6
"""Probability of the predicted class."""

LabelMap = UInt8[np.ndarray, "h w"]
Map = Float[np.ndarray, "h w"]


@dataclass(frozen=True)
class EdgeView:
    """A label map's semantic edges, those that the net finds, and the pixels that are scored."""

    label: LabelMap
    target: Bool[np.ndarray, "h w"]
    found: Bool[np.ndarray, "h w"]
    scored: Bool[np.ndarray, "h w"]

    @property
    def missed(self) -> Bool[np.ndarray, "h w"]:
        """Scored edge pixels that the net does not find."""
        return self.target & ~self.found & self.scored

    @property
    def invented(self) -> Bool[np.ndarray, "h w"]:
        """Scored pixels that the net takes for edges and are none."""
        return ~self.target & self.found & self.scored


def held_out_scores(net: EdgeNet, data: RunData) -> pd.DataFrame:
    """F1, precision and recall (see `EdgeScore`) on label maps that the net was not trained on."""
    rows = []
    for name, split in (("validation", data.val), ("test", data.test)):
        score = edge_score(net, torch.from_numpy(np.array(split.labels)))
        named = {"F1, %": score.f1, "precision, %": score.precision, "recall, %": score.recall}
        row = {key: round(100 * value, 2) for key, value in named.items()}
        rows.append({"split": name, "label maps": len(split), "edge pixels": score.edges, **row})
    return pd.DataFrame(rows)


@torch.inference_mode()
def edge_view(net: EdgeNet, label: LabelMap) -> EdgeView:
    """What the net finds in one label map."""
    labels = torch.from_numpy(np.array(label))[None]
    target, scored = edge_targets(labels)
    logits = net(label_masks(labels, net.num_classes))
    found = logits[:, 1] > logits[:, 0]
    return EdgeView(np.array(label), target[0].numpy(), found[0].numpy(), scored[0].numpy())


def prediction(
    label: LabelMap, num_classes: int, *, sigma: float | int = 0.0, confidence: float | int = SURE
) -> Float[Tensor, "1 c h w"]:
    """Logits of a made-up prediction: the label with `confidence`, its probabilities blurred by a
    Gaussian of `sigma` pixels. Void is predicted as class 0.
    """
    known = np.where(label == IGNORE_INDEX, 0, label)
    c = max(num_classes, 2)
    rest = (1 - confidence) / (c - 1)
    probs = np.where(known == np.arange(c)[:, None, None], confidence, rest)
    if sigma:
        probs = ndimage.gaussian_filter(probs, (0, sigma, sigma), mode="nearest")
    log_p = torch.from_numpy(np.log(probs)).float()[None]
    return log_p[:, 1:] - log_p[:, :1] if num_classes == 1 else log_p


def classes(logits: Float[Tensor, "1 c h w"]) -> LabelMap:
    """The most probable class of each pixel."""
    return classify(logits)[0].numpy()


def mistakes(label: LabelMap, num_classes: int) -> dict[str, Float[Tensor, "1 c h w"]]:
    """Made-up predictions of a label map, each wrong in its own way."""
    return {
        "right": prediction(label, num_classes),
        "right, unsure": prediction(label, num_classes, confidence=UNSURE),
        "blurred": prediction(label, num_classes, sigma=2),
        "1 px to the right": prediction(_shifted(label, 1), num_classes),
        "4 px to the right": prediction(_shifted(label, 4), num_classes),
        "with holes": prediction(_with_holes(label), num_classes),
    }


def mistake_table(
    predictions: dict[str, Float[Tensor, "1 c h w"]], label: LabelMap, net: EdgeNet
) -> pd.DataFrame:
    """Cross-entropy, SEMEDA and Sobel of each prediction, and the share of wrong pixels."""
    labels = torch.from_numpy(np.array(label)).long()[None]
    annotated = labels != IGNORE_INDEX
    rows = []
    for name, logits in predictions.items():
        wrong = (torch.from_numpy(classes(logits)) != labels[0]) & annotated[0]
        values = {
            "ce": ce(logits, labels),
            "semeda": semeda(logits, labels, edge_net=net),
            "sobel": sobel(logits, labels),
        }
        share = 100 * float(wrong.sum() / annotated.sum().clamp(min=1))
        row = {loss: round(float(value), 4) for loss, value in values.items()}
        rows.append({"prediction": name, "wrong pixels, %": round(share, 1), **row})
    return pd.DataFrame(rows)


@torch.inference_mode()
def semeda_map(net: EdgeNet, logits: Float[Tensor, "1 c h w"], label: LabelMap) -> Map:
    """What each pixel adds to `semeda`, whose value is the mean over annotated pixels; NaN at
    void.
    """
    labels = torch.from_numpy(np.array(label)).long()[None]
    predicted = net.embeddings(probability_masks(logits, labels))
    target = net.embeddings(label_masks(labels, net.num_classes))
    total = torch.zeros(label.shape)
    for ours, theirs, channels in zip(predicted[:2], target[:2], CHANNELS[:2], strict=True):
        total += (ours - theirs).abs().sum(1)[0] / channels
    return total.masked_fill(labels[0] == IGNORE_INDEX, torch.nan).numpy().astype(float)


@torch.inference_mode()
def feature_maps(
    net: EdgeNet, masks: Float[Tensor, "1 c h w"], channels: dict[int, list[int]]
) -> dict[str, Map]:
    """The given channels of layers 1 and 2 by name, p(edge), and Sobel's response summed over
    classes and directions.
    """
    found = net.embeddings(masks)
    maps = {
        f"layer {layer}, {channel + 1}": found[layer - 1][0, channel].numpy()
        for layer, chosen in channels.items()
        for channel in chosen
    }
    maps["p(edge)"] = found.edges[0, 1].numpy()
    responses = sum(response.abs().sum(1)[0] for response in sobel_maps(masks))
    return {**maps, "Sobel": np.asarray(responses)}


@torch.inference_mode()
def telling_features(
    net: EdgeNet, labels: Integer[Tensor, "n h w"], count: int = 2
) -> dict[int, list[int]]:
    """The channels of layers 1 and 2 whose means on edges and elsewhere lie furthest apart, in
    standard deviations, on label maps; the furthest first.
    """
    found = net.embeddings(label_masks(labels, net.num_classes))
    edges, scored = edge_targets(labels)
    on, off = edges & scored, ~edges & scored
    chosen = {}
    for layer in (1, 2):
        values = found[layer - 1].movedim(1, -1)
        apart = (values[on].mean(0) - values[off].mean(0)).abs() / values[scored].std(0)
        order = apart.nan_to_num(-1.0).argsort(descending=True)  # some features are 0 everywhere
        chosen[layer] = order[:count].tolist()
    return chosen


def read_scores(scores: pd.DataFrame) -> str:
    """What the test rows of `held_out_scores` say."""
    row = scores.set_index("split").loc["test"]
    f1, precision, recall = (
        f"{row[name]:.2f} %" for name in ("F1, %", "precision, %", "recall, %")
    )
    return (
        f"On {row['label maps']:.0f} test maps the network finds {recall} of the edge pixels, and "
        f"{precision} of what it finds are edges: F1 {f1}."
    )


def read_views(views: Sequence[EdgeView]) -> str:
    """How many pixels are wrong in the maps shown."""
    scored = sum(int(view.scored.sum()) for view in views)
    wrong = sum(int((view.missed | view.invented).sum()) for view in views)
    return f"In the maps shown {wrong} of {scored} scored pixels are wrong; they are ringed."


def read_mistakes(table: pd.DataFrame) -> str:
    """Two sentences on what the losses make of mistakes, from `mistake_table`."""
    rows = table.set_index("prediction")[["semeda", "ce", "sobel"]]

    def against_shift(name: str) -> str:
        ratio = (rows.loc[name] / rows.loc["4 px to the right"]).round(2)
        return f"{ratio['semeda']} times (cross-entropy {ratio['ce']}, Sobel {ratio['sobel']})"

    return (
        f"Measured by what the shift of 4 pixels costs, a right prediction with p = {UNSURE} "
        f"everywhere costs SEMEDA {against_shift('right, unsure')}. The holes cost "
        f"{against_shift('with holes')}."
    )


def _shifted(label: LabelMap, pixels: int) -> LabelMap:
    """The label map moved to the right, its first column repeated."""
    moved = np.roll(label, pixels, axis=1)
    moved[:, :pixels] = label[:, :1]
    return moved


def _with_holes(label: LabelMap) -> LabelMap:
    """Every 24 pixels a hole of 5 pixels that shows the picture's next class."""
    present = np.unique(label[label != IGNORE_INDEX])
    following = np.full(256, IGNORE_INDEX, np.uint8)
    following[present] = np.roll(present, -1)
    down, across = np.indices(label.shape)
    near = (down % 24 - 12) ** 2 + (across % 24 - 12) ** 2 <= 6
    return np.where(near, following[label], label)
