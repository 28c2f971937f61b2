"""What a newcomer does on the first day: `init --yes` and `start`, in a copy of a repository."""

import json
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.researcher import clean_environment, git, ledger
from tests.shapes.table import Shape

JUDGED = ("keep", "simplify", "discard", "suspect")
TRIALS = 4
"""Some may be refused or invalid; one must be judged."""


@dataclass(frozen=True)
class FirstDay:
    """What came of it."""

    folder: Path
    settings: dict[str, object]
    """Of the autoresearch.toml that init wrote."""
    commands: tuple[str, ...]
    """What was typed."""
    statuses: tuple[str, ...]
    """Of the baseline and the trials."""
    changed: str
    """What the first judged trial changed, as the lines of a diff; "" where none was judged."""


def copied(shape: Shape, folder: Path) -> Path:
    """Copy a repository, make the data that it asks for, and commit what git does not ignore."""
    place = folder / shape.name
    shutil.copytree(shape.folder, place, ignore=shutil.ignore_patterns("__pycache__"))
    if shape.before:
        _, *arguments = shape.before
        subprocess.run([sys.executable, *arguments], cwd=place, check=True, capture_output=True)
    git(place, "init", "-q", "-b", "main")
    git(place, "add", ".")
    git(place, "commit", "-qm", "start")
    return place


def first_day(shape: Shape, folder: Path) -> FirstDay:
    """Type both commands; raise AssertionError with what was printed where one fails."""
    place = copied(shape, folder)
    init = ("init", "--yes", *shape.init)
    _typed(place, init)
    settings = tomllib.loads((place / "autoresearch.toml").read_text())
    start: tuple[str, ...] = ("start", "--model", "none", "--trials", str(TRIALS))
    if shape.answer:
        script = folder / "replies.jsonl"
        script.write_text(json.dumps(shape.answer) + "\n")
        start = ("start", "--method", "code", "--model", f"scripted:{script}", "--trials", "1")
    _typed(place, start)
    trials = ledger(place)
    judged = [trial for trial in trials[1:] if trial["status"] in JUDGED]
    changed = _diff(place, judged[0]["attempt"]) if judged else ""
    shown = shlex.join(["autoresearch", *start]).replace(f"{folder}/", "")
    return FirstDay(
        folder=place,
        settings=settings,
        commands=(shlex.join(["autoresearch", *init]), shown),
        statuses=tuple(trial["status"] for trial in trials),
        changed=changed,
    )


def _typed(place: Path, words: tuple[str, ...]) -> None:
    command = [str(Path(sys.executable).parent / "autoresearch"), *words]
    done = subprocess.run(
        command,
        cwd=place,
        env=clean_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _diff(place: Path, attempt: str) -> str:
    """Return the changed lines of an attempt."""
    diff = git(place, "diff", "--unified=0", f"{attempt}^", attempt)
    lines = diff.splitlines()
    changed = [line for line in lines if line.startswith(("+", "-"))]
    return "\n".join(line for line in changed if not line.startswith(("+++", "---")))
