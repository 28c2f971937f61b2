"""Presets name constants that exist, and the sizes that they set divide each other."""

import ast
from pathlib import Path

import pytest

from agent.edit import Applied, apply
from agent.project.presets import PREPARE, PRESETS, RANGES, TRAIN

ROOT = Path(__file__).parents[3]


def constants(preset: str, name: str) -> dict[str, object]:
    """The UPPERCASE constants of a template file under a preset, literal arithmetic evaluated."""
    applied = apply((ROOT / name).read_text(), PRESETS[preset].get(name, ()))
    assert isinstance(applied, Applied), applied
    return {
        node.targets[0].id: eval(
            compile(ast.Expression(node.value), name, "eval"), {"__builtins__": {}}
        )
        for node in ast.parse(applied.source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
        and all(
            isinstance(part, ast.Constant | ast.BinOp | ast.operator | ast.UnaryOp | ast.unaryop)
            for part in ast.walk(node.value)
        )
    }


def test_the_three_presets_edit_only_the_two_files() -> None:
    assert list(PRESETS) == list(RANGES) == ["cpu", "gpu", "h100"]
    for edits in PRESETS.values():
        assert set(edits) <= {TRAIN, PREPARE}


@pytest.mark.parametrize("preset", PRESETS)
def test_edits_hit_and_do_what_they_say(preset: str) -> None:
    for name, edits in PRESETS[preset].items():
        values = constants(preset, name)
        assert {
            edit.name: ast.literal_eval(str(values[edit.name]))
            for edit in edits
            if edit.name != "CORPUS"
        } == {
            edit.name: eval(edit.value, {"__builtins__": {}})
            for edit in edits
            if edit.name != "CORPUS"
        }


@pytest.mark.parametrize("preset", PRESETS)
def test_sizes_divide(preset: str) -> None:
    train, prepare = constants(preset, TRAIN), constants(preset, PREPARE)
    assert (
        train["TOTAL_BATCH_SIZE"] % (train["DEVICE_BATCH_SIZE"] * prepare["SEQUENCE_LENGTH"]) == 0
    )
    assert train["DEPTH"] * train["ASPECT_RATIO"] % train["HEAD_DIM"] == 0
    assert train["SHORT_WINDOW"] < prepare["SEQUENCE_LENGTH"]
    assert prepare["VAL_TOKENS"] % prepare["SEQUENCE_LENGTH"] == 0
    assert prepare["VAL_TOKENS"] * prepare["VOCAB_SIZE"] <= 2**30


@pytest.mark.parametrize("preset", PRESETS)
def test_ranges_hold_the_presets_own_values(preset: str) -> None:
    train = constants(preset, TRAIN)
    for name, text in RANGES[preset].items():
        low, high = (int(end) for end in text.strip("[]").removesuffix(" pow2").split(" .. "))
        assert low <= train[name] <= high
