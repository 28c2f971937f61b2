"""Decides whether a slow training shows a slow machine, by its tokens or samples a second.

Steps a second do not show it if an edit changes the batch: with sixteen times the batch there are a
sixteenth of the steps, on a machine that is as fast as before.
"""

import re
from collections.abc import Sequence
from math import log

from agent.records.bounded import is_number
from agent.records.curves import Curve, held_loss_at
from agent.records.edits import Edit, ReplaceText, SetConstant
from agent.records.results import Result, Score

TOKEN_RATES = ("tokens_per_second", "tok_per_sec", "tokens_per_sec")
"""Names under which scripts print tokens a second."""
# Names of other rates, and of totals, which are divided by the training's time.
SAMPLE_RATES = (
    "samples_per_second",
    "samples_per_sec",
    "examples_per_second",
    "examples_per_sec",
    "images_per_second",
    "images_per_sec",
)
TOTALS = ("total_tokens_M", "total_tokens", "total_samples", "num_samples")
# If a candidate of the incumbent's size does less than this share of its work, the incumbent is run
# again to check the machine.
SUSPICIOUS_SHARE = 0.75
# A training loss is worse than the incumbent's if it is above it by this factor; less may be an
# effect of its running mean.
BEYOND_DRIFT = 1.03
_HOLDS_MORE = re.compile(r"BATCH(?![_-]?NORM)|ACCUM", re.IGNORECASE)


def work_of(result: Result) -> float | None:
    """Return the tokens or samples a second of an attempt's first run; None if not printed."""
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
    return float(value) if is_number(value) and value > 0 else None


def share_of_work(
    result: Result, incumbent: Result, newest: Score, edits: Sequence[Edit]
) -> float | None:
    """Return the work a second of a first run, as a share of the incumbent's; None if unknown.

    newest: the incumbent's newest comparable score; its steps a second show how fast the machine
    was then. If the script prints no rate, steps a second are compared instead, unless `edits`
    change the batch.
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
    """Return whether edits set a constant that says how many samples a step has.

    Such as `BATCH_SIZE`, `--batch-size`, `Config.batch_size` or `data.batch.size`, also in a
    replaced passage of text.
    """
    return any(_HOLDS_MORE.search(text) for text in map(_text_of, edits))


def _text_of(edit: Edit) -> str:
    """Return the text of an edit that may name a constant."""
    match edit:
        case SetConstant(name=name):
            return name
        case ReplaceText(new=text):
            return text
    return ""


def is_suspicious(share: float, tolerance: float) -> bool:
    """Return whether so small a share of the incumbent's work may be due to a slow machine.

    tolerance: from `Scores.tolerance`.
    """
    return -log(share) > max(-log(SUSPICIOUS_SHARE), tolerance)


def is_hopeless(curve: Curve, incumbent: Curve, share: float) -> bool:
    """Return whether a training's loss is worse than the incumbent's after equal work.

    A slow machine would not explain that. False if either has no curve.
    """
    if not curve or not incumbent:
        return False
    return curve[-1][1] > BEYOND_DRIFT * held_loss_at(incumbent, share)
