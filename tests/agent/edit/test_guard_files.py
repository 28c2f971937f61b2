"""What guards make of a change of several files."""

import pytest

from agent.edit.files import Sources, guard_files
from agent.records.edits import Refused

START = Sources(
    {
        "train.py": "import torch\n\ntorch.manual_seed(1)\n",
        "model/net.py": "WIDTH = 8  # wide\n",
        "conf/a.yaml": "lr: 0.1\nseed: 3\n",
    }
)
RATE = START.with_file("conf/a.yaml", "lr: 0.2\nseed: 3\n")


def test_a_value_beside_a_renamed_or_reworded_python_file_is_no_seed() -> None:
    moved = RATE.without("model/net.py").with_file("model/web.py", "WIDTH = 8  # wide\n")
    assert guard_files(START, moved) is None
    assert guard_files(START, RATE.with_file("model/net.py", "WIDTH = 8  # wider\n")) is None


def test_a_seed_beside_a_value_of_another_file_is_one() -> None:
    seeded = RATE.with_text("import torch\n\ntorch.manual_seed(2)\n")
    refused = guard_files(START, seeded)
    assert isinstance(refused, Refused) and refused.reason == "seed-only"
    refused = guard_files(START, RATE.with_file("conf/a.yaml", "lr: 0.2\nseed: 4\n"))
    assert isinstance(refused, Refused)
    assert refused.where == "conf/a.yaml: the seed seed would change"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("run.sh", "python train.py --lr 0.1 --seed {}\n"),
        ("run.sh", "SEED={}\nexport PYTHONHASHSEED=0\n"),
        ("conf/a.ini", "[train]\nlr = 0.1\nseed = {}\n"),
        ("conf/two.yaml", "lr: 0.1\n---\nseed: {}\n"),
        ("conf/a.json", '// the run\n{{"lr": 0.1, "random_state": {}}}\n'),
        ("conf/command.yaml", "command: python train.py --seed={}\n"),
        ("kernel.cu", "int main() {{ srand({}); }}\n"),
        ("kernel.cpp", "std::mt19937 gen({});\n"),
        ("main.jl", "Random.seed!({})\n"),
        ("main.R", "set.seed({})\n"),
        ("train.ipynb", '{{"cells": [{{"source": ["torch.manual_seed({})\\n"]}}]}}\n'),
    ],
)
def test_a_seed_in_a_file_of_any_kind_is_one(path: str, text: str) -> None:
    start = Sources({"train.py": "X = 1\n", path: text.format(1)}, patterns=("train.py", path))
    lucky = start.with_file(path, text.format(2) + "\n").with_text("X = 2\n")
    refused = guard_files(start, lucky)
    assert isinstance(refused, Refused) and refused.reason == "seed-only"
    assert guard_files(start, start.with_text("X = 2\n")) is None


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("notes.md", "We planted 3 seeds in row 4.\n", "We planted 5 seeds in row 6.\n"),
        ("prompt.txt", "seed words: ten\n", "seed words: nine\n"),
        ("run.sh", "seed $SEED\nLR=1\n", "seed $SEED\nLR=2\n"),
        ("conf/a.ini", "seed = 1\nlr = 1\n", "lr = 2\nseed = 1\n"),
    ],
)
def test_a_text_that_chooses_no_other_seed_passes(path: str, old: str, new: str) -> None:
    start = Sources({"train.py": "X = 1\n", path: old}, patterns=("train.py", path))
    assert guard_files(start, start.with_file(path, new)) is None
