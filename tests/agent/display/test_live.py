"""The live view: every frame fits its terminal, lines keep their places, and clocks run."""

import io
import re
import threading
from dataclasses import replace

import pytest
from rich.console import Console, Group

from agent.display import LiveDisplay
from agent.display.format import Formatter
from agent.display.live import Frame
from agent.display.state import SILENCE_SECONDS, RunState
from agent.records.events import (
    Judged,
    ModelWaited,
    Note,
    Progress,
    Proposed,
    Proposing,
    RunFinished,
    RunStarted,
    Scoring,
)
from agent.records.pace import pace_of
from tests.agent.display.runs import (
    HOSTILE,
    begins,
    morning,
    night,
    proposal,
    refused,
    started,
    verdict,
)

FAR = "2099-11-29T15:00:00+00:00"


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def state(*events: object) -> tuple[RunState, Clock]:
    """Return a run in which `events` have happened."""
    clock = Clock()
    run = RunState(clock)
    for event in events:
        run.handle(event)  # type: ignore[arg-type]
    return run, clock


def picture(run: RunState, width: int = 80, height: int = 24, encoding: str = "utf-8") -> list[str]:
    """Return the lines of the frame that a terminal of this size would show."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=file,
        width=width,
        height=height,
        force_terminal=True,
        color_system=None,
        markup=False,
        highlight=False,
    )
    with console.capture() as capture:
        frame = Frame(run, Formatter(ascii_only=encoding == "ascii"), width, height)
        for line in frame.lines():
            console.print(line)
    return capture.get().splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50), (60, 20), (80, 100), (40, 24)])
def test_a_frame_fits_its_terminal(width: int, height: int, encoding: str) -> None:
    lines = picture(state(*morning())[0], width, height, encoding)
    assert max(map(len, lines)) <= width
    assert len(lines) <= height
    assert all(line.isprintable() for line in lines)
    assert encoding == "utf-8" or all(line.isascii() for line in lines)


@pytest.mark.parametrize(("width", "height"), [(40, 8), (60, 12), (30, 6), (20, 4)])
def test_a_low_terminal_keeps_what_matters_most(width: int, height: int) -> None:
    lines = picture(state(*morning())[0], width, height)
    assert len(lines) == height and max(map(len, lines)) <= width
    starts = [line[:5] for line in lines]
    assert starts[0] == "autor" and "best " in starts
    assert any(line.startswith("#8") for line in lines)


@pytest.mark.parametrize("width", [60, 72])
def test_what_stands_behind_a_long_hypothesis_is_seen(width: int) -> None:
    long = "learning rate ×0.43, depth 8 → 10, embedding rate ×4.2, 17 other constants a little"
    again = replace(begins(8, long), run=2, role="incumbent")
    waits = (Proposed(proposal(long)), Proposed(proposal(HOSTILE)))
    lines = picture(state(started(night()), again, *waits)[0], width, 24)
    assert max(map(len, lines)) <= width
    [title] = [line for line in lines if line.startswith("#8 learning")]
    assert title.endswith("  run 2: incumbent, for comparison")
    [following] = [line for line in lines if line.startswith("next  learning")]
    assert following.endswith(" (and 1 more)")


def test_a_narrow_terminal_splits_no_fact() -> None:
    lines = picture(state(*morning())[0], 40, 24)
    for fact in ("method tpe", "budget 20s", "sandbox tier A", "2 workers", "8 trials, 1 kept"):
        assert any(fact in line for line in lines)
    assert any("noise " in line for line in lines)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_while_the_baseline_is_the_best_it_says_so(encoding: str) -> None:
    text = "\n".join(picture(state(started(night()[:2]))[0], 80, 30, encoding))
    [best] = [line for line in text.splitlines() if line.startswith("best")]
    assert best.startswith("best  1.912345 ") and best.endswith(
        "the baseline: nothing has beaten it yet"
    )
    assert "vs baseline" not in text and best.isascii() == (encoding == "ascii")


def test_many_workers_are_counted_where_they_do_not_fit() -> None:
    run, _ = state(started(night()), *(begins(n, f"idea {n}", n) for n in range(8, 24)))
    lines = picture(run, 80, 24)
    assert len(lines) <= 24
    assert any("13 more in training" in line for line in lines)


def test_a_frame_says_what_a_researcher_asks_at_8_in_the_morning() -> None:
    text = "\n".join(picture(state(*morning())[0], 80, 30))
    for part in (
        "nov24",
        "autoresearch/nov24",
        "method tpe",
        "model none",
        "budget 20s",
        "tier A",
        "2 workers",
        "#8 even deeper: DEPTH 6 → 8",
        "65%",
        "loss 3.7",
        "incumbent #2 here",
        "-0.0",
        "scoring",
        "tpe is proposing",
        "tier A: bubblewrap",
        "#2  keep",
        "1.880001",
        "-0.032344",
        "best  1.880001 by #2",
        "-0.032344 vs baseline",
        "noise 0.001000",
        "$0.12",
        "8 trials, 1 kept",
        "0 of 12 this time",
    ):
        assert part in text
    assert "[bold]deeper[/bold]" in text


def test_the_baseline_is_none_of_the_trials_that_were_asked_for() -> None:
    nothing, _ = state(started(), begins(0, "train.py as it is"))
    baseline, first = night()[:2]
    nothing.handle(Judged(baseline))
    assert "0 of 12 this time" in "\n".join(picture(nothing, 80, 30))
    nothing.handle(begins(1, "one"))
    nothing.handle(Judged(first))
    assert "1 of 12 this time" in "\n".join(picture(nothing, 80, 30))


def test_lines_stay_where_they_are_while_verdicts_come_in() -> None:
    run, _ = state(started(), begins(1, "one"))
    before = picture(run, 80, 30)
    run.trials.extend(night())
    assert len(picture(run, 80, 30)) == len(before)


def test_time_goes_on_between_reports() -> None:
    run, clock = state(started(), begins(1, "one"))
    trial = run.running[0]
    assert (trial.fraction(clock()), trial.left(clock())) == (0.0, None)
    run.handle(Progress(1, 0.25, 4.0))
    assert trial.left(clock()) == pytest.approx(15.0)
    clock.now += 5
    assert trial.left(clock()) == pytest.approx(10.0)
    assert trial.fraction(clock()) == pytest.approx(0.5)
    clock.now += 500
    assert trial.fraction(clock()) == 1.0
    assert any("silent for 8:25" in line for line in picture(run))


def test_a_budget_in_steps_is_paced_by_what_was_seen() -> None:
    run, clock = state(
        RunStarted("t", "b", "tpe", None, "200steps", "A", 1, (), None), begins(1, "one")
    )
    run.handle(Progress(1, 0.1, 4.0))
    assert run.running[0].left(clock()) is None
    clock.now += 10
    run.handle(Progress(1, 0.3, 3.9))
    assert run.running[0].left(clock()) == pytest.approx(35.0)


def test_scoring_is_not_silence() -> None:
    run, clock = state(started(), begins(1, "one"), Scoring(1))
    clock.now += 2 * SILENCE_SECONDS
    assert any("scoring  30 s" in line for line in picture(run))


def test_the_state_of_the_proposer_is_always_shown() -> None:
    run, clock = state(started())
    assert any("nothing yet" in line for line in picture(run))
    run.handle(Proposing("code"))
    clock.now += 12
    assert any("code is proposing  12 s" in line for line in picture(run))
    run.handle(Proposed(proposal("an idea")))
    assert any(line.startswith("next  an idea") for line in picture(run))
    run.handle(begins(1, "an idea"))
    assert any("nothing yet" in line for line in picture(run))
    run.handle(Proposing("code"))
    run.handle(Judged(refused(2, "x")))
    assert any("nothing yet" in line for line in picture(run))


def test_several_drafts_in_writing_are_counted() -> None:
    run, clock = state(started(), Proposing("code", 1), Proposing("code", 2))
    clock.now += 12
    assert any("code is proposing, 2 drafts in writing  12 s" in line for line in picture(run))
    run.handle(Proposed(proposal("an idea"), 1))
    run.handle(begins(1, "an idea"))
    assert any("code is proposing  12 s" in line for line in picture(run))
    run.handle(Proposed(proposal("another"), 0))
    assert any(line.startswith("next  another") for line in picture(run))


def test_a_limit_that_the_run_waits_for_is_shown_until_the_model_is_asked_again() -> None:
    run, _ = state(started(), Proposing("code"), ModelWaited(FAR, "the session limit"))
    words = next(line for line in picture(run) if line.startswith("next  waiting for the model"))
    assert "the session limit" in words
    run.handle(ModelWaited("", ""))
    assert any("nothing yet" in line for line in picture(run))


def test_a_verdict_frees_its_slot_and_counts_into_the_pace() -> None:
    run, clock = state(*morning())
    clock.now += 1800
    run.handle(verdict())
    text = "\n".join(picture(run))
    assert "#9 [bold]" not in text
    assert "best  1.870000 by #9" in text
    assert f"{pace_of(run.trials).per_hour:.1f}/h" in text, "as `status` says"


def test_progress_of_an_unknown_trial_changes_nothing() -> None:
    run, _ = state(started(), Progress(7, 0.5, 1.0), Scoring(7), Note("a"), Note("b"), Note("c"))
    assert list(run.notes) == ["b", "c"]
    assert not run.running


def test_the_terminal_is_left_as_it_was_found() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True)
    with LiveDisplay(console) as display:
        for event in morning():
            display.handle(event)
    drawn = file.getvalue()
    assert drawn.count("\x1b[?25l") == drawn.count("\x1b[?25h") == 1
    assert drawn.startswith("\x1b[?1049h") and drawn.endswith("\x1b[?1049l")


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True, color_system="truecolor")
    with LiveDisplay(console) as display:
        for event in morning():
            display.handle(event)
    codes: set[str] = set()
    for match in re.findall(r"\x1b\[([0-9;]*)m", file.getvalue()):
        codes.update(match.split(";"))
    assert codes <= {"", "0", "1", "2", "3"}, "bold and dim stay, colours go"


def test_events_may_come_while_a_frame_is_drawn() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    display = LiveDisplay(console)
    display.handle(started())
    drawn: list[Group] = []
    failures: list[BaseException] = []

    def draw() -> None:
        try:
            drawn.extend(display.page() for _ in range(100))
        except BaseException as error:
            failures.append(error)

    drawing = threading.Thread(target=draw)
    drawing.start()
    while drawing.is_alive():
        for number in range(5):
            display.handle(begins(number, "x"))
            display.handle(Progress(number, 0.5, 1.0))
        display.handle(RunFinished("done"))
    drawing.join()
    assert not failures
    assert len(drawn) == 100
