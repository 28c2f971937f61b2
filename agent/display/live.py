"""The live view: a run as it goes, redrawn in place in a terminal of any width."""

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.display.format import (
    STYLES,
    Formatter,
    bpb,
    duration,
    formatter_for,
    loss_at,
    spending,
    spread,
)
from agent.display.state import Running, RunState, baseline_of
from agent.judge.decide import incumbent_of, noise_of
from agent.records.events import Event
from agent.records.results import KEPT, Trial

# Seconds tick once a second; twice that keeps them even without making the terminal work.
REFRESHES_PER_SECOND = 2
VERDICTS = 8
# Lines of a trial in training; and the width from which its line of losses has room for both curves.
TRIAL_LINES = 3
WIDE = 120


class LiveDisplay:
    """Shows events as they come; time goes on by itself. A context manager: the terminal is left as it was found."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._state, self._lock = RunState(clock), threading.Lock()
        self._console, self._formatter = console, formatter_for(console)
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
        """Take in one event; it is on the screen with the next redraw."""
        with self._lock:
            self._state.handle(event)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            frame = Frame(self._state, self._formatter, options.max_width, console.height)
            yield Group(*(frame.fit(line) for line in frame.lines()))


class Frame:
    """One picture of a run, `width` columns wide and at most `height` lines high."""

    def __init__(self, state: RunState, formatter: Formatter, width: int, height: int) -> None:
        self._state, self._formatter, self._width, self._height = state, formatter, width, height
        self._now = state.clock()
        self._incumbent = incumbent_of(state.trials)

    def fit(self, line: RenderableType) -> RenderableType:
        """`line` cut to the width where it is text: a line that wraps would make everything below it jump."""
        if isinstance(line, Text):
            line.truncate(
                self._width, overflow="ellipsis" if not self._formatter.ascii_only else "crop"
            )
            line.no_wrap = True
        return line

    def lines(self) -> Iterator[RenderableType]:
        """The picture from top to bottom; what is running comes first, as history has its own command."""
        yield from self._header()
        yield Text("")
        running = list(self._trials())
        yield from running
        yield self._proposing()
        yield from (
            Text.assemble(("note  ", "yellow"), self._formatter.line(note))
            for note in self._state.notes
        )
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
        return Text(
            (" | " if self._formatter.ascii_only else " · ").join(map(self._formatter.line, parts))
        )

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
        roles = {
            "incumbent": "incumbent, for comparison",
            "baseline": "baseline, for its time on this machine",
        }
        whose = roles.get(trial.role, f"seed {trial.seed}")
        repeat = f"  run {trial.run}: {whose}" if trial.run > 1 or trial.role == "baseline" else ""
        yield Text.assemble(
            (f"#{number} ", "bold"), self._formatter.line(proposal.hypothesis), (repeat, "dim")
        )
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
        past = self._incumbent.result.curve if self._incumbent and self._incumbent.result else ()
        scale = spread(trial.curve, past)
        cells = 30 if self._width >= WIDE else 16
        mine = self._formatter.sparkline(trial.curve, cells, scale).ljust(cells)
        text = Text.assemble(f"loss {trial.curve[-1][1]:.4f} ", (mine, "cyan"))
        if past and self._incumbent and trial.attempt.number != self._incumbent.number:
            there = loss_at(past, trial.reported)
            ahead = trial.curve[-1][1] - there
            text.append(f"  incumbent #{self._incumbent.number} here {there:.4f} ")
            if self._width >= WIDE:
                text.append(self._formatter.sparkline(past, cells, scale) + " ", style="dim")
            text.append(f"{ahead:+.4f}", style="green" if ahead < 0 else "red")
        return text

    # ------------------------------------------------------------ the proposer

    def _proposing(self) -> Text:
        if self._state.asked:
            method, since = self._state.asked
            return Text.assemble(
                ("next  ", "bold"),
                self._formatter.line(f"{method} is proposing"),
                f"  {duration(self._now - since)}",
            )
        if self._state.waiting:
            more = (
                f" (and {len(self._state.waiting) - 1} more)"
                if len(self._state.waiting) > 1
                else ""
            )
            hypothesis = self._formatter.line(self._state.waiting[0].hypothesis)
            return Text.assemble(("next  ", "bold"), hypothesis, (more, "dim"))
        return Text.assemble(("next  ", "bold"), ("nothing yet", "dim"))

    # ------------------------------------------------------------ verdicts

    def _verdicts(self, rows: int) -> RenderableType:
        last = self._state.trials[-rows:]
        grid = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for justify in ("right", "left", "right", "right", "right"):
            grid.add_column(justify=justify, no_wrap=True)
        grid.add_column(
            ratio=1, no_wrap=True, overflow="ellipsis" if not self._formatter.ascii_only else "crop"
        )
        for trial in last:
            grid.add_row(*self._verdict(trial))
        for _ in range(rows - len(last)):
            grid.add_row("")
        return grid

    def _verdict(self, trial: Trial) -> tuple[Text, ...]:
        said = Text(
            self._formatter.line(trial.proposal.hypothesis),
            style="dim" if trial.status == "discard" else "",
        )
        if self._width >= WIDE:
            said.append("  " + self._formatter.line(trial.reason), style="dim")
        return (
            Text(f"#{trial.number}"),
            self._formatter.status(trial.status),
            Text(bpb(trial.value), style=STYLES[trial.status] if trial.status == "keep" else ""),
            self._formatter.delta(trial.delta),
            Text(duration(trial.result.seconds) if trial.result else "", style="dim"),
            said,
        )

    # ------------------------------------------------------------ footer

    def _footer(self) -> Iterator[Text]:
        state = self._state
        kept = sum(trial.status in KEPT and trial.status != "baseline" for trial in state.trials)
        pace, noise = state.per_hour(), noise_of(state.trials)
        planned = state.run.planned if state.run else None
        parts = [f"{len(state.trials)} trials, {kept} kept"]
        parts += [f"{state.judged} of {planned} this time"] if planned is not None else []
        parts += [f"{pace:.1f} trials/h"] if pace else []
        parts += [spending(state.trials).partition(" (")[0]]
        parts += [f"noise {noise.scatter:.6f}"] if noise.scatter is not None else []
        yield self._best()
        yield Text.assemble(("run   ", "bold"), self._joined(*parts))

    def _best(self) -> Text:
        best, baseline = self._incumbent, baseline_of(self._state.trials)
        if best is None or best.value is None or baseline is None or baseline.value is None:
            return Text.assemble(("best  ", "bold"), ("none yet", "dim"))
        if best.number == baseline.number:
            return Text.assemble(
                ("best  ", "bold"),
                self._formatter.line(
                    f"{bpb(best.value)} – the baseline: nothing has beaten it yet"
                ),
            )
        score = (f"{bpb(best.value)} ", "bold green" if best.status != "baseline" else "")
        gain = f"{best.value - baseline.value:+.6f} vs baseline"
        return Text.assemble(
            ("best  ", "bold"),
            score,
            self._joined(f"by #{best.number}", gain, best.proposal.hypothesis),
        )
