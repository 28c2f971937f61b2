"""Which runs may be compared (one seed, one machine, one speed), and which one to make next."""

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from itertools import count, islice, pairwise
from math import log
from statistics import median

from agent.records.results import Pair, Role, Score, Trial

# A machine that trains the same code at less than this share of its earlier speed has changed:
# what it measured before is not comparable.
SAME_SPEED = 0.85
# Where its speed goes up and down from run to run, it takes this many times the usual step (three
# standard deviations).
BEYOND_JITTER = 4.5
# On a machine where equal code trains at speeds that differ by more than this share, a budget in
# seconds also measures the load.
UNSTEADY = 0.05
# After so many trials without a run of the incumbent it is run again: no single trial shows a slow
# drift.
CHECK_EVERY = 25


class Scores:
    """Everything that was measured of each code of a run; each trial is read once.

    `trials` of every call are those of the call before, and what came after them.
    """

    def __init__(self) -> None:
        self._count = 0
        self._of: defaultdict[int, list[Score]] = defaultdict(list)
        self._steps: list[float] = []  # ascending
        self._first: int | None = None
        """The number of the first baseline on the data at hand."""

    def of(self, number: int, trials: Sequence[Trial]) -> tuple[Score, ...]:
        """Return the scores of the code of trial `number`, oldest first."""
        self._read(trials)
        return tuple(self._of[number])

    def tolerance(self, trials: Sequence[Trial], fresh: Sequence[Score] = ()) -> float:
        """Return how far apart the speeds of one machine may be, as a difference of logarithms.

        A step lies between two runs of equal code that one trial made; the median step tells a
        machine that goes up and down all the time from one that has changed once.
        fresh: the scores of the trial at hand.
        """
        self._read(trials)
        steps = sorted((*self._steps, *_steps(fresh))) if fresh else self._steps
        usual = median(steps) if steps else 0.0
        return max(-log(SAME_SPEED), BEYOND_JITTER * usual)

    def _read(self, trials: Sequence[Trial]) -> None:
        for trial in trials[self._count :]:
            scores = trial.result.scores if trial.result else ()
            if trial.status == "baseline" and (trial.new_data or self._first is None):
                self._first = trial.number
            for score in scores:
                own = score.role in ("candidate", "neutral", "fresh")
                code = trial.number if own else trial.against
                if score.role == "reference":
                    code = self._first
                if code is not None and score.role != "baseline":
                    self._of[code].append(score)
            for step in _steps(scores):
                insort(self._steps, step)
        self._count = len(trials)


def _steps(scores: Sequence[Score]) -> list[float]:
    """Return by how much each code's speed changed from run to run of one trial."""
    steps = []
    for role in ("candidate", "incumbent"):
        runs = [score for score in scores if score.role == role]
        for before, after in pairwise(runs):
            if before.speed and after.speed and before.machine == after.machine:
                steps.append(abs(log(after.speed / before.speed)))
    return steps


def comparable(scores: Sequence[Score], machine: str, tolerance: float | None) -> dict[int, Score]:
    """Return the newest score under each seed on `machine`.

    Where training is timed, only those at the newest one's speed. tolerance: as `Scores.tolerance`
    gives it; None where training is not timed.
    """
    here = [score for score in scores if score.machine == machine]
    speeds = [score.speed for score in here if score.speed]
    if tolerance is not None and speeds:
        here = [score for score in here if _is_near(score.speed, speeds[-1], tolerance)]
    return {score.seed: score for score in here}


def _is_near(speed: float | None, newest: float, tolerance: float) -> bool:
    return bool(speed) and abs(log((speed or 0.0) / newest)) <= tolerance


def pairs_of(own: dict[int, Score], other: dict[int, Score]) -> tuple[Pair, ...]:
    """Return the pairs of two sets of comparable scores, in the order of the candidate's runs."""
    return tuple(
        Pair(seed=seed, candidate=score.value, incumbent=other[seed].value)
        for seed, score in own.items()
        if seed in other
    )


def next_seed(own: Sequence[int], incumbent: Sequence[int], number: int, first: int = 0) -> int:
    """Return the seed of trial `number`'s next pair: one of the incumbent's, else a new one.

    The incumbent's own first score screened it, so it is a lucky one: it comes last. The others
    take turns from trial to trial: a lucky score among them then makes one candidate's screen too
    hard, not every candidate's.
    """
    clean = incumbent[1:] or incumbent
    turn = number % len(clean) if clean else 0
    for seed in (*clean[turn:], *clean[:turn], *incumbent):
        if seed not in own:
            return seed
    return max([*own, *incumbent, first - 1]) + 1


def fresh_seeds(
    trials: Sequence[Trial], how_many: int, first: int, more: Sequence[Score] = ()
) -> tuple[int, ...]:
    """Return seeds from `first` on under which no verdict of the run was reached.

    more: further scores whose seeds are not fresh.
    """
    used = {score.seed for score in more}
    for trial in trials:
        if trial.result:
            used |= {score.seed for score in trial.result.scores}
    unused = (seed for seed in count(first) if seed not in used)
    return tuple(islice(unused, how_many))


def next_run(
    own: dict[int, Score],
    incumbent: dict[int, Score],
    number: int,
    first: int,
    excluded: Sequence[int] = (),
) -> tuple[int, Role]:
    """Return seed and role of the run that completes a pair, or begins the next one.

    Candidate and incumbent begin in turns. excluded: seeds that a new pair must not have.
    """
    for seed in own:
        if seed not in incumbent:
            return seed, "incumbent"
    seed = next_seed((*own, *excluded), tuple(incumbent), number, first)
    incumbent_begins = len(own) % 2 == 1
    if seed not in incumbent and incumbent_begins:
        return seed, "incumbent"
    return seed, "candidate"


def unsteady(scores: Sequence[Score]) -> float | None:
    """Return by what share the slowest run of equal code is slower than the fastest.

    None where that share is usual.
    """
    speeds = [score.speed for score in scores if score.speed]
    if not speeds:
        return None
    share = 1 - min(speeds) / max(speeds)
    return share if share > UNSTEADY else None


def overdue(trials: Sequence[Trial], number: int) -> bool:
    """Return whether the incumbent `number` has not been run for CHECK_EVERY trials."""
    since = 0
    for trial in reversed(trials):
        if trial.number == number or _ran_incumbent(trial, number):
            return since >= CHECK_EVERY
        since += trial.result is not None
    return False


def _ran_incumbent(trial: Trial, number: int) -> bool:
    if trial.against != number or trial.result is None:
        return False
    return any(score.role == "incumbent" for score in trial.result.scores)
