"""Decides which runs may be compared, and which run to make next.

Runs are compared under equal seeds, at equal speed and on the same machine, or on two machines of
one model that differ by little (agent/judge/machines.py).
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import count, islice, pairwise
from math import log
from statistics import median

from agent.judge.machines import Speeds, linked, speed_ratio
from agent.judge.owners import Owners
from agent.records.results import Pair, Role, Score, Trial

# If a machine trains equal code at less than this share of its earlier speed, its earlier scores
# are not comparable any more.
SAME_SPEED = 0.85
# If its speed varies from run to run, a change must exceed this many times the median step (three
# standard deviations).
BEYOND_JITTER = 4.5
# If the speeds of equal code differ by more than this share, a budget in seconds also measures the
# load of the machine.
UNSTEADY = 0.05
# The incumbent is run again after so many trials without a run of it, since a slow drift of the
# machine shows in no single trial.
CHECK_EVERY = 25


class Scores:
    """All scores of a run, by the code that they belong to.

    Each trial is read once: the `trials` of each call must begin with those of the call before.
    """

    def __init__(self) -> None:
        self._count = 0
        self._of: defaultdict[int, list[Score]] = defaultdict(list)
        self._steps: list[float] = []  # ascending
        self._owners = Owners()
        self._places: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        """Where each code ran under each seed."""
        self._links: set[tuple[str, str]] = set()
        """Machines that ran equal code under an equal seed."""
        self._speeds: Speeds = defaultdict(lambda: defaultdict(list))

    def of(self, number: int, trials: Sequence[Trial]) -> tuple[Score, ...]:
        """Return the scores of the code of trial `number`, oldest first."""
        self._read(trials)
        return tuple(self._of[number])

    def reach(self, machine: str, trials: Sequence[Trial], timed: bool) -> frozenset[str]:
        """Return the machines whose scores compare with those of `machine`, itself included.

        They are of its model and speed, and ran equal code under equal seeds. timed: trainings end
        at a time, so that a machine of unknown speed is left out.
        """
        self._read(trials)
        reached = linked(self._links, machine)
        if len(reached) == 1:
            return reached
        tolerance = self.tolerance(trials)
        near = (other for other in reached if self._is_as_fast(other, machine, tolerance, timed))
        return frozenset(near)

    def _is_as_fast(self, other: str, machine: str, tolerance: float, timed: bool) -> bool:
        ratio = speed_ratio(self._speeds, other, machine)
        if other == machine or (ratio is None and not timed):
            return True
        return ratio is not None and abs(log(ratio)) <= tolerance

    def tolerance(self, trials: Sequence[Trial], fresh: Sequence[Score] = ()) -> float:
        """Return how far the speeds of comparable runs may differ, as a difference of logarithms.

        It grows with the median change of speed between runs of equal code within a trial: on a
        machine whose speed varies all the time, one change means little. fresh: the scores of the
        present trial.
        """
        self._read(trials)
        steps = sorted((*self._steps, *_steps(fresh))) if fresh else self._steps
        usual = median(steps) if steps else 0.0
        return max(-log(SAME_SPEED), BEYOND_JITTER * usual)

    def _read(self, trials: Sequence[Trial]) -> None:
        for trial in trials[self._count :]:
            scores = trial.result.scores if trial.result else ()
            self._owners.meet(trial)
            for score in scores:
                code = self._owners.code(trial, score)
                if code is not None:
                    self._add(code, score)
            for step in _steps(scores):
                insort(self._steps, step)
        self._count = len(trials)

    def _add(self, code: int, score: Score) -> None:
        self._of[code].append(score)
        if score.speed:
            self._speeds[code][score.machine].append(score.speed)
        places = self._places[code, score.seed]
        if score.role == "neutral" or score.machine in places:
            return
        self._links.update((score.machine, other) for other in places)
        places.append(score.machine)


def _steps(scores: Sequence[Score]) -> list[float]:
    """Return the changes of each code's speed from run to run of one trial, as logarithms."""
    steps = []
    for role in ("candidate", "incumbent"):
        runs = [score for score in scores if score.role == role]
        for before, after in pairwise(runs):
            if before.speed and after.speed and before.machine == after.machine:
                steps.append(abs(log(after.speed / before.speed)))
    return steps


def comparable(scores: Sequence[Score], machine: str, tolerance: float | None) -> dict[int, Score]:
    """Return the newest score under each seed on `machine`, by seed.

    tolerance: from `Scores.tolerance`; scores at another speed than the newest are left out. None
    if speed does not matter.
    """
    here = [score for score in scores if score.machine == machine]
    speeds = [score.speed for score in here if score.speed]
    if tolerance is not None and speeds:
        here = [score for score in here if _is_near(score.speed, speeds[-1], tolerance)]
    return {score.seed: score for score in here}


def left_out(scores: Sequence[Score], machine: str, tolerance: float | None) -> int:
    """Return how many seeds on `machine` have only scores at another speed than the newest."""
    here = {score.seed for score in scores if score.machine == machine}
    return len(here) - len(comparable(scores, machine, tolerance))


def _is_near(speed: float | None, newest: float, tolerance: float) -> bool:
    return speed is not None and speed > 0 and abs(log(speed / newest)) <= tolerance


BySeed = dict[int, dict[str, Score]]
"""The newest comparable score under each seed on each machine."""


def by_seed(scores: Sequence[Score], machines: Collection[str], tolerance: float | None) -> BySeed:
    """Return the comparable scores on `machines`; tolerance: as for `comparable`."""
    scores_by_seed: BySeed = {}
    here = {name: comparable(scores, name, tolerance) for name in machines}
    for score in scores:
        if score is here.get(score.machine, {}).get(score.seed):
            scores_by_seed.setdefault(score.seed, {})[score.machine] = score
    return scores_by_seed


def pairs_of(own: Mapping[int, Score], other: BySeed) -> tuple[Pair, ...]:
    """Return the pairs under equal seeds, in the order of the candidate's runs."""
    return tuple(_pair(score, other[seed]) for seed, score in own.items() if seed in other)


def _pair(own: Score, others: Mapping[str, Score]) -> Pair:
    """Return the pair on one machine if there is one, else with the newest run elsewhere."""
    here = others.get(own.machine)
    if here:
        return Pair(seed=own.seed, candidate=own.value, incumbent=here.value)
    newest = list(others.values())[-1]
    return Pair(
        seed=own.seed,
        candidate=own.value,
        incumbent=newest.value,
        across=(own.machine, newest.machine),
    )


def next_seed(own: Sequence[int], incumbent: Sequence[int], number: int, first: int = 0) -> int:
    """Return the seed of trial `number`'s next pair: one of the incumbent's, else a new one.

    The incumbent was chosen by its first score, which is therefore lucky and comes last. The others
    rotate from trial to trial, so that a lucky one among them makes only one candidate's screen too
    hard.
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
    """Return the first `how_many` seeds from `first` on that no trial of the run has used.

    more: further scores whose seeds count as used.
    """
    used = {score.seed for score in more}
    for trial in trials:
        if trial.result:
            used |= {score.seed for score in trial.result.scores}
    unused = (seed for seed in count(first) if seed not in used)
    return tuple(islice(unused, how_many))


def next_run(
    own: Collection[int],
    incumbent: Collection[int],
    number: int,
    first: int,
    excluded: Sequence[int] = (),
) -> tuple[int, Role]:
    """Return the seed and role of the run that completes a pair or begins the next one.

    Candidate and incumbent take turns to begin. own, incumbent: the seeds of their comparable runs.
    excluded: seeds that no new pair may have.
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
    """Return by what share the slowest run is slower than the fastest; None if by UNSTEADY or less.

    scores: runs of equal code.
    """
    speeds = [score.speed for score in scores if score.speed]
    if not speeds:
        return None
    share = 1 - min(speeds) / max(speeds)
    return share if share > UNSTEADY else None


def overdue(trials: Sequence[Trial], number: int) -> bool:
    """Return whether trial `number`, the incumbent, was not run for CHECK_EVERY trials."""
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
