"""The table of a run's trials, and the summary that ends a run."""

from collections import Counter
from collections.abc import Sequence
from shlex import quote

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.display.folding import GAP, FoldingTable, Hanging
from agent.display.format import (
    HEAD,
    STYLES,
    Formatter,
    duration,
    formatter_for,
    memory,
    noise_text,
    pace_text,
    proposer,
    spending,
)
from agent.display.held import guard_lines
from agent.display.learnt import learnt
from agent.display.scores import about_scores, gain_text
from agent.display.state import baseline_of
from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.judge.suspicion import approved_by
from agent.records.objective import VAL_BPB, Objective
from agent.records.pace import pace_of
from agent.records.results import FAILED, TAKEN, Attempt, PriorTrial, Trial, also_of
from sandbox.ground.text import shortened

CURVE_CELLS = 10
GIVEN_UP = {"method": 40, "memory": 28, "curve": 24, "time": 16, "delta": 8}
"""Columns that a narrow terminal leaves out, the first one first, if a hypothesis would have
less room than this: no number is ever cut."""
LEAST_HYPOTHESIS = 5
"""Cells below which a hypothesis says nothing, and is left out too."""

_RIGHT = frozenset({"#", "score", "delta", "time", "memory"})


def trial_table(
    trials: Sequence[Trial],
    console: Console,
    objective: Objective = VAL_BPB,
    also: bool = False,
) -> RenderableType:
    """Return the trials, oldest first, one line each.

    They are cut to the width of a terminal; elsewhere they are aligned text with nothing cut.
    also: with a column for each metric that is recorded beside the main one.
    """
    formatter = formatter_for(console, objective)
    if not trials:
        return Text("no trials yet")
    further = objective.further if also else ()
    rows = [_row(trial, formatter, further) for trial in trials]
    if formatter.plain:
        return _paper(rows, formatter)
    columns = _columns(rows, formatter, console.width)
    others = [name for name in columns if name != "hypothesis"]
    if console.width - _cells(others, rows, formatter) < LEAST_HYPOTHESIS:
        return _numbers(others, rows, formatter)
    table = Table(
        box=None, pad_edge=False, padding=(0, GAP, 0, 0), expand=True, header_style="bold"
    )
    for name in columns:
        table.add_column(
            _head(name, formatter),
            no_wrap=True,
            ratio=1 if name == "hypothesis" else None,
            justify="right" if _is_number(name) else "left",
            overflow="crop" if formatter.ascii_only else "ellipsis",
        )
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def _columns(rows: Sequence[dict[str, Text]], formatter: Formatter, width: int) -> list[str]:
    """Return the columns that fit a terminal of this width, without empty ones."""
    columns = []
    for name in rows[0]:
        if name not in GIVEN_UP or any(row[name].plain for row in rows):
            columns.append(name)
    for name, least in GIVEN_UP.items():
        others = [column for column in columns if column != "hypothesis"]
        if width - _cells(others, rows, formatter) >= least:
            break
        if name in columns:
            columns.remove(name)
    return columns


def _cells(columns: Sequence[str], rows: Sequence[dict[str, Text]], formatter: Formatter) -> int:
    """Return how wide columns are, each with the gap behind it."""
    total = 0
    for name in columns:
        widest = max(row[name].cell_len for row in rows)
        total += max(widest, cell_len(_head(name, formatter))) + GAP
    return total


def _numbers(
    columns: Sequence[str], rows: Sequence[dict[str, Text]], formatter: Formatter
) -> FoldingTable:
    """Return the table without hypotheses, for a terminal that has room for numbers alone."""
    heads = {name: _head(name, formatter) for name in columns}
    right = [head for name, head in heads.items() if _is_number(name)]
    table = FoldingTable(tuple(heads.values()), right)
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def _is_number(column: str) -> bool:
    return column in _RIGHT or column.startswith("also.")


def _column(metric: str) -> str:
    """Return the name of a further metric's column; no other column has it."""
    return f"also.{metric}"


def _further(trial: Trial, metric: str) -> Text:
    """Return a further metric of a trial, in yellow where it breaks a guard."""
    value = also_of(trial).get(metric)
    broken = any(
        result.guard.metric == metric and result.finding == "outside" for result in trial.guards
    )
    return Text("" if value is None else f"{value:.6g}", style=STYLES["guarded"] if broken else "")


def _row(trial: Trial, formatter: Formatter, further: Sequence[str] = ()) -> dict[str, Text]:
    result = trial.result
    curve = formatter.sparkline(result.curve, CURVE_CELLS) if result else ""
    faint = "dim" if trial.status in ("discard", "pruned", "refused", "reported") else ""
    return {
        "#": Text(str(trial.number)),
        "status": formatter.status(trial.status),
        "score": _score(trial, formatter),
        "delta": formatter.delta(trial.delta),
        **{_column(name): _further(trial, name) for name in further},
        "time": Text(duration(result.seconds) if result else ""),
        "memory": Text(memory(result.peak_memory_mb) if result else ""),
        "curve": Text(curve, style="cyan"),
        "method": Text(formatter.line(proposer(trial.proposal.by)), style="dim"),
        "hypothesis": Text(formatter.line(trial.proposal.hypothesis), style=faint),
    }


def _head(name: str, formatter: Formatter) -> str:
    """Return the head of a column: the metric's name over the scores."""
    if name.startswith("also."):
        return formatter.line(shortened(name.removeprefix("also."), HEAD))
    return formatter.head if name == "score" else name


def _score(trial: Trial, formatter: Formatter) -> Text:
    if trial.claim is None:
        style = STYLES["keep"] if trial.status == "keep" else ""
        return Text(formatter.score(trial.value), style=style)
    # In brackets: not measured here.
    claimed = formatter.score(trial.claim.score)
    return Text(f"({claimed})" if claimed else "", style="dim")


def _paper(rows: Sequence[dict[str, Text]], formatter: Formatter) -> Text:
    columns = [_padded(name, _head(name, formatter), rows) for name in rows[0]]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return Text("\n".join(lines))


def _padded(name: str, head: str, rows: Sequence[dict[str, Text]]) -> list[str]:
    """Return the cells of a column under its head, all of one width."""
    cells = [head, *(row[name].plain for row in rows)]
    width = max(map(len, cells))
    if _is_number(name):
        return [cell.rjust(width) for cell in cells]
    return [cell.ljust(width) for cell in cells]


def summary(
    branch: str,
    trials: Sequence[Trial],
    console: Console,
    objective: Objective = VAL_BPB,
    resume: str = "",
) -> RenderableType:
    """Return the end of a run: the table, best, noise, counts, cost, lesson, and next commands.

    resume: the command that goes on. Default: on this machine.
    """
    formatter = formatter_for(console, objective)
    commands = next_commands(branch, trials, resume)
    steps = Text("\n".join(f"  {formatter.line(command)}" for command in commands), style="bold")
    return Group(
        trial_table(trials, console, objective),
        Text(""),
        *map(Hanging, outcome(trials, formatter)),
        *map(Hanging, lesson(trials, formatter)),
        Text(""),
        Text("next"),
        steps,
    )


def lesson(trials: Sequence[Trial], formatter: Formatter) -> tuple[Text, ...]:
    """Return a line with what the run has shown; none if nothing was tried."""
    sentence = learnt(trials, formatter)
    return (Text(f"learnt  {sentence}"),) if sentence else ()


def warm_text(prior: Sequence[PriorTrial], source: str) -> str:
    """Return `412 prior trials of study.db (37 failed); they are not attempts of this run`."""
    failed = sum(isinstance(trial.outcome, str) for trial in prior)
    counted = f"{len(prior)} prior trials of {source} ({failed} failed)"
    return f"{counted}; they are not attempts of this run"


def outcome(
    trials: Sequence[Trial], formatter: Formatter, in_flight: Sequence[Attempt] = ()
) -> tuple[Text, ...]:
    """Return a line each for best and gain, kind of score, noise, counts, time and cost."""
    about = about_scores(trials, formatter)
    noise = noise_of(trials, formatter.objective.sense)
    return (
        _best(trials, formatter),
        *((Text(f"scores  {about}"),) if about else ()),
        Text(f"noise   {formatter.line(noise_text(noise, formatter))}"),
        Text(f"trials  {counts(trials)}"),
        *(
            Text(f"{name:<7} {formatter.line(line)}")
            for name, line in guard_lines(trials, formatter.objective)
        ),
        Text(f"time    {pace_text(pace_of(trials))}"),
        Text(f"spent   {spending([*trials, *in_flight])}"),
    )


def _best(trials: Sequence[Trial], formatter: Formatter) -> Text:
    best = incumbent_of(trials)
    baseline = baseline_of(trials)
    if best is None or baseline is None or best.value is None or baseline.value is None:
        return Text("best    none: no trial has a score yet")
    score = (formatter.score(best.value), "bold green")
    text = Text.assemble("best    ", score, f" {formatter.metric} by #{best.number}")
    if best.number == baseline.number:
        return text.append(", the baseline: nothing has beaten it yet")
    gain = gain_text(best, baseline, formatter)
    text.append(f", {gain} against the baseline: " if gain else ": ")
    return text.append(formatter.line(best.proposal.hypothesis))


def counts(trials: Sequence[Trial]) -> str:
    """Return `1 baseline, 2 keep, 9 discard`, in the order of STYLES."""
    number: Counter[str] = Counter(trial.status for trial in trials)
    return ", ".join(f"{number[status]} {status}" for status in STYLES if number[status]) or "none"


def next_commands(branch: str, trials: Sequence[Trial], resume: str = "") -> tuple[str, ...]:
    """Return the three most useful next commands.

    A run of this repository is named by its tag. resume: the command that goes on. Default: on
    this machine.
    """
    run = quote(branch.removeprefix("autoresearch/"))
    best = incumbent_of(trials)
    failed = [trial for trial in trials if trial.status in FAILED or trial.status == "refused"]
    kept = best if best and best.status in TAKEN else None
    commands = []
    if kept:
        commands.append(f"autoresearch show {kept.number}")
        commands.append(f"autoresearch replicate {kept.number}")
    approved = {approved_by(trial.proposal) for trial in trials}
    held = [t for t in trials if t.status == "held" and t.number not in approved]
    if held:
        commands.append(f"autoresearch approve {held[-1].number}")
    mostly_failed = len(failed) * 2 > len(trials)
    if failed and (mostly_failed or not kept):
        commands.append(f"autoresearch show {failed[-1].number}")
    commands += [
        resume or f"autoresearch resume {run}",
        f"autoresearch log {run}",
        f"autoresearch status {run}",
        "autoresearch export --format tsv",
    ]
    return tuple(commands[:3])
