"""What pip is told: the seven packages of the card, the extras, the licence."""

import re
import tomllib
from pathlib import Path

from agent.project.packages import WORKSPACE
from agent.trackers import TRACKERS

ROOT = Path(__file__).parents[2]
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = METADATA["project"]
EXTRAS = PROJECT["optional-dependencies"]
CARD = {"anthropic", "openai", "gitpython", "libcst", "torch", "rich", "tenacity"}


def names(requirements: list[str]) -> set[str]:
    """Return the names of requirements, without versions and extras."""
    return {re.split(r"[\[<>=!~; ]", text)[0].lower() for text in requirements}


def test_the_line_of_the_readme_brings_the_seven_packages() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 'pip install "autoresearch[workspace]"' in readme
    assert names(PROJECT["dependencies"]) | names(EXTRAS["workspace"]) >= CARD


def test_make_start_installs_the_extra_of_that_line() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^start: install$", makefile, re.MULTILINE)
    assert '"autoresearch[workspace]"' in makefile or '".[workspace,dev]"' in makefile


def test_the_core_has_none_of_the_heavy_packages() -> None:
    assert names(EXTRAS["workspace"]) == set(WORKSPACE)
    assert not names(PROJECT["dependencies"]) & set(WORKSPACE)


def test_every_tracker_has_an_extra_with_what_it_needs() -> None:
    for kind in TRACKERS.values():
        assert kind.extra is not None
        packages = {name.removesuffix("-skinny") for name in names(EXTRAS[kind.extra])}
        assert packages >= set(kind.needs)


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pinned = names([line for line in text.splitlines() if "==" in line])
    asked = names(PROJECT["dependencies"])
    for requirements in EXTRAS.values():
        asked |= names(requirements)
    assert not asked - pinned


def test_the_licence_is_named_and_there() -> None:
    assert (PROJECT["license"], PROJECT["license-files"]) == ("MIT", ["LICENSE"])
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
