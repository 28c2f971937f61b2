"""The objective in the words of a prompt: the metric, its unit, which sign and side is better."""

from collections.abc import Sequence
from typing import Literal

from agent.propose.context import Context
from agent.records.objective import VAL_BPB, Objective
from agent.records.results import Trial
from sandbox.ground.budget import Budget
from sandbox.ground.text import one_line

MAX_METRIC_CHARACTERS = 100
EXAMPLES = {"linear": "0.004", "log": "2", "logit": "0.02"}
"""Of a change that a model might predict, without its sign."""
MEASURES = {"linear": "", "log": " in percent", "logit": " in logits, log(x / (1 - x))"}
Way = Literal["sealed", "printed", "evaluated"]
"""Who computes the score: the harness, the program itself, or the project's own evaluator."""


def way_of(context: Context) -> Way:
    """Return how the scores of a run are measured."""
    if context.objective.evaluate is not None:
        return "evaluated"
    return context.score


def metric_name(objective: Objective) -> str:
    """Return the metric's name in one printable line."""
    return one_line(objective.metric, MAX_METRIC_CHARACTERS)


def span_of(context: Context) -> str:
    """Return how long a trial runs: `for 300 s`, or `until it ends by itself`."""
    if context.ends_by_itself:
        return "until it ends by itself"
    try:
        budget = Budget.parse(context.budget)
    except ValueError:  # in a benchmark a trial is one evaluation
        return f"for {context.budget}"
    unit = "step" if (budget.unit, budget.amount) == ("steps", 1) else budget.unit
    return f"for {budget.amount} {unit}"


def most_time(context: Context) -> str:
    """Return the time limit of a trial as a sentence; "" if it has a budget."""
    if not context.ends_by_itself:
        return ""
    if context.most_seconds is None:
        limit = context.budget.removeprefix("limit ")
        if limit.endswith("x"):
            limit = f"{limit.removesuffix('x')} times what the baseline takes"
        return f"A run must not take longer than {limit}."
    return f"A run must not take longer than {context.most_seconds:.3g} s."


def unit_of(trials: Sequence[Trial]) -> str:
    """Return the unit of the printed scores, such as `%`; "" without one."""
    for trial in trials:
        if trial.result and trial.result.scores:
            return one_line(trial.result.scores[0].unit, MAX_METRIC_CHARACTERS)
    return ""


def sign_words(objective: Objective) -> str:
    """Return `negative is better` or `positive is better`, of a change of the metric."""
    return "negative is better" if objective.direction == "minimize" else "positive is better"


def verb(objective: Objective) -> str:
    """Return what a good change does to the metric: `lower` or `raise` it."""
    return "lower" if objective.direction == "minimize" else "raise"


def worse_side(objective: Objective) -> str:
    """Return the side of a worse score: `above` or `below` another one."""
    return "above" if objective.direction == "minimize" else "below"


def expected_words(objective: Objective) -> str:
    """Return the description of the field `expected`, the predicted change of the metric."""
    sign = "-" if objective.direction == "minimize" else "+"
    measure = MEASURES[objective.scale]
    example = f"{sign}{EXAMPLES[objective.scale]}"
    words = f"the change of {metric_name(objective)}{measure} that you predict, such as {example}"
    # Nothing is said of the sign where the example is enough: it is what the prompt always said.
    return words if objective.metric == VAL_BPB.metric else f"{words} ({sign_words(objective)})"
