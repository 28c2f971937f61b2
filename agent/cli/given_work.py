"""Measures proposals that a command brings to a run: `approve`, and `adopt RUN`."""

import threading

from agent.cli.build import Kit, Place, proven
from agent.cli.consent import Consent
from agent.cli.renewal import data_of_run
from agent.cli.run_log import RunLog
from agent.cli.session import work
from agent.evaluate.slots import make_slots, this_machine
from agent.history.history import History
from agent.project.resolve import recorded_caps
from agent.propose import Proposer
from agent.run.bounds import Bounds
from agent.trackers import Trackers


def measure_given(
    place: Place,
    history: History,
    proposer: Proposer,
    consent: Consent,
    log: RunLog,
    bounds: Bounds,
    unsafe: bool,
    most_slots: int | None = None,
    trackers: Trackers | None = None,
) -> None:
    """Measure what `proposer` proposes as new trials of a run; its attempts in flight stay.

    place: the project as it is checked out. most_slots: how many slots to use at most; None for
    all that the run has on this machine. Raise a fault if the sandbox or the data is not as the run
    needs it.
    """
    place = place.of_run(history.run)
    slots = make_slots(history.run.workers, *this_machine())[:most_slots]
    sandbox = proven(unsafe, history.sources.code, place, slots)
    caps = recorded_caps(history.run, place.settings)
    with data_of_run(place, history, sandbox, consent) as data:
        kit = Kit(place.settings, slots, sandbox, data, caps)
        stop = threading.Event()
        work(history, kit, proposer, bounds, stop, log, trackers, only_new=True)
