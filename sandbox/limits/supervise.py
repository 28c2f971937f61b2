"""Runs a launched process tree under its limits until it has ended; for all back ends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from sandbox.ground.outcome import Dialogue, Outcome, RunSpec
from sandbox.limits.ending import outcome
from sandbox.limits.launch import Launch
from sandbox.limits.meter import TICK
from sandbox.limits.tree import Tree
from sandbox.limits.watch import Watch

FAREWELL_SECONDS = 2.0
"""How long a command may run on after its dialogue has ended well."""


def run(launch: Launch, spec: RunSpec, cancel: threading.Event) -> Outcome:
    """Return the outcome of `launch`, as the Runner protocol's `run` does."""
    with Tree(launch, spec, talking=False) as tree:
        watch = Watch(tree, cancel)
        watch.keep()
        return outcome(tree, watch.reason, watch.seconds)


def converse(launch: Launch, spec: RunSpec, cancel: threading.Event, dialogue: Dialogue) -> Outcome:
    """Return the outcome of `launch` with a dialogue, as the Runner protocol's `converse` does.

    The dialogue runs here, the watch in a thread of its own. EOFError and OSError out of a dialogue
    whose command has died or been killed are consequences; the outcome names the cause.
    """
    with Tree(launch, spec, talking=True) as tree, ThreadPoolExecutor(1) as pool:
        watch = Watch(tree, cancel)
        keeping = pool.submit(watch.keep)
        stdin = tree.process.stdin
        stdout = tree.process.stdout
        assert stdin is not None and stdout is not None
        failure: BaseException | None = None
        try:
            dialogue(stdin, stdout)  # type: ignore[arg-type]
        except (EOFError, OSError) as error:
            failure = None if watch.ended.wait(TICK * 4) else error
        except BaseException as error:
            failure = error
        with suppress(OSError):
            stdin.close()
        if failure is None:
            watch.ended.wait(FAREWELL_SECONDS)
        watch.dismissed.set()
        keeping.result()
        if failure is not None:
            raise failure
        return outcome(tree, watch.reason, watch.seconds)
