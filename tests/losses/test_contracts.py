"""Cards say what losses do: facts that are known from elsewhere come out by measuring."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from losslab.losses import build_loss
from losslab.losses.contracts import LossCard, loss_card
from losslab.losses.contracts.pictures import CENTRE, plausible_logits, standard_labels
from losslab.losses.contracts.sentences import (
    read_dependence,
    read_gradients,
    read_limits,
    read_responses,
)
from losslab.losses.contracts.sweeps import gradient_maps, loss_functions, sweep
from losslab.losses.contracts.tables import (
    dependence_table,
    differences,
    errors_table,
    facts,
    limits_table,
    responses_table,
)
from losslab.losses.situations import Situation

SURE = "p = 0.99"


@cache
def card(loss: object, num_classes: int = 4, *, name: str | None = None) -> LossCard:
    return loss_card(loss, num_classes=num_classes, name=name, largest_size=32)


def mean_square(logits: Tensor, labels: Tensor) -> Tensor:
    """Half-trained users write such losses: void counts, and 255 is a number."""
    truth = labels.clamp(max=logits.shape[1] - 1)
    one_hot = torch.nn.functional.one_hot(truth, logits.shape[1]).permute(0, 3, 1, 2)
    return ((logits.softmax(1) - one_hot) ** 2).mean()


def test_the_level_set_energy_is_the_same_for_a_prediction_and_its_opposite() -> None:
    found = card("levelset", 1)
    assert found.get("invariances", "P to 1 - P", "holds") is True
    inverted = found.get("responses", f"inverted, {SURE}")
    assert inverted == pytest.approx(found.get("responses", f"perfect, {SURE}"), abs=1e-4)
    step = found.get("responses", "inverted, p = 0.6", "p(true) after a step")
    assert step == "falls"


def test_cross_entropy_tells_a_prediction_from_its_opposite() -> None:
    found = card("ce", 1)
    assert found.get("invariances", "P to 1 - P", "holds") is False
    assert facts(found)["a step does not raise p(true) at"] == "none"


@pytest.mark.parametrize("num_classes", [11, 19])
def test_the_level_set_loss_has_no_gradient_to_speak_of_at_the_start_with_many_classes(
    num_classes: int,
) -> None:
    case = ("path", "from uniform to the label", "gradient at uniform / peak")
    assert card("levelset", num_classes).get(*case) < 1e-6
    assert card("dice", num_classes).get(*case) > 0.01


def test_a_hole_at_the_deepest_pixel_costs_the_distance_loss_nothing() -> None:
    missed = ("errors", "deepest pixel of the disc missed", "cost")
    rim = ("errors", "pixel at the disc's rim missed", "cost")
    found = card("distance", 1)
    assert found.get(*missed) == pytest.approx(0, abs=1e-6)
    assert found.get(*rim) > 1e-3
    assert card("iou", 1).get(*missed) == pytest.approx(card("iou", 1).get(*rim), rel=1e-4)


def test_the_deepest_pixel_has_no_gradient_in_the_distance_loss() -> None:
    labels = standard_labels(1)
    logits = torch.zeros(1, 1, *labels.shape[1:], requires_grad=True)
    build_loss("distance", 1)(logits, labels).backward()
    gradient = logits.grad[0, 0].abs()
    assert gradient[CENTRE] == 0
    assert (gradient[labels[0] == 1] == 0).sum() == 1


def test_binary_iou_of_an_empty_picture_is_1_without_a_gradient() -> None:
    found = card("iou", 1)
    case = "background only, none predicted else"
    assert found.get("extremes", case) == 1
    assert found.get("extremes", case, "gradient") == 0
    assert card("ce", 1).get("extremes", case, "gradient") > 0


def test_sums_over_the_batch_hide_an_object_that_sums_over_images_show() -> None:
    missed = ("batch", "one found, one missed")
    batch, image = card("iou", 1), card('iou(per="image")', 1)
    assert batch.get(*missed, "together") == pytest.approx(0.005, abs=1e-6)
    assert image.get(*missed, "together") == pytest.approx(0.5, abs=1e-6)
    assert batch.get(*missed, "computed per") == "batch"
    assert image.get(*missed, "computed per") == "image, averaged"
    summed = card('iou(per="image", reduction="sum")', 1)
    assert summed.get(*missed, "computed per") == "image, summed"
    assert facts(card("ce", 1))["batch"] == "mean over pixels"


def test_ours_do_not_fade_as_absent_classes_are_added() -> None:
    case = ("class count", "one class, all wrong, 19 classes")
    assert card("dice").get(*case) == pytest.approx(1, abs=1e-6)
    assert card('dice(absent="zero")').get(*case) == pytest.approx(1 / 19, abs=1e-6)


def test_cross_entropy_at_the_uniform_prediction_is_log_c_at_every_size_and_void_share() -> None:
    found = card("ce")
    assert found.get("responses", "uniform") == pytest.approx(math.log(4))
    assert facts(found)["4x the size"] == "the same"
    assert facts(found)["half void"] == "the same"
    assert facts(found)["void pixels"] == "count nowhere"


def test_a_loss_that_counts_void_pixels_is_found_out() -> None:
    found = card(mean_square)
    assert found.name == "mean_square"
    assert found.get("void", "logits under void", "enters the value") is True
    assert found.get("void", "logits under void", "gets a gradient") is True
    assert "NaN there spreads" in facts(found)["void pixels"]


def test_a_loss_that_raises_has_the_first_sentence_of_its_error_in_that_cell_only() -> None:
    def picky(logits: Tensor, labels: Tensor) -> Tensor:
        if (labels == 255).any():
            raise ValueError("255 is no class. Ask somebody else.")
        return mean_square(logits, labels)

    found = card(picky)
    assert found.get("extremes", "all void") == "raises ValueError: 255 is no class"
    assert found.get("extremes", "all void", "finite") == "raises ValueError: 255 is no class"
    assert found.get("extremes", "a class absent", "finite") is True
    assert "all void (raises)" in facts(found)["no finite answer to"]


def test_half_precision_that_overflows_is_found_at_its_size() -> None:
    def summed(logits: Tensor, labels: Tensor) -> Tensor:
        p = logits.softmax(1).gather(1, labels[:, None])
        return 1 - p.sum() / p.numel()

    found = loss_card(summed, num_classes=4, largest_size=512, seconds=60)
    # 256 x 256 pixels of mean p(true) 0.79 sum to 52 000; four times as many exceed 65 504.
    assert found.get("half precision", "float16", "first wrong size") == 512
    assert found.get("half precision", "bfloat16", "first wrong size") is None


def test_a_value_that_is_wrong_but_finite_in_half_precision_is_found() -> None:
    def rounded(logits: Tensor, labels: Tensor) -> Tensor:
        half = logits.dtype == torch.float16
        return mean_square(logits.float(), labels) * (1.02 if half else 1.0)

    found = loss_card(rounded, num_classes=4, largest_size=32)
    assert found.get("half precision", "float16", "first wrong size") == 32
    assert found.get("half precision", "bfloat16", "first wrong size") is None


@pytest.mark.parametrize("num_classes", [1, 2, 4, 21])
def test_cross_entropy_passes_every_question_with_any_number_of_classes(num_classes: int) -> None:
    found = card("ce", num_classes)
    assert not [r for r in found.readings if str(r.value).startswith("raises")]
    holds = [r.value for r in found.readings if r.quantity == "holds" and r.case != "P to 1 - P"]
    assert set(holds) <= {True, None}
    assert facts(found)["no finite answer to"] == "none"


def test_an_objective_and_its_expression_have_the_same_card() -> None:
    one, other = card("dice + ce"), card(build_loss("dice + ce", 4))
    assert one == other


def test_a_card_of_a_function_of_the_user_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_card_losses.py").write_text(
        "def halved(logits, labels):\n    return 0.5 * logits.softmax(1)[:, 0].mean()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = card("my_card_losses:halved")
    assert found.get("responses", "uniform") == pytest.approx(0.125)


def test_a_card_is_a_tidy_table_and_reads_as_markdown() -> None:
    found = card("iou")
    frame = found.to_frame()
    assert list(frame) == ["loss", "num_classes", "section", "case", "quantity", "value", "text"]
    assert len(frame) == len(found.readings)
    assert not frame.duplicated(["section", "case", "quantity"]).any()
    low = frame.query("section == 'range' and quantity == 'smallest'")["value"].item()
    assert 0 <= low < 0.01
    text = found._repr_markdown_()
    assert text.startswith("**iou** (4 classes)")
    assert "| shifted" in text
    assert "picture moved by 3 pixels" in text


def test_a_cell_that_is_not_on_the_card_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"perfect, p = 0\.99"):
        card("ce").get("responses", "perfct")


def test_the_tables_have_a_row_for_each_card_and_the_sentences_name_them() -> None:
    cards = [card("ce", 1), card("levelset", 1), card("iou", 1)]
    for make in (responses_table, errors_table, dependence_table, limits_table):
        table = make(cards)
        assert list(table["loss"]) == ["ce", "levelset", "iou"]
        assert not table.isna().any().any()
    assert "lowers p(true): levelset;" in read_responses(cards)
    assert read_dependence(cards) == "Sums run over the whole batch in iou."
    assert read_limits(cards).startswith("Wrong or refused in half precision: none;")


def test_what_sets_two_cards_apart_is_said_and_equal_cards_are_called_equal() -> None:
    batch, image = card("iou", 1), card('iou(per="image")', 1, name="by image")
    words = differences(image, batch)
    assert words == "by image, unlike iou: batch: mean over images."
    assert differences(batch, batch) == "iou: no difference from iou was found."


def test_the_standard_picture_is_the_same_under_each_number_of_classes_but_for_its_objects() -> (
    None
):
    for num_classes, present in ((1, 2), (2, 2), (3, 3), (4, 4), (21, 4)):
        labels = standard_labels(num_classes)
        assert labels.unique().tolist() == list(range(present))
        assert plausible_logits(num_classes).shape == (1, num_classes, 32, 32)


def test_a_sweep_has_a_value_for_each_loss_and_step_and_grows_with_the_shift() -> None:
    functions = loss_functions(["ce", "dice"])
    table = sweep(functions, Situation(size=32), "shift", [0, 4, 8])
    assert len(table) == 6
    for _, rows in table.groupby("loss"):
        assert rows["value"].is_monotonic_increasing


def test_it_is_said_which_losses_leave_the_deepest_pixel_alone() -> None:
    situation = Situation(size=32, hole=3)
    maps = gradient_maps(loss_functions(["ce", "distance"]), situation)
    assert "deepest pixel distance; on the background" in read_gradients(maps, situation)


def test_gradient_maps_push_up_on_the_object_and_down_off_it() -> None:
    situation = Situation(size=32, hole=3, shift=2)
    for gradient in gradient_maps(loss_functions(["ce", "iou", "dice"]), situation).values():
        assert (gradient[situation.object()] < 0).all()
        assert (gradient[~situation.object()] > 0).all()
