"""A search space: parameters with bounds, constraints between them, and the repair that makes any configuration fit."""

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from agent.records.proposals import Configuration, Value
from sandbox.ground.record import Record

FLOAT_DIGITS = (
    4  # what a reader of the file can take in, and far finer than any score can tell apart
)


class Parameter(Record):
    """One searchable constant. int and float have low <= default <= high; categorical has choices, its default among them.

    log: factors matter, not differences. power_of_two: only 2**k are valid (int); the default is valid whatever it is.
    """

    name: str
    kind: Literal["int", "float", "categorical"]
    low: int | FiniteFloat | None = None
    high: int | FiniteFloat | None = None
    log: bool = False
    power_of_two: bool = False
    choices: tuple[Value, ...] = ()
    default: Value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind == "categorical":
            if not _among(self.default, self.choices):
                raise ValueError(
                    f"{self.name}: the default {self.default!r} is not among {self.choices}"
                )
            return self
        if isinstance(self.default, str | bool) or self.low is None or self.high is None:
            raise ValueError(f"{self.name}: a number with bounds is needed")
        if not self.low <= self.default <= self.high:
            raise ValueError(
                f"{self.name}: the default {self.default} is outside {self.low} .. {self.high}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"{self.name}: a log range begins above 0, not at {self.low}")
        return self

    def repair(self, value: object) -> Value:
        """The valid value nearest to `value`: clipped, rounded, snapped; the default where it is no value of this kind at all."""
        if self.kind == "categorical":
            return next(
                (choice for choice in self.choices if _same(choice, value)), self._by_text(value)
            )
        if value == self.default and not isinstance(value, bool):
            return self.default
        number = _number(value)
        if number is None:
            return self.default
        low, high = self._bounds
        number = min(max(number, low), high)
        if self.kind == "float":
            return float(min(max(float(f"{number:.{FLOAT_DIGITS}g}"), low), high))
        if self.power_of_two:
            return self._power(number)
        return min(max(round(number), math.ceil(low)), math.floor(high))

    @property
    def _bounds(self) -> tuple[float, float]:
        assert self.low is not None and self.high is not None
        return self.low, self.high

    def _by_text(self, value: object) -> Value:
        return next((choice for choice in self.choices if str(choice) == str(value)), self.default)

    def _power(self, number: float) -> Value:
        powers = self.powers()
        return (
            min(powers, key=lambda power: abs(math.log2(power) - math.log2(max(number, 1))))
            if powers
            else self.default
        )

    def powers(self) -> list[int]:
        """The powers of two within the bounds, ascending."""
        low, high = self._bounds
        return [
            1 << k for k in range(max(0, math.ceil(high)).bit_length()) if low <= 1 << k <= high
        ]

    def nearest(self, value: Value, step: int = 1) -> Iterator[int]:
        """The valid integers that are multiples of `step`, nearest to `value` first; as factors, where log or powers of two."""
        low, high = self._bounds
        assert not isinstance(value, str)
        if self.power_of_two:
            candidates = {
                *self.powers(),
                *([self.default] if isinstance(self.default, int) else []),
            }
            valid = [power for power in candidates if power % step == 0]
            yield from sorted(
                valid,
                key=lambda power: (abs(math.log2(max(power, 1)) - math.log2(max(value, 1))), power),
            )
            return
        first, last = -(-math.ceil(low) // step), math.floor(high) // step
        middle = min(max(round(value / step), first), last)
        if first <= last:
            yield middle * step
        for distance in range(1, last - first + 1):
            yield from (
                n * step for n in (middle - distance, middle + distance) if first <= n <= last
            )


class Multiple(Record):
    """`name` is a whole multiple of the product of `of`: names of constants, and numbers."""

    name: str
    of: tuple[str | int, ...] = Field(min_length=1)

    def holds(self, configuration: Configuration) -> bool:
        """Whether the configuration keeps it; a name that the configuration lacks counts as kept."""
        step, value = self.step(configuration), configuration.get(self.name)
        return (
            step is None
            or value is None
            or (isinstance(value, int) and value > 0 and value % step == 0)
        )

    def step(self, configuration: Configuration) -> int | None:
        """The product, or None while a factor is unknown."""
        factors = [
            configuration.get(factor) if isinstance(factor, str) else factor for factor in self.of
        ]
        numbers = [factor for factor in factors if isinstance(factor, int) and factor > 0]
        return math.prod(numbers) if len(numbers) == len(factors) else None


class Space(Record):
    """Parameters by unique names, and what must hold between them. `default` is the file as it is."""

    parameters: tuple[Parameter, ...] = ()
    constraints: tuple[Multiple, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"parameters share a name: {self.names}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def default(self) -> Configuration:
        """The file's own values."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def repair(self, configuration: Configuration) -> Configuration:
        """The valid configuration near `configuration`, with every parameter of the space and no other name: what is really run.

        What it gives repairs to itself. Where constraints fail, the multiple moves to the nearest fit; only where none is
        within its bounds do the factors move. Where no configuration at all satisfies the constraints, bounds still hold.
        """
        fitted = {p.name: p.repair(configuration.get(p.name, p.default)) for p in self.parameters}
        if all(constraint.holds(fitted) for constraint in self.constraints):
            return fitted
        return self._solve(fitted, self._order()) or fitted

    def _order(self) -> list[Parameter]:
        """The parameters that constraints bind, factors before their multiples; integers only, for nothing else can move."""
        targets = [constraint.name for constraint in self.constraints]
        factors = [
            name
            for c in self.constraints
            for name in c.of
            if isinstance(name, str) and name not in targets
        ]
        by_name = {p.name: p for p in self.parameters if p.kind == "int"}
        return [by_name[name] for name in dict.fromkeys((*factors, *targets)) if name in by_name]

    def _solve(self, wanted: Configuration, free: list[Parameter]) -> Configuration | None:
        """Depth-first: each free parameter takes its candidates, nearest to what was wanted first."""
        if not free:
            return (
                wanted if all(constraint.holds(wanted) for constraint in self.constraints) else None
            )
        first, *rest = free
        own = [c for c in self.constraints if c.name == first.name]
        steps = [step for c in own if (step := c.step(wanted)) is not None]
        for value in first.nearest(wanted[first.name], math.lcm(*steps) if steps else 1):
            if value > 0 and (solved := self._solve({**wanted, first.name: value}, rest)):
                return solved
        return None


def _number(value: object) -> float | None:
    """A finite number, clipped to a float's reach; None for everything else."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return 1e308 if isinstance(value, int) and value > 0 else -1e308
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _same(one: Value, two: object) -> bool:
    return one == two and isinstance(one, bool) == isinstance(two, bool)


def _among(value: Value, choices: tuple[Value, ...]) -> bool:
    return any(_same(choice, value) for choice in choices)
