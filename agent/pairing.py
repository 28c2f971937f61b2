"""Which runs may be compared, and which one to make next: paired seeds, one machine, one speed, alternating in time. Pure."""

from collections import defaultdict
from collections.abc import Sequence

from agent.records import Pair, Role, Score, Trial

# A machine that trains the same code slower than this share of before has changed: what it measured before is not comparable.
SAME_SPEED = 0.85
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

    def of(self, number: int, trials: Sequence[Trial]) -> tuple[Score, ...]:
        """Of the code of trial `number`, oldest first: as a candidate, and as an incumbent since. trials: those of last time,
        and what came after them.
        """
        for trial in trials[self._seen :]:
            for score in trial.result.scores if trial.result else ():
                code = trial.number if score.role == "candidate" else trial.against
                if code is not None:
                    self._of[code].append(score)
        self._seen = len(trials)
        return tuple(self._of[number])


def comparable(scores: Sequence[Score], machine: str, timed: bool) -> dict[int, Score]:
    """The newest score under each seed on `machine`; where training is timed, only those measured at the newest one's speed."""
    here = [score for score in scores if score.machine == machine]
    speeds = [score.speed for score in here if score.speed]
    if timed and speeds:
        here = [score for score in here if score.speed and _same_speed(score.speed, speeds[-1])]
    return {score.seed: score for score in here}


def _same_speed(one: float, other: float) -> bool:
    return min(one, other) >= SAME_SPEED * max(one, other)


def pairs_of(own: dict[int, Score], other: dict[int, Score]) -> tuple[Pair, ...]:
    """The pairs that two sets of comparable scores make, in the order in which the candidate was measured."""
    return tuple(Pair(seed=s, candidate=own[s].value, incumbent=other[s].value) for s in own if s in other)


def next_seed(own: Sequence[int], incumbent: Sequence[int], number: int, first: int = 0) -> int:
    """The seed of trial `number`'s next pair: one that the incumbent was measured under already, else the next new one.

    The incumbent's own first score screened it, so it is a lucky one: it comes last. The others take turns from trial to trial:
    a lucky score among them then makes one candidate's screen too hard, not every candidate's.
    """
    clean = incumbent[1:] or incumbent
    turn = number % len(clean) if clean else 0
    left = [seed for seed in (*clean[turn:], *clean[:turn], *incumbent) if seed not in own]
    return left[0] if left else max([*own, *incumbent, first - 1]) + 1


def next_run(own: dict[int, Score], incumbent: dict[int, Score], number: int, first: int) -> tuple[int, Role]:
    """Seed and role of the run that completes a pair or begins the next one; which of the two comes first takes turns."""
    for seed in own:
        if seed not in incumbent:
            return seed, "incumbent"
    seed = next_seed(tuple(own), tuple(incumbent), number, first)
    return seed, "incumbent" if seed not in incumbent and len(own) % 2 else "candidate"


def suspicious(screen: Score, parameters: int | None, incumbent: Score | None, there: int | None) -> bool:
    """Whether a candidate's first run was so slow that the machine may be to blame."""
    if incumbent is None or not screen.speed or not incumbent.speed or parameters != there:
        return False
    return screen.speed < SUSPICIOUS_SPEED * incumbent.speed


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
