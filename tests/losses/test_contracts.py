"""Cards say what losses do: facts that are known from elsewhere come out by measuring."""

import math
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from losslab.errors import SpecError
from losslab.losses import build_loss
from losslab.losses.contracts import LossCard, loss_card
from losslab.losses.contracts.pictures import CENTRE, plausible_logits, standard_labels
from losslab.losses.contracts.sentences import (
    read_card,
    read_dependence,
    read_errors,
    read_gradients,
    read_limits,
    read_responses,
    read_sweeps,
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
from losslab.losses.edges import random_edge_net
from losslab.losses.situations import Situation

SURE = "p = 0.99"
NEAR_UNIFORM = ("path", "from near uniform to the label", "gradient near uniform / peak")


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
    assert card("levelset", num_classes).get(*NEAR_UNIFORM) < 1e-6
    assert card("dice", num_classes).get(*NEAR_UNIFORM) > 0.01


def test_the_level_set_loss_has_a_gradient_at_the_start_with_two_classes_or_a_wide_step() -> None:
    assert card("levelset", 2).get(*NEAR_UNIFORM) > 1e-3
    # The arctangent's step has tails: little in relation to its peak, but far more than nothing.
    wide = card('levelset(heaviside="arctan")', 19).get(*NEAR_UNIFORM)
    assert wide > 1000 * card("levelset", 19).get(*NEAR_UNIFORM)


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


def test_a_loss_that_costs_nothing_in_one_picture_is_not_called_a_sum_over_images() -> None:
    assert facts(card("active_boundary"))["batch"] == "pixels pooled over it"


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


def raising(logits: Tensor, labels: Tensor) -> Tensor:
    raise ValueError("not today")


def nowhere(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.sum() * math.nan


@pytest.mark.parametrize(
    ("loss", "words"), [(raising, "raises ValueError: not today"), (nowhere, "not finite")]
)
def test_a_loss_that_never_answers_gets_no_reassuring_fact(loss: Callable, words: str) -> None:
    found = facts(card(loss))
    assert found.pop("no finite answer to").startswith((words, "all void; all void but one"))
    assert {name: fact for name, fact in found.items() if words not in fact} == {}
    assert "absent classes alter the value of none" in read_dependence([card(loss)])
    assert "Raises or is not finite somewhere" in read_dependence([card(loss)])
    assert read_limits([card(loss)]).count(loss.__name__) == 2


def test_a_loss_that_raises_keeps_its_place_in_maps_and_sweeps() -> None:
    functions = loss_functions([raising, "ce"])
    maps = gradient_maps(functions, Situation(size=32))
    assert maps["raising"] == "raises ValueError: not today"
    assert "somewhere: raising" in read_gradients(maps, Situation(size=32))
    table = sweep(functions, Situation(size=32), "shift", [0, 3])
    assert table.groupby("loss")["error"].first().to_dict() == {
        "raising": maps["raising"],
        "ce": "",
    }
    assert "somewhere: raising" in read_sweeps(table)


def test_directions_are_not_those_of_rounding() -> None:
    steps = "p(true) after a step"
    found = card("levelset", 1)
    assert found.get("responses", "empty, p = 0.6", steps) != "falls"

    def of_float32(logits: Tensor, labels: Tensor) -> Tensor:
        return (1 - 1e-5 * logits.float()).mean() + 3 * logits.float()[..., 0, 0].sum()

    assert card(of_float32).get("responses", "empty, p = 0.6", steps) == "stays"


def test_other_class_counts_are_asked_about_only_where_there_is_an_edge_net() -> None:
    case = ("class count", "one class, all wrong, {} classes")
    nets = {4: random_edge_net(4), 8: random_edge_net(8)}
    found = loss_card("semeda", edge_net=nets, largest_size=32)
    assert found.name == "semeda"
    assert found.get(case[0], case[1].format(8)) > 0
    assert found.get(case[0], case[1].format(19)) is None
    assert facts(found)["absent classes added"] == "–"


def test_a_card_without_an_edge_net_says_that_its_weights_are_random() -> None:
    found = loss_card("semeda", largest_size=32)
    assert found.name == "semeda (EdgeNet with random weights)"
    assert found.get("class count", "one class, all wrong, 19 classes") > 0


def test_an_objective_keeps_its_edge_net_and_the_losses_it_was_given() -> None:
    net = random_edge_net(4)
    found = loss_card(
        build_loss("semeda + mine", 4, edge_net=net, losses={"mine": mean_square}), largest_size=32
    )
    assert found.name == "semeda + mine"
    own = loss_card(build_loss(mean_square, 4), largest_size=32)
    plain = card(mean_square).to_frame().query("section == 'responses'")
    assert own.to_frame().query("section == 'responses'")["text"].equals(plain["text"])


@pytest.mark.parametrize(
    ("loss", "num_classes", "words"),
    [
        (None, 4, "a function of logits and labels, got None"),
        (torch.nn.MSELoss, 4, "is a class"),
        ("ce", 0, "num_classes: a whole number, 1"),
        ("ce", 256, "num_classes: a whole number, 1"),
    ],
)
def test_what_is_no_loss_or_no_number_of_classes_is_refused(
    loss: object, num_classes: Any, words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        loss_card(loss, num_classes=num_classes)


def test_functions_without_a_name_of_their_own_are_named_and_told_apart() -> None:
    def scaled(logits: Tensor, labels: Tensor, *, by: int = 1) -> Tensor:
        return by * mean_square(logits, labels)

    losses = [partial(scaled, by=2), lambda x, y: x.mean(), lambda x, y: x.sum()]
    assert list(loss_functions(losses)) == ["scaled(by=2)", "lambda", "lambda (2)"]


def test_the_range_leaves_out_the_extreme_inputs() -> None:
    assert card("ce").get("range", "all predictions", "largest") < 100
    assert facts(card("ce"))["seen on the standard picture"].startswith("0.0101 to ")


def test_half_precision_that_overflows_is_found_at_its_size() -> None:
    def summed(logits: Tensor, labels: Tensor) -> Tensor:
        p = logits.softmax(1).gather(1, labels[:, None])
        return 1 - p.sum() / p.numel()

    found = loss_card(summed, num_classes=4, largest_size=512)
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
    assert low == pytest.approx(found.get("responses", f"perfect, {SURE}"))
    text = found._repr_markdown_()
    assert card("0.5*ce + 2*iou")._repr_markdown_().startswith(r"**0.5\*ce + 2\*iou**")
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
    free = "Costs at most 1 % of the dearest single pixel:"
    assert f"{free} deepest pixel of the disc missed: distance." in read_errors(
        [card("distance", 1)]
    )
    assert f"{free} none." in read_errors([card("dice", 4)])
    assert read_card(cards[0]).startswith("ce, binary: 0.0101 to ")
    assert "lowers p(true): levelset;" in read_responses(cards)
    assert read_dependence(cards) == "Pixels are pooled over the whole batch in iou."
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
    assert "deepest pixel: distance; on the background" in read_gradients(maps, situation)


def test_gradient_maps_push_up_on_the_object_and_down_off_it() -> None:
    situation = Situation(size=32, hole=3, shift=2)
    for gradient in gradient_maps(loss_functions(["ce", "iou", "dice"]), situation).values():
        assert (gradient[situation.object()] < 0).all()
        assert (gradient[~situation.object()] > 0).all()
