"""Measures how far machines of one model differ, and the error of comparing across them.

Each machine shifts the score of every code by an offset of its own. Two machines of one device
model may be compared once equal code was run on both under equal seeds, which shows how large the
offsets are. All pairs of the same two machines share one offset, so that it does not average out
over them as noise does. The variance of a mean over n pairs is

    tau² / n + sigma² · Σ (candidates on m / n)² + sigma² · Σ (incumbents on m / n)²

over the machines m of those pairs whose two runs were made on different ones. For n_k pairs on each
of several pairs of machines that have none in common, that is tau² / n + 2 sigma² · Σ (n_k / n)².
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, combinations
from math import sqrt
from statistics import fmean, median

from pydantic import Field, FiniteFloat

from agent.records.results import Across
from sandbox.ground.record import Record

# Runs on two machines are compared if the variance of the offset between them is at most this share
# of tau². Above it, running the incumbent on the candidate's machine is cheaper.
SMALL = 0.35

Cells = Mapping[tuple[int, int], Mapping[str, Sequence[float]]]
"""The losses of each code under each seed, by machine."""


class Spread(Record):
    """How far machines of one model differ on equal code under equal seeds."""

    effect: FiniteFloat = Field(ge=0)
    """Standard deviation sigma of the machines' offsets."""
    residual: FiniteFloat | None = Field(default=None, ge=0)
    """Standard deviation of a difference between two machines around their offset; None if no two
    machines ran two codes or seeds in common."""
    machines: int
    """How many machines were measured."""

    @property
    def degrees(self) -> int:
        """Degrees of freedom of `effect`."""
        return self.machines - 1

    @property
    def between(self) -> float:
        """Variance of the offset between two machines."""
        return 2 * self.effect**2

    def is_small(self, tau: float | None) -> bool:
        """Return whether machines differ by little compared with the noise.

        tau: None if unknown. The residual is used where it is larger, since tau comes from few
        pairs at first.
        """
        scale = max(tau or 0.0, self.residual or 0.0)
        return self.between <= SMALL * scale**2


def model_of(machine: str) -> str:
    """Return the device model in a machine's name: what follows the first space."""
    return machine.partition(" ")[2]


def spread_of(cells: Cells, tau: float | None = None) -> Spread | None:
    """Return how far machines differ; None if no two ran equal code under an equal seed.

    tau: used in place of the residual if that is unknown.
    """
    differences = _between_two(cells)
    if not differences:
        return None
    squares = 0.0
    degrees = 0
    offsets = 0.0
    for values in differences.values():
        mean = fmean(values)
        offsets += len(values) * mean**2
        squares += sum((value - mean) ** 2 for value in values)
        degrees += len(values) - 1
    residual = sqrt(squares / degrees) if degrees else None
    noise = residual if residual is not None else tau or 0.0
    count = sum(map(len, differences.values()))
    excess = (offsets - len(differences) * noise**2) / (2 * count)
    machines = set(chain.from_iterable(differences))
    return Spread(effect=sqrt(max(0.0, excess)), residual=residual, machines=len(machines))


def _between_two(cells: Cells) -> dict[tuple[str, str], list[float]]:
    """Return the differences of mean losses for each two machines of one model."""
    differences: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for by_machine in cells.values():
        if len(by_machine) < 2:
            continue
        means = {machine: fmean(losses) for machine, losses in sorted(by_machine.items())}
        for first, second in combinations(means, 2):
            if model_of(first) == model_of(second):
                differences[first, second].append(means[first] - means[second])
    return differences


def linked(links: Collection[tuple[str, str]], machine: str) -> frozenset[str]:
    """Return the machines of one model that links connect with `machine`, itself included."""
    model = model_of(machine)
    alike = [set(link) for link in links if model_of(link[0]) == model_of(link[1]) == model]
    reached = {machine}
    while True:
        touching = [link for link in alike if link & reached and link - reached]
        if not touching:
            return frozenset(reached)
        reached.update(*touching)


Speeds = Mapping[int, Mapping[str, list[float]]]
"""Steps a second of each code, by machine."""


def speed_ratio(speeds: Speeds, machine: str, other: str) -> float | None:
    """Return how many times faster `machine` trains equal code; None if none ran on both."""
    ratios = []
    for by_machine in speeds.values():
        if machine in by_machine and other in by_machine:
            ratios.append(median(by_machine[machine]) / median(by_machine[other]))
    return median(ratios) if ratios else None


# ---------------------------------------------------------------- the error of a mean


def offsets_in(across: Sequence[Across | None]) -> float:
    """Return the factor of sigma² in the variance of a mean over pairs (see the module).

    across: for each pair the candidate's and the incumbent's machine; None for the same one.
    """
    count = len(across)
    candidates: defaultdict[str, float] = defaultdict(float)
    incumbents: defaultdict[str, float] = defaultdict(float)
    for both in across:
        if both is not None:
            candidates[both[0]] += 1 / count
            incumbents[both[1]] += 1 / count
    shares = (*candidates.values(), *incumbents.values())
    return sum(share**2 for share in shares)


def groups_of(
    differences: Sequence[float], across: Sequence[Across | None]
) -> tuple[tuple[float, ...], ...]:
    """Return the differences grouped by machines: within a group only noise differs."""
    if not any(across):
        return (tuple(differences),)
    groups: defaultdict[Across | None, list[float]] = defaultdict(list)
    for difference, both in zip(differences, across, strict=True):
        groups[both].append(difference)
    return tuple(map(tuple, groups.values()))


def pooled_degrees(parts: Iterable[tuple[float, int]]) -> int:
    """Return the degrees of freedom of a sum of variances, by Satterthwaite (Biometrics 1946).

    parts: variances with their degrees of freedom. The result is at least 1.
    """
    positive = [(variance, max(1, degrees)) for variance, degrees in parts if variance]
    total = sum(variance for variance, _ in positive)
    if not total:
        return 1
    weights = sum(variance**2 / degrees for variance, degrees in positive)
    return max(1, int(total**2 / weights))
