"""Prints, as JSON, how far compiled objectives are from eager ones, on usual and extreme inputs.

A program of its own: torch.compile cannot see through the shape checks that pytest puts around
every function of the package.
"""

import json
import math

import torch

from tests.losses.cases import NAMES, objective_of, random_case

CASES = [
    *[(name, num_classes, "aot_eager", "float32") for name in NAMES for num_classes in (1, 4)],
    ("dice + ce", 4, "aot_eager", "bfloat16"),
    ("dice + ce", 4, "aot_eager", "float16"),
    ("distance(confident=0.4) + jaccard_distance + levelset", 4, "aot_eager", "float32"),
    ("combo(per='image') + 0.5*focal(gamma=1)", 4, "inductor", "float32"),
]


def loss_and_gradient(function, logits, labels):
    logits = logits.clone().requires_grad_()
    loss = function(logits, labels)
    loss.backward()
    return loss.detach(), logits.grad.float()


def difference(expression, num_classes, backend, kind):
    """Difference of the losses plus the largest of the gradients over all inputs, NaN where one is
    not finite; the graph is compiled as a whole.
    """
    torch.compiler.reset()
    logits, labels = random_case(num_classes)
    logits = logits.to(getattr(torch, kind))
    objective = objective_of(expression, num_classes)
    compiled = torch.compile(objective, backend=backend, fullgraph=True)
    worst = 0.0
    for case in extremes(logits, labels):
        ours = loss_and_gradient(compiled, *case)
        expected = loss_and_gradient(objective, *case)
        scale = max(1.0, abs(float(expected[0])))
        apart = [float((a - b).abs().max()) / scale for a, b in zip(ours, expected, strict=True)]
        if not all(map(math.isfinite, apart)):
            return math.nan
        worst = max(worst, sum(apart))
    return worst


def extremes(logits, labels):
    """The case itself, then of its shape: all void, one class alone, certain and wrong, uniform."""
    yield logits, labels
    yield logits, torch.full_like(labels, 255)
    yield logits, torch.zeros_like(labels)
    yield 1e4 * logits.sign(), labels
    yield torch.zeros_like(logits), labels


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({" ".join(map(str, case)): difference(*case) for case in CASES}))
