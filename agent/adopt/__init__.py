"""Takes over what another loop left, a branch whose commits change train.py and the results.tsv beside it, as a run's trials."""

from agent.adopt.branch import Span, changed_beside, file_in, find_span
from agent.adopt.results import Row, read_rows
from agent.adopt.steps import Step, steps_between
from agent.adopt.take import take_over

__all__ = [
    "Row",
    "Span",
    "Step",
    "changed_beside",
    "file_in",
    "find_span",
    "read_rows",
    "steps_between",
    "take_over",
]
