"""Writes the kept changes of a run as clean commits on a branch off its start."""

from collections.abc import Iterator
from pathlib import Path

from agent.afterwards.ablation import kept_changes
from agent.edit.files import Sources, apply_edits, difference, following_renames
from agent.errors import HistoryFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.lineage import root_commit
from agent.history.text import prose
from agent.records.edits import Refused
from agent.records.objective import Objective
from agent.records.results import Trial
from sandbox.ground.text import one_line


def finalize_run(history: History, branch: str, drop: frozenset[int]) -> Iterator[str]:
    """Make `branch`, and yield the lines to show to the user.

    drop: kept trials to leave out, by number. Raise HistoryFault where a change builds on a dropped
    one, UsageFault where a dropped trial was not kept or the branch exists.
    """
    git = Plumbing(Path(history.project.root))
    kept = kept_changes(history.trials)
    _refuse_unusable(git, branch, kept, drop)
    start = _start(history)
    sources = history.sources_at(start)
    tip = _on_own_commits(git, history, start)
    if tip != start:
        yield f"{tip[:12]} the state that the run began at"
    for trial in kept:
        if trial.number in drop:
            continue
        sources = _applied(history, trial, sources)
        tree = history.tree_with(sources, tip)
        message = _message(trial, history.run.goal).encode()
        tip = git("commit-tree", tree, "-p", tip, "-F", "-", stdin=message).strip()
        yield f"{tip[:12]} {one_line(trial.proposal.hypothesis)}"
    git("update-ref", f"refs/heads/{branch}", tip, "")
    if drop and (history.run.goal.guards or history.run.goal.checks):
        dropped = ", ".join(f"#{number}" for number in sorted(drop))
        yield f"note: guards and checks held for what was kept with {dropped}, not without"
    if not kept:
        yield f"note: nothing was kept, so {branch} has no change"
    base = root_commit(git, history.run)
    yield f"next: git diff {base[:12]} {branch}"


def _refuse_unusable(
    git: Plumbing, branch: str, kept: tuple[Trial, ...], drop: frozenset[int]
) -> None:
    """Raise UsageFault where a trial to drop was not kept, or the branch exists."""
    unkept = drop - {trial.number for trial in kept}
    if unkept:
        message = f"#{min(unkept)} was not kept, so it cannot be dropped"
        raise UsageFault(message, "autoresearch log --kept")
    if git.try_("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"):
        message = f"there is a branch {branch} already"
        raise UsageFault(message, f"autoresearch finalize --to {branch}-2")


def _start(history: History) -> str:
    """Return the commit that the newest baseline measured."""
    baselines = [trial for trial in history.trials if trial.status == "baseline"]
    if not baselines:
        raise HistoryFault(f"{history.branch} has no baseline yet", "autoresearch resume")
    adopted = any(trial.status == "adopted" for trial in history.trials)
    if len(baselines) > 1 or adopted:
        return baselines[-1].attempt
    return history.run.start_commit


def _on_own_commits(git: Plumbing, history: History, start: str) -> str:
    """Return `start`, or where other runs lie behind it, its files in one commit on their start.

    So the branch holds the user's commits and clean ones, and no attempts or verdicts.
    """
    run = history.run
    if run.parent is None:
        return start
    root = root_commit(git, run)
    message = f"Begin at {run.parent}\n\nThe run {run.tag} began there.\n"
    tree = f"{start}^{{tree}}"
    commit = git("commit-tree", tree, "-p", root, "-F", "-", stdin=message.encode())
    return commit.strip()


def _applied(history: History, trial: Trial, sources: Sources) -> Sources:
    """Return `sources` with the change of a trial made."""
    before = history.sources_at(f"{trial.attempt}^")
    after = history.sources_at(trial.attempt)
    edits = following_renames(difference(before, after), before, sources)
    applied = apply_edits(sources, edits)
    if isinstance(applied, Refused):
        message = f"#{trial.number} builds on a change that was dropped: {applied}"
        raise HistoryFault(message, f"autoresearch show {trial.number}")
    return applied


def _message(trial: Trial, goal: Objective) -> str:
    """Return the commit message: the claim, then the measured effect."""
    effect = "not measured"
    if trial.delta is not None:
        effect = f"{goal.metric} {goal.sense.change_text(trial.delta)}"
    if trial.interval:
        effect += f", 95 % {goal.sense.interval_text(trial.interval)}"
    conditions = "".join(f"Guard: {one_line(str(guard))}\n" for guard in trial.guards)
    for check in trial.result.checks if trial.result else ():
        conditions += (
            f"Check: {one_line(check.command)}, {'passed' if check.passed else 'failed'}\n"
        )
    seeds = ", ".join(str(pair.seed) for pair in trial.pairs)
    return (
        f"{prose(one_line(trial.proposal.hypothesis))}\n\n"
        f"{prose(trial.proposal.rationale)}\n\n"
        f"Measured: {effect}\n"
        f"Seeds: {seeds}\n"
        f"{conditions}"
        f"Trial: {trial.number} ({trial.verdict[:12]}), {prose(trial.reason)}\n"
    )
