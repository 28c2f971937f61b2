"""Starts probes in free slots, and measures how long a free slot has waited for a proposal."""

import time

from agent.propose.context import Context
from agent.run.ledger import Ledger
from agent.run.research import Research
from agent.run.workers import Workers


class ProbeSlot:
    """The part of the loop that serves a model with tools."""

    def __init__(self, research: Research, workers: Workers, ledger: Ledger) -> None:
        self._research = research
        self._probing = research.probing
        self._workers = workers
        self._ledger = ledger
        self._since: float | None = None

    def start(self, held: bool) -> None:
        """Start the probe that waits in a free slot, if one is allowed. held: nothing may start.

        Where the time of trials counts, it starts only while nothing trains.
        """
        workers = self._workers
        fleet = self._ledger.fleet
        if self._probing is None or not self._probing.waits or held:
            return
        if self._ledger.needs_baseline or workers.is_probing:
            return
        if fleet.slots and all(slot.place for slot in fleet.slots):
            self._probing.refuse("trials run on other machines")
            return
        if self._is_timed and fleet.running:
            return
        slot = fleet.take_here()
        if slot is None:
            return
        waiting = self._probing.take()
        if waiting is None:
            fleet.give_back(slot)
            return
        history = self._ledger.history
        wanted = self._probing.probe_of(waiting, history.tip, history.sources)
        workers.probe(waiting, wanted, slot)

    @property
    def bars(self) -> bool:
        """Whether a probe is running that no training may run beside."""
        return self._workers.is_probing and self._is_timed

    @property
    def _is_timed(self) -> bool:
        """Whether the time of trials counts; it does for anything but a budget in steps."""
        budget = self._ledger.history.run.budget
        return budget is None or budget.unit == "s"

    def look(self, ready: bool) -> None:
        """Note since when a slot has been free only because there is no proposal.

        ready: there is a proposal, or the run is paused.
        """
        waits = bool(self._ledger.fleet.free) and not (ready or self._workers.is_probing)
        if not waits or self._ledger.needs_baseline:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def equip(self, context: Context) -> Context:
        """Return a context with the tools of a model added."""
        return self._research.equip(context, self.awaited)

    def awaited(self) -> float:
        """Return how many seconds a slot has waited; 0 if none does. Thread-safe."""
        since = self._since
        return 0.0 if since is None else max(time.monotonic() - since, 1e-9)
