"""Which runs may be compared, and which one to make next: paired seeds, one machine, one speed, alternating in time. Pure."""

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from math import log
from statistics import median

from agent.records.results import Pair, Role, Score, Trial

# A machine that trains the same code slower than this share of before has changed: what it measured before is not comparable.
SAME_SPEED = 0.85
# Where its speed goes up and down from run to run, it takes this many times the usual step (three standard deviations).
BEYOND_JITTER = 4.5
# A candidate as large as the incumbent, and slower than this: the incumbent is run again before anybody blames the idea.
SUSPICIOUS_SPEED = 0.75
# A machine on which equal code trains at speeds that differ by more than this: a budget in seconds measures its load as well.
UNSTEADY = 0.05
# So many trials without a run of the incumbent, and it is run again: a slow drift shows in no single trial.
CHECK_EVERY = 25


class Scores:
    """Everything that was measured of each code of a run; it looks at each trial once, however often it is asked."""

    def __init__(self) -> None:
        self._seen = 0
        self._of: defaultdict[int, list[Score]] = defaultdict(list)
        self._steps: list[float] = []  # ascending

    def of(self, number: int, trials: Sequence[Trial]) -> tuple[Score, ...]:
        """Of the code of trial `number`, oldest first: as a candidate, and as an incumbent since. trials: those of last time,
        and what came after them.
        """
        self._read(trials)
        return tuple(self._of[number])

    def tolerance(self, trials: Sequence[Trial], fresh: Sequence[Score] = ()) -> float:
        """How far apart speeds may be, as a difference of logarithms, before the machine counts as another one.

        A step is what lies between two runs of equal code that one trial made; their median tells a machine that goes up and down
        all the time from one that has changed once. trials: as in `of`. fresh: what the trial at hand has measured.
        """
        self._read(trials)
        steps = sorted((*self._steps, *_steps(fresh))) if fresh else self._steps
        usual = median(steps) if steps else 0.0
        return max(-log(SAME_SPEED), BEYOND_JITTER * usual)

    def _read(self, trials: Sequence[Trial]) -> None:
        for trial in trials[self._seen :]:
            scores = trial.result.scores if trial.result else ()
            for score in scores:
                code = trial.number if score.role == "candidate" else trial.against
                if code is not None and score.role != "baseline":
                    self._of[code].append(score)
            for step in _steps(scores):
                insort(self._steps, step)
        self._seen = len(trials)


def _steps(scores: Sequence[Score]) -> list[float]:
    """By how much the speed of each code changed from run to run, in the scores of one trial."""
    codes = (
        [score for score in scores if score.role == role] for role in ("candidate", "incumbent")
    )
    return [
        abs(log(after.speed / before.speed))
        for runs in codes
        for before, after in pairwise(runs)
        if before.speed and after.speed and before.machine == after.machine
    ]


def comparable(scores: Sequence[Score], machine: str, tolerance: float | None) -> dict[int, Score]:
    """The newest score under each seed on `machine`; where training is timed, only those measured at the newest one's speed.

    tolerance: as `Scores.tolerance` gives it; None where training is not timed.
    """
    here = [score for score in scores if score.machine == machine]
    speeds = [score.speed for score in here if score.speed]
    if tolerance is not None and speeds:
        here = [
            score
            for score in here
            if score.speed and abs(log(score.speed / speeds[-1])) <= tolerance
        ]
    return {score.seed: score for score in here}


def pairs_of(own: dict[int, Score], other: dict[int, Score]) -> tuple[Pair, ...]:
    """The pairs that two sets of comparable scores make, in the order in which the candidate was measured."""
    return tuple(
        Pair(seed=s, candidate=own[s].value, incumbent=other[s].value) for s in own if s in other
    )


def next_seed(own: Sequence[int], incumbent: Sequence[int], number: int, first: int = 0) -> int:
    """The seed of trial `number`'s next pair: one that the incumbent was measured under already, else the next new one.

    The incumbent's own first score screened it, so it is a lucky one: it comes last. The others take turns from trial to trial:
    a lucky score among them then makes one candidate's screen too hard, not every candidate's.
    """
    clean = incumbent[1:] or incumbent
    turn = number % len(clean) if clean else 0
    left = [seed for seed in (*clean[turn:], *clean[:turn], *incumbent) if seed not in own]
    return left[0] if left else max([*own, *incumbent, first - 1]) + 1


def next_run(
    own: dict[int, Score],
    incumbent: dict[int, Score],
    number: int,
    first: int,
    seen: Sequence[int] = (),
) -> tuple[int, Role]:
    """Seed and role of the run that completes a pair or begins the next one; which of the two comes first takes turns.

    seen: seeds that a new pair must not have.
    """
    for seed in own:
        if seed not in incumbent:
            return seed, "incumbent"
    seed = next_seed((*own, *seen), tuple(incumbent), number, first)
    return seed, "incumbent" if seed not in incumbent and len(own) % 2 else "candidate"


def suspicious(
    screen: Score,
    parameters: int | None,
    incumbent: Score | None,
    there: int | None,
    tolerance: float,
) -> bool:
    """Whether a candidate's first run was so slow that the machine may be to blame. tolerance: as `Scores.tolerance` gives it."""
    if incumbent is None or not screen.speed or not incumbent.speed or parameters != there:
        return False
    return log(incumbent.speed / screen.speed) > max(-log(SUSPICIOUS_SPEED), tolerance)


def unsteady(scores: Sequence[Score]) -> float | None:
    """How far apart the slowest and the fastest of runs of equal code are, as a share of the fastest, where that is too far."""
    speeds = [score.speed for score in scores if score.speed]
    apart = 1 - min(speeds) / max(speeds) if speeds else 0.0
    return apart if apart > UNSTEADY else None


def overdue(trials: Sequence[Trial], number: int) -> bool:
    """Whether the incumbent `number` has not been run for many trials."""
    since = 0
    for trial in reversed(trials):
        fresh = trial.result and any(score.role == "incumbent" for score in trial.result.scores)
        if trial.number == number or (trial.against == number and fresh):
            return since >= CHECK_EVERY
        since += trial.result is not None
    return False
