"""Gives probes a slot, and tells who asks a model how long a free slot has waited."""

import time

from agent.run.ledger import Ledger
from agent.run.probing import Probing
from agent.run.workers import Workers


class ProbeSlot:
    """The part of the loop that knows free slots for the researcher's sake."""

    def __init__(self, probing: Probing | None, workers: Workers, ledger: Ledger) -> None:
        """probing: the probes that models ask for; None where none are."""
        self._probing = probing
        self._workers = workers
        self._ledger = ledger
        self._since: float | None = None

    def start(self, held: bool) -> None:
        """Give a probe that waits a free slot. held: nothing may start.

        Where the time of trials counts, it is one beside which nothing runs.
        """
        workers = self._workers
        if self._probing is None or not self._probing.waits or held:
            return
        if self._ledger.needs_baseline or workers.is_probing or not workers.free:
            return
        if self._is_timed and workers.running:
            return
        waiting = self._probing.take()
        if waiting is not None:
            history = self._ledger.history
            workers.probe(waiting, self._probing.probe_of(waiting, history.tip, history.sources))

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
        workers = self._workers
        waits = bool(workers.free) and not (ready or workers.is_probing)
        if not waits or self._ledger.needs_baseline:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def awaited(self) -> float:
        """Return how many seconds one has waited; 0 if none does. Safe to call from any thread."""
        since = self._since
        return 0.0 if since is None else max(time.monotonic() - since, 1e-9)
