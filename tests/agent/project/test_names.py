"""Names of train.py in the settings: an unknown one is an error with the nearest."""

from pathlib import Path

import pytest

from agent.edit.files import Sources
from agent.errors import UsageFault, near_names, unknown
from agent.project.find import Project
from agent.project.names import refuse_unknown_names
from agent.project.program import FrontMatter
from agent.project.settings import Settings
from tests.agent.cli.night import fault, git, make_repository

TRAIN = """
import os
MATRIX_LR = 0.04
lr = 0.1
SIZE = os.cpu_count()

class GPT:
    def forward(self, x):
        return x

GPT.reset = None
"""
PROJECT = Project(
    root="/r",
    workspace="",
    train="src/train.py",
    prepare=None,
    program="my brief.md",
    score="printed",
)


def check(settings: Settings, *protected: str, older: str = "", source: str = TRAIN) -> None:
    front_matter = FrontMatter(protected=protected)
    refuse_unknown_names(PROJECT, settings, front_matter, (Sources.of(source), Sources.of(older)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            Settings(protected=("GPT.foward",)),
            "autoresearch.toml: protected: Unknown name 'GPT.foward'. "
            "Did you mean 'GPT.forward'? (src/train.py)",
        ),
        (
            Settings(ranges={"matrix_lr": "0.1 .. 1"}),
            "autoresearch.toml: [ranges]: Unknown constant 'matrix_lr'. "
            "Did you mean 'MATRIX_LR'? (src/train.py)",
        ),
        (Settings(ranges={"DEPTH": "fixed"}), "Choose from: MATRIX_LR."),
        (Settings(ranges={"lr": "0.1 .. 1"}), "lr in src/train.py is no constant"),
        (Settings(ranges={"SIZE": "1 .. 4"}), "set once, to a number"),
    ],
)
def test_an_unknown_name_is_an_error(settings: Settings, message: str) -> None:
    with pytest.raises(UsageFault) as fault:
        check(settings)
    assert message in fault.value.message
    assert fault.value.next_command == "$EDITOR autoresearch.toml"


def test_the_front_matter_is_named_by_its_file() -> None:
    with pytest.raises(UsageFault, match=r"my brief\.md, its front matter: .*'MATRIX_LR'") as fault:
        check(Settings(), "MATRIX_LRR")
    assert fault.value.next_command == "$EDITOR 'my brief.md'"


def test_what_can_be_protected_or_searched_is_no_error() -> None:
    names = ("GPT", "GPT.forward", "GPT.reset", "os", "lr", "ＭATRIX_LR")
    ranges = {"MATRIX_LR": "0.1 .. 1", "train.py:MATRIX_LR": "0.1 .. 1"}
    check(Settings(protected=names, ranges=ranges), "SIZE")


def test_a_name_that_a_kept_edit_removed_is_no_error() -> None:
    settings = Settings(protected=("GPT",), ranges={"DEPTH": "1 .. 8"})
    check(settings, older="DEPTH = 4\n")
    check(settings, source="def broken(:\n")


def test_the_nearest_name_is_found_whatever_its_letters() -> None:
    assert near_names("DEPHT", ["depth", "width"]) == ("depth",)
    assert near_names("stat", ["start", "status"]) == ("status",)
    assert near_names("st", ["start", "status"]) == ()
    assert set(near_names("ab", ["abc", "abd", "xyz"], most=2)) == {"abc", "abd"}
    assert near_names("x" * 10**6, ["x" * 10**6]) == ()
    many = [f"zz{number}" for number in range(1000)]
    assert unknown("tag", "a", many).endswith("zz39, ....")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("autoresearch.toml", 'protected = ["DETPH"]', "Did you mean 'DEPTH'? (train.py)"),
        ("autoresearch.toml", '[ranges]\nLRR = "0.1 .. 1"', "Did you mean 'LR'? (train.py)"),
        ("program.md", "---\nprotected: [DEPHT]\n---\nBe bold.", "program.md, its front matter"),
    ],
)
def test_no_run_is_started_with_an_unknown_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, message: str
) -> None:
    home = make_repository(tmp_path / "r")
    (home / name).write_text(text)
    git(home, "add", ".")
    git(home, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "more")
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(tmp_path))
    refused = fault("start", "--model", "none", "--method", "random", "--budget", "1steps")
    assert message in refused.message and refused.exit_code == 2
    assert refused.next_command == f"$EDITOR {name}"
    assert git(home, "for-each-ref", "refs/heads/autoresearch") == ""
