"""Under which definition of ours each paper's scores are measured, and why."""

from losslab.analysis.reproduction.cells import Cell

_OF_PAPER = {
    "rahman2016": {"iou": "iou@dataset"},
    "vanbeers2018": {"accuracy": "accuracy@dataset", "iou": "iou@image"},
    "kim2019": {"iou": "iou@dataset"},
    "chen2020": {"iou": "iou@dataset", "dice": "dice@dataset", "e_measure": "e_measure@image"},
    "gul2023": {
        "iou": "iou@dataset",
        "dice": "dice@dataset",
        "boundary_iou": "boundary_iou@dataset",
    },
}
_OF_GULS_FACES = {name: f"{name}@image" for name in _OF_PAPER["gul2023"]}


def definition_of(cell: Cell) -> str | None:
    """The key in `losslab.metrics.DEFINITIONS` of a printed score; None where it is no score.

    - Rahman & Wang 2016: IoU of one class at data-set level, as PASCAL VOC scores it.
    - van Beers 2018: IoU is "taken as the average over the entire set" (eq. 2.2), so of images.
      Accuracy is Keras's over pixels; all pictures have one size, so both levels give the same.
    - Kim et al. 2019: "pixel IoU averaged across the classes", at data-set level, background
      included.
    - Chen et al. 2020 (SEMEDA): IoU as on the data sets' servers; F1 is 2 IoU / (1 + IoU) of each
      class to within 0.08 points, so at data-set level as well. The E-measure is defined for an
      image: its mean over the images that contain the class.
    - Gul 2023: the text says "over the entire dataset". On CelebAMask-HQ, Dice lies 0.0003 to
      0.0004 under 2 IoU / (1 + IoU), which one class at data-set level cannot give: both are means
      over pictures (or batches). On Cityscapes, where a mean over classes explains it, data-set
      level.
    """
    if cell.paper == "gul2023" and cell.dataset == "celebamask_hq":
        return _OF_GULS_FACES.get(cell.metric)
    return _OF_PAPER[cell.paper].get(cell.metric)
