"""Kim et al. 2019: FCN and DeepLab on VOC, PASCAL-Context and Cityscapes."""

from tests.training.combinations import (
    Setting,
    Trained,
    check_two_steps,
    every_loss,
    settings,
    trained,
)

__all__ = ["trained"]  # the fixture


@every_loss
@settings(
    Setting("fcn32s", "voc_aug"),
    Setting("fcn16s", "voc_aug"),
    Setting("fcn8s", "voc_aug"),
    Setting("fcn8s", "pascal_context"),
    Setting("fcn8s", "cityscapes"),
    Setting("deeplab_largefov", "voc_aug"),
    Setting("deeplab_largefov", "voc_aug", multi_scale=True),
    Setting("deeplab_largefov", "pascal_context"),
    Setting("deeplab_largefov", "cityscapes"),
    Setting("deeplabv2_resnet101", "voc_aug"),
    Setting("deeplabv2_resnet101", "voc_aug", multi_scale=True),
    Setting("deeplabv2_resnet101", "pascal_context"),
    Setting("deeplabv2_resnet101", "cityscapes"),
)
def test_every_loss_trains_the_networks_of_the_paper(trained: Trained, loss: str) -> None:
    check_two_steps(trained, loss)
