"""The table of a run's trials, and the page that ends a run: table, best, noise, cost, and what to type next."""

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.display.format import (
    STYLES,
    Formatter,
    bpb,
    duration,
    formatter_for,
    memory,
    proposer,
    spending,
)
from agent.display.state import baseline_of
from agent.judge.decide import incumbent_of, noise_of
from agent.records.results import FAILED, TAKEN, Claim, PriorTrial, Trial

CURVE_CELLS = 10
# From these widths on a hypothesis keeps room beside the further columns.
MEMORY_FROM, METHOD_FROM = 100, 120

_RIGHT = frozenset({"#", "val_bpb", "delta", "time", "memory"})


def trial_table(trials: Sequence[Trial], console: Console) -> RenderableType:
    """The trials, oldest first: one line each, cut to the terminal; where there is no terminal, aligned text with nothing cut."""
    formatter = formatter_for(console)
    if not trials:
        return Text("no trials yet")
    rows = [_row(trial, formatter) for trial in trials]
    if formatter.plain:
        return _paper(rows)
    columns = [name for name in rows[0] if _fits(name, console.width)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="bold")
    for name in columns:
        table.add_column(
            name,
            no_wrap=True,
            ratio=1 if name == "hypothesis" else None,
            justify="right" if name in _RIGHT else "left",
            overflow="crop" if formatter.ascii_only else "ellipsis",
        )
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    return table


def _row(trial: Trial, formatter: Formatter) -> dict[str, Text]:
    result = trial.result
    faint = "dim" if trial.status in ("discard", "pruned", "refused", "reported") else ""
    return {
        "#": Text(str(trial.number)),
        "status": formatter.status(trial.status),
        "val_bpb": _claimed(trial.claim)
        if trial.claim
        else Text(bpb(trial.value), style=STYLES["keep"] if trial.status == "keep" else ""),
        "delta": formatter.delta(trial.delta),
        "time": Text(duration(result.seconds) if result else ""),
        "memory": Text(memory(result.peak_memory_mb) if result else ""),
        "curve": Text(
            formatter.sparkline(result.curve, CURVE_CELLS) if result else "", style="cyan"
        ),
        "method": Text(formatter.line(proposer(trial.proposal.by)), style="dim"),
        "hypothesis": Text(formatter.line(trial.proposal.hypothesis), style=faint),
    }


def _claimed(claim: Claim) -> Text:
    """A score that nobody measured here, in brackets."""
    return Text(f"({bpb(claim.score)})" if claim.score is not None else "", style="dim")


def _fits(column: str, width: int) -> bool:
    return {"memory": MEMORY_FROM, "method": METHOD_FROM}.get(column, 0) <= width


def _paper(rows: Sequence[dict[str, Text]]) -> Text:
    lines = [
        {name: name for name in rows[0]},
        *({name: cell.plain for name, cell in row.items()} for row in rows),
    ]
    widths = {name: max(len(line[name]) for line in lines) for name in rows[0]}
    return Text(
        "\n".join(
            "  ".join(_padded(line, name, widths[name]) for name in line).rstrip() for line in lines
        )
    )


def _padded(line: dict[str, str], name: str, width: int) -> str:
    return line[name].rjust(width) if name in _RIGHT else line[name].ljust(width)


def summary(
    branch: str, trials: Sequence[Trial], console: Console, more: bool = True
) -> RenderableType:
    """What a researcher wants to know after a run: the table, what came of it, and what to type next.

    more: False where resuming makes no sense.
    """
    formatter = formatter_for(console)
    steps = Text(
        "\n".join(
            f"  {formatter.line(command)}" for command in next_commands(branch, trials, more)
        ),
        style="bold",
    )
    return Group(
        trial_table(trials, console),
        Text(""),
        *outcome(trials, formatter),
        Text(""),
        Text("next"),
        steps,
    )


def warm_text(prior: Sequence[PriorTrial], source: str) -> str:
    """`412 prior trials of study.db (37 failed), which count as no attempts here`"""
    failed = sum(isinstance(trial.outcome, str) for trial in prior)
    return (
        f"{len(prior)} prior trials of {source} ({failed} failed), which count as no attempts here"
    )


def outcome(trials: Sequence[Trial], formatter: Formatter) -> tuple[Text, ...]:
    """Best and gain, noise, counts and cost, a line each."""
    return (
        _best(trials, formatter),
        _noise(trials, formatter),
        Text(f"trials  {counts(trials)}"),
        Text(f"spent   {spending(trials)}"),
    )


def _best(trials: Sequence[Trial], formatter: Formatter) -> Text:
    best, baseline = incumbent_of(trials), baseline_of(trials)
    if best is None or baseline is None or best.value is None or baseline.value is None:
        return Text("best    none: no trial has a score yet")
    text = Text.assemble("best    ", (bpb(best.value), "bold green"), f" val_bpb by #{best.number}")
    if best.number == baseline.number:
        return text.append(", the baseline: nothing has beaten it yet")
    gain = best.value - baseline.value
    text.append(f", {gain:+.6f} ({gain / baseline.value:+.2%}) against the baseline: ")
    return text.append(formatter.line(best.proposal.hypothesis))


def _noise(trials: Sequence[Trial], formatter: Formatter) -> Text:
    return Text(f"noise   {formatter.line(str(noise_of(trials)))}")


def counts(trials: Sequence[Trial]) -> str:
    """`1 baseline, 2 keep, 9 discard`: how many ended how, in the order of the table of styles."""
    have = {status: sum(trial.status == status for trial in trials) for status in STYLES}
    return ", ".join(f"{count} {status}" for status, count in have.items() if count) or "none"


def next_commands(branch: str, trials: Sequence[Trial], more: bool = True) -> tuple[str, ...]:
    """Three commands worth typing now, the most telling first."""
    best = incumbent_of(trials)
    failed = [trial for trial in trials if trial.status in FAILED or trial.status == "refused"]
    kept = best is not None and best.status in TAKEN
    commands = (
        [f"autoresearch show {best.number}", f"autoresearch replicate {best.number}"]
        if best and kept
        else []
    )
    commands += (
        [f"autoresearch show {failed[-1].number}"]
        if failed and (not kept or len(failed) * 2 > len(trials))
        else []
    )
    commands += [f"autoresearch resume {branch}"] if more else []
    commands += [
        f"autoresearch log {branch}",
        f"autoresearch status {branch}",
        "autoresearch export --format tsv",
    ]
    return tuple(commands[:3])
