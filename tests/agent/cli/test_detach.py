"""What becomes of a process in the background that ends before its session begins."""

from pathlib import Path

import pytest
import typer

from agent.cli.detach import go_on, words_of
from agent.cli.run_log import RunLog
from agent.project.find import find_project
from agent.project.settings import Settings


def test_flags_are_typed_again_as_they_were() -> None:
    words = words_of(
        trials=0, hours=1.5, memory=None, tracker=["a", "b"], trust=True, detach=False, notify="x y"
    )
    assert words == [
        "--trials=0",
        "--hours=1.5",
        "--tracker=a",
        "--tracker=b",
        "--trust",
        "--notify=x y",
    ]


def test_why_no_session_began_is_printed_with_its_exit_code(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RunLog(find_project(here, Settings()), "t")
    log.line("of an earlier session")
    with pytest.raises(typer.Exit) as ended:
        go_on(log, ["--workers=0"], as_json=False)
    log.close()
    printed = capfd.readouterr()
    assert ended.value.exit_code == 2
    assert printed.out == ""
    assert "--workers" in printed.err
    assert "earlier session" not in printed.err
    assert "Traceback" not in printed.err
