"""What docs/ holds: the script of the night can be read, the report loads nothing, and every linked file is there."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from agent.cli import app
from agent.cli.reach import USUAL_CACHES
from agent.errors import EXIT_CODES, TrustFault
from agent.llm.model import Reply
from agent.project.trust import NEVER_READABLE
from agent.propose.code.reply import read_reply
from agent.space import read_space

ROOT = Path(__file__).parent.parent
SOURCE = (ROOT / "workspace" / "train.py").read_text(encoding="utf-8")
ANSWERS = [
    json.loads(line)
    for line in (ROOT / "docs" / "night.jsonl").read_text(encoding="utf-8").splitlines()
]
# The table of pairs is new to train.py: what builds on it can be asked for only once it is there.
SPACE = read_space(SOURCE)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer["hypothesis"][:40])
def test_every_answer_is_an_experiment_for_either_question(answer: dict[str, object]) -> None:
    drafts = read_reply(Reply(model="scripted", arguments=answer), SOURCE)
    assert isinstance(drafts, tuple) and drafts[0].edits
    configuration = answer["configuration"]
    assert isinstance(configuration, dict) and set(configuration) <= set(SPACE.names)


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "docs/SECURITY.md"])
def test_every_linked_file_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r'\]\(([^)#:]+)\)|(?:src|srcset)="([^":]+)"', text)
    for path in filter(None, (one or other for one, other in linked)):
        assert (ROOT / page).parent.joinpath(path.partition("#")[0]).exists(), path


def test_the_security_page_says_what_the_program_does() -> None:
    text = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    assert (
        f"exit code {TrustFault.exit_code}" in text
        and EXIT_CODES[TrustFault.exit_code] == "not trusted"
    )
    assert all(f"`{path}`" in text for path in ("/proc", "/sys", "/dev", "/run")) and {
        "/proc",
        "/run",
    } < set(NEVER_READABLE)
    assert all(f"`~/{name}`" in text for name in USUAL_CACHES)
    for command in re.findall(r"`(start|resume|replicate|ablate|adopt|finalize|log|prompt)`", text):
        assert command in {
            info.callback.__name__ for info in app.registered_commands if info.callback
        }


@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))
)
def test_every_benchmark_can_be_started(name: str) -> None:
    assert import_module(f"benchmarks.{name}").__doc__


def test_every_benchmark_that_the_readme_names_is_there() -> None:
    named = set(
        re.findall(r"python -m (benchmarks\.\w+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    )
    assert len(named) > 8
    assert not [name for name in named if not callable(getattr(import_module(name), "main", None))]


def test_the_readme_lists_every_exit_code() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (.+) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {int(code): meaning for code, meaning in rows} == dict(EXIT_CODES)


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
