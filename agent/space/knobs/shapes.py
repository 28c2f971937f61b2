"""The shapes of inferred ranges: a share, a factor around the value, near one, powers of two."""

from collections.abc import Callable

from agent.space.constants import is_power_of_two
from agent.space.ranges import Range

Number = int | float
Shape = Callable[[Number], Range | None]
"""The range around a value; None where the value is not of this kind."""

LARGEST = 1e300
_DIGITS = 4
_LOG_FROM = 16  # from here on, factors of a whole number matter more than differences
_NEAR_ONE = 0.8
_SMALL_KERNEL = 9


def rounded(value: float) -> float:
    """Return a bound that is short to read."""
    return float(f"{value:.{_DIGITS}g}")


def _like(value: Number, bound: float) -> Number:
    """Return a short bound, a whole one for a large whole number."""
    if isinstance(value, int) and value >= _LOG_FROM:
        return round(bound)
    return rounded(bound)


def within(low: Number, high: Number, log: bool = False) -> Shape:
    """Return a shape with fixed bounds, for the values between them."""

    def shape(value: Number) -> Range | None:
        return Range(low, high, log=log) if low <= value <= high else None

    return shape


def share(high: float = 1.0, low: float = 0.0) -> Shape:
    """Return the shape of a share: up to `high`, or to one for a value above that."""

    def shape(value: Number) -> Range | None:
        if low <= value <= high:
            return Range(low, high)
        return Range(0.0, 1.0) if 0 <= value <= 1 else None

    return shape


def fraction(value: Number) -> Range | None:
    """Return the range of a share; a whole number other than 0 is none."""
    if isinstance(value, int) and value != 0:
        return None
    return share()(value)


def factor(by: float, up: float | None = None, cap: float = LARGEST) -> Shape:
    """Return a shape of factors around a positive value: log, up to `cap` or the value."""

    def shape(value: Number) -> Range | None:
        if not 0 < value < LARGEST:
            return None
        low = _like(value, value / by)
        high = max(value, _like(value, min(value * (up or by), max(cap, value))))
        return Range(low, high, log=True) if low > 0 else None

    return shape


def zero_up_to(high: float) -> Shape:
    """Return the shape of what is switched off by 0 now."""

    def shape(value: Number) -> Range | None:
        return Range(0.0, high) if value == 0 else None

    return shape


def near_one(value: Number) -> Range | None:
    """Return bounds for the distance to one of a decay: ten times it, and a tenth."""
    if not _NEAR_ONE <= value < 1:
        return None
    distance = 1 - value
    low = max(0.5, 1 - 10 * distance)
    high = min(1 - distance / 10, 0.99999)
    return Range(rounded(low), max(float(f"{high:.5g}"), value))


def whole_number(by: float, up: float | None = None, least: int = 1) -> Shape:
    """Return a shape of factors around a positive whole number."""

    def shape(value: Number) -> Range | None:
        if value < 1 or value != int(value) or value > LARGEST:
            return None
        low = min(max(least, int(value / by)), int(value))
        high = max(int(value * (up or by)), int(value) + 2)
        return Range(low, high, log=value >= _LOG_FROM)

    return shape


def power(by: int, up: int | None = None, least: int = 1) -> Shape:
    """Return a shape of powers of two around one."""

    def shape(value: Number) -> Range | None:
        if not is_power_of_two(value):
            return None
        low = min(max(least, int(value) // by), int(value))
        high = max(int(value) * (up or by), 2)
        return Range(low, high, power_of_two=True)

    return shape


def multiples(value: Number) -> Range | None:
    """Return widths that share their large divisors with a width that is no power of two."""
    if not isinstance(value, int) or value < 32 or value % 16:
        return None
    eighths = value // 4
    return Range(choices=tuple(eighths * quarters for quarters in (2, 3, 4, 6, 8)))


def divisors(value: Number) -> Range | None:
    """Return the divisors of a count of heads, which divide whatever the count divides."""
    if not isinstance(value, int) or not 2 < value <= 256:
        return None
    choices = tuple(n for n in range(max(1, value // 6), value + 1) if value % n == 0)
    return Range(choices=choices) if len(choices) > 1 else None


def odd(value: Number) -> Range | None:
    """Return odd sizes of a kernel around an odd one."""
    if not isinstance(value, int) or value < 1 or value % 2 == 0 or value > 63:
        return None
    if value <= _SMALL_KERNEL:
        sizes = {value - 4, value - 2, value, value + 2, value + 4}
    else:
        sizes = {value // 2 | 1, value * 3 // 4 | 1, value, value * 3 // 2 | 1}
    least = min(value, 3)
    return Range(choices=tuple(sorted(size for size in sizes if size >= least)))


def dropout(value: Number) -> Range | None:
    """Return the range of a dropout: up to a half, or beyond for one that is large already."""
    if 0 <= value <= 0.4:
        return Range(0.0, 0.5)
    return Range(0.0, 0.8) if 0.4 < value <= 0.8 else near_one(value)


def flag(value: Number) -> Range | None:
    """Return the two values of a switch that is written as a number."""
    return Range(choices=(0, 1)) if value in (0, 1) and isinstance(value, int) else None


def first_of(*shapes: Shape) -> Shape:
    """Return the shape that is the first of these to fit the value."""

    def shape(value: Number) -> Range | None:
        for candidate in shapes:
            bounds = candidate(value)
            if bounds:
                return bounds
        return None

    return shape
