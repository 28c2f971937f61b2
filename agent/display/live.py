"""The live view: a run in progress, redrawn in place in a terminal of any width."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from types import TracebackType
from typing import NamedTuple, Self

from rich.align import AlignMethod
from rich.cells import cell_len
from rich.console import Console, Group, OverflowMethod
from rich.text import Text

from agent.display.format import (
    STYLES,
    Formatter,
    allowance_words,
    duration,
    formatter_for,
    spending,
    spread,
)
from agent.display.held import guard_lines
from agent.display.places import brief_words, size_words
from agent.display.scores import about_scores, gain_of
from agent.display.screen import Screen
from agent.display.state import Running, RunState, baseline_of
from agent.display.steering import state_lines
from agent.display.waits import wait_words
from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.records.curves import held_loss_at
from agent.records.events import Event, RunStarted
from agent.records.results import Trial, kept_in

VERDICTS = 8
# Lines of a trial in training.
TRIAL_LINES = 3
# From this width on there is room for both curves of a trial, and for reasons of verdicts.
WIDE = 120
# Below this width a verdict shows no duration, since its hypothesis needs the room.
NARROW = 60
# The least width of a hypothesis, however long the columns after it are.
LEAST_MIDDLE = 8
VERDICT_COLUMNS: Sequence[AlignMethod] = ("right", "left", "right", "right", "right")
HINTS = (
    "Ctrl-C ends after what is in training",
    "twice ends at once",
    "`autoresearch tell`, `pause`, `try` from another terminal",
)
# Why a run of a trial trains something else than its proposal.
ROLES = {
    "incumbent": "incumbent, for comparison",
    "baseline": "baseline, for its time on this machine",
    "neutral": "every float moved by a millionth",
    "reference": "the first baseline, for a guard",
    "fresh": "a fresh seed, for the target",
}


class LiveDisplay:
    """Shows events as they come, with running clocks; restores the terminal at `__exit__`."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._state = RunState(clock)
        self._lock = threading.Lock()
        self._formatter = formatter_for(console)
        self._screen = Screen(console, self.page)

    def __enter__(self) -> Self:
        self._screen.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._screen.__exit__(kind, error, trace)

    def handle(self, event: Event) -> None:
        """Take in one event; the next redraw shows it."""
        with self._lock:
            if isinstance(event, RunStarted):
                self._formatter = formatter_for(self._console, event.objective)
            self._state.handle(event)

    def page(self) -> Group:
        """Return the frame of this moment."""
        with self._lock:
            console = self._console
            frame = Frame(self._state, self._formatter, console.width, console.height)
            return Group(*frame.lines())


class Rank(IntEnum):
    """Which lines a low terminal keeps: the first ones longest."""

    TITLE = 0
    BEST = 1
    TRIAL = 2
    RUN = 3
    SCORES = 4
    NEXT = 5
    STEERING = 6
    LOSSES = 7
    FACTS = 8
    PLACES = 9
    NOTE = 10
    VERDICT = 11
    HINT = 12
    SPACE = 13


class Line(NamedTuple):
    """One line of a frame."""

    rank: Rank
    text: Text


SPACE = Line(Rank.SPACE, Text(""))


class Frame:
    """One frame of a run, `width` columns wide and at most `height` lines high."""

    def __init__(self, state: RunState, formatter: Formatter, width: int, height: int) -> None:
        self._state = state
        self._formatter = formatter
        self._width = width
        self._height = height
        self._overflow: OverflowMethod = "crop" if formatter.ascii_only else "ellipsis"
        self._dot = " | " if formatter.ascii_only else " · "
        self._now = state.clock()
        self._incumbent = incumbent_of(state.trials)

    def lines(self) -> list[Text]:
        """Return the frame from top to bottom, running trials first: `log` has the history."""
        above = [*self._header(), SPACE, *self._trials(), self._proposing(), *self._notes(), SPACE]
        below = [SPACE, *self._footer()]
        room = self._height - len(above) - len(below)
        verdicts = self._verdicts(max(1, min(VERDICTS, room)))
        lines = [*above, *verdicts, *below]
        by_rank = sorted(range(len(lines)), key=lambda place: lines[place].rank)
        kept = sorted(by_rank[: self._height])
        return [self._fit(lines[place].text) for place in kept]

    def _fit(self, line: Text) -> Text:
        """Return `line` cut to the width; a wrapped line would move everything below it."""
        line.truncate(self._width, overflow=self._overflow)
        line.no_wrap = True
        return line

    # ------------------------------------------------------------ header

    def _header(self) -> Iterator[Line]:
        run = self._state.run
        if run is None:
            yield Line(Rank.TITLE, Text("starting"))
            return
        elapsed = Text(duration(self._now - self._state.began), style="dim")
        title = Text.assemble(("autoresearch ", "bold"), (run.tag, "bold cyan"))
        branch = Text("  " + run.branch, style="dim")
        if title.cell_len + branch.cell_len + 2 + elapsed.cell_len <= self._width:
            title.append_text(branch)
        gap = max(2, self._width - title.cell_len - elapsed.cell_len)
        yield Line(Rank.TITLE, Text.assemble(title, " " * gap, elapsed))
        facts = (
            f"method {run.method}",
            f"model {run.model or 'none'}",
            allowance_words(run.budget),
            f"sandbox tier {run.tier}",
            self._workers(run.workers),
        )
        for line in self._wrapped("", facts):
            yield Line(Rank.FACTS, line)
        yield from self._places()
        about = about_scores(self._state.trials, self._formatter)
        for line in self._wrapped("", about.split("; ") if about else ()):
            yield Line(Rank.SCORES, line)

    def _workers(self, count: int) -> str:
        places = self._state.places
        if places.present or places.gone:
            return size_words(places)
        if not count:
            return "no place yet"
        return "1 worker" if count == 1 else f"{count} workers"

    def _places(self) -> Iterator[Line]:
        """Yield the lines about the machines, unless this one is the only one."""
        words = brief_words(self._state.places)
        for line in self._wrapped("at    ", words) if words else ():
            yield Line(Rank.PLACES, line)

    def _joined(self, *parts: str) -> Text:
        return Text(self._dot.join(map(self._formatter.line, parts)))

    def _wrapped(self, label: str, parts: Sequence[str]) -> Iterator[Text]:
        """Yield `parts` after a label, on as many lines as they need; no part is split."""
        line = Text.assemble((label, "bold"))
        indent = len(label)
        for part in map(self._formatter.line, parts):
            full = line.cell_len + len(self._dot) + cell_len(part) > self._width
            if full and line.cell_len > indent:
                yield line
                line = Text(" " * indent)
            if line.cell_len > indent:
                line.append(self._dot)
            line.append(part)
        yield line

    def _between(self, start: Text, middle: str, end: Text) -> Text:
        """Return a line whose middle is cut if the end would not fit."""
        text = Text(self._formatter.line(middle))
        room = max(LEAST_MIDDLE, self._width - start.cell_len - end.cell_len)
        text.truncate(room, overflow=self._overflow)
        return Text.assemble(start, text, end)

    # ------------------------------------------------------------ trials in training

    def _trials(self) -> Iterator[Line]:
        slots = sorted(self._state.running.items())
        running = sorted((trial for _, trial in slots), key=lambda trial: trial.attempt.number)
        room = max(1, (self._height - 13) // TRIAL_LINES)
        for trial in running[:room]:
            yield from self._trial(trial)
        if len(running) > room:
            more = f"and {len(running) - room} more in training"
            yield Line(Rank.TRIAL, Text(more, style="dim"))
        if not running:
            yield Line(Rank.TRIAL, Text("no trial in training", style="dim"))

    def _trial(self, trial: Running) -> Iterator[Line]:
        proposal = trial.attempt.proposal
        repeat = ""
        if trial.run > 1 or trial.role in ("baseline", "reference"):
            repeat = f"  run {trial.run}: {ROLES.get(trial.role, f'seed {trial.seed}')}"
        place = f"  {self._formatter.line(trial.place)}" if trial.place else ""
        number = Text(f"#{trial.attempt.number} ", style="bold")
        which = Text(repeat + place, style="dim")
        yield Line(Rank.TRIAL, self._between(number, proposal.hypothesis, which))
        fraction = trial.fraction(self._now)
        bar = self._formatter.bar(fraction, max(10, min(60, self._width - 36)))
        percent = f" {fraction:4.0%}  "
        yield Line(Rank.TRIAL, Text.assemble("   ", bar, percent, self._pace(trial)))
        yield Line(Rank.LOSSES, Text.assemble("   ", self._losses(trial)))

    def _pace(self, trial: Running) -> Text:
        if trial.check and trial.scoring_since is not None:
            since = duration(self._now - trial.scoring_since)
            return Text(f"checking  {since}  {self._formatter.line(trial.check)}", style="cyan")
        if trial.scoring_since is not None:
            return Text(f"scoring  {duration(self._now - trial.scoring_since)}", style="cyan")
        silent = trial.silent(self._now)
        if silent is not None:
            return Text(f"silent for {duration(silent)}", style="yellow")
        left = trial.left(self._now)
        if left is None:
            return Text(f"starting  {duration(self._now - trial.began)}", style="dim")
        return Text(f"{duration(left)} left")

    def _losses(self, trial: Running) -> Text:
        if not trial.curve:
            return Text("")
        incumbent = self._incumbent
        past = incumbent.result.curve if incumbent and incumbent.result else ()
        scale = spread(trial.curve, past)
        cells = self._cells()
        mine = self._formatter.sparkline(trial.curve, cells, scale).ljust(cells)
        loss = trial.curve[-1][1]
        text = Text.assemble(f"loss {loss:.4f} ", (mine, "cyan"))
        if past and incumbent and trial.attempt.number != incumbent.number:
            there = held_loss_at(past, trial.reported)
            if self._width >= NARROW:
                text.append(f"  incumbent #{incumbent.number} here {there:.4f}")
            if self._width >= WIDE:
                text.append(" " + self._formatter.sparkline(past, cells, scale), style="dim")
            text.append(f" {loss - there:+.4f}", style="green" if loss < there else "red")
        return text

    def _cells(self) -> int:
        """Return the width of a curve."""
        if self._width >= WIDE:
            return 30
        return 16 if self._width >= 72 else 8

    # ------------------------------------------------------------ the proposer

    def _proposing(self) -> Line:
        return Line(Rank.NEXT, self._next(Text("next  ", style="bold")))

    def _next(self, label: Text) -> Text:
        if self._state.model_until:
            words = wait_words(*self._state.model_until)
            return Text.assemble(label, (self._formatter.line(words), "yellow"))
        if self._state.asked:
            method, since = self._state.asked
            count = self._state.writing
            drafts = f", {count} drafts in writing" if count > 1 else ""
            doing = self._formatter.line(f"{method} is proposing{drafts}")
            return Text.assemble(label, f"{doing}  {duration(self._now - since)}")
        waiting = self._state.waiting
        if not waiting:
            return Text.assemble(label, ("nothing yet", "dim"))
        more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
        return self._between(label, waiting[0].hypothesis, Text(more, style="dim"))

    def _notes(self) -> Iterator[Line]:
        for line in state_lines(self._state.steering):
            yield Line(Rank.STEERING, Text.assemble(("said  ", "bold"), self._formatter.line(line)))
        for note in self._state.notes:
            yield Line(Rank.NOTE, Text.assemble(("note  ", "yellow"), self._formatter.line(note)))

    # ------------------------------------------------------------ verdicts

    def _verdicts(self, rows: int) -> Iterator[Line]:
        """Yield the last verdicts in columns, and empty lines where there are fewer than rows."""
        cells = [self._verdict(trial) for trial in self._state.trials[-rows:]]
        widths = list(map(_widest, zip(*cells, strict=True)))
        for row in cells:
            for cell, width, side in zip(row[:-1], widths, VERDICT_COLUMNS, strict=False):
                cell.align(side, width)
            yield Line(Rank.VERDICT, Text("  ").join(row))
        for _ in range(rows - len(cells)):
            yield SPACE

    def _verdict(self, trial: Trial) -> list[Text]:
        faint = "dim" if trial.status == "discard" else ""
        hypothesis = Text(self._formatter.line(trial.proposal.hypothesis), style=faint)
        if self._width >= WIDE:
            hypothesis.append("  " + self._formatter.line(trial.reason), style="dim")
        score = self._formatter.score(trial.value)
        cells = [
            Text(f"#{trial.number}"),
            self._formatter.status(trial.status),
            Text(score, style=STYLES[trial.status] if trial.status == "keep" else ""),
            self._formatter.delta(trial.delta),
        ]
        if self._width >= NARROW:
            cells.append(Text(duration(trial.result.seconds) if trial.result else "", style="dim"))
        return [*cells, hypothesis]

    # ------------------------------------------------------------ footer

    def _footer(self) -> Iterator[Line]:
        state = self._state
        pace = state.per_hour()
        noise = noise_of(state.trials, self._formatter.objective.sense).scatter
        count = "1 trial" if len(state.trials) == 1 else f"{len(state.trials)} trials"
        parts = [f"{count}, {kept_in(state.trials)} kept"]
        if state.planned is not None:
            parts.append(f"{state.judged} of {state.planned} this time")
        if pace:
            parts.append(f"{pace:.1f}/h")
        parts.append(spending(state.proposed).partition(" (")[0])
        if noise is not None:
            parts.append(f"noise {self._formatter.spread(noise, '')}")
        yield Line(Rank.BEST, self._best())
        yield from self._guards()
        for line in self._wrapped("run   ", parts):
            yield Line(Rank.RUN, line)
        for line in self._wrapped("", HINTS):
            line.stylize("dim")
            yield Line(Rank.HINT, line)

    def _guards(self) -> Iterator[Line]:
        """Yield the conditions for a keep, on as many lines as they need."""
        conditions = guard_lines(self._state.trials, self._formatter.objective)
        texts = [text for _, text in conditions]
        for line in self._wrapped("guard ", texts) if texts else ():
            yield Line(Rank.RUN, line)

    def _best(self) -> Text:
        best = self._incumbent
        baseline = baseline_of(self._state.trials)
        if best is None or best.value is None or baseline is None or baseline.value is None:
            return Text.assemble(("best  ", "bold"), ("none yet", "dim"))
        value = self._formatter.score(best.value)
        if best.number == baseline.number:
            line = f"{value} – the baseline: nothing has beaten it yet"
            return Text.assemble(("best  ", "bold"), self._formatter.line(line))
        score = (f"{value} ", "bold green" if best.status != "baseline" else "")
        size = gain_of(best, baseline, self._formatter)
        gain = f"{self._formatter.change(-size)} vs baseline" if size is not None else ""
        return Text.assemble(
            ("best  ", "bold"),
            score,
            self._joined(*filter(None, (f"by #{best.number}", gain)), best.proposal.hypothesis),
        )


def _widest(cells: Sequence[Text]) -> int:
    return max(cell.cell_len for cell in cells)
