"""Proposes the edits of a suspect or held trial again, for `autoresearch approve N`."""

from agent.errors import UsageFault
from agent.judge.suspicion import APPROVE, approved_by
from agent.propose.context import Context
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial


class Approved:
    """Proposes the edits of one suspect or held trial as a new trial."""

    name = APPROVE
    looks_ahead = False

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def propose(self, context: Context) -> Proposal:
        """Return the edits of the trial.

        Raise UsageFault at the second call, which means that the ledger refused them.
        """
        number = self._trial.number
        for trial in context.trials:
            if approved_by(trial.proposal) == number:
                message = f"the edits of #{number} no longer fit the newest state: {trial.reason}"
                raise UsageFault(message, f"autoresearch show {trial.number}")
        return approved_proposal(self._trial)


def approved_proposal(trial: Trial, inputs: tuple[str, ...] = ()) -> Proposal:
    """Return the edits of an approved trial as a proposal.

    inputs: the id of the input that approved it.
    """
    by = Provenance(method=APPROVE, origin="human", replays=trial.number, inputs=inputs)
    return trial.proposal.model_copy(update={"by": by, "then": ()})
