"""A neutral perturbation moves every searched float by a millionth, and nothing else."""

import pytest

from agent.edit.files import Sources
from agent.space import read_constants, read_space
from agent.space.neutral import RELATIVE, moved_floats, perturbed

TRAIN = """\
LR = 0.1  # [0.01 .. 1 log]
MOMENTUM = 1.0  # [0.1 .. 1.0]
DECAY = 0.0  # [0 .. 1]
DEPTH = 4  # [1 .. 16]
SHIFT = -0.5  # [-1.0 .. -0.5]
SEED = 1
print('trained')
"""


def test_every_searched_float_is_moved_within_its_range() -> None:
    before = read_constants(TRAIN)
    texts = perturbed(Sources.of(TRAIN), {}, 1)
    assert list(texts) == ["train.py"]
    after = read_constants(texts["train.py"])
    moved = {name for name in before if before[name] != after[name]}
    assert moved == {"LR", "MOMENTUM", "SHIFT"}
    for name in moved:
        share = abs(float(after[name]) / float(before[name]) - 1)
        assert RELATIVE / 2.001 <= share <= RELATIVE * 1.001
    assert float(after["MOMENTUM"]) < 1, "1 is often the end of what is valid"
    assert -1 <= float(after["SHIFT"]) <= -0.5
    assert texts["train.py"].splitlines()[3:4] == TRAIN.splitlines()[3:4]


def test_each_seed_moves_them_another_way_and_always_the_same() -> None:
    space = read_space(TRAIN)
    assert moved_floats(space, 1) == moved_floats(space, 1)
    rates = {moved_floats(space, seed)["LR"] for seed in range(50)}
    assert len(rates) == 50


@pytest.mark.parametrize("code", ["DEPTH = 4\n", "RATE = 0.0\n", "def broken(:\n", ""])
def test_where_no_float_is_searched_there_is_no_perturbation(code: str) -> None:
    assert perturbed(Sources.of(code), {}, 1) == {}


def test_stated_ranges_and_other_files_count() -> None:
    sources = Sources(
        {"train.py": "import yaml\n", "conf.yaml": "optim:\n  lr: 0.25\n  warmup: 0.5\n"},
        patterns=("train.py", "conf.yaml"),
    )
    fixed = {"conf.yaml:optim.lr": "0.1 .. 0.5", "conf.yaml:optim.warmup": "fixed"}
    texts = perturbed(sources, fixed, 3)
    assert list(texts) == ["conf.yaml"]
    assert "warmup: 0.5\n" in texts["conf.yaml"]
    assert "lr: 0.25000" in texts["conf.yaml"]
