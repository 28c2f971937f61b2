"""Which texts a run has where no seed moves a score: a neutral perturbation for every seed."""

from agent.history.reading import Reading
from agent.judge.determinism import repeats_of
from agent.records.results import Order
from agent.space.neutral import perturbed


def perturbed_order(history: Reading, order: Order) -> Order:
    """Return an order with the searched floats of its code moved, where no seed moves a score.

    Under the run's first seed the code stays as it is, as it does where the baseline is timed.
    """
    if order.role == "baseline" or order.checks or order.seed == history.run.seed:
        return order
    neutral = order.role == "neutral" or repeats_of(history.comparable) == "perturbations"
    return order.model_copy(update={"texts": texts_of(history, order)}) if neutral else order


def texts_of(history: Reading, order: Order) -> dict[str, str]:
    """Return the files that a neutral perturbation of an order's code changes; {} for none."""
    objective = history.run.objective
    ranges = objective.ranges if objective else {}
    return perturbed(history.sources_at(order.commit), ranges, order.seed)
