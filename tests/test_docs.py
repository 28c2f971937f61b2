"""What docs/ holds: the script of the night can be read, the report loads nothing, and every linked file is there."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from agent.llm.model import Reply
from agent.propose.reply import read_reply
from agent.space import read_space

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "workspace" / "train.py").read_text(encoding="utf-8")
ANSWERS = [json.loads(line) for line in (ROOT / "docs" / "night.jsonl").read_text(encoding="utf-8").splitlines()]
# The table of pairs is new to train.py: what builds on it can be asked for only once it is there.
SPACE = read_space(SOURCE)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["hypothesis"][:40])
def test_every_answer_is_an_experiment_for_either_question(answer: dict[str, object]) -> None:
    drafts = read_reply(Reply(model="scripted", arguments=answer), SOURCE)
    assert isinstance(drafts, tuple) and drafts[0].edits
    configuration = answer["configuration"]
    assert isinstance(configuration, dict) and set(configuration) <= set(SPACE.names)


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_every_linked_file_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r'\]\(([^)#:]+)\)|(?:src|srcset)="([^":]+)"', text)
    for path in filter(None, (one or other for one, other in linked)):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")))
def test_every_benchmark_can_be_started(name: str) -> None:
    assert import_module(f"benchmarks.{name}").__doc__


def test_every_benchmark_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"python -m (benchmarks\.\w+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert len(named) > 8
    assert not [name for name in named if not callable(getattr(import_module(name), "main", None))]


def test_the_report_is_small_and_loads_nothing() -> None:
    report = (ROOT / "docs" / "report.html").read_text(encoding="utf-8")
    assert len(report.encode()) < 2**20
    assert not re.search(r'(?:src|href)="(?!#|data:,)', report)
    assert "default-src 'none'" in report


def test_pictures_are_small() -> None:
    for path in (ROOT / "docs").glob("*.png"):
        assert path.stat().st_size < 150_000, path.name
        with Image.open(path) as image:
            assert image.width >= 600
