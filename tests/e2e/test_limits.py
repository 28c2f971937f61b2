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
    home = repository(tmp_path, "20 .. 30")
    words = ("--model", "none", "--method", "random", "--trials", "2", "--budget", "2s")
    done = type_in(home, "start", *words, "--tag", "t")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "no training keeps to the budget, for nothing reads AUTORESEARCH_BUDGET" in said
    assert "trainings end by themselves after 0." in said
    assert statuses(home) == ["baseline", "over-limit", "over-limit"]
    judged = ledger(home)[1]
    assert "and had not ended, where the baseline takes 0." in judged["reason"]
    assert "the incumbent took 0." in judged["reason"]
    again = type_in(home, "resume", "t", "--trials", "1")
    assert again.returncode == 0, again.stderr
    state = json.loads(type_in(home, "status", "--json").stdout)
    assert (state["budget"], state["counts"]["over-limit"]) == ("limit 1.1x", 3)
