"""Gives probes a slot, and tells who asks a model how long a free slot has waited."""

import time

from agent.propose.context import Context
from agent.run.ledger import Ledger
from agent.run.research import Research
from agent.run.workers import Workers


class ProbeSlot:
    """The part of the loop that knows free slots for the researcher's sake."""

    def __init__(self, research: Research, workers: Workers, ledger: Ledger) -> None:
        self._research = research
        self._probing = research.probing
        self._workers = workers
        self._ledger = ledger
        self._since: float | None = None

    def start(self, held: bool) -> None:
        """Give a probe that waits a free slot. held: nothing may start.

        Where the time of trials counts, it is one beside which nothing runs.
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
        """Whether no training may start beside the probe that runs."""
        return self._workers.is_probing and self._is_timed

    @property
    def _is_timed(self) -> bool:
        """Whether the time of trials counts: only a budget in steps says that it does not."""
        budget = self._ledger.history.run.budget
        return budget is None or budget.unit == "s"

    def look(self, ready: bool) -> None:
        """Look whether a slot is free only for want of a proposal.

        ready: there is one, or a pause.
        """
        waits = bool(self._ledger.fleet.free) and not (ready or self._workers.is_probing)
        if not waits or self._ledger.needs_baseline:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def told(self, context: Context) -> Context:
        """Return a context with what the model may look at."""
        return self._research.told(context, self.awaited)

    def awaited(self) -> float:
        """Return how many seconds one has waited; 0 if none does. Safe to call from any thread."""
        since = self._since
        return 0.0 if since is None else max(time.monotonic() - since, 1e-9)
