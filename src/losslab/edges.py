"""Where the classes of a label map meet."""

import torch
from jaxtyping import Bool, Integer
from torch import Tensor


def semantic_edges(labels: Integer[Tensor, "n h w"]) -> Bool[Tensor, "n h w"]:
    """The pixels whose 8 neighbours do not all carry their own label.

    Chen et al. 2020 (SEMEDA), section 3.3. The image's own border makes no edge: a pixel there is
    compared with the neighbours that it has. 255 (void) is a label like any other.
    """
    # A neighbourhood is of one label where each of its rows is, and its middle column.
    across = torch.zeros(labels.shape, dtype=torch.bool, device=labels.device)
    differs = labels[:, :, 1:] != labels[:, :, :-1]
    across[:, :, 1:] |= differs
    across[:, :, :-1] |= differs
    edges = across.clone()
    edges[:, 1:] |= across[:, :-1]
    edges[:, :-1] |= across[:, 1:]
    differs = labels[:, 1:] != labels[:, :-1]
    edges[:, 1:] |= differs
    edges[:, :-1] |= differs
    return edges
