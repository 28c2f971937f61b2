"""Replaces seeds by neutral perturbations of the code, where no seed changes the score."""

from agent.history.reading import Reading
from agent.judge.determinism import repeats_of
from agent.records.results import Order
from agent.space.neutral import perturbed


def perturbed_order(history: Reading, order: Order) -> Order:
    """Return an order; if no seed changes the score, with the searched floats of its code moved.

    The code stays as it is under the run's first seed, and where the baseline is timed.
    """
    if order.role == "baseline" or order.checks or order.seed == history.run.seed:
        return order
    neutral = order.role == "neutral" or repeats_of(history.comparable) == "perturbations"
    return order.model_copy(update={"texts": texts_of(history, order)}) if neutral else order


def texts_of(history: Reading, order: Order) -> dict[str, str]:
    """Return the texts of the files that a perturbation of an order's code changes, by path."""
    objective = history.run.objective
    ranges = objective.ranges if objective else {}
    return perturbed(history.sources_at(order.commit), ranges, order.seed)
