"""Writes what a run kept as clean commits on a branch off its start: one a change, each with its measured effect."""

from collections.abc import Iterator
from pathlib import Path

from agent.afterwards.remeasure import kept_changes, reverse
from agent.edit import Applied, apply
from agent.errors import HistoryFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.trailers import prose
from agent.records.results import Trial


def finalize_run(history: History, branch: str, drop: frozenset[int]) -> Iterator[str]:
    """Make `branch`; yields what to tell the user. A change that builds on a dropped one is a HistoryFault."""
    git, kept = Plumbing(Path(history.project.root)), kept_changes(history.trials)
    if unknown := drop - {trial.number for trial in kept}:
        raise UsageFault(
            f"#{min(unknown)} was not kept, so it cannot be dropped", "autoresearch log --kept"
        )
    if git.try_("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        raise UsageFault(
            f"there is a branch {branch} already", f"autoresearch finalize --to {branch}-2"
        )
    tip, source = _start(history), history.source_at(_start(history))
    for trial in kept:
        if trial.number in drop:
            continue
        source = _applied(history, trial, source)
        tip = git(
            "commit-tree",
            history.tree_with(source, tip),
            "-p",
            tip,
            "-F",
            "-",
            stdin=_message(trial).encode(),
        ).strip()
        yield f"{tip[:12]} {trial.proposal.hypothesis.splitlines()[0]}"
    git("update-ref", f"refs/heads/{branch}", tip, "")
    yield f"next: git diff {history.run.start_commit[:12]} {branch}"


def _start(history: History) -> str:
    """The state that the newest baseline measured."""
    baselines = [trial for trial in history.trials if trial.status == "baseline"]
    if not baselines:
        raise HistoryFault(f"{history.branch} has no baseline yet", "autoresearch resume")
    moved = len(baselines) > 1 or any(trial.status == "adopted" for trial in history.trials)
    return baselines[-1].attempt if moved else history.run.start_commit


def _applied(history: History, trial: Trial, source: str) -> str:
    before, after = history.source_at(f"{trial.attempt}^"), history.source_at(trial.attempt)
    applied = apply(source, reverse(after, before))
    if not isinstance(applied, Applied):
        raise HistoryFault(
            f"#{trial.number} builds on a change that was dropped: {applied}",
            f"autoresearch show {trial.number}",
        )
    return applied.source


def _message(trial: Trial) -> str:
    """The claim, then what was measured of it."""
    effect = f"{trial.delta:+.6f} bits per byte" if trial.delta is not None else "not measured"
    interval = (
        f", 95 % from {trial.interval[0]:+.6f} to {trial.interval[1]:+.6f}"
        if trial.interval
        else ""
    )
    seeds = ", ".join(str(pair.seed) for pair in trial.pairs)
    lines = [
        f"Measured: {effect}{interval}",
        f"Seeds: {seeds}",
        f"Trial: {trial.number} ({trial.verdict[:12]}), {prose(trial.reason)}",
    ]
    return (
        f"{prose(' '.join(trial.proposal.hypothesis.split()))}\n\n{prose(trial.proposal.rationale)}\n\n"
        + "\n".join(lines)
        + "\n"
    )
