"""Makes proposals of what people ask a run to try."""

from collections.abc import Sequence

from agent.propose.approved import approved_proposal
from agent.records.inputs import Approve, Input, Try
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial


def proposal_of_input(asked: Input, trials: Sequence[Trial]) -> Proposal:
    """Return the proposal of a Try or Approve input. trials: those of the run."""
    ask = asked.ask
    if isinstance(ask, Approve):
        [trial] = [trial for trial in trials if trial.number == ask.number]
        return approved_proposal(trial, (asked.id,))
    assert isinstance(ask, Try), "no other input is a proposal"
    by = Provenance(method="try", origin="human", inputs=(asked.id,))
    who = f"given by {asked.sender}" if asked.sender else ""
    return Proposal(hypothesis=ask.hypothesis, rationale=who, edits=ask.edits, by=by)
