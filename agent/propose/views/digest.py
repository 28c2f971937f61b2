"""All that was tried, by what it changed: bounded however long the run, so that nothing is forgotten and little is said twice."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from agent.propose.views.text import one_line
from agent.records.edits import Edit, SetConstant
from agent.records.proposals import Value
from agent.records.results import KEPT, SCORED, TAKEN, Trial

# Of a constant's tried values so many groups are told apart; of a definition so many claims are quoted.
GROUPS, CLAIMS = 6, 2
NEAR_MISSES = 5
CLAIM_CHARACTERS = 90
NAMES_CHARACTERS = 600
REASONS = 3


def digest(trials: Sequence[Trial], limit: int) -> list[str]:
    """Lines of at most `limit` characters in all: refusals, near misses, then constants and definitions, the most tried first.

    What finds no room by name and number is still named, or at the least counted.
    """
    head = [*_refusals(trials), *_near_misses(trials)]
    left = limit - sum(len(line) + 1 for line in head) - NAMES_CHARACTERS
    lines, cut = [], []
    for name, found in sorted(_by_subject(trials).items(), key=lambda item: -len(item[1])):
        values = _values(name, found)
        line = _constant(name, found, values) if values else _definition(name, found)
        left -= len(line) + 1
        if left >= 0:
            lines.append(line)
        else:
            cut.append(name)
    return [*head, *lines, *([f"Tried too: {_names(cut)}"] if cut else [])]


def near_misses(trials: Sequence[Trial]) -> list[Trial]:
    """The best scored trials that were not kept, best first."""
    missed = [
        trial for trial in trials if trial.status in SCORED - KEPT and trial.delta is not None
    ]
    return sorted(missed, key=lambda trial: trial.delta or 0.0)[:NEAR_MISSES]


def subject_of(edit: Edit) -> str:
    """What an edit is about: a constant, a definition, or `the module`."""
    name = (
        getattr(edit, "name", None) or getattr(edit, "within", None) or getattr(edit, "after", None)
    )
    if name or edit.kind in ("replace_statements", "rewrite_file"):
        return str(name or "the module")
    return edit.kind


def _by_subject(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status not in ("refused", "baseline"):
            code = {
                subject_of(edit)
                for edit in trial.proposal.edits
                if not isinstance(edit, SetConstant)
            }
            for name in dict.fromkeys((*(change.name for change in trial.changes), *sorted(code))):
                found[one_line(name, CLAIM_CHARACTERS)].append(trial)
    return found


# ---------------------------------------------------------------- constants


def _values(name: str, trials: list[Trial]) -> dict[Value | None, list[Trial]]:
    """The trials by the value that they gave the constant `name`; empty where it is a definition."""
    tried: dict[Value | None, list[Trial]] = defaultdict(list)
    for trial in trials:
        for change in trial.changes:
            if change.name == name:
                tried[change.after].append(trial)
    return tried


def _constant(name: str, trials: list[Trial], tried: dict[Value | None, list[Trial]]) -> str:
    """`MATRIX_LR, 9 trials, 1 kept: 0.01 +0.0210 | 0.02 .. 0.03 -0.0031 .. +0.0004 (5 trials) | 0.2 crash`"""
    values = sorted(tried, key=_order)
    size = -(-len(values) // GROUPS)
    groups = [values[first : first + size] for first in range(0, len(values), size)]
    said = [
        f"{_span(group)} {_effect([t for value in group for t in tried[value]], name)}"
        for group in groups
    ]
    return f"{name}, {_count(trials)}: {' | '.join(said)}"


def _order(value: Value | None) -> tuple[int, float, str]:
    return (0, value, "") if isinstance(value, int | float) else (1, 0.0, str(value))


def _span(values: Sequence[Value | None]) -> str:
    first, last = _shown(values[0]), _shown(values[-1])
    numbers = all(isinstance(value, int | float) for value in values)
    if len(values) == 1:
        return first
    return (
        f"{first} .. {last}"
        if numbers
        else one_line(", ".join(map(_shown, values)), CLAIM_CHARACTERS)
    )


def _effect(trials: list[Trial], name: str) -> str:
    """The changes of the score, `*` where other things changed as well; failures by their names."""
    deltas = [trial.delta for trial in trials if trial.delta is not None]
    joint = any(
        [c.name for c in trial.changes] != [name] or len(trial.proposal.edits) > 1
        for trial in trials
    )
    said = [_range(deltas)] if deltas else []
    said += [
        f"{status} {count}x" if count > 1 else status
        for status, count in sorted(_failures(trials).items())
    ]
    return (
        " ".join(said)
        + (f" ({len(trials)} trials)" if len(trials) > 1 else "")
        + ("*" if joint else "")
    )


# ---------------------------------------------------------------- definitions


def _definition(name: str, trials: list[Trial]) -> str:
    """`GPT.forward, 5 trials, 1 kept: -0.0020 .. +0.0310, crash 2x; best #12 "gate the value embeddings"`"""
    deltas = [trial.delta for trial in trials if trial.delta is not None]
    said = [_range(deltas)] if deltas else []
    said += [f"{status} {count}x" for status, count in sorted(_failures(trials).items())]
    ranked = sorted(trials, key=lambda t: (t.delta is None, t.delta or 0.0, -t.number))
    quoted = [
        f'#{t.number} "{one_line(t.proposal.hypothesis, CLAIM_CHARACTERS)}"'
        for t in ranked[:CLAIMS]
    ]
    return f"{name}, {_count(trials)}: {', '.join(said)}; best {', '.join(quoted)}"


# ---------------------------------------------------------------- refusals, near misses


def _refusals(trials: Sequence[Trial]) -> Iterator[str]:
    """Drafts that never trained, by reason: those that the model mended within their proposal are counted along."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        if trial.status == "refused":
            reason, _, where = trial.reason.partition(": ")
            reasons[one_line(reason, 30)][one_line(where.partition(" (")[0], 60)] += 1
    mended = sum(trial.proposal.by.refused for trial in trials)
    if reasons or mended:
        said = [
            f"{reason} {sum(c.values())}x ({_most(c)})" for reason, c in sorted(reasons.items())
        ][:10]
        yield f"Refused: {'; '.join([*said, *([f'{mended} drafts mended within their proposals'] if mended else [])])}"


def _most(counter: Counter[str]) -> str:
    said = [
        f"{name} {count}x" if count > 1 else name for name, count in counter.most_common(REASONS)
    ]
    return ", ".join(said) + (", …" if len(counter) > REASONS else "")


def _near_misses(trials: Sequence[Trial]) -> Iterator[str]:
    """The best that were not kept: what a combination could be made of."""
    best = near_misses(trials)
    if best:
        said = [
            f'#{t.number} {t.delta:+.6f} "{one_line(t.proposal.hypothesis, CLAIM_CHARACTERS)}"'
            for t in best
        ]
        yield f"Near misses: {', '.join(said)}"


def _failures(trials: Iterable[Trial]) -> Counter[str]:
    return Counter(trial.status for trial in trials if trial.delta is None)


def _count(trials: list[Trial]) -> str:
    kept = sum(trial.status in TAKEN for trial in trials)
    return f"{len(trials)} trial{'s' if len(trials) > 1 else ''}" + (
        f", {kept} kept" if kept else ""
    )


def _range(deltas: list[float]) -> str:
    low, high = min(deltas), max(deltas)
    return f"{low:+.4f}" if low == high else f"{low:+.4f} .. {high:+.4f}"


def _shown(value: Value | None) -> str:
    return (
        "(none)"
        if value is None
        else one_line(f"{value:.6g}" if isinstance(value, float) else str(value), 40)
    )


def _names(names: Sequence[str]) -> str:
    """As many of the names as fit, and how many more there are."""
    shown: list[str] = []
    left = NAMES_CHARACTERS - 40
    for name in names:
        left -= len(name) + 2
        if left < 0:
            return f"{', '.join(shown)} and {len(names) - len(shown)} more"
        shown.append(name)
    return ", ".join(shown)
