"""Recognises scores that no seed changes, and measures noise by perturbations of the code instead.

If equal code scores the same under every seed, repeating it shows no noise; yet the score may jump
with any change, as in a chaotic training under a fixed seed. Repeats are then runs of neutral
perturbations: the same code with its searched floats moved by a millionth, differently for each
seed (agent/space/neutral.py). Pairing by seed and learning tau stay the same.
"""

from collections.abc import Sequence
from typing import Literal

from agent.records.results import Result, Score, Trial, on_newest_data

MIN_SEEDS = 3
"""Equal scores under this many seeds are taken for a deterministic score."""
STILL = 0.1
"""Losses that differ by less than this share of the noise are taken for equal. Of three runs that
seeds do move, one in 300 looks like that."""
NEUTRAL_RUNS = 2
"""Perturbed runs of a baseline; with its first run, as many as it has seeds."""

Repeats = Literal["seeds", "perturbations", "none"]
"""What makes a further run of equal code an independent sample."""


def is_deterministic(scores: Sequence[Score]) -> bool:
    """Return whether the scores of one code are equal under at least MIN_SEEDS seeds."""
    values = {score.value for score in scores}
    seeds = {score.seed for score in scores}
    return len(seeds) >= MIN_SEEDS and len(values) == 1


def is_still(losses: Sequence[float], scatter: float | None) -> bool:
    """Return whether no seed moves the losses of one code, where others scatter by `scatter`."""
    if len(losses) < 2 or scatter is None:
        return False
    return max(losses) - min(losses) <= STILL * scatter


def neutral_scores(result: Result) -> tuple[Score, ...]:
    """Return the scores of a baseline's neutral perturbations."""
    return tuple(score for score in result.scores if score.role == "neutral")


def independent(result: Result) -> tuple[Score, ...]:
    """Return the scores of a baseline that are independent samples: by seeds, or perturbed.

    Equal scores are one measurement, not several.
    """
    own = result.own
    if not is_deterministic(own):
        return own
    perturbed = neutral_scores(result)
    return (own[0], *perturbed) if perturbed else ()


def repeats_of(trials: Sequence[Trial]) -> Repeats:
    """Return what makes runs of equal code independent, as the newest baseline shows."""
    for trial in reversed(on_newest_data(trials)):
        if trial.status == "baseline" and trial.result:
            if not is_deterministic(trial.result.own):
                return "seeds"
            return "perturbations" if neutral_scores(trial.result) else "none"
    return "seeds"


def declared_exact(result: Result) -> str:
    """Return a line on whether a baseline's runs confirm the owner's `noise = "none"`."""
    values = [score.value for score in result.own]
    spread = max(values) - min(values)
    if not spread:
        return f'noise is "none": {len(values)} runs gave exactly the same score'
    return (
        f'noise is "none", yet {len(values)} runs under different seeds differ by up to '
        f"{spread:.2g}: smaller gains may be luck"
    )


def is_continuous(trials: Sequence[Trial]) -> bool:
    """Return whether no code of this run scored exactly the same under two seeds.

    If so, a candidate that ties with its incumbent is the same program. With a metric of few
    values, such as an accuracy, different programs tie.
    """
    for trial in on_newest_data(trials):
        if trial.result is None:
            continue
        is_baseline = trial.status == "baseline"
        scores = independent(trial.result) if is_baseline else trial.result.own
        values = {score.seed: score.value for score in scores}
        if len(set(values.values())) < len(values):
            return False
    return True


def equal_scores(result: Result) -> str:
    """Return a line that explains a baseline's equal scores; "" if they differ."""
    own = result.own
    if not is_deterministic(own):
        return ""
    equal = f"{len(own)} seeds gave exactly the same score"
    perturbed = neutral_scores(result)
    if not perturbed and result.detail:
        return f"{equal}; {result.detail}: its noise is not known"
    if not perturbed:
        return f"{equal}, and no searched float can be moved: its noise is not known"
    values = {score.value for score in perturbed} | {own[0].value}
    if len(values) == 1:
        return f"{equal}, and so did {len(perturbed)} runs with every float moved by a millionth"
    spread = max(values) - min(values)
    return f"{equal}; moving every float by a millionth moves it by up to {spread:.2g}"
