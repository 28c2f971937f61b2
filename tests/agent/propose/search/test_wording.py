"""A hypothesis says in words what changes: factors where factors matter, else both values."""

import pytest

from agent.edit.files import Sources
from agent.propose.search.wording import exact_changes, hypothesis_of, plain_name
from agent.records.proposals import Value
from agent.space import read_space

SPACE = read_space(
    """
DEPTH = 2  # [1 .. 8]
TOTAL_BATCH_SIZE = 2**10  # [512 .. 16384 pow2]
EMBEDDING_LR = 0.15  # [0.01 .. 2 log]
MATRIX_LR = 0.03  # [0.002 .. 0.2 log]
WEIGHT_DECAY = 0.05  # [0 .. 0.5]
WINDOW_PATTERN = "SSSL"  # [SSSL | SLSL]
"""
)


def told(**constants: Value) -> str:
    return hypothesis_of(SPACE, {**SPACE.default, **constants})


@pytest.mark.parametrize(
    ("constants", "text"),
    [
        ({"EMBEDDING_LR": 0.63}, "embedding rate ×4.2"),
        ({"TOTAL_BATCH_SIZE": 2**14}, "total batch size ×16"),
        ({"TOTAL_BATCH_SIZE": 512}, "total batch size ×0.5"),
        ({"EMBEDDING_LR": 0.1545}, "embedding rate ×1.03"),
        ({"EMBEDDING_LR": 0.1494}, "embedding rate ×0.996"),
        ({"DEPTH": 1}, "depth 2 → 1"),
        ({"WEIGHT_DECAY": 0.1}, "weight decay 0.05 → 0.1"),
        ({"WINDOW_PATTERN": "SLSL"}, "window pattern SSSL → SLSL"),
        ({}, "nothing changed"),
        ({"DEPTH": 1, "EMBEDDING_LR": 0.3}, "depth 2 → 1, embedding rate ×2"),
    ],
)
def test_one_or_a_few_changes(constants: dict[str, Value], text: str) -> None:
    # The largest step comes first, as a share of the range.
    assert sorted(told(**constants).split(", ")) == sorted(text.split(", "))


def test_of_many_changes_the_large_ones_are_named_and_the_others_counted() -> None:
    little = {"TOTAL_BATCH_SIZE": 2**10, "MATRIX_LR": 0.032, "WEIGHT_DECAY": 0.06, "DEPTH": 2}
    many = {**little, "EMBEDDING_LR": 0.63, "WINDOW_PATTERN": "SLSL", "DEPTH": 1}
    text = told(**many)
    assert text == (
        "window pattern SSSL → SLSL, embedding rate ×4.2, depth 2 → 1, 2 other constants a little"
    )


def test_the_exact_changes_name_the_constants_as_the_file_does() -> None:
    exact = exact_changes(SPACE, {**SPACE.default, "EMBEDDING_LR": 0.63, "DEPTH": 1})
    assert exact == "EMBEDDING_LR 0.15 → 0.63, DEPTH 2 → 1"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("EMBEDDING_LR", "embedding rate"),
        ("LR", "learning rate"),
        ("FINAL_LR_FRAC", "final rate fraction"),
        ("ADAM_BETA1", "adam beta1"),
        ("C", "C"),
        ("Config.n_layer", "Config.n_layer"),
        ("--lr", "--lr"),
    ],
)
def test_names_are_words_where_they_are_made_of_words(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_constants_of_several_files_go_by_the_shortest_name_that_is_theirs_alone() -> None:
    sources = Sources(
        {
            "train.py": "LR = 0.1  # [0.001 .. 1 log]\n",
            "conf/base.yaml": "optim:\n  lr: 0.1  # [0.001 .. 1 log]\n  beta: 0.9  # [0 .. 1]\n",
            "conf/small.yaml": "optim:\n  lr: 0.1  # [0.001 .. 1 log]\n",
        },
        patterns=("train.py", "conf/*.yaml"),
    )
    space = read_space(sources)

    def of(name: str, value: float) -> str:
        return hypothesis_of(space, {**space.default, name: value})

    assert of("LR", 0.2) == "learning rate ×2"
    assert of("conf/base.yaml:optim.beta", 0.5) == "optim.beta 0.9 → 0.5"
    assert of("conf/base.yaml:optim.lr", 0.2) == "base.yaml:optim.lr ×2"
    exact = exact_changes(space, {**space.default, "conf/small.yaml:optim.lr": 0.2})
    assert exact == "conf/small.yaml:optim.lr 0.1 → 0.2"
