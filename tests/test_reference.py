"""The pages of reference say what the program really accepts, reads and offers."""

import re
import tomllib
from pathlib import Path

import pytest

from agent.llm.command import CLOUDS, GATEWAY
from agent.project.data import PROXIES
from agent.project.program import FrontMatter, read_program
from agent.project.settings import FILE, Caps, Settings, read_settings
from agent.propose.methods import METHODS
from agent.records.events import PATIENCE
from agent.records.looks import LookBounds
from agent.records.proposals import EXPLORATIONS
from agent.space.ranges import range_in_comment
from docs.api import page as api_page
from docs.commands import page
from sandbox.ground.outcome import Limits, RunSpec
from sandbox.proof.hostile import ROWS
from sandbox.walls.environment import trial_environment

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS = (DOCS / "settings.md").read_text(encoding="utf-8")
VARIABLES = (DOCS / "environment.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of docs/settings.md below a heading."""
    return SETTINGS.split(f"\n## {title}\n")[1].split("\n## ")[0]


def keys(title: str) -> list[str]:
    """The keys in the table below a heading."""
    return re.findall(r"^\| `(\w+)` \|", section(title), re.MULTILINE)


def test_the_page_of_commands_is_what_help_prints() -> None:
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert written == page(), "write it again: python docs/commands.py"


@pytest.mark.parametrize(
    ("title", "record"), [(FILE, Settings), ("Front matter of program.md", FrontMatter)]
)
def test_the_page_of_settings_lists_every_key_once(
    title: str, record: type[Settings] | type[FrontMatter]
) -> None:
    assert sorted(keys(title)) == sorted(record.model_fields)


def test_the_examples_of_the_page_are_accepted(tmp_path: Path) -> None:
    toml = re.findall(r"```toml\n(.*?)```", SETTINGS, re.DOTALL)
    yaml = re.findall(r"```yaml\n(.*?)```", SETTINGS, re.DOTALL)
    assert len(toml) == len(yaml) == 1
    (tmp_path / FILE).write_text(toml[0])
    assert read_settings(tmp_path).ranges == tomllib.loads(toml[0])["ranges"]
    assert read_program(yaml[0]).front_matter.max_cost == 20


def test_the_defaults_of_the_page_are_those_of_the_program() -> None:
    front_matter = section("Front matter of program.md")
    assert f"| `patience` | whole number | {PATIENCE} |" in front_matter
    assert ", ".join(f"`{kind}`" for kind in EXPLORATIONS) in front_matter


def test_the_page_has_every_key_of_the_table_look_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `?([\w.]+)`? \|", section("The table [look]"), re.MULTILINE)
    shown = {name: True if value == "true" else float(value) for name, value in rows}
    assert shown == {name: field.default for name, field in LookBounds.model_fields.items()}


def test_every_limit_of_a_trial_is_a_flag_and_a_key() -> None:
    commands = page()
    for name in Caps.model_fields:
        assert f"`--{name} SIZE`" in commands
        assert name in keys(FILE)


def test_the_page_of_the_python_api_is_what_the_docstrings_say() -> None:
    written = (DOCS / "api.md").read_text(encoding="utf-8")
    assert written == api_page(), "write it again: python docs/commands.py"


def test_the_page_of_variables_has_every_one_that_the_program_names() -> None:
    named = set()
    for room in ("agent", "sandbox", "workspace"):
        for path in (DOCS.parent / room).rglob("*.py"):
            named |= set(re.findall(r'"(AUTORESEARCH_[A-Z_]*[A-Z])"', path.read_text("utf-8")))
    assert {"AUTORESEARCH_BUDGET", "AUTORESEARCH_CONTROL_TOKEN"} < named
    assert [name for name in sorted(named) if f"`{name}`" not in VARIABLES] == []


def variables_below(heading: str) -> list[str]:
    """Return the variables in the table below a heading of docs/environment.md."""
    rows = VARIABLES.split(f"## {heading}\n")[1].split("\n## ")[0].split("\n| ")[1:]
    names = []
    for row in rows:
        names += re.findall(r"`([A-Z][A-Z_]+)`", row.split(" | ")[0])
    return names


def test_a_variable_has_one_row() -> None:
    for heading in ("That you may set", "That a training finds", "That a command of yours finds"):
        names = variables_below(heading)
        assert len(names) > 5
        assert [name for name in sorted(set(names)) if names.count(name) > 1] == []


def test_the_page_of_variables_has_what_a_training_finds() -> None:
    folder = {"folder": "/a", "scratch": "/b", "log": "/c"}
    spec = RunSpec(argv=("/usr/bin/python3",), limits=Limits(wall_seconds=1), **folder)
    missing = trial_environment(spec, "/b").keys() - set(variables_below("That a training finds"))
    assert missing == set()


def test_the_page_of_variables_has_what_is_handed_on_to_a_client() -> None:
    handed_on = {*CLOUDS, *GATEWAY, *(name for name in PROXIES if name.isupper())}
    assert handed_on - set(variables_below("That you may set")) == set()


def test_the_pages_count_methods_and_attacks_right() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert len(METHODS) == 13
    assert "**Thirteen methods on one ledger.**" in readme
    for name in ("how-it-works.md", "limits.md"):
        counted = re.findall(r"(\d+)\s+attacks", (DOCS / name).read_text(encoding="utf-8"))
        assert counted == [str(len(ROWS))], name


def test_every_range_of_the_page_reads_as_one() -> None:
    rows = re.findall(r"^\| `(\[.+?\])` \|", section("Range comments"), re.MULTILINE)
    assert len(rows) == 5
    for text in rows:
        assert range_in_comment(text.replace("\\|", "|")) is not None, text


def test_the_page_of_the_evaluator_has_every_word_of_its_protocol() -> None:
    written = (DOCS / "evaluate.md").read_text(encoding="utf-8").split("## The protocol")[1]
    inside = DOCS.parent / "sandbox" / "score" / "evaluator"
    said = "".join(path.read_text(encoding="utf-8") for path in inside.rglob("*.py"))
    words = set(re.findall(r'"do": "(\w+)"', said))
    assert {"open", "call", "run", "report"} <= words
    assert [word for word in sorted(words) if f"`{word}`" not in written] == []
