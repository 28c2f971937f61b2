"""What the examples' own evaluators accept, and what they refuse."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.examples.test_examples import EXAMPLES, copied

HELPERS = Path(__file__).parent.parent.parent / "sandbox" / "score" / "evaluator" / "inside"


def evaluator(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load an example's evaluate.py, as it finds its helper in a sandbox."""
    monkeypatch.syspath_prepend(str(HELPERS))
    spec = importlib.util.spec_from_file_location("evaluate", EXAMPLES / name / "evaluate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def grid() -> np.ndarray:
    """Return 26 circles on a grid of 6 by 6 that touch."""
    places = (np.arange(6) + 0.5) / 6
    centres = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)[:26]
    return np.column_stack([centres, np.full(26, 1 / 12)])


@pytest.mark.parametrize(
    ("row", "column", "value", "fault"),
    [
        (0, 2, 1 / 12, ""),
        (7, 2, 0.09, "overlap"),
        (0, 0, 0.08, "leaves the square"),
        (3, 2, -0.01, "negative"),
        (3, 2, float("nan"), "finite"),
    ],
)
def test_only_a_valid_packing_has_a_sum(
    monkeypatch: pytest.MonkeyPatch, row: int, column: int, value: float, fault: str
) -> None:
    circles = grid()
    circles[row, column] = value
    told = evaluator("packing", monkeypatch).fault_of(circles)
    assert fault in told and bool(fault) == bool(told)
    assert "26 circles" in evaluator("packing", monkeypatch).fault_of(circles[:25])


def test_the_packing_it_starts_with_is_valid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = copied("packing", tmp_path)
    subprocess.run([sys.executable, "pack.py"], cwd=place, check=True)
    circles = np.array(json.loads((place / "packing.json").read_text()))
    assert evaluator("packing", monkeypatch).fault_of(circles) == ""
    assert 2 < circles[:, 2].sum() < 2.636
