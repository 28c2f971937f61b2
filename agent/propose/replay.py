"""Repeats the proposals of a recorded run, without a model: `--model replay:BRANCH`."""

from collections.abc import Sequence

from agent.errors import ModelFault
from agent.propose.context import Context
from agent.records.proposals import Proposal, Provenance
from agent.records.results import CLAIMED, Trial


class Replay:
    """Proposes what `trials` proposed, in the same order, refused proposals included.

    From the same start and with the same scores, the attempts are equal byte for byte. If a score
    differs so that another trial is kept, later edits are tried on another tip. Repetitions that
    the ledger ordered are left out, since it orders them here too. Trials of an adopted run are
    proposed if they have edits.
    """

    looks_ahead = True

    def __init__(self, name: str, trials: Sequence[Trial]) -> None:
        self.name = name
        self._proposals = [trial.proposal for trial in trials if _repeatable(trial)]

    def propose(self, context: Context) -> Proposal:
        """Return the next proposal to repeat; raise ModelFault after the last."""
        done = sum(_is_repeated(proposal) for proposal in context.proposals)
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


def _repeatable(trial: Trial) -> bool:
    by = trial.proposal.by
    if by.origin == "baseline" or by.replays is not None:
        return False
    return trial.status not in CLAIMED or bool(trial.proposal.edits)


def _is_repeated(proposal: Proposal) -> bool:
    return proposal.by.origin == "replay" and proposal.by.replays is None
