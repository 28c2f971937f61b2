"""What a shell offers: names that fit, nothing that runs, and no word where anything is wrong."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest

from agent.cli import app

PROGRAM = Path(sys.executable).parent / "autoresearch"


def offered(words: str) -> list[str]:
    """Return what bash is offered for the last of the words behind `autoresearch`."""
    environment = {
        "_AUTORESEARCH_COMPLETE": "complete_bash",
        "COMP_WORDS": f"autoresearch {words}",
        "COMP_CWORD": str(len(words.split(" "))),
    }
    printed = io.StringIO()
    with patch.dict(os.environ, environment), redirect_stdout(printed), pytest.raises(SystemExit):
        app(prog_name="autoresearch")
    return printed.getvalue().split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("sta", ["start", "status"]),
        ("start --verd", ["--verdict"]),
        ("start --verdict ", ["sequential", "greedy"]),
        ("start --method tr", ["trust"]),
        ("start --model o", ["opus"]),
        ("start --tracker w", ["wandb"]),
        ("init --preset ", ["cpu", "gpu", "h100"]),
        ("bench --methods random,tru", ["random,trust"]),
        ("bench --tasks valley,rug", ["valley,rugged"]),
        ("plot progress ", ["t"]),
        ("log ", ["t"]),
        ("log autoresearch/", ["autoresearch/t"]),
        ("compare t ", ["t"]),
        ("resume ", ["t"]),
        ("start --from ", ["t#"]),
        ("start --from t#", ["t#0", "t#1", "t#2", "t#3", "t#4", "t#5"]),
        ("start --from t#4", ["t#4"]),
        ("start --warm ", ["t"]),
        ("adopt t#1", ["t#1"]),
        ("adopt t --into ", ["t"]),
        ("show ", ["0", "1", "2", "3", "4"]),
        ("show --branch t ", ["0", "1", "2", "3", "4"]),
        ("show --branch ", ["t"]),
        ("diff 1 ", ["0", "1", "2", "3", "4"]),
        ("finalize --drop 1", ["1"]),
    ],
)
@pytest.mark.usefixtures("here")
def test_values_complete(words: str, names: list[str]) -> None:
    assert offered(words) == names


@pytest.mark.parametrize("words", ["log ", "show ", "show --branch zzz ", "finalize --drop "])
def test_where_there_is_no_run_nothing_is_offered(
    tmp_path: Path,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert offered(words) == []
    assert capfd.readouterr() == ("", "")


def test_names_that_a_shell_would_evaluate_are_not_offered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setattr(
        "agent.history.branch.run_tags", lambda _git: ["fine", "$(touch x)", "a b", "`id`"]
    )
    assert offered("log ") == ["fine"]


def test_the_script_for_bash_completes(home: Path) -> None:
    script = (
        f'eval "$(_AUTORESEARCH_COMPLETE=source_bash {PROGRAM})"\n'
        "COMP_WORDS=(autoresearch log '')\nCOMP_CWORD=2\n"
        f"_autoresearch_completion {PROGRAM}\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=home,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("t\n", "")
