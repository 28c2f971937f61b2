"""A search method as a proposer: its next configuration as edits of constants, with a hypothesis that a human can read."""

import time
from collections.abc import Sequence

from agent.propose.context import Context
from agent.propose.search.observe import Observation, fit, key_of, observe
from agent.propose.search.scale import is_fixed, to_unit
from agent.propose.search.suggest import Suggest
from agent.records.proposals import Configuration, Proposal, Provenance, Value
from agent.space import Parameter, Space, constant_edits

# A subject line has room for so many changes; the rationale has them all.
SHOWN = 4


class Search:
    """Proposes what `suggest` says; quick, so that it is asked only when a slot is free and every result is known."""

    looks_ahead = False

    def __init__(self, name: str, suggest: Suggest) -> None:
        self.name = name
        self._suggest = suggest

    def propose(self, context: Context) -> Proposal:
        """The next configuration of the tip's constants. UsageFault where there is none left to try."""
        began = time.monotonic()
        seen = observe(context)
        best = best_foreign(context.space, seen)
        configuration = best or self._suggest(context.space, seen, context.seed)
        by = Provenance(method=self.name, origin="search", seconds=time.monotonic() - began)
        return proposal_of(
            context, configuration, by, "the best of the prior trials" if best else ""
        )


def best_foreign(space: Space, observations: Sequence[Observation]) -> Configuration | None:
    """The best prior configuration, until one of the prior ones was tried here (beside the constants as they stand): it may
    be as good here, and says how their scores compare with ours."""
    if not any(observation.prior for observation in observations):
        return None
    seen = fit(space, observations)
    here = {observation.key for observation in seen if not observation.prior} | {
        key_of(space.repair(space.default))
    }
    theirs = [observation for observation in seen if observation.prior]
    if any(o.key in here and o.key != key_of(space.repair(space.default)) for o in theirs):
        return None
    scored = [
        (o.value, place)
        for place, o in enumerate(theirs)
        if o.value is not None and o.key not in here
    ]
    return theirs[min(scored)[1]].configuration if scored else None


def proposal_of(
    context: Context, configuration: Configuration, by: Provenance, reason: str = ""
) -> Proposal:
    """`configuration` as edits of the tip; the hypothesis says what changes, the rationale has `reason` and what had no room."""
    changes = _changes(context.space, configuration)
    shown, rest = changes[:SHOWN], len(changes) - SHOWN
    hypothesis = f"{by.method}: {', '.join(shown) or 'nothing changed'}" + (
        f" and {rest} more" if rest > 0 else ""
    )
    rationale = "\n".join(filter(None, (reason, ", ".join(changes) if rest > 0 else "")))
    return Proposal(
        hypothesis=hypothesis,
        rationale=rationale,
        edits=constant_edits(context.source, configuration),
        by=by,
    )


def _changes(space: Space, configuration: Configuration) -> list[str]:
    """`MATRIX_LR 0.02 → 0.031` for each constant that differs from the tip's, the largest step first."""
    default = space.default
    moved = [
        (p, default[p.name], configuration[p.name])
        for p in space.parameters
        if configuration[p.name] != default[p.name]
    ]
    moved.sort(key=lambda move: -_step(*move))
    return [f"{parameter.name} {before} → {after}" for parameter, before, after in moved]


def _step(parameter: Parameter, before: Value, after: Value) -> float:
    """How far, as a share of the range."""
    if parameter.kind == "categorical" or is_fixed(parameter):
        return 1.0
    return abs(to_unit(parameter, after) - to_unit(parameter, before))
