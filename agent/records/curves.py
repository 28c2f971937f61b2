"""The training loss over the budget, as a run printed it."""

from collections.abc import Sequence
from itertools import pairwise

Curve = Sequence[tuple[float, float]]
"""Points (fraction of the budget in 0..1, training loss), by rising fraction."""


def loss_at(curve: Curve, fraction: float) -> float | None:
    """Return the loss at `fraction` of the budget, linear between points; None outside them."""
    for (left, before), (right, after) in pairwise(curve):
        if left <= fraction <= right:
            if left == right:
                return after
            return before + (after - before) * (fraction - left) / (right - left)
    for point, loss in curve:
        if point == fraction:
            return loss
    return None


def held_loss_at(curve: Curve, fraction: float) -> float:
    """Return what `loss_at` does, with both ends held beyond the curve, which may not be empty."""
    first = curve[0][0]
    last = curve[-1][0]
    loss = loss_at(curve, min(max(fraction, first), last))
    assert loss is not None
    return loss
