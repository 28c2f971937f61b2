"""The examples of docs/files.md: each edit gives the file that stands after it, byte for byte."""

import json
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from agent.edit.files import Sources, apply_edits
from agent.project.settings import Settings
from agent.propose.code.reply import fences
from agent.records.edits import Edit
from agent.records.patterns import fault_of_pattern
from agent.space.ranges import parse_range

PAGE = (Path(__file__).parent.parent / "docs" / "files.md").read_text(encoding="utf-8")
BLOCKS = fences(PAGE)
EDIT: TypeAdapter[Edit] = TypeAdapter(Edit)
EDITS = [
    place
    for place, (language, body) in enumerate(BLOCKS)
    if language == "json" and "kind" in json.loads(body)
]
# Names that the examples use without showing where they come from.
HEADS = {"class": "", "@data": "from dataclasses import dataclass\n\n\n", "parse": ""}


def test_there_is_an_example_for_each_kind_of_file() -> None:
    names = {json.loads(BLOCKS[place][1]).get("file", "train.py") for place in EDITS}
    suffixes = {Path(name).suffix for name in names}
    assert suffixes == {".yaml", ".toml", ".json", ".py", ".cu"}


@pytest.mark.parametrize("place", EDITS)
def test_an_edit_gives_the_file_after_it(place: int) -> None:
    before, body, after = (text for _, text in BLOCKS[place - 1 : place + 2])
    edit = EDIT.validate_python(json.loads(body))
    path = edit.file or "train.py"
    head = HEADS.get(before[:5], "")
    if "parser." in before:
        head = "import argparse\n\nparser = argparse.ArgumentParser()\n"
    sources = Sources({"train.py": "", path: head + before}, patterns=("train.py", path))
    applied = apply_edits(sources, [edit])
    assert isinstance(applied, Sources), applied
    assert applied.files[path] == head + after


def test_the_settings_on_the_page_are_accepted() -> None:
    tomls = [body for language, body in BLOCKS if language == "toml"]

    settings = Settings.model_validate(tomllib.loads(tomls[0]))
    assert settings.files and not any(map(fault_of_pattern, settings.files))
    for text in tomllib.loads(tomls[-1])["ranges"].values():
        parse_range(text)
