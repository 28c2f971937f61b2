"""Each example is started by the one command of its README, and makes two trials."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from agent.project.settings import read_settings
from tests.e2e.researcher import AUTORESEARCH, git, ledger, type_in

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/program.md"))
JUDGED = {"keep", "simplify", "discard", "suspect"}
FAST = "rules"
SLOW = [name for name in NAMES if name != FAST]
ATTEMPTS = 3
"""Of the trials of a search, some may be refused or run out of time."""


def command_of(name: str) -> str:
    """Return the command in the README of an example."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```bash\n(.*?)\n```", readme, re.DOTALL)
    assert "\n" not in block, "one command"
    return block


def copied(name: str, folder: Path) -> Path:
    """Copy an example into a repository of its own."""
    place = folder / name
    shutil.copytree(EXAMPLES / name, place, ignore=shutil.ignore_patterns("__pycache__"))
    git(place, "init", "-q", "-b", "main")
    git(place, "add", ".")
    git(place, "commit", "-qm", "start")
    return place


def run(name: str, folder: Path) -> list[dict[str, object]]:
    """Type an example's command in a copy of it, with fewer trials; return what it recorded."""
    place = copied(name, folder)
    program, *words = shlex.split(command_of(name))
    assert program == AUTORESEARCH.name
    trials = min(ATTEMPTS, int(words[words.index("--trials") + 1]))
    done = type_in(place, *words, "--trials", str(trials), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(place, "status", "--porcelain") == "", "the files stay as they are"
    return ledger(place)


def test_there_are_nine_and_the_page_lists_each_with_its_command() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert len(NAMES) >= 9
    for name in NAMES:
        [row] = [line for line in page.splitlines() if line.startswith(f"| [{name}/]({name}/) |")]
        assert row.endswith(f"| `{command_of(name)}` |")


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_fit_its_files(name: str) -> None:
    settings = read_settings(EXAMPLES / name)
    assert (EXAMPLES / name / (settings.train or "train.py")).is_file()


def test_a_text_file_is_improved_by_two_trials(tmp_path: Path) -> None:
    baseline, first, second = run(FAST, tmp_path)
    assert baseline["status"] == "baseline"
    assert (first["status"], second["status"]) == ("keep", "keep")
    changed = git(tmp_path / FAST, "show", "--name-only", "--format=", str(second["attempt"]))
    assert changed == "rules.txt"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SLOW)
def test_its_command_makes_two_trials(tmp_path: Path, name: str) -> None:
    if name == "kernel" and shutil.which("cc") is None:
        pytest.skip("no C compiler here")
    baseline, *trials = run(name, tmp_path)
    assert baseline["status"] == "baseline"
    judged = [trial for trial in trials if trial["status"] in JUDGED]
    assert len(judged) >= 2, [trial["status"] for trial in trials]
    for trial in judged:
        diff = git(tmp_path / name, "diff", f"{trial['attempt']}^", str(trial["attempt"]))
        assert "@@" in diff
