"""Repeats the proposals of a recorded run, edit for edit, without a model: `--model replay:BRANCH`."""

from collections.abc import Sequence

from agent.errors import ModelFault
from agent.propose.context import Context
from agent.records.proposals import Proposal, Provenance
from agent.records.results import CLAIMED, Trial


class Replay:
    """The proposals of `trials` in the order in which they were applied, refused ones too.

    The same start under the same scores gives the same attempts, byte for byte; where a score falls to the other side of the
    noise, the edits are tried on another tip from there on. What the ledger tried again on a newer tip it does itself again.
    Of an adopted run, everything that has edits is really tried here; what is only told of has none to try.
    """

    looks_ahead = True

    def __init__(self, name: str, trials: Sequence[Trial]) -> None:
        self.name = name
        told = {
            trial.number for trial in trials if trial.status in CLAIMED and not trial.proposal.edits
        }
        recorded = [
            trial.proposal
            for trial in trials
            if trial.proposal.by.origin != "baseline" and trial.number not in told
        ]
        self._proposals = [proposal for proposal in recorded if proposal.by.replays is None]

    def propose(self, context: Context) -> Proposal:
        """The next one, as the context shows how many were repeated; ModelFault behind the last one."""
        known = [*(trial.proposal for trial in context.trials), *context.pending]
        done = sum(
            proposal.by.origin == "replay" and proposal.by.replays is None for proposal in known
        )
        if done >= len(self._proposals):
            raise ModelFault(
                f"{self.name} has {len(self._proposals)} proposals, and all are repeated",
                "autoresearch log",
            )
        proposal = self._proposals[done]
        by = Provenance(
            method=proposal.by.method,
            origin="replay",
            model=proposal.by.model,
            repairs=proposal.by.repairs,
        )
        return proposal.model_copy(update={"by": by})
