"""Rahman & Wang 2016 and van Beers 2018: one object against the rest."""

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
    Setting("fcn_alexnet32s", "voc2010", "aeroplane"),
    Setting("fcn_alexnet32s", "voc2011", "person"),
    Setting("fcn_alexnet32s", "camvid", "Building"),
    Setting("bfcn32s", "lfw_parts", "face"),
    Setting("bfcn32s", "helen", "face_without_hair"),
    Setting("fcresnet", "lfw_parts", "face_without_hair"),
    Setting("fcresnet", "helen", "face"),
)
def test_every_loss_trains_the_networks_of_the_paper(trained: Trained, loss: str) -> None:
    check_two_steps(trained, loss)
