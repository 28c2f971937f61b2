"""The table of engines: on this machine, or on the nodes of a cluster."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import WrongOption, near_names, unknown
from agent.evaluate.bench import Bench, Measures
from agent.evaluate.where import LOCAL, RAY, SLURM, Where
from agent.plugins import installed

Open = Callable[..., Measures]
"""How an engine is opened.

`local`: plan, sandbox, slots, its folder, and the export of a commit. Others: plan, Terms
(agent/evaluate/cluster/terms.py), the folder and the export; they make slots of their own. Where
the plan has an evaluation, also the export of the start commit with its hidden files.
"""
ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@\[\]-]{0,252}")


@dataclass(frozen=True)
class Engine:
    """One place where trials can run."""

    description: str
    load: Callable[[], Any]
    """Import what opens it, an `Open`."""


def _ray() -> Any:
    from agent.evaluate.cluster.ray_cluster import open_on_ray

    return open_on_ray


ENGINES: Mapping[str, Engine] = {
    LOCAL: Engine("this machine", lambda: Bench),
    RAY: Engine("the nodes of a Ray cluster", _ray),
    SLURM: Engine("the nodes of a Ray cluster in one allocation of Slurm", _ray),
}
"""Our own engines. `find_engine` also knows those of installed packages."""


def read_where(text: str | None) -> Where:
    """Return where trials run, given the value of --on. Raise UsageFault if it is not valid.

    `ray` is the cluster that this machine belongs to, `ray://head:10001` a cluster reached through
    its head's client server, and `ray:head:6379` a cluster in the same network as this machine.
    """
    if text is None:
        return Where()
    name, colon, address = text.partition(":")
    find_engine(name)
    if not colon:
        return Where(name)
    if name == LOCAL:
        raise WrongOption(f"{LOCAL} has no address: {text[:200]!a}", "--on", LOCAL)
    if not ADDRESS.fullmatch(address.removeprefix("//")):
        message = f"not an address of a cluster: {text[:200]!a}"
        raise WrongOption(message, "--on", "ray://head:10001")
    return Where(name, text if address.startswith("//") else address)


def find_engine(name: str) -> Open:
    """Return what opens the engine `name`. Raise UsageFault if it is unknown or broken."""
    if name in ENGINES:
        engine: Open = ENGINES[name].load()
        return engine
    plugins = installed("engines", ENGINES)
    if name not in plugins:
        known = [*ENGINES, *plugins]
        meant = near_names(name, known) or (RAY,)
        raise WrongOption(unknown("engine", name, known), "--on", meant[0])
    added: Open = plugins[name].load()
    return added
