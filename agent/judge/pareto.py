"""Compares trials in two metrics at once: the Pareto front."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from agent.errors import UsageFault, unknown
from agent.records.objective import Direction, Objective
from agent.records.results import SCORED, Trial, also_of, on_newest_data

DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}


@dataclass(frozen=True)
class Axis:
    """A metric with its direction."""

    name: str
    direction: Direction

    @property
    def better(self) -> str:
        """`lower is better` or `higher is better`."""
        return "lower is better" if self.direction == "minimize" else "higher is better"

    def loss(self, value: float) -> float:
        """Return a value as a loss: lower is better."""
        return value if self.direction == "minimize" else -value


@dataclass(frozen=True)
class Point:
    """A trial with a value on both axes."""

    trial: Trial
    x: float
    y: float
    on_front: bool
    """Whether no other trial that could be kept is as good on both axes and better on one."""


def axes_of(objective: Objective) -> tuple[Axis, ...]:
    """Return every metric of a run: the objective, then those with guards, then those of `also`.

    The direction of a guarded metric is the guard's; metrics of `also` count as minimized.
    """
    ways: dict[str, Direction] = {objective.metric: objective.direction}
    for guard in objective.guards:
        ways.setdefault(guard.metric, "minimize" if guard.sign == "<=" else "maximize")
    for name in objective.also:
        ways.setdefault(name, "minimize")
    return tuple(Axis(name, way) for name, way in ways.items())


def two_axes(text: str, objective: Objective) -> tuple[Axis, Axis]:
    """Return the axes that a text such as `val_acc,params_m:min` names.

    `:min` or `:max` after a name sets its direction. Raise UsageFault for another text.
    """
    names = [part.strip() for part in text.split(",")]
    if len(names) != 2:
        raise UsageFault("--pareto takes two metrics, A,B", _example(objective))
    first, second = (_axis(name, objective) for name in names)
    if first.name == second.name:
        raise UsageFault(
            f"--pareto takes two different metrics, and both are {first.name!r}",
            _example(objective),
        )
    return first, second


def _axis(text: str, objective: Objective) -> Axis:
    axes = {axis.name: axis for axis in axes_of(objective)}
    if text in axes:
        return axes[text]
    name, _, way = text.rpartition(":")
    if way in DIRECTIONS and name in axes:
        return Axis(name, DIRECTIONS[way])
    if name in axes:
        words = " or ".join(f"{name}:{word}" for word in DIRECTIONS)
        raise UsageFault(f"{way!r} is no direction: write {words}", _example(objective))
    otherwise = f"This run records {', '.join(axes)}."
    if len(axes) == 1:
        otherwise += ' More are recorded with also = ["..."] or guards in autoresearch.toml.'
    raise UsageFault(unknown("metric", text, axes, otherwise), _example(objective))


def _example(objective: Objective) -> str:
    """Return the command that works with the metrics of a run, or that has it record more."""
    names = [axis.name for axis in axes_of(objective)]
    if len(names) == 1:
        return '$EDITOR autoresearch.toml   # also = ["NAME"]'
    return f"autoresearch log --pareto {quote(','.join(names[:2]))}"


def value_of(trial: Trial, name: str, objective: Objective) -> float | None:
    """Return a metric of a trial; None for a trial without a score that counts."""
    if trial.status not in SCORED:
        return None
    return trial.value if name == objective.metric else also_of(trial).get(name)


def points_of(trials: Sequence[Trial], x: Axis, y: Axis, objective: Objective) -> tuple[Point, ...]:
    """Return the trials on the run's present data that have both metrics, oldest first.

    A guarded trial is a point, but never on the front, since it could not be kept.
    """
    places = list(_places(trials, x, y, objective))
    allowed = [(x.loss(a), y.loss(b)) for trial, a, b in places if trial.status != "guarded"]
    front = set(_front(allowed))
    return tuple(
        Point(trial, a, b, trial.status != "guarded" and (x.loss(a), y.loss(b)) in front)
        for trial, a, b in places
    )


def _places(
    trials: Sequence[Trial], x: Axis, y: Axis, objective: Objective
) -> Iterator[tuple[Trial, float, float]]:
    for trial in on_newest_data(trials):
        across = value_of(trial, x.name, objective)
        up = value_of(trial, y.name, objective)
        if across is not None and up is not None:
            yield trial, across, up


def _front(losses: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield the pairs of losses that no other one dominates, by ascending first loss."""
    best: float | None = None
    for pair in sorted(set(losses)):
        if best is None or pair[1] < best:
            best = pair[1]
            yield pair
