"""Adopts another loop's work, a branch that changes train.py and its results.tsv, as trials."""

from agent.adopt.branch import Span, changed_beside, find_span
from agent.adopt.results import Row, read_rows
from agent.adopt.steps import Step, steps_between
from agent.adopt.take import take_over

__all__ = [
    "Row",
    "Span",
    "Step",
    "changed_beside",
    "find_span",
    "read_rows",
    "steps_between",
    "take_over",
]
