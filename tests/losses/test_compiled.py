"""Compiled objectives compute what eager ones do, in one graph."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import losslab.losses  # noqa: F401  (registers the operators)
from tests.losses.cases import random_case
from tests.losses.compiled import CASES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def differences():
    command = [sys.executable, "-m", "tests.losses.compiled"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(map(str, case)))
def test_compiled_equals_eager(case, differences):
    assert differences[" ".join(map(str, case))] < 1e-6


@pytest.mark.parametrize("num_classes", [1, 3])
def test_the_operator_obeys_the_rules_of_autograd_and_the_compiler(num_classes):
    logits, labels = random_case(num_classes, size=(3, 4))
    inputs = (logits.requires_grad_(), labels, None, [0.0, 2.0], [0, 1], [0.0, 0.1])
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.losslab.region_sums.default, inputs, test_utils=checks)
