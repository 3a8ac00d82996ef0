"""Two steps of training for every network of a paper, on every data set that the paper trained it
on, with every loss there is.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from torch import nn

from losslab.data import RunData, SplitOptions, prepare
from losslab.data.fixtures import write_fixture
from losslab.data.transforms import normalize
from losslab.losses import LOSSES, build_loss, needs_edge_net
from losslab.losses.edges import random_edge_net
from losslab.models import build_model
from losslab.training.device import pin_allocator

SIZE = (32, 32)


@dataclass(frozen=True)
class Setting:
    """A network on the pictures of a data set, under a task."""

    model: str
    dataset: str
    task: str | None = None
    encoder: str | None = None
    multi_scale: bool = False

    def __str__(self) -> str:
        parts = [self.model, self.encoder, "msc" if self.multi_scale else None, self.dataset]
        return "-".join(part for part in [*parts, self.task] if part)


@lru_cache(maxsize=1)
def root() -> Path:
    """A folder for the fixtures of one process."""
    return Path(mkdtemp())


@lru_cache
def data_of(dataset: str, task: str | None) -> RunData:
    """Four pictures in the data set's own layout, read as a run reads them."""
    place = root() / dataset
    if not place.exists():
        write_fixture(dataset, place, 4)
    return prepare(
        dataset,
        options={"partial": True},
        task=task,
        split=SplitOptions(),
        size=SIZE,
        data_root=place,
        cache_root=root() / "cache",
    )


@dataclass
class Trained:
    """A network and the batch that it trains on."""

    model: nn.Module
    data: RunData
    images: torch.Tensor
    labels: torch.Tensor


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest) -> Trained:
    """The network of the setting that the test is given; one is in memory at a time."""
    setting: Setting = request.param
    pin_allocator()  # half a gigabyte of gradients would be mapped anew in every step
    data = data_of(setting.dataset, setting.task)
    torch.manual_seed(0)
    options = {"multi_scale": True} if setting.multi_scale else {}
    model = build_model(
        setting.model, num_classes=data.num_classes, encoder=setting.encoder, **options
    )
    images = normalize(torch.from_numpy(data.train.images[:2].copy()).permute(0, 3, 1, 2))
    labels = torch.from_numpy(data.train.labels[:2].copy()).long()
    return Trained(model.train(), data, images, labels)


def settings(*chosen: Setting) -> pytest.MarkDecorator:
    """Every loss for each of the settings."""
    return pytest.mark.parametrize("trained", chosen, indirect=True, ids=str)


# Networks whose scores begin near zero predict no boundary that this loss alone could move.
BESIDE = {"active_boundary": "ce + iou + active_boundary"}

every_loss = pytest.mark.parametrize("loss", LOSSES)


def check_two_steps(trained: Trained, loss: str) -> None:
    """Finite losses and gradients, that are not zero, in two steps of gradient descent."""
    num_classes = trained.data.num_classes
    edge_net = random_edge_net(num_classes) if needs_edge_net(loss) else None
    objective = build_loss(BESIDE.get(loss, loss), num_classes=num_classes, edge_net=edge_net)
    optimizer = torch.optim.SGD(trained.model.parameters(), lr=1e-6)
    for _ in range(2):
        logits = trained.model(trained.images)
        assert logits.shape == (2, num_classes, *SIZE)
        value = objective(logits, trained.labels)
        optimizer.zero_grad()
        value.backward()
        assert value.isfinite()
        gradients = [p.grad for p in trained.model.parameters() if p.grad is not None]
        assert 0 < nn.utils.get_total_norm(gradients) < torch.inf
        optimizer.step()
