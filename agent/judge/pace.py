"""Whether a slow training shows a slow machine: by its work, the tokens or samples a second.

Steps a second say nothing once an edit changes how much a step holds: sixteen times the batch makes
a sixteenth of the steps, on a machine that is as fast as ever.
"""

import re
from collections.abc import Sequence
from math import log

from agent.records.curves import Curve, held_loss_at
from agent.records.edits import Edit, ReplaceText, SetConstant
from agent.records.results import Result, Score

TOKEN_RATES = ("tokens_per_second", "tok_per_sec", "tokens_per_sec")
"""Names that scripts print their tokens a second under."""
# Other names of a rate, and those of a total, which a training's time divides.
SAMPLE_RATES = (
    "samples_per_second",
    "samples_per_sec",
    "examples_per_second",
    "examples_per_sec",
    "images_per_second",
    "images_per_sec",
)
TOTALS = ("total_tokens_M", "total_tokens", "total_samples", "num_samples")
# A candidate as large as the incumbent that does less than this share of its work: the incumbent is
# run again before anybody blames the idea.
SUSPICIOUS_SHARE = 0.75
# How far a training loss must be above what equal work has given before, to be no accident of its
# running mean.
BEYOND_DRIFT = 1.03
_HOLDS_MORE = re.compile(r"BATCH(?![_-]?NORM)|ACCUM", re.IGNORECASE)


def work_of(result: Result) -> float | None:
    """Return the tokens or samples a second of an attempt's first run; None if it says neither."""
    for name in (*TOKEN_RATES, *SAMPLE_RATES):
        rate = _positive(result.facts.get(name))
        if rate:
            return rate
    seconds = result.own[0].seconds if result.own else None
    for name in TOTALS:
        total = _positive(result.facts.get(name))
        if total and seconds:
            return total / seconds
    return None


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return float(value)


def share_of_work(
    result: Result, incumbent: Result, newest: Score, edits: Sequence[Edit]
) -> float | None:
    """Return the work of a first run beside that of the incumbent's; None where it is not known.

    newest: the incumbent's newest comparable score: its code does equal work at each step, so its
    steps a second tell how fast the machine was then. Where a script prints no work, steps count
    instead, unless `edits` change how much a step holds.
    """
    screen = result.own[0]
    own = work_of(result)
    before = work_of(incumbent)
    first = incumbent.own[0].speed if incumbent.own else None
    if own and before:
        drift = newest.speed / first if newest.speed and first else 1.0
        return own / (before * drift)
    if changes_batch(edits) or not screen.speed or not newest.speed:
        return None
    return screen.speed / newest.speed


def changes_batch(edits: Sequence[Edit]) -> bool:
    """Return whether edits set a constant that says how many samples a step holds.

    `BATCH_SIZE`, `--batch-size`, `Config.batch_size`, `data.batch.size`; a passage of text may
    set it too.
    """
    return any(_HOLDS_MORE.search(text) for text in map(_said_by, edits))


def _said_by(edit: Edit) -> str:
    """Return where a constant may be named: in its name, or in a new passage."""
    match edit:
        case SetConstant(name=name):
            return name
        case ReplaceText(new=text):
            return text
    return ""


def is_suspicious(share: float, tolerance: float) -> bool:
    """Return whether so small a share of the incumbent's work may be the machine's fault.

    tolerance: as `Scores.tolerance` gives it.
    """
    return -log(share) > max(-log(SUSPICIOUS_SHARE), tolerance)


def is_hopeless(curve: Curve, incumbent: Curve, share: float) -> bool:
    """Return whether a training learnt less than the incumbent had learnt after equal work.

    No drift of the machine explains that. Without both curves nothing is hopeless.
    """
    if not curve or not incumbent:
        return False
    return curve[-1][1] > BEYOND_DRIFT * held_loss_at(incumbent, share)
