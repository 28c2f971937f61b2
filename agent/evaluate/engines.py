"""The table of engines: where the runs of trials happen. Today that is this machine alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.evaluate.bench import Bench, Measures
from agent.plugins import installed, unknown

Open = Callable[..., Measures]
"""How an engine is opened: plan, sandbox, slots, its folder, and the export of a commit.

Where the plan has an evaluation, also the export of the start commit with its hidden files.
"""


@dataclass(frozen=True)
class Engine:
    """One place where trials can run."""

    description: str
    load: Callable[[], Any]
    """Import what opens it, an `Open`."""


ENGINES: Mapping[str, Engine] = {"local": Engine("this machine", lambda: Bench)}
"""Our own engines. `find_engine` also knows those of installed packages."""


def find_engine(name: str) -> Open:
    """Return what opens the engine `name`. Raise UsageFault if it is unknown or broken."""
    if name in ENGINES:
        engine: Open = ENGINES[name].load()
        return engine
    plugins = installed("engines", ENGINES)
    if name not in plugins:
        raise unknown("engine", name, [*ENGINES, *plugins], "autoresearch start")
    added: Open = plugins[name].load()
    return added
