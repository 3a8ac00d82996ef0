"""The data sets by name."""

from losslab.data.camvid import CamVid
from losslab.data.celebamask import CelebAMaskHQ
from losslab.data.cityscapes import Cityscapes
from losslab.data.context import PascalContext
from losslab.data.dataset import SegmentationDataset
from losslab.data.folder import Folder
from losslab.data.helen import Helen
from losslab.data.lfw import LFWParts
from losslab.data.sbd import VocAug
from losslab.data.scenes import Scenes
from losslab.data.voc import Voc2010, Voc2011, Voc2012

DATASETS: dict[str, type[SegmentationDataset]] = {
    "scenes": Scenes,
    "camvid": CamVid,
    "folder": Folder,
    "voc2010": Voc2010,
    "voc2011": Voc2011,
    "voc2012": Voc2012,
    "voc_aug": VocAug,
    "pascal_context": PascalContext,
    "cityscapes": Cityscapes,
    "lfw_parts": LFWParts,
    "helen": Helen,
    "celebamask_hq": CelebAMaskHQ,
}
