"""Objectives of the papers by name, each as printed and, where it differs, as run.

A preset stands for its expression wherever a loss's name may stand: "gul2023_dice_printed" and
"dice(average='micro', smooth=1)" are the same objective and give the same run.
"""

PRESETS: dict[str, str] = {
    # Rahman & Wang 2016: FCN_acc and FCN_IoU, eqs. 3-5, sums over the batch.
    "rahman2016_ce": "ce",
    "rahman2016_iou": "iou",
    # van Beers 2018: eq. 2.1 is printed as a sum over pixels and run as Keras's mean; eqs. 2.3-2.4
    # are taken for each image and added over the batch.
    "vanbeers2018_bce": "ce",
    "vanbeers2018_iou": "iou(per='image', reduction='sum')",
    # Kim et al. 2019, eq. 8: lambda = 4e-4, epsilon = 1/20 (section 4.6), and the Heavisides of
    # Fig. 5 (eq. 6, Chan & Vese's AHF, eq. 2).
    "kim2019_ce": "ce",
    "kim2019_levelset": "ce + 4e-4*levelset",
    "kim2019_levelset_arctan": "ce + 4e-4*levelset(heaviside='arctan')",
    "kim2019_levelset_step": "ce + 4e-4*levelset(heaviside='step')",
    # Chen et al. 2020, eq. 6 with the best weights of their Table 1; Sobel as in the same table.
    # Eqs. 2 and 5 are printed as sums, whose proportion beside a mean cross-entropy is "l1"'s; the
    # weights on means over channels are smaller by the number of channels.
    "chen2020_semeda_cityscapes_printed": "ce + semeda(weights=(4, 2, 0), reduction='l1')",
    "chen2020_semeda_voc_printed": "ce + semeda(weights=(2, 4, 0), reduction='l1')",
    "chen2020_sobel_printed": "ce + 4*sobel(reduction='l1')",
    "chen2020_ppce": "ce",
    "chen2020_semeda_cityscapes": "ce + semeda(weights=(4, 2, 0))",
    "chen2020_semeda_voc": "ce + semeda(weights=(2, 4, 0))",
    "chen2020_sobel": "ce + 4*sobel",
    # Gul 2023, eqs. 2.1-2.6 pool the classes in one ratio and add 1 above and below; the library
    # that the thesis names (segmentation_models_pytorch) averages over all classes, absent ones
    # counted as 0, and its "multiclass" focal loss is one sigmoid a class.
    "gul2023_ce": "ce",
    "gul2023_iou_printed": "iou(average='micro', smooth=1)",
    "gul2023_iou_as_run": "iou(absent='zero')",
    "gul2023_dice_printed": "dice(average='micro', smooth=1)",
    "gul2023_dice_as_run": "dice(absent='zero')",
    "gul2023_combo_printed": "combo(average='micro', smooth=1)",
    "gul2023_combo_as_run": "combo(absent='zero')",
    "gul2023_dice_focal_printed": "dice_focal(average='micro', smooth=1)",
    "gul2023_dice_focal_as_run": "dice(absent='zero') + focal(one_vs_all=True)",
    # Eq. 3.1 subtracts a sum over classes; step 1.2 is Euclidean, the function it links is not.
    "gul2023_distance_printed": "distance(average='sum')",
    "gul2023_distance": "distance",
    "gul2023_distance_as_linked": "distance(metric='chessboard')",
    "gul2023_distance_confident": "distance(confident=0.95)",
}
