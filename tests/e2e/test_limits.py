"""More epochs are no better score: a night on a training that ends by itself, and reads nothing."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import git, ledger, statuses, type_in

TRAIN = """
import time
EPOCHS = 3
LR = 0.1
for epoch in range(EPOCHS):
    time.sleep(0.1)
print("---")
print("val_bpb:", 1 + 1 / EPOCHS + 0 * LR)
"""
SETTINGS = '[ranges]\nEPOCHS = "{ranges}"\nLR = "fixed"\n'


def repository(folder: Path, ranges: str) -> Path:
    (folder / "train.py").write_text(TRAIN)
    (folder / "autoresearch.toml").write_text(SETTINGS.format(ranges=ranges))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "start")
    return folder


@pytest.mark.slow
def test_more_epochs_are_over_the_limit(tmp_path: Path) -> None:
    home = repository(tmp_path, "80 .. 99")
    words = ("--model", "none", "--method", "random", "--trials", "2", "--budget", "2s")
    done = type_in(home, "start", *words, "--tag", "t")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "no training keeps to the budget; nothing reads AUTORESEARCH_BUDGET" in said
    assert "trainings end by themselves after 0." in said
    assert statuses(home) == ["baseline", "over-limit", "over-limit"]
    judged = ledger(home)[1]
    assert "and had not ended, where the baseline takes 0." in judged["reason"]
    assert "the incumbent took 0." in judged["reason"]
    again = type_in(home, "resume", "t", "--trials", "1")
    assert again.returncode == 0, again.stderr
    state = json.loads(type_in(home, "status", "--json").stdout)
    assert (state["budget"], state["counts"]["over-limit"]) == ("limit 1.1x", 3)


EXACT = """
import time
WIDTH = 2
time.sleep(WIDTH * 0.5)
print("val_bpb:", 1 / WIDTH)
"""


@pytest.mark.slow
def test_a_jump_that_took_too_long_is_over_its_limit_where_nothing_moves_the_score(
    tmp_path: Path,
) -> None:
    """It is implausible, so it is measured twice before its time is looked at."""
    home = repository(tmp_path, "4 .. 5")
    (home / "train.py").write_text(EXACT)
    (home / "autoresearch.toml").write_text('[ranges]\nWIDTH = "3 .. 5"\n')
    git(home, "commit", "-qam", "exact")
    done = type_in(home, "start", "--model", "none", "--method", "random", "--trials", "1")
    assert done.returncode == 0, done.stderr
    assert statuses(home) == ["baseline", "over-limit"]
