"""The benchmark of proposers, in small: its ladder holds, and its nights are told."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.edit import Applied, apply
from benchmarks import ladder
from benchmarks.proposers import ARMS, Night, interval, night

pytestmark = pytest.mark.slow


def trained(folder: Path, made: list[str]) -> float:
    """Return the error with some of the improvements."""
    source = ladder.TRAIN
    for name in made:
        applied = apply(source, ladder.RUNGS[name])
        assert isinstance(applied, Applied), applied
        source = applied.source
    assert ladder.climbed(source) == set(made)
    (folder / "prepare.py").write_text(ladder.PREPARE)
    (folder / "train.py").write_text(source)
    command = [sys.executable, "train.py"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    error = re.search(r"error: (\S+)", done.stdout)
    assert error
    return float(error[1])


def test_each_rung_helps_alone_and_all_help_together(tmp_path: Path) -> None:
    start = trained(tmp_path, [])
    assert start == pytest.approx(ladder.START, abs=0.05)
    for name in ladder.RUNGS:
        assert trained(tmp_path, [name]) < start - 0.01, name
    assert trained(tmp_path, list(ladder.RUNGS)) == pytest.approx(ladder.END, abs=0.02)


def test_an_interval_covers_the_mean_of_equal_values_exactly() -> None:
    assert interval([0.5, 0.5, 0.5]) == "+0.50 ± 0.00"
    draw = random.Random(1)
    assert re.fullmatch(r"[+-]0\.\d\d ± 0\.\d\d", interval([draw.random() for _ in range(9)]))


@pytest.mark.parametrize("arm", ["base", "looking"])
def test_a_short_night_is_worked_and_told(arm: str) -> None:
    made: Night = night("good", ARMS[arm], 1, 3)
    assert len(made.gains) == 4 and made.statuses["baseline"] == 1
    assert made.questions >= 3 and made.rungs <= set(ladder.RUNGS)
    assert (made.looks > 0) == (arm == "looking")
