"""Without a terminal a run is printed as lines, one per event, as text or as JSON."""

import io
import json
import os
import pty
import re

import pytest
from rich.console import Console

from agent.display import LinesDisplay, LiveDisplay, PlainDisplay, choose_display
from agent.display.format import PAPER
from agent.records.events import Note, Progress, Proposed, RunFinished
from agent.records.results import Trial
from tests.agent.display.runs import HOSTILE, begins, curve, morning, proposal, started, verdict

EVENTS = (*morning(), verdict(), RunFinished("12 trials"))


def console(encoding: str = "utf-8") -> Console:
    """Return a console on a file."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, width=PAPER, markup=False, highlight=False, emoji=False)


def written(on: Console) -> list[str]:
    """Return the lines that were written."""
    on.file.flush()
    return on.file.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_event_is_one_printable_line(encoding: str) -> None:
    on = console(encoding)
    with PlainDisplay(on) as display:
        for event in EVENTS:
            display.handle(event)
    lines = written(on)
    assert len(lines) == len([event for event in EVENTS if not isinstance(event, Progress)]) + 2 + 4
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) and line.isprintable() for line in lines)
    assert encoding == "utf-8" or all(map(str.isascii, lines))


def test_the_line_of_a_verdict_has_all_of_it() -> None:
    on = console()
    PlainDisplay(on).handle(verdict())
    (line,) = written(on)
    assert "#9 keep 1.870000 (-0.010001) in 20 s: [bold]deeper[/bold] \\x1b[31mred" in line


def test_progress_is_told_by_quarters_and_again_for_the_next_seed() -> None:
    on = console()
    display = PlainDisplay(on)
    for _ in range(2):
        display.handle(begins(1, "x"))
        for fraction, loss in curve(3.0, 20):
            display.handle(Progress(1, fraction, loss))
    marks = [line.split("at ")[1].split(",")[0] for line in written(on) if " at " in line]
    assert marks == ["25%", "50%", "75%", "100%"] * 2


def test_a_line_appears_at_once_and_is_never_wrapped() -> None:
    on = console()
    on.width = 20
    PlainDisplay(on).handle(Note("word " * 40))
    assert len(written(on)) == 1


def test_json_lines_are_ascii_and_give_the_records_back() -> None:
    on = console()
    with LinesDisplay(on) as display:
        for event in EVENTS:
            display.handle(event)
    lines = written(on)
    assert len(lines) == len(EVENTS)
    assert all(line.isascii() and line.isprintable() for line in lines)
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "RunStarted"
    assert events[0]["trials"][7]["proposal"]["hypothesis"] == HOSTILE
    assert Trial.model_validate(events[-2]["trial"]) == verdict().trial
    assert events[-1] == {"event": "RunFinished", "reason": "12 trials"}
    assert json.loads(lines[3])["proposal"]["edits"][0]["name"] == "DEPTH"


def test_the_display_is_chosen_by_what_the_terminal_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    parent, child = pty.openpty()
    with os.fdopen(parent, "rb"), os.fdopen(child, "w") as terminal:
        assert isinstance(choose_display(console=Console(file=terminal)), LiveDisplay)
        assert isinstance(
            choose_display(json_lines=True, console=Console(file=terminal)), LinesDisplay
        )
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(choose_display(console=Console(file=terminal)), PlainDisplay)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(choose_display(console=console()), PlainDisplay)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert isinstance(choose_display(console=console()), PlainDisplay)


def test_a_forced_colour_does_not_colour_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    on = console()
    for event in (started(), Proposed(proposal("x")), verdict()):
        PlainDisplay(on).handle(event)
    assert all(map(str.isprintable, written(on)))
