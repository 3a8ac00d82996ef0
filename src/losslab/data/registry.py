"""The data sets by name."""

from losslab.data.base import SegmentationDataset
from losslab.data.camvid import CamVid
from losslab.data.folder import Folder
from losslab.data.scenes import Scenes

DATASETS: dict[str, type[SegmentationDataset]] = {
    "scenes": Scenes,
    "camvid": CamVid,
    "folder": Folder,
}
