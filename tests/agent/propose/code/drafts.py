"""Drafts of a scripted model, and a ledger's own check of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.edit.files import apply_edits
from agent.edit.files import guard_files as guard
from agent.llm.model import Reply, Request
from agent.llm.scripted import Scripted
from agent.propose import Context
from agent.records.edits import Edit, Refused
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from agent.run.preflight import foresee
from tests.agent.propose.example import context, trial

DEEPER = {"kind": "set_constant", "name": "DEPTH", "value": "12"}

BASELINE = trial(0, 1.0).model_copy(
    update={
        "proposal": Proposal(
            hypothesis="as it is", by=Provenance(method="baseline", origin="baseline")
        )
    }
)


class Asked(Scripted):
    """A scripted model that records its requests."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        return super().complete(request)


def draft(*edits: dict[str, Any], hypothesis: str = "an idea", **more: Any) -> dict[str, Any]:
    return {"hypothesis": hypothesis, "edits": list(edits), "input_tokens": 10, "cost": 0.5, **more}


def constant(name: str, value: str) -> dict[str, Any]:
    return {"kind": "set_constant", "name": name, "value": value}


def judging(*trials: Trial, **more: Any) -> Context:
    """Return a context with the ledger's own check: it applies, guards and foresees."""
    base = context(*trials, **more)
    tried = {trial.fingerprint for trial in trials}

    def check(edits: Sequence[Edit]) -> Refused | None:
        applied = apply_edits(base.sources, edits)
        if isinstance(applied, Refused):
            return applied
        return guard(base.sources, applied, tried=tried) or foresee(
            base.sources, applied, edits, base.space
        )

    return replace(base, check=check)
