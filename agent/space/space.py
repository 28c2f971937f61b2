"""A search space: parameters, constraints, and the repair that makes any configuration fit."""

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from agent.records.proposals import Configuration, Value
from sandbox.ground.record import Record

# Easy to read in a file, and far finer than any score can tell apart.
FLOAT_DIGITS = 4


class Parameter(Record):
    """One searchable constant."""

    name: str
    kind: Literal["int", "float", "categorical"]
    low: int | FiniteFloat | None = None
    """Of int and float: low <= default <= high."""
    high: int | FiniteFloat | None = None
    log: bool = False
    """Factors matter, not differences."""
    power_of_two: bool = False
    """Only 2**k are valid (int), and the default."""
    choices: tuple[Value, ...] = ()
    """Of a categorical; its default is among them."""
    default: Value

    def __str__(self) -> str:
        """Return the range as autoresearch.toml writes it."""
        if self.kind == "categorical":
            return " | ".join(map(str, self.choices))
        scale = " log" if self.log else ""
        if self.power_of_two:
            scale = " pow2"
        return f"{self.low:g} .. {self.high:g}{scale}"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        name = self.name
        if self.kind == "categorical":
            if not any(_same(choice, self.default) for choice in self.choices):
                raise ValueError(f"{name}: the default {self.default!r} is not in {self.choices}")
            return self
        if isinstance(self.default, str | bool) or self.low is None or self.high is None:
            raise ValueError(f"{name}: a number with bounds is needed")
        if not self.low <= self.default <= self.high:
            raise ValueError(
                f"{name}: the default {self.default} is outside {self.low} .. {self.high}"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"{name}: a log range must begin above 0, not at {self.low}")
        return self

    def repair(self, value: object) -> Value:
        """Return the valid value nearest to `value`: clipped, rounded, snapped.

        The default if it is no value of this kind.
        """
        if self.kind == "categorical":
            return self._choice(value)
        if value == self.default and not isinstance(value, bool):
            return self.default
        number = _number(value)
        if number is None:
            return self.default
        low, high = self._bounds
        number = min(max(number, low), high)
        if self.kind == "float":
            rounded = float(f"{number:.{FLOAT_DIGITS}g}")
            return float(min(max(rounded, low), high))
        if self.power_of_two:
            return self._nearest_power(number)
        return min(max(round(number), math.ceil(low)), math.floor(high))

    @property
    def _bounds(self) -> tuple[float, float]:
        assert self.low is not None and self.high is not None
        return self.low, self.high

    def _choice(self, value: object) -> Value:
        for choice in self.choices:
            if _same(choice, value):
                return choice
        for choice in self.choices:
            if str(choice) == str(value):
                return choice
        return self.default

    def _nearest_power(self, number: float) -> Value:
        powers = self.powers()
        if not powers:
            return self.default
        return min(powers, key=lambda power: _factor_between(power, number))

    def powers(self) -> list[int]:
        """Return the powers of two within the bounds, ascending."""
        low, high = self._bounds
        exponents = range(max(0, math.ceil(high)).bit_length())
        return [1 << k for k in exponents if low <= 1 << k <= high]

    def nearest(self, value: Value, step: int = 1) -> Iterator[int]:
        """Yield the valid multiples of `step`, nearest to `value` first.

        Powers of two are compared as factors.
        """
        assert not isinstance(value, str)
        if self.power_of_two:
            yield from self._powers_near(value, step)
            return
        low, high = self._bounds
        first = -(-math.ceil(low) // step)
        last = math.floor(high) // step
        if first > last:
            return
        middle = min(max(round(value / step), first), last)
        yield middle * step
        for distance in range(1, last - first + 1):
            for multiple in (middle - distance, middle + distance):
                if first <= multiple <= last:
                    yield multiple * step

    def _powers_near(self, value: float, step: int) -> list[int]:
        candidates = set(self.powers())
        if isinstance(self.default, int):
            candidates.add(self.default)
        valid = [candidate for candidate in candidates if candidate % step == 0]
        return sorted(valid, key=lambda power: (_factor_between(power, value), power))


class Multiple(Record):
    """`name` is a multiple of the product of `of`: names of constants, and numbers."""

    name: str
    of: tuple[str | int, ...] = Field(min_length=1)

    def holds(self, configuration: Configuration) -> bool:
        """Return whether the configuration satisfies it; a missing name satisfies it."""
        step = self.step(configuration)
        value = configuration.get(self.name)
        if step is None or value is None:
            return True
        return isinstance(value, int) and value > 0 and value % step == 0

    def step(self, configuration: Configuration) -> int | None:
        """Return the product, or None while a factor is unknown."""
        product = 1
        for name in self.of:
            factor = configuration.get(name) if isinstance(name, str) else name
            if not isinstance(factor, int) or factor <= 0:
                return None
            product *= factor
        return product


class Space(Record):
    """Parameters with unique names, and the constraints between them."""

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
        """Return the valid configuration near `configuration`: what would run.

        It has every parameter of the space and no other name, and repairs to itself. If constraints
        fail, the multiple moves to the nearest fit; only if none is within its bounds do the
        factors move. If no configuration satisfies the constraints, bounds still hold.
        """
        fitted = {p.name: p.repair(configuration.get(p.name, p.default)) for p in self.parameters}
        if self._holds(fitted):
            return fitted
        return self._solve(fitted, self._constrained()) or fitted

    def _holds(self, configuration: Configuration) -> bool:
        return all(constraint.holds(configuration) for constraint in self.constraints)

    def _constrained(self) -> list[Parameter]:
        """Return the integers that constraints bind, factors before their multiples."""
        multiples = [constraint.name for constraint in self.constraints]
        factors: list[str] = []
        for constraint in self.constraints:
            names = [name for name in constraint.of if isinstance(name, str)]
            factors += [name for name in names if name not in multiples]
        integers = {p.name: p for p in self.parameters if p.kind == "int"}
        names = list(dict.fromkeys((*factors, *multiples)))
        return [integers[name] for name in names if name in integers]

    def _solve(self, wanted: Configuration, free: list[Parameter]) -> Configuration | None:
        """Return a solution, depth-first: each free parameter tries its nearest values first."""
        if not free:
            return wanted if self._holds(wanted) else None
        first, *rest = free
        steps = [c.step(wanted) for c in self.constraints if c.name == first.name]
        step = math.lcm(*(step for step in steps if step is not None))
        for value in first.nearest(wanted[first.name], step):
            if value <= 0:
                continue
            solution = self._solve({**wanted, first.name: value}, rest)
            if solution:
                return solution
        return None


def _factor_between(power: int, value: float) -> float:
    """Return the distance of two numbers in powers of two."""
    return abs(math.log2(max(power, 1)) - math.log2(max(value, 1)))


def _number(value: object) -> float | None:
    """Return a finite number, clipped to the range of a float; None for everything else."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return 1e308 if isinstance(value, int) and value > 0 else -1e308
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _same(choice: Value, value: object) -> bool:
    return choice == value and isinstance(choice, bool) == isinstance(value, bool)
