"""The loss of a curve between its points, at its ends, and beyond them."""

import pytest

from agent.records.curves import held_loss_at, loss_at

CURVE = ((0.2, 4.0), (0.4, 3.0))


def test_a_loss_between_two_points_is_interpolated() -> None:
    assert loss_at(CURVE, 0.3) == pytest.approx(3.5)
    assert loss_at(CURVE, 0.2) == 4.0
    assert loss_at(CURVE, 0.4) == 3.0


def test_outside_the_curve_there_is_no_loss() -> None:
    assert loss_at(CURVE, 0.1) is None
    assert loss_at(CURVE, 0.5) is None
    assert loss_at((), 0.5) is None


def test_one_point_is_a_curve() -> None:
    assert loss_at(((0.5, 2.0),), 0.5) == 2.0
    assert loss_at(((0.5, 2.0),), 0.6) is None
    assert held_loss_at(((0.5, 2.0),), 0.9) == 2.0


def test_two_points_at_one_place_divide_by_nothing() -> None:
    assert loss_at(((0.3, 5.0), (0.3, 4.0)), 0.3) == 4.0


def test_the_ends_are_held_beyond_the_curve() -> None:
    losses = [held_loss_at(CURVE, fraction) for fraction in (0.0, 0.2, 0.3, 0.4, 1.0)]
    assert losses == pytest.approx([4.0, 4.0, 3.5, 3.0, 3.0])
