"""A forked command does and prints what the installed program does."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.researcher import AUTORESEARCH, clean_environment, miniature, statuses, type_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a finished run."""
    folder = miniature(tmp_path_factory.mktemp("forked") / "r")
    flags = ("--model", "none", "--budget", "1steps", "--baseline-repeats", "1", "--tag", "t")
    run = type_in(folder, "start", *flags, "--trials", "1")
    assert run.returncode == 0, run.stderr
    assert len(statuses(folder)) == 2
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("log", "t"),
        ("log", "--json"),
        ("show", "99"),
        ("lgo",),
        ("resume", "nothing"),
    ],
    ids=" ".join,
)
def test_both_print_the_same_and_end_alike(home: Path, words: tuple[str, ...]) -> None:
    forked = type_in(home, *words)
    typed = subprocess.run(
        [str(AUTORESEARCH), *words],
        cwd=home,
        env=clean_environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert forked.stdout == typed.stdout
    assert forked.stderr == typed.stderr
    assert forked.returncode == typed.returncode


def test_a_command_that_takes_too_long_is_ended(home: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        type_in(home, "start", "--model", "none", "--budget", "60s", timeout=1)
