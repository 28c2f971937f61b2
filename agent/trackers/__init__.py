"""Verdicts sent to trackers, and to a command of the user; none can stop or delay a run."""

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageFault
from agent.plugins import blaming, installed, unknown
from agent.trackers.aside import Aside, Trackers
from agent.trackers.mlflow import Mlflow
from agent.trackers.notify import Channel, Command, Notify
from agent.trackers.services import Service
from agent.trackers.targets import Targets
from agent.trackers.tensorboard import TensorBoard
from agent.trackers.tracker import Tracker
from agent.trackers.wandb import Wandb
from sandbox.ground.redaction import conceal

__all__ = [
    "TRACKERS",
    "Channel",
    "Tracker",
    "Trackers",
    "list_trackers",
    "open_channels",
    "open_trackers",
]

EXAMPLE = "autoresearch start --tracker tensorboard:runs"


@dataclass(frozen=True)
class Kind:
    """One kind of tracker."""

    load: Callable[[], Callable[[str, Path], Tracker]]
    """Import what builds it of `where` and a folder that it may write to."""
    where: str = "WHERE"
    """What stands behind its name."""
    needs: tuple[str, ...] = ()
    """The packages that must be installed."""
    extra: str | None = None
    """The extra that brings them."""
    origin: str = ""
    """Where a tracker that is not ours comes from."""


TRACKERS: Mapping[str, Kind] = {
    "tensorboard": Kind(lambda: TensorBoard, "DIR", ("tensorboard", "torch"), "tensorboard"),
    "mlflow": Kind(lambda: Mlflow, "URI", ("mlflow",), "mlflow"),
    "wandb": Kind(lambda: Wandb, "PROJECT", ("wandb",), "wandb"),
}
"""Our own trackers. `list_trackers` also knows those of installed packages."""


def list_trackers() -> dict[str, Kind]:
    """Return every kind of tracker by name, ours first; nothing is imported."""
    plugins = installed("trackers", TRACKERS)
    added = {name: Kind(plugin.load, origin=plugin.origin) for name, plugin in plugins.items()}
    return {**TRACKERS, **added}


def open_trackers(asked: Sequence[str], targets: Targets, folder: Path) -> Trackers:
    """Return the trackers `KIND` or `KIND:WHERE`, and whoever else is told, as one listener.

    folder: where a tracker that is told no place may write. Raise UsageFault, before anything
    runs, for a kind or an address that is unknown, not installed or broken.
    """
    trackers = [Aside(text, _build(text, folder), folder=folder) for text in asked]
    for name, channel in open_channels(targets):
        trackers.append(Aside(name, Notify(channel, targets.events)))
    return Trackers(trackers)


def open_channels(targets: Targets) -> list[tuple[str, Channel]]:
    """Return each way to reach the user, with the name that warnings have for it.

    Raise UsageFault for a command or an address that cannot work. The addresses are concealed in
    all that is recorded from now on.
    """
    channels: list[tuple[str, Channel]] = []
    if targets.command is not None:
        # One that holds for all runs may be `./tell` or `python -m tell`: a stranger's, here.
        folder = Path() if targets.typed else Path.home()
        channels.append(("the notify command", Command(targets.command, folder=folder)))
    conceal({f"address {n}": address for n, address in enumerate(targets.apprise, 1)})
    for address in targets.apprise:
        service = Service(address)
        channels.append((service.name, service))
    return channels


def _build(text: str, folder: Path) -> Tracker:
    kinds = list_trackers()
    match = re.fullmatch(r"([\w-]+)(?::(.+))?", text)
    if match is None:
        choices = ", ".join(f"{name}[:{kind.where}]" for name, kind in kinds.items())
        raise UsageFault(f"--tracker {text!r} is none of {choices}", EXAMPLE)
    name = match[1]
    where = match[2] or ""
    if name not in kinds:
        raise unknown("tracker", name, kinds, EXAMPLE)
    kind = kinds[name]
    missing = [package for package in kind.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise UsageFault(
            f"--tracker {text} needs {' and '.join(missing)}, which is not installed",
            f"pip install 'autoresearch[{kind.extra}]'",
        )
    if not kind.origin:
        return kind.load()(where, folder)
    with blaming(f"the tracker {name!r} ({kind.origin})", EXAMPLE):
        return kind.load()(where, folder)
