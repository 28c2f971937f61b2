"""Writes differences and multiples of the noise in the reasons of verdicts."""

from math import floor, log10

DECIMALS = 4
"""Of a difference in a reason; up to MAX_DECIMALS where fewer would show only zeros."""
MAX_DECIMALS = 12
MANY_TIMES = 100
"""Larger multiples of the noise are not written out."""


def digits(value: float) -> str:
    """Return a difference with its sign and DECIMALS decimals, or as many as show one digit."""
    needed = -floor(log10(abs(value))) if value else 0
    decimals = max(DECIMALS, min(needed, MAX_DECIMALS))
    return f"{value:+.{decimals}f}"


def in_errors(z: float) -> str:
    """Return `z = 2.1`, or `z above 100`."""
    if abs(z) < MANY_TIMES:
        return f"z = {z:.1f}"
    return f"z above {MANY_TIMES}" if z > 0 else f"z below -{MANY_TIMES}"
