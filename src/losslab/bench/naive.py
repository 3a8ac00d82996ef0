"""The losses as one writes them down first, for comparison: one-hot labels, a tensor of the
logits' size for every step, nothing kept.

They are here to be timed, and compute the same numbers up to details such as empty classes.
"""

import torch
from jaxtyping import Float, Integer
from scipy import ndimage
from torch import Tensor

from losslab.constants import IGNORE_INDEX


def one_hot(
    labels: Integer[Tensor, "n h w"], num_classes: int
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n 1 h w"]]:
    """One-hot labels (binary: the foreground) and the mask of annotated pixels, as numbers."""
    known = labels != IGNORE_INDEX
    classes = labels.masked_fill(~known, 0)
    planes = torch.nn.functional.one_hot(classes, max(num_classes, 2)).permute(0, 3, 1, 2)
    planes = planes[:, 1:] if num_classes == 1 else planes
    known = known[:, None].float()
    return planes.float() * known, known


def probabilities(logits: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Softmax, or sigmoid of a single logit."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)


def levelset(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"], *, epsilon: float = 0.05
) -> Float[Tensor, ""]:
    """Kim et al. 2019, eqs. 4-7, with both squared differences written out for every class."""
    truth, known = one_hot(labels, logits.shape[1])
    inside = 0.5 * (1 + torch.tanh((probabilities(logits) - 0.5) / epsilon)) * known
    outside = known - inside
    dims = (2, 3)
    c1 = (truth * inside).sum(dims, keepdim=True) / inside.sum(dims, keepdim=True).clamp(1e-6)
    c2 = (truth * outside).sum(dims, keepdim=True) / outside.sum(dims, keepdim=True).clamp(1e-6)
    energy = ((truth - c1) ** 2 * inside + (truth - c2) ** 2 * outside).sum(dims)
    present = (truth.sum(dims) > 0).float()
    return (energy * present).sum() / known.sum()


def distance_weights(labels: Integer[Tensor, "n h w"], num_classes: int) -> Tensor:
    """Reversed, normalised distances inside each object (n, c, h, w): a transform a class."""
    truth, _ = one_hot(labels, num_classes)
    weights = torch.zeros_like(truth)
    for image, planes in zip(weights, truth, strict=True):
        for plane, mask in zip(image, planes, strict=True):
            if mask.any():
                depth = torch.from_numpy(ndimage.distance_transform_edt(mask.numpy())).float()
                low, high = depth[mask > 0].min(), depth.max()
                scaled = (high - depth) / (high - low) if high > low else torch.ones_like(depth)
                plane.copy_(scaled * mask)
    return weights


def distance(
    logits: Float[Tensor, "n c h w"],
    labels: Integer[Tensor, "n h w"],
    *,
    weights: Float[Tensor, "n c h w"] | None = None,
) -> Float[Tensor, ""]:
    """Gul 2023, eq. 3.1, with a weight map for every class."""
    truth, known = one_hot(labels, logits.shape[1])
    p = probabilities(logits) * known
    if weights is None:
        weights = distance_weights(labels.cpu(), logits.shape[1]).to(logits.device)
    below = weights.sum((0, 2, 3)) + ((1 - truth) * p).sum((0, 2, 3))
    return (1 - (weights * p).sum((0, 2, 3)) / below.clamp(1e-6)).mean()


def semeda(
    logits: Float[Tensor, "n c h w"], labels: Integer[Tensor, "n h w"], *, edge_net: torch.nn.Module
) -> Float[Tensor, ""]:
    """Chen et al. 2020, eqs. 4 and 5: both masks through the network, gradients of all kept."""
    truth, known = one_hot(labels, logits.shape[1])
    masks = [probabilities(logits) * known, truth]
    if logits.shape[1] == 1:
        masks = [torch.cat((known - mask, mask), 1) for mask in masks]
    predicted, labelled = (edge_net.embeddings(mask) for mask in masks)  # pyright: ignore
    total = logits.new_zeros(())
    for layer in range(2):
        total = total + (known * (predicted[layer] - labelled[layer])).abs().mean()
    return total
