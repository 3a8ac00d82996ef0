"""The network that finds semantic edges in label maps and class probabilities."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.functional import conv2d

from losslab.constants import IGNORE_INDEX
from losslab.errors import DataError, SpecError, brief
from losslab.files import write_atomically

CHANNELS = (16, 32, 2)
"""Channels of the three layers' embeddings."""

VERSION = 1
"""Raised when the same weights come to mean something else: other versions are not read."""


class Embeddings(NamedTuple):
    """What the three layers make of masks, each at full resolution: after ReLU, ReLU and softmax.

    The last one holds the probabilities of "no edge" and "edge".
    """

    first: Float[Tensor, "n 16 h w"]
    second: Float[Tensor, "n 32 h w"]
    edges: Float[Tensor, "n 2 h w"]


class EdgeNet(nn.Module):
    """Finds the pixels of a mask where classes meet: three 3x3 convolutions, 16, 32 and 2 channels.

    Chen et al. 2020 (SEMEDA), section 3.4: ReLU between the layers, softmax last; padding by zeros.
    It takes class probabilities or one-hot labels; `num_classes` = 1 takes two channels, (1 - p,
    p).
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        widths = (max(num_classes, 2), *CHANNELS)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )

    def embeddings(self, masks: Float[Tensor, "n c h w"]) -> Embeddings:
        """The embeddings of masks (n, c, h, w), c = 2 for a binary task."""
        first = self._layer(0, masks).relu()
        second = self._layer(1, first).relu()
        return Embeddings(first, second, self._layer(2, second).softmax(1))

    def forward(self, masks: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 2 h w"]:
        """Logits of "no edge" and "edge" of masks (n, c, h, w), c = 2 for a binary task."""
        first = self._layer(0, masks).relu()
        return self._layer(2, self._layer(1, first).relu())

    def _layer(self, index: int, x: Tensor) -> Tensor:
        layer = self.layers[index]
        return conv2d(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype), padding=1)  # pyright: ignore

    def save(self, path: Path) -> None:
        """Write weights, number of classes and version as one safetensors file, atomically."""
        state = {name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}
        facts = {"num_classes": str(self.num_classes), "version": str(VERSION)}
        write_atomically(
            path, lambda temporary: safetensors.torch.save_file(state, temporary, facts)
        )

    @classmethod
    def load(cls, path: Path) -> "EdgeNet":
        """Read what `save` wrote; raises `DataError` for a file that is missing or anything
        else.
        """
        try:
            with safetensors.safe_open(path, "pt") as file:
                facts = file.metadata() or {}
            if facts.get("version") != str(VERSION):
                raise ValueError(f"version {facts.get('version')}, this is {VERSION}")
            with torch.device("meta"):  # no first weights: they would be drawn from global state
                net = cls(int(facts["num_classes"]))
            net.load_state_dict(safetensors.torch.load_file(path), assign=True)
        except Exception as error:
            raise DataError(
                f"{path} does not hold an EdgeNet ({brief(error)}); delete it and train it again "
                "with `losslab edges`"
            ) from error
        return net


def checked_edge_net(edge_net: EdgeNet | None, num_classes: int) -> EdgeNet:
    """The EdgeNet itself; raises `SpecError` without one, or with one for other classes."""
    if edge_net is None:
        raise SpecError(
            "semeda: needs an EdgeNet for the data's classes: give build_loss(..., "
            "edge_net=...); `losslab edges` trains one"
        )
    if edge_net.num_classes != num_classes:
        raise SpecError(
            f"semeda: the EdgeNet is for num_classes={edge_net.num_classes}, the logits have "
            f"{num_classes}; `losslab edges` trains one for other classes"
        )
    return edge_net


def random_edge_net(num_classes: int) -> EdgeNet:
    """An untrained, frozen EdgeNet with the weights of seed 0: its edges mean nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return EdgeNet(num_classes).requires_grad_(False)


def label_masks(
    labels: Integer[Tensor, "n h w"], num_classes: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "n c h w"]:
    """Label maps as an EdgeNet takes them: one-hot (n, c, h, w), c = 2 for a binary task, void all
    0.
    """
    classes = torch.arange(max(num_classes, 2), dtype=labels.dtype, device=labels.device)
    masks = (labels[:, None] == classes[:, None, None]) & (labels != IGNORE_INDEX)[:, None]
    return masks.to(dtype)


def probability_masks(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"]
) -> Float[Tensor, "n channels h w"]:
    """Predicted probabilities as an EdgeNet takes them: (n, c, h, w), c = 2 for a binary task, void
    all 0.
    """
    if logits.shape[1] == 1:
        probs = torch.cat((torch.sigmoid(-logits), torch.sigmoid(logits)), 1)
    else:
        probs = logits.softmax(1)
    return probs.masked_fill((labels == IGNORE_INDEX)[:, None], 0)
