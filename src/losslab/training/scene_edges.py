"""An EdgeNet for a number of classes, to look at losses that need one without a data set."""

from losslab.data import prepare
from losslab.losses.edges import EdgeNet
from losslab.spec import RunSpec
from losslab.training.edges import edge_net_for


def scene_edge_net(num_classes: int) -> EdgeNet:
    """The frozen EdgeNet of generated pictures with that many classes; 1 tells objects from
    background.

    Trained in seconds where the cache has none. Raises `SpecError` for more classes than the
    generator knows.
    """
    options = {"train": 40, "val": 8, "test": 8}
    if num_classes > 1:
        options["classes"] = num_classes
    task = "not background" if num_classes == 1 else None
    spec = RunSpec(epochs=1, task=task, dataset_options=options, size=(64, 64))
    return edge_net_for(prepare(**spec.data_arguments(), data_root=None))[0]
