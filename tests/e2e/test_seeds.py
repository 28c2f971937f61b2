"""Which seeds move from run to run is said by file and line, and the owner's data may stay."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import git, ledger, type_in

DATA = """import random


def make_data():
    rng = random.Random("data")
    return [rng.random() for _ in range(50)]
"""
FIT = """import random
from data import make_data

LR = 0.3  # [0.01 .. 1]
rows = make_data()
random.seed(5)
start = random.random()
print(f"data: {sum(rows):.9f}")
print(f"loss: {(LR - 0.1) ** 2 + start / 100:.9f}")
"""
TOML = 'train = "fit.py"\nmetric = "loss"\nalso = ["data"]\n'


@pytest.mark.slow
@pytest.mark.parametrize("keeps", [False, True])
def test_data_that_a_script_makes_stays_where_its_owner_says_so(
    tmp_path: Path, keeps: bool
) -> None:
    setting = 'keep_seeds = ["data.py:make_data"]\n' if keeps else ""
    files = {"data.py": DATA, "fit.py": FIT, "autoresearch.toml": TOML + setting}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "start")
    moves = "shifted with the seed: random.Random (data.py:5), random.seed (fit.py:6)"
    if keeps:
        moves = "shifted with the seed: random.seed (fit.py:6); kept as they are: random.Random"
    noise = type_in(tmp_path, "noise", "--json", "--trust")
    assert json.loads(noise.stdout)["seeds"].startswith(moves), noise.stderr
    words = ("start", "--model", "none", "--trials", "1", "--budget", "1steps", "--trust")
    done = type_in(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert moves in " ".join((done.stdout + done.stderr).split())
    scores = ledger(tmp_path)[0]["result"]["scores"]
    assert len(scores) == 3
    assert len({score["value"] for score in scores}) == 3
    assert len({score["also"]["data"] for score in scores}) == (1 if keeps else 3)
