"""Admission parses the tip once and the new file once, whatever the edits are."""

from pathlib import Path

import pytest

from agent.edit import Applied, apply
from agent.records.edits import Edit, Refused, SetConstant
from benchmarks.edit_speed import TRAIN, admission, edits

TEXT = TRAIN.read_text(encoding="utf-8")
EDITS = edits(TEXT)


def one_by_one(source: str, wanted: list[SetConstant]) -> Applied | Refused:
    result: Applied | Refused = Applied(source=source)
    for edit in wanted:
        if isinstance(result, Applied):
            result = apply(result.source, [edit])
    return result


def constant(name: str, value: str) -> SetConstant:
    return SetConstant(name=name, value=value)


@pytest.mark.parametrize("kind", EDITS)
def test_a_file_is_parsed_once_per_admission(tmp_path: Path, kind: str) -> None:
    wanted: tuple[Edit, ...] = EDITS[kind]
    parses, _ = admission(tmp_path, f"{TEXT}\n# {tmp_path}\n", wanted)
    assert parses == 2, "the tip, and the file that the edits make of it"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("A = 1  # one\nB = (2)\n", [constant("A", "3"), constant("B", "[1,\n 2]")]),
        ("A = 1; B = 2; C = 3\n", [constant("C", "9"), constant("A", "'x'"), constant("B", "0")]),
        ("A = B = 1\n", [constant("A", "2"), constant("B", "3")]),
        ("A = 1\n", [constant("A", "2"), constant("A", "3")]),
        ("\ufeffA = 1\r\nB: int = 2\r\n", [constant("B", "3"), constant("A", "2")]),
        ("A = 1\nB = 2\n", [constant("A", "2"), constant("NOPE", "3")]),
        ("A = 1\nB = 2\n", [constant("A", "2 +"), constant("B", "3")]),
        ("ä = 'ö'; A = 1\nB = 2\n", [constant("A", "'ü'"), constant("B", "3")]),
    ],
)
def test_constants_set_at_once_are_those_set_one_by_one(
    source: str, wanted: list[SetConstant]
) -> None:
    assert apply(source, wanted) == one_by_one(source, wanted)
