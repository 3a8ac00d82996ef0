"""Cached pictures as batches on the device: resident where they fit, through a DataLoader
otherwise.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import psutil
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from losslab.data import CachedSplit

RESIDENT_SHARE = {"cuda": 0.4, "cpu": 0.1}
"""The share of the device's free memory that a run's pictures may take; on a CPU runs work side by
side, and the cache's memory map serves them all.
"""

Batch = tuple[UInt8[Tensor, "n 3 h w"], UInt8[Tensor, "n h w"]]


class Pictures:
    """One split of a data set, served in batches of uint8 images (n, 3, h, w) and labels (n, h, w)
    on `device`.

    `resident` says where the pictures are kept: True on the device, False in the cache, from which
    `workers` processes read ahead. Images come in channels_last layout.
    """

    def __init__(
        self,
        split: CachedSplit,
        device: torch.device,
        *,
        resident: bool = True,
        workers: int = 0,
    ):
        self.ids = split.ids
        self.extents = split.extents
        self.device = device
        self.workers = workers
        self.resident = resident
        self._cached = _CachedPictures(split)
        if self.resident:
            images, labels = self._cached.__getitems__(range(len(self.ids)))
            self._images, self._labels = images.to(device), labels.to(device)

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self, groups: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """The pictures of each group of indices in turn."""
        if self.resident:
            for group in groups:
                index = torch.as_tensor(group)
                if self.device.type == "cuda":
                    index = index.pin_memory().to(self.device, non_blocking=True)
                yield _as_nchw(self._images[index]), self._labels[index]
            return
        loader = DataLoader(
            self._cached,
            batch_sampler=groups,  # type: ignore[arg-type]  any sized iterable of index lists does
            num_workers=self.workers,
            collate_fn=_unchanged,
            pin_memory=self.device.type == "cuda",
        )
        for images, labels in loader:
            yield (
                _as_nchw(images.to(self.device, non_blocking=True)),
                labels.to(self.device, non_blocking=True),
            )


class _CachedPictures(Dataset):
    """The cache as a data set that reads a batch at a time; images are (n, h, w, 3)."""

    def __init__(self, split: CachedSplit):
        self.split = split

    def __len__(self) -> int:
        return len(self.split.ids)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        index = np.asarray(indices)
        images = np.ascontiguousarray(self.split.images[index])
        labels = np.ascontiguousarray(self.split.labels[index])
        return torch.from_numpy(images), torch.from_numpy(labels)


def _unchanged(batch: Any) -> Any:
    return batch


def _as_nchw(images: UInt8[Tensor, "n h w 3"]) -> UInt8[Tensor, "n 3 h w"]:
    return images.permute(0, 3, 1, 2)  # strides now read as channels_last


def fit(splits: Iterable[CachedSplit], device: torch.device) -> bool:
    """Whether a run's pictures may be resident on the device, by its free memory."""
    needed = sum(split.images.nbytes + split.labels.nbytes for split in splits)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = psutil.virtual_memory().available
    return needed <= RESIDENT_SHARE[device.type] * free
