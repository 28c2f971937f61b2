"""Sums a run up in one sentence: what was better, what was worse, what did not fit."""

from collections.abc import Callable, Sequence

from agent.display.claims import change_text, recorded
from agent.display.format import Formatter
from agent.display.names import short_names
from agent.records.results import FAILED, TAKEN, Trial
from sandbox.ground.text import shortened

Describe = Callable[[Trial], str]
"""Returns what a trial changed, in a few words."""

# Of each kind, so many are named; the table has the rest.
NAMED = 2
MAX_WORDS = 160
"""Characters of a change; a value may be as long as a file."""
# More changes than this are counted.
FEW_CHANGES = 2
_FAILURES = {
    "timeout": "did not end in time",
    "over-limit": "took too long",
    "oom": "did not fit into memory",
    "crash": "crashed",
    "invalid": "was invalid",
}


def learnt(trials: Sequence[Trial], formatter: Formatter) -> str:
    """Return the sentence; empty where nothing was tried."""
    tried = [t for t in trials if not t.proposal.is_baseline and t.result]
    if not tried:
        return ""
    kept = [trial for trial in tried if trial.status in TAKEN]
    lost = [trial for trial in tried if trial.status == "discard" and trial.delta is not None]
    failed = [trial for trial in tried if trial.status in FAILED]
    describe = _describer(trials, formatter)
    parts = [_of_kept(trial, describe, formatter) for trial in _largest(kept)]
    guarded = [trial for trial in tried if trial.status == "guarded"]
    if not kept and guarded:
        parts.append("nothing that was better could be kept")
    elif not kept:
        parts.append("nothing was better than the baseline beyond noise")
    if not kept:
        parts += [_of_nearest(lost, describe, formatter)] if lost else []
    parts += [_of_guarded(trial, describe, formatter) for trial in _largest(guarded)[:1]]
    parts += _of_worst(lost, describe, formatter) if len(lost) > 1 or kept else []
    parts += [_of_failed(trial, describe) for trial in failed[:NAMED]]
    return "; ".join(parts)


def _largest(kept: Sequence[Trial]) -> list[Trial]:
    """Return the keeps with the largest gains, in the order of the run."""
    by_gain = sorted(kept, key=lambda trial: trial.delta or 0.0)[:NAMED]
    return [trial for trial in kept if trial in by_gain]


def _of_kept(trial: Trial, describe: Describe, formatter: Formatter) -> str:
    what = describe(trial)
    if trial.status == "simplify":
        return f"{what} was simpler and no worse"
    if trial.delta is None:
        return f"{what} was better"
    return f"{what} was better by {_size(trial, formatter)}{_pairs(trial)}"


def _of_guarded(trial: Trial, describe: Describe, formatter: Formatter) -> str:
    """Return the gain that a guarded trial would have had, and the guard that it broke."""
    broken = next((result for result in trial.guards if result.finding == "outside"), None)
    what = f"broke {broken.guard}" if broken else "failed a check"
    gain = f" was better by {_size(trial, formatter)}, but" if trial.delta is not None else ""
    return f"{describe(trial)}{gain} {what}"


def _of_nearest(lost: Sequence[Trial], describe: Describe, formatter: Formatter) -> str:
    """Return how close the best discarded trial came."""
    nearest = min(lost, key=_delta)
    what = describe(nearest)
    size = _size(nearest, formatter)
    if _delta(nearest) < 0:
        return f"{what} looked better by {size}, which may be luck{_pairs(nearest)}"
    if _delta(nearest) == 0:
        return f"{what} made no difference"
    return f"{what} came nearest, worse by {size}"


def _of_worst(lost: Sequence[Trial], describe: Describe, formatter: Formatter) -> list[str]:
    """Return the worst change, as a list of at most one phrase."""
    if not lost:
        return []
    worst = max(lost, key=_delta)
    if _delta(worst) <= 0:
        return []
    return [f"{describe(worst)} was worse by {_size(worst, formatter)}"]


def _of_failed(trial: Trial, describe: Describe) -> str:
    is_too_long = "budget" in trial.reason
    ending = "did not fit the budget" if is_too_long else _FAILURES[trial.status]
    return f"{describe(trial)} {ending}"


def _describer(trials: Sequence[Trial], formatter: Formatter) -> Describe:
    """Return a function that describes a trial's change, with short names of constants."""
    names: dict[str, None] = {}
    for trial in trials:
        names.update(dict.fromkeys(trial.configuration))
        names.update(dict.fromkeys(change.name for change in trial.changes))
    short = short_names(names)

    def describe(trial: Trial) -> str:
        """Return `DEPTH 2 → 1`, how many changed, or the hypothesis of a change of code."""
        if len(trial.changes) > FEW_CHANGES:
            return f"#{trial.number} ({len(trial.changes)} constants at once)"
        if not trial.changes or len(recorded(trial)) > len(trial.changes):
            words = shortened(trial.proposal.hypothesis, MAX_WORDS)
            return f"#{trial.number} ({formatter.line(words)})"
        words = " with ".join(change_text(change, short) for change in trial.changes)
        return formatter.line(shortened(words, MAX_WORDS))

    return describe


def _pairs(trial: Trial) -> str:
    count = len(trial.pairs)
    if count == 0:
        return ""
    return " (1 pair)" if count == 1 else f" ({count} pairs)"


def _size(trial: Trial, formatter: Formatter) -> str:
    """Return the size of a trial's change of the metric."""
    return formatter.gain(-_delta(trial), ".2g").removeprefix("-")


def _delta(trial: Trial) -> float:
    assert trial.delta is not None
    return trial.delta
