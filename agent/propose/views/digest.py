"""Summarises all trials by what they changed, in bounded length."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from agent.display.names import cut_name
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile, SetConstant
from agent.records.objective import Sense
from agent.records.proposals import Value
from agent.records.results import KEPT, SCORED, TAKEN, Trial
from sandbox.ground.text import shortened

# The tried values of a constant are shown in at most so many groups.
GROUPS = 6
# So many hypotheses about a definition are quoted.
CLAIMS = 2
NEAR_MISSES = 5
RANGE_DECIMALS = 4
# Reasons of refusals, and the places quoted for each.
MAX_REASONS = 10
PLACES = 3
CLAIM_CHARACTERS = 90
REASON_CHARACTERS = 30
PLACE_CHARACTERS = 60
VALUE_CHARACTERS = 40
# What the list of names without a line may take, and the part of it for "and 12 more".
NAMES_CHARACTERS = 600
MORE_CHARACTERS = 40


def digest(trials: Sequence[Trial], limit: int, sense: Sense) -> list[str]:
    """Return lines of at most `limit` characters: refusals, guards, near misses, changes.

    Constants and definitions are sorted by how often they were tried. Those without room are named,
    or at least counted. Changes of the score are in the metric's own direction, by `sense`.
    """
    head = [*_refusal_lines(trials), *_guarded_lines(trials), *_near_miss_lines(trials, sense)]
    left = limit - sum(len(line) + 1 for line in head) - NAMES_CHARACTERS
    lines = []
    names = []
    by_subject = _by_subject(trials)
    for name in sorted(by_subject, key=lambda name: len(by_subject[name]), reverse=True):
        line = _subject_line(name, by_subject[name], sense)
        left -= len(line) + 1
        if left >= 0:
            lines.append(line)
        else:
            names.append(cut_name(name, CLAIM_CHARACTERS))
    if names:
        lines.append(f"Tried too: {listed(names, NAMES_CHARACTERS)}")
    return [*head, *lines]


def near_misses(trials: Sequence[Trial]) -> list[Trial]:
    """Return the best scored trials that were not kept, best first."""
    missed = [
        trial for trial in trials if trial.status in SCORED - KEPT and trial.delta is not None
    ]
    return sorted(missed, key=lambda trial: trial.delta or 0.0)[:NEAR_MISSES]


def subject_of(edit: Edit) -> str:
    """Return what an edit is about: a constant, a definition, a file, or `the module`.

    In another file than train.py: `model/net.py:Net.forward`, or its path.
    """
    if isinstance(edit, AddFile | DeleteFile | RenameFile):
        return edit.file
    place = _place_of(edit)
    if edit.file:
        return f"{edit.file}:{place}" if place else edit.file
    if edit.kind in ("replace_statements", "replace_text", "rewrite_file"):
        return place or "the module"
    return place or edit.kind


def _place_of(edit: Edit) -> str:
    """Return the name that an edit gives; "" without one."""
    for attribute in ("name", "within", "after", "before"):
        name = getattr(edit, attribute, None)
        if name:
            return str(name)
    return ""


def _by_subject(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    by_subject: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status in ("refused", "baseline"):
            continue
        constants = [change.name for change in trial.changes]
        edits = [edit for edit in trial.proposal.edits if not isinstance(edit, SetConstant)]
        code = sorted({subject_of(edit) for edit in edits})
        for name in dict.fromkeys((*constants, *code)):
            by_subject[name].append(trial)
    return by_subject


def _subject_line(name: str, trials: list[Trial], sense: Sense) -> str:
    by_value = _by_value(name, trials)
    if by_value:
        return _constant_line(name, trials, by_value, sense)
    return _definition_line(name, trials, sense)


# ---------------------------------------------------------------- constants


def _by_value(name: str, trials: list[Trial]) -> dict[Value | None, list[Trial]]:
    """Return the trials by the value of the constant `name`; {} for a definition."""
    by_value: dict[Value | None, list[Trial]] = defaultdict(list)
    for trial in trials:
        for change in trial.changes:
            if change.name == name:
                by_value[change.after].append(trial)
    return by_value


def _constant_line(
    name: str, trials: list[Trial], by_value: dict[Value | None, list[Trial]], sense: Sense
) -> str:
    """Return `MATRIX_LR, 9 trials, 1 kept: 0.01 +0.0210 | 0.02 .. 0.03 -0.0031 | 0.2 crash`."""
    values = sorted(by_value, key=_order)
    size = -(-len(values) // GROUPS)
    groups = []
    for first in range(0, len(values), size):
        group = values[first : first + size]
        members: list[Trial] = []
        for value in group:
            members += by_value[value]
        groups.append(f"{_span(group)} {_effect(members, name, sense)}")
    return f"{cut_name(name, CLAIM_CHARACTERS)}, {_count(trials)}: {' | '.join(groups)}"


def _order(value: Value | None) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0.0, str(value)


def _span(values: Sequence[Value | None]) -> str:
    if len(values) == 1:
        return _shown(values[0])
    if all(isinstance(value, int | float) for value in values):
        return f"{_shown(values[0])} .. {_shown(values[-1])}"
    return shortened(", ".join(map(_shown, values)), CLAIM_CHARACTERS)


def _effect(trials: list[Trial], name: str, sense: Sense) -> str:
    """Return the changes of the score, marked `*` if more was changed, and the failures."""
    parts = _score_range(trials, sense)
    for status, count in sorted(_failures(trials).items()):
        parts.append(f"{status} {count}x" if count > 1 else status)
    text = " ".join(parts)
    if len(trials) > 1:
        text += f" ({len(trials)} trials)"
    if not all(_changes_only(trial, name) for trial in trials):
        text += "*"
    return text


def _changes_only(trial: Trial, name: str) -> bool:
    names = [change.name for change in trial.changes]
    return names == [name] and len(trial.proposal.edits) <= 1


# ---------------------------------------------------------------- definitions


def _definition_line(name: str, trials: list[Trial], sense: Sense) -> str:
    """Return `GPT.forward, 5 trials, 1 kept: -0.0020 .. +0.0310, crash 2x; best #12 "a claim"`."""
    parts = _score_range(trials, sense)
    parts += [f"{status} {count}x" for status, count in sorted(_failures(trials).items())]
    ranked = sorted(trials, key=_rank)
    claims = [f'#{trial.number} "{_claim(trial)}"' for trial in ranked[:CLAIMS]]
    subject = cut_name(name, CLAIM_CHARACTERS)
    return f"{subject}, {_count(trials)}: {', '.join(parts)}; best {', '.join(claims)}"


def _rank(trial: Trial) -> tuple[bool, float, int]:
    return trial.delta is None, trial.delta or 0.0, -trial.number


# ---------------------------------------------------------------- refusals, near misses


def _refusal_lines(trials: Sequence[Trial]) -> list[str]:
    """Return the number of refused drafts by reason, and how many the model corrected."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        if trial.status == "refused":
            reason, _, where = trial.reason.partition(": ")
            place = shortened(where.partition(" (")[0], PLACE_CHARACTERS)
            reasons[shortened(reason, REASON_CHARACTERS)][place] += 1
    parts = [
        f"{reason} {places.total()}x ({_most_common(places)})"
        for reason, places in sorted(reasons.items())[:MAX_REASONS]
    ]
    corrected = sum(trial.proposal.by.refused for trial in trials)
    if corrected:
        parts.append(f"{corrected} drafts corrected within their proposals")
    return [f"Refused: {'; '.join(parts)}"] if parts else []


def _most_common(places: Counter[str]) -> str:
    names = [
        f"{name} {count}x" if count > 1 else name for name, count in places.most_common(PLACES)
    ]
    if len(places) > PLACES:
        names.append("…")
    return ", ".join(names)


def _near_miss_lines(trials: Sequence[Trial], sense: Sense) -> list[str]:
    """Return lines on the best trials that were not kept, as material for combinations."""
    misses = []
    for trial in near_misses(trials):
        guarded = " (guarded)" if trial.status == "guarded" else ""
        change = sense.change_text(trial.delta or 0.0)
        misses.append(f'#{trial.number} {change}{guarded} "{_claim(trial)}"')
    return [f"Near misses: {', '.join(misses)}"] if misses else []


def _guarded_lines(trials: Sequence[Trial]) -> list[str]:
    """Return how often each guard and check stopped a trial from being kept."""
    reasons: Counter[str] = Counter()
    for trial in trials:
        if trial.status != "guarded":
            continue
        for result in trial.guards:
            if result.finding == "outside":
                reasons[str(result.guard)] += 1
        failed = trial.result.failed_check if trial.result else None
        if failed:
            reasons[f"the check {shortened(failed.command, CLAIM_CHARACTERS)}"] += 1
    return [f"Guarded, by what they broke: {_most_common(reasons)}"] if reasons else []


# ---------------------------------------------------------------- parts of lines


def _failures(trials: Iterable[Trial]) -> Counter[str]:
    return Counter(trial.status for trial in trials if trial.delta is None)


def _claim(trial: Trial) -> str:
    return shortened(trial.proposal.hypothesis, CLAIM_CHARACTERS)


def _count(trials: list[Trial]) -> str:
    text = f"{len(trials)} trial{'s' if len(trials) > 1 else ''}"
    kept = sum(trial.status in TAKEN for trial in trials)
    return f"{text}, {kept} kept" if kept else text


def _score_range(trials: Iterable[Trial], sense: Sense) -> list[str]:
    """Return the range of the metric's changes as text; "" without any."""
    deltas = [trial.delta for trial in trials if trial.delta is not None]
    if not deltas:
        return []
    low, high = sorted((min(deltas), max(deltas)), key=sense.change)
    texts = [sense.change_text(delta, RANGE_DECIMALS) for delta in (low, high)]
    return texts[:1] if low == high else [" .. ".join(texts)]


def _shown(value: Value | None) -> str:
    if value is None:
        return "(none)"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return shortened(text, VALUE_CHARACTERS)


def listed(texts: Sequence[str], limit: int) -> str:
    """Return as many texts as fit into `limit` characters, with the number of the others."""
    whole = ", ".join(texts)
    if len(whole) <= limit:
        return whole
    shown: list[str] = []
    left = limit - MORE_CHARACTERS
    for text in texts:
        left -= len(text) + 2
        if left < 0 and shown:
            break
        shown.append(text)
    rest = len(texts) - len(shown)
    more = f" and {rest} more" if rest else ""
    return shortened(", ".join(shown), limit - len(more)) + more
