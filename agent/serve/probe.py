"""The tool `probe`: a short run of code on training data, in a slot that is free."""

from typing import Annotated

from pydantic import Field

from agent.edit.files import Sources, apply_edits
from agent.errors import UsageFault
from agent.propose.looking import Asker, LookMeter
from agent.records.edits import MAX_PROPOSED, Edit, Refused
from agent.run.probing import NotProbed, Probing
from agent.serve.look_answers import ProbePage, ProbeText
from agent.serve.quoted import block, line
from agent.serve.read import MAX_POINTS
from agent.serve.tool_answers import Curve


class ProbeTools:
    """Probes for one proposal."""

    def __init__(self, asker: Asker, probing: Probing | None, meter: LookMeter) -> None:
        self._asker = asker
        self._probing = probing
        self._meter = meter

    def probe(
        self,
        edits: Annotated[
            list[Edit],
            Field(max_length=MAX_PROPOSED, description="As in `propose`; none for the incumbent."),
        ] = [],  # noqa: B006 -- pydantic copies it
        seconds: Annotated[
            float, Field(gt=0, le=3_600, description="How long it may run; the bound is lower.")
        ] = 30.0,
    ) -> ProbePage:
        """Run the incumbent, or the incumbent with edits, for a short time on training data.

        It waits for a free slot, shows what the code prints, and gives no score: use it to see
        whether code runs, how fast a step is, or a value that you print yourself.
        """
        bounds = self._meter.bounds
        if self._probing is None or self._meter.probes >= bounds.probes:
            raise UsageFault(f"{self._meter.probes} probes are made, which is the bound.")
        sources = self._sources(tuple(edits))
        self._meter.probes += 1
        left = bounds.seconds - self._meter.spent
        allowed = min(seconds, bounds.probe_seconds)
        probed = self._probing.ask(sources, allowed, patience=max(0.0, left) + allowed)
        if isinstance(probed, NotProbed):
            raise UsageFault(f"There is no probe: {probed.why}.")
        curve = probed.curve
        return ProbePage(
            seconds=round(probed.seconds, 2),
            peak_memory_mb=probed.peak_memory_mb,
            curve=Curve(points=tuple(curve[:: max(1, len(curve) // MAX_POINTS)])),
            untrusted=ProbeText(ended=line(probed.ended), tail=block(probed.tail)),
        )

    def _sources(self, edits: tuple[Edit, ...]) -> Sources:
        sources = self._asker.sources
        if not edits:
            return sources
        refused = self._asker.check(edits)
        if refused is not None and refused.reason != "already-tried":
            raise UsageFault(str(refused))
        applied = apply_edits(sources, edits)
        if isinstance(applied, Refused):
            raise UsageFault(str(applied))
        return applied
