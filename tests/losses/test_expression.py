"""The language of training objectives."""

import contextlib
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from losslab.errors import DataError, LosslabError, SpecError
from losslab.losses import LOSSES, build_loss, canonical, parse
from losslab.losses.objective import option_parameters
from tests.losses.cases import EXPRESSIONS, in_turn, objective_of, random_case


@in_turn(
    "text, meaning",
    [
        ("ce", "ce"),
        (" dice+ce ", "dice + ce"),
        ("1.0*ce + 4e-4*iou", "ce + 0.0004*iou"),
        ("iou*2", "2*iou"),
        ("0.5*(ce + dice)", "0.5*ce + 0.5*dice"),
        ("2*3*ce", "6*ce"),
        ("-ce + -0.5*dice", "-1*ce + -0.5*dice"),
        ("focal(gamma=2.0)", "focal"),
        ("focal(gamma=3.0)", "focal(gamma=3)"),
        ("iou(smooth=1, per='image')", "iou(per='image', smooth=1)"),
        ("focal(one_vs_all=True, gamma=1)", "focal(gamma=1, one_vs_all=True)"),
        ("ce()", "ce"),
    ],
)
def test_an_expression_has_one_canonical_spelling(text, meaning):
    assert canonical(text) == meaning
    assert canonical(meaning) == meaning


@given(
    weights=st.lists(
        st.floats(1e-6, 1e6, allow_nan=False), min_size=len(LOSSES), max_size=len(LOSSES)
    ),
    gamma=st.floats(0, 10),
)
def test_the_canonical_spelling_means_the_same(weights, gamma):
    names = [name if name != "focal" else f"focal(gamma={gamma!r})" for name in LOSSES]
    text = " + ".join(f"{weight!r}*{name}" for weight, name in zip(weights, names, strict=True))
    assert parse(canonical(text)) == parse(text)


@in_turn(
    "text, words",
    [
        ("dize", "unknown loss 'dize': one of ce, focal, iou, dice"),
        ("dize", "did you mean 'dice'?"),
        ("dice(smoth=1)", "unknown option of 'dice' 'smoth': one of per, average"),
        ("ce(smooth=1)", "unknown option of 'ce' 'smooth': one of none"),
        ("dice(per='pixel')", "option 'per' of 'dice': Input should be 'batch' or 'image'"),
        ("dice(smooth=-1)", "option 'smooth' of 'dice'"),
        ("dice(smooth='1')", "option 'smooth' of 'dice'"),
        ("dice(smooth=True)", "option 'smooth' of 'dice'"),
        ("focal(gamma=(1, 2))", "got (1, 2)"),
        ("focal(one_vs_all=1)", "option 'one_vs_all' of 'focal'"),
        ("dice(1)", "by name"),
        ("dice(**{})", "by name"),
        ("dice(per=batch)", "a number, a text, True, False, None or a tuple"),
        ("0*ce", "not 0"),
        ("1e999*ce", "finite"),
        ("True*ce", "number*loss"),
        ("2j*ce", "number*loss"),
        ("ce - dice", "joined by +"),
        ("ce/2", "joined by +"),
        ("ce*dice", "joined by +"),
        ("3", "joined by +"),
        ("ce + 3", "joined by +"),
        ("ce.__class__", "joined by +"),
        ("__import__('os')", "unknown loss '__import__'"),
        ("ce if 1 else dice", "joined by +"),
        ("ce + ce", "twice"),
        ("ce +", "no expression"),
        ("ce; dice", "no expression"),
        ("", "an expression such as"),
        ("ce(", "no expression"),
        ("(" * 500 + "ce" + ")" * 500, "no expression"),
    ],
)
def test_a_mistake_is_one_error_that_names_it_and_the_choices(text, words):
    with pytest.raises(SpecError, match=re.escape(words)) as error:
        parse(text)
    assert str(error.value).startswith("loss: ")


@given(st.text(alphabet="ce+*()-.,=1d'iou \n", max_size=30))
def test_no_text_raises_anything_but_our_own_error(text):
    with contextlib.suppress(LosslabError):
        parse(text)


@in_turn("expression", EXPRESSIONS)
@in_turn("num_classes", [1, 4])
def test_the_terms_add_up_to_the_objective(expression, num_classes):
    logits, labels = random_case(num_classes)
    objective = objective_of(expression, num_classes)
    terms = objective.terms(logits, labels)
    assert tuple(terms) == objective.names == tuple(map(str, parse(expression)))
    assert float(sum(terms.values())) == pytest.approx(float(objective(logits, labels)))


def test_terms_that_share_a_pass_give_what_they_give_alone():
    logits, labels = random_case(4)
    terms = build_loss("2*dice + ce + focal + 3*focal(gamma=1)", 4).terms(logits, labels)
    for name, value in terms.items():
        alone = build_loss(name, 4)(logits, labels)
        assert float(value) == pytest.approx(float(alone), rel=1e-12)


def test_an_objective_shows_its_expression():
    assert "'ce + 2*iou', num_classes=3" in repr(build_loss("ce+2*iou", 3))


@in_turn("num_classes", [0, -1, 256])
def test_the_number_of_classes_has_to_fit_the_labels(num_classes):
    with pytest.raises(SpecError, match="num_classes: 1"):
        build_loss("ce", num_classes)


def test_tensors_that_do_not_fit_are_errors_that_name_the_shapes():
    logits, labels = random_case(3)
    objective = build_loss("dice", 3)
    with pytest.raises(DataError, match=r"logits: shape \(n, 3, h, w\)"):
        objective(logits[:, :2], labels)
    with pytest.raises(DataError, match=r"labels \(n, h, w\)"):
        objective(logits, labels[:, 1:])
    with pytest.raises(DataError, match="integer"):
        objective(logits, labels.double())


def test_every_loss_takes_its_options_by_keyword_alone_and_they_have_defaults():
    for loss in LOSSES.values():
        for parameter in option_parameters(loss).values():
            assert parameter.default is not parameter.empty


def test_an_objective_is_a_module_without_state():
    objective = build_loss("dice + ce", 3)
    assert not objective.state_dict()
    assert isinstance(objective, torch.nn.Module)
