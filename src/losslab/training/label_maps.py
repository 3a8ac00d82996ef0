"""The maps of the labels that an objective reads, batch by batch, without the training waiting.

Maps of whole pictures are kept in the cache and only gathered and mirrored for a batch. Where
pictures are scaled or cropped, or the maps are too large to be kept, they are made anew of the
moved labels. Either happens in one background thread a few batches ahead of the training; what a
batch gets depends on its pictures and its geometry alone, so a resumed run gets the same.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from torch import Tensor

from losslab.data import CachedSplit
from losslab.data.label_map_cache import cached_maps
from losslab.data.transforms import Geometry
from losslab.losses import LABEL_MAPS, label_map
from losslab.losses.label_maps import LABEL_MAPS_VERSION

AHEAD = 3
"""Batches whose maps are made, or waiting to be used, while one is trained on."""

UNMOVED = Geometry(places=None, scale=None, crop_size=None, mirrored=None)


class LabelMaps:
    """The maps of one split's labels that have the given names in `LABEL_MAPS`.

    A context: its thread, which is started for the first batch, ends with it. `cache_root` is the
    folder of the cache, into which missing maps are put; None: the batches' geometry crops, so maps
    of whole pictures are of no use.
    """

    def __init__(
        self,
        split: CachedSplit,
        names: Sequence[str],
        num_classes: int,
        device: torch.device,
        *,
        cache_root: Path | None,
    ):
        self.names = tuple(names)
        self._num_classes = num_classes
        self._labels = split.labels
        self._device = device
        self._kept: dict[str, np.ndarray] = {}
        if cache_root is not None:
            self._keep(cache_root)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="label-maps")

    def __enter__(self) -> "LabelMaps":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def batches(
        self, groups: Sequence[Sequence[int]], geometries: Sequence[Geometry] | None = None
    ) -> Iterator[Mapping[str, Tensor]]:
        """The maps of each group of indices in turn, on the device, moved as `geometries` say.

        What goes wrong while a batch's maps are made is raised when that batch is asked for.
        """
        if not self.names:
            yield from ({} for _ in groups)
            return
        moves = [UNMOVED] * len(groups) if geometries is None else geometries
        ahead: deque[Future[dict[str, Tensor]]] = deque()
        for group, geometry in zip(groups, moves, strict=True):
            ahead.append(self._thread.submit(self._made, group, geometry))
            if len(ahead) > AHEAD:
                yield self._on_device(ahead.popleft().result())
        while ahead:
            yield self._on_device(ahead.popleft().result())

    def _keep(self, cache_root: Path) -> None:
        for name in self.names:
            kind = LABEL_MAPS[name]
            maps = cached_maps(
                self._labels,
                lambda labels, make=kind.function: make(labels, self._num_classes),
                name=name,
                num_classes=self._num_classes,
                version=LABEL_MAPS_VERSION,
                shape=kind.shape(self._labels.shape, self._num_classes),
                cache_root=cache_root,
                threads=torch.get_num_threads(),
            )
            if maps is not None:
                self._kept[name] = maps

    def _made(self, group: Sequence[int], geometry: Geometry) -> dict[str, Tensor]:
        """The maps of one batch on the CPU, page-locked where they go to a GPU."""
        index = np.asarray(group)
        maps = {name: _mirrored(kept[index], geometry) for name, kept in self._kept.items()}
        missing = [name for name in self.names if name not in maps]
        if missing:
            labels = geometry.labels(torch.from_numpy(np.ascontiguousarray(self._labels[index])))
            maps |= {name: label_map(name, labels, self._num_classes) for name in missing}
        if self._device.type == "cuda":
            maps = {name: tensor.pin_memory() for name, tensor in maps.items()}
        return maps

    def _on_device(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: one.to(self._device, non_blocking=True) for name, one in maps.items()}


def _mirrored(maps: np.ndarray, geometry: Geometry) -> Tensor:
    """Maps (n, ..., h, w), mirrored in place as their pictures are; numpy, because a second thread
    in torch's parallel kernels slows the first.
    """
    assert geometry.places is None
    maps = np.ascontiguousarray(maps)
    if geometry.mirrored is not None:
        mirrored = geometry.mirrored.numpy()
        maps[mirrored] = maps[mirrored][..., ::-1]
    return torch.from_numpy(maps)
