"""Chen et al. 2020 (SEMEDA) and Gul 2023: DeepLabv3+ and U-Net with several encoders."""

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
    Setting("deeplabv3plus", "voc_aug", encoder="tu-xception71"),
    Setting("deeplabv3plus", "voc_aug", encoder="resnet101"),
    Setting("deeplabv3plus", "cityscapes", encoder="tu-xception71"),
    Setting("deeplabv3plus", "helen", encoder="tu-xception71"),
    Setting("unet", "celebamask_hq", "face", encoder="resnet34"),
    Setting("unet", "celebamask_hq", "face", encoder="resnet50"),
    Setting("unet", "celebamask_hq", "face", encoder="mobilenet_v2"),
    Setting("unet", "cityscapes", encoder="resnet34"),
    Setting("unet", "cityscapes", encoder="resnet50"),
    Setting("unet", "cityscapes", encoder="mobilenet_v2"),
    Setting("deeplabv3plus", "celebamask_hq", "face", encoder="resnet34"),
    Setting("deeplabv3plus", "celebamask_hq", "face", encoder="resnet50"),
    Setting("deeplabv3plus", "celebamask_hq", "face", encoder="mobilenet_v2"),
    Setting("deeplabv3plus", "cityscapes", encoder="resnet34"),
    Setting("deeplabv3plus", "cityscapes", encoder="resnet50"),
    Setting("deeplabv3plus", "cityscapes", encoder="mobilenet_v2"),
)
def test_every_loss_trains_the_networks_of_the_paper(trained: Trained, loss: str) -> None:
    check_two_steps(trained, loss)
