"""The live view: a run in progress, redrawn in place in a terminal of any width."""

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.console import (
    Console,
    ConsoleOptions,
    Group,
    OverflowMethod,
    RenderableType,
    RenderResult,
)
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.display.format import (
    STYLES,
    Formatter,
    bpb,
    duration,
    formatter_for,
    spending,
    spread,
)
from agent.display.state import Running, RunState, baseline_of
from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.records.curves import held_loss_at
from agent.records.events import Event
from agent.records.results import Trial, kept_in

# Seconds tick once a second; redrawing twice as often keeps the ticks even.
REFRESHES_PER_SECOND = 2
VERDICTS = 8
# Lines of a trial in training.
TRIAL_LINES = 3
# From this width on there is room for both curves of a trial, and for reasons of verdicts.
WIDE = 120
# Why a run of a trial trains something else than its proposal.
ROLES = {
    "incumbent": "incumbent, for comparison",
    "baseline": "baseline, for its time on this machine",
}


class LiveDisplay:
    """Shows events as they come, with running clocks; restores the terminal at `__exit__`."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._state = RunState(clock)
        self._lock = threading.Lock()
        self._formatter = formatter_for(console)
        self._live = Live(
            self,
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def handle(self, event: Event) -> None:
        """Take in one event; the next redraw shows it."""
        with self._lock:
            self._state.handle(event)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            frame = Frame(self._state, self._formatter, options.max_width, console.height)
            yield Group(*(frame.fit(line) for line in frame.lines()))


class Frame:
    """One frame of a run, `width` columns wide and at most `height` lines high."""

    def __init__(self, state: RunState, formatter: Formatter, width: int, height: int) -> None:
        self._state = state
        self._formatter = formatter
        self._width = width
        self._height = height
        self._overflow: OverflowMethod = "crop" if formatter.ascii_only else "ellipsis"
        self._now = state.clock()
        self._incumbent = incumbent_of(state.trials)

    def fit(self, line: RenderableType) -> RenderableType:
        """Return `line`, cut to the width if it is text: a wrapped line would move all below it."""
        if isinstance(line, Text):
            line.truncate(self._width, overflow=self._overflow)
            line.no_wrap = True
        return line

    def lines(self) -> Iterator[RenderableType]:
        """Yield the frame from top to bottom, running trials first: `log` has the history."""
        yield from self._header()
        yield Text("")
        running = list(self._trials())
        yield from running
        yield self._proposing()
        for note in self._state.notes:
            yield Text.assemble(("note  ", "yellow"), self._formatter.line(note))
        yield Text("")
        room = self._height - len(running) - len(self._state.notes) - 9
        yield self._verdicts(max(1, min(VERDICTS, room)))
        yield Text("")
        yield from self._footer()

    # ------------------------------------------------------------ header

    def _header(self) -> Iterator[Text]:
        run = self._state.run
        if run is None:
            yield Text("starting")
            return
        elapsed = duration(self._now - self._state.began)
        title = Text.assemble(
            ("autoresearch ", "bold"), (run.tag, "bold cyan"), ("  " + run.branch, "dim")
        )
        yield self._spread(title, Text(elapsed, style="dim"))
        workers = "1 worker" if run.workers == 1 else f"{run.workers} workers"
        yield self._joined(
            f"method {run.method}",
            f"model {run.model or 'none'}",
            f"budget {run.budget}",
            f"sandbox tier {run.tier}",
            workers,
        )

    def _joined(self, *parts: str) -> Text:
        dot = " | " if self._formatter.ascii_only else " · "
        return Text(dot.join(map(self._formatter.line, parts)))

    def _spread(self, left: Text, right: Text) -> Text:
        gap = self._width - left.cell_len - right.cell_len
        return Text.assemble(left, " " * max(2, gap), right)

    # ------------------------------------------------------------ trials in training

    def _trials(self) -> Iterator[Text]:
        running = sorted(self._state.running.items())
        room = max(1, (self._height - 13) // TRIAL_LINES)
        for number, trial in running[:room]:
            yield from self._trial(number, trial)
        if len(running) > room:
            yield Text(f"and {len(running) - room} more in training", style="dim")
        if not running:
            yield Text("no trial in training", style="dim")

    def _trial(self, number: int, trial: Running) -> Iterator[Text]:
        proposal = trial.attempt.proposal
        repeat = ""
        if trial.run > 1 or trial.role == "baseline":
            repeat = f"  run {trial.run}: {ROLES.get(trial.role, f'seed {trial.seed}')}"
        hypothesis = self._formatter.line(proposal.hypothesis)
        yield Text.assemble((f"#{number} ", "bold"), hypothesis, (repeat, "dim"))
        fraction = trial.fraction(self._now)
        bar = self._formatter.bar(fraction, max(10, min(60, self._width - 36)))
        yield Text.assemble("   ", bar, f" {fraction:4.0%}  ", self._pace(trial))
        yield Text.assemble("   ", self._losses(trial))

    def _pace(self, trial: Running) -> Text:
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
        cells = 30 if self._width >= WIDE else 16
        mine = self._formatter.sparkline(trial.curve, cells, scale).ljust(cells)
        loss = trial.curve[-1][1]
        text = Text.assemble(f"loss {loss:.4f} ", (mine, "cyan"))
        if past and incumbent and trial.attempt.number != incumbent.number:
            there = held_loss_at(past, trial.reported)
            text.append(f"  incumbent #{incumbent.number} here {there:.4f} ")
            if self._width >= WIDE:
                text.append(self._formatter.sparkline(past, cells, scale) + " ", style="dim")
            text.append(f"{loss - there:+.4f}", style="green" if loss < there else "red")
        return text

    # ------------------------------------------------------------ the proposer

    def _proposing(self) -> Text:
        if self._state.asked:
            method, since = self._state.asked
            doing = self._formatter.line(f"{method} is proposing")
            return Text.assemble(("next  ", "bold"), doing, f"  {duration(self._now - since)}")
        waiting = self._state.waiting
        if not waiting:
            return Text.assemble(("next  ", "bold"), ("nothing yet", "dim"))
        more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
        hypothesis = self._formatter.line(waiting[0].hypothesis)
        return Text.assemble(("next  ", "bold"), hypothesis, (more, "dim"))

    # ------------------------------------------------------------ verdicts

    def _verdicts(self, rows: int) -> RenderableType:
        last = self._state.trials[-rows:]
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for justify in ("right", "left", "right", "right", "right"):
            grid.add_column(justify=justify, no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow=self._overflow)
        for trial in last:
            grid.add_row(*self._verdict(trial))
        for _ in range(rows - len(last)):
            grid.add_row("")
        return grid

    def _verdict(self, trial: Trial) -> tuple[Text, ...]:
        faint = "dim" if trial.status == "discard" else ""
        hypothesis = Text(self._formatter.line(trial.proposal.hypothesis), style=faint)
        if self._width >= WIDE:
            hypothesis.append("  " + self._formatter.line(trial.reason), style="dim")
        return (
            Text(f"#{trial.number}"),
            self._formatter.status(trial.status),
            Text(bpb(trial.value), style=STYLES[trial.status] if trial.status == "keep" else ""),
            self._formatter.delta(trial.delta),
            Text(duration(trial.result.seconds) if trial.result else "", style="dim"),
            hypothesis,
        )

    # ------------------------------------------------------------ footer

    def _footer(self) -> Iterator[Text]:
        state = self._state
        pace = state.per_hour()
        noise = noise_of(state.trials).scatter
        parts = [f"{len(state.trials)} trials, {kept_in(state.trials)} kept"]
        if state.run and state.run.planned is not None:
            parts.append(f"{state.judged} of {state.run.planned} this time")
        if pace:
            parts.append(f"{pace:.1f} trials/h")
        parts.append(spending(state.proposed).partition(" (")[0])
        if noise is not None:
            parts.append(f"noise {noise:.6f}")
        yield self._best()
        yield Text.assemble(("run   ", "bold"), self._joined(*parts))

    def _best(self) -> Text:
        best = self._incumbent
        baseline = baseline_of(self._state.trials)
        if best is None or best.value is None or baseline is None or baseline.value is None:
            return Text.assemble(("best  ", "bold"), ("none yet", "dim"))
        if best.number == baseline.number:
            line = f"{bpb(best.value)} – the baseline: nothing has beaten it yet"
            return Text.assemble(("best  ", "bold"), self._formatter.line(line))
        score = (f"{bpb(best.value)} ", "bold green" if best.status != "baseline" else "")
        gain = f"{best.value - baseline.value:+.6f} vs baseline"
        return Text.assemble(
            ("best  ", "bold"),
            score,
            self._joined(f"by #{best.number}", gain, best.proposal.hypothesis),
        )
