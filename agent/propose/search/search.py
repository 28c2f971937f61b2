"""A search method as a proposer: its next configuration as edits of constants."""

import time
from collections.abc import Sequence

from agent.propose.context import Context
from agent.propose.search.observe import Observation, fit, key_of, observe
from agent.propose.search.suggest import Suggest
from agent.propose.search.wording import exact_changes, hypothesis_of
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Space, constant_edits


class Search:
    """Proposes what `suggest` returns. It is quick, so it is asked only when a slot is free."""

    looks_ahead = False

    def __init__(self, name: str, suggest: Suggest) -> None:
        self.name = name
        self._suggest = suggest

    def propose(self, context: Context) -> Proposal:
        """Return the next configuration as edits; raise UsageFault if none is left to try."""
        began = time.monotonic()
        observations = observe(context)
        reason = "the best of the prior trials"
        configuration = best_prior(context.space, observations)
        if configuration is None:
            reason = ""
            configuration = self._suggest(context.space, observations, context.seed)
        by = Provenance(method=self.name, origin="search", seconds=time.monotonic() - began)
        return proposal_of(context, configuration, by, reason)


def best_prior(space: Space, observations: Sequence[Observation]) -> Configuration | None:
    """Return the best prior configuration, unless a prior one was tried in this run already.

    It may be good here as well, and shows how scores of the two runs compare. A trial of the
    present constants does not count.
    """
    if not any(observation.prior for observation in observations):
        return None
    history = fit(space, observations)
    start = key_of(space.repair(space.default))
    tried = {trial.key for trial in history if not trial.prior}
    prior = [trial for trial in history if trial.prior and trial.key != start]
    if any(trial.key in tried for trial in prior):
        return None
    scored = [(trial.value, place) for place, trial in enumerate(prior) if trial.value is not None]
    if not scored:
        return None
    return prior[min(scored)[1]].configuration


def proposal_of(
    context: Context, configuration: Configuration, by: Provenance, reason: str = ""
) -> Proposal:
    """Return `configuration` as edits of the tip.

    The hypothesis says what changes in words; the rationale holds `reason` and the exact changes.
    """
    exact = exact_changes(context.space, configuration)
    return Proposal(
        hypothesis=hypothesis_of(context.space, configuration),
        rationale="\n".join(line for line in (reason, exact) if line),
        edits=constant_edits(context.sources, configuration),
        by=by,
    )
