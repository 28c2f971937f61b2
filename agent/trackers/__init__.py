"""Where verdicts go besides the branch: trackers, and a command of the user's. None of them can stop or delay a run."""

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageFault
from agent.trackers.aside import Aside, Trackers
from agent.trackers.mlflow import Mlflow
from agent.trackers.notify import Notify
from agent.trackers.tensorboard import TensorBoard
from agent.trackers.tracker import Tracker
from agent.trackers.wandb import Wandb

__all__ = ["TRACKERS", "Trackers", "open_trackers"]


@dataclass(frozen=True)
class Kind:
    """One kind of tracker. needs: what must be installed, and the name of the extra. where: what stands behind its name."""

    build: Callable[[str, Path], Tracker]
    needs: str
    where: str


TRACKERS: Mapping[str, Kind] = {
    "tensorboard": Kind(TensorBoard, "tensorboard", "DIR"),
    "mlflow": Kind(Mlflow, "mlflow", "URI"),
    "wandb": Kind(Wandb, "wandb", "PROJECT"),
}


def open_trackers(asked: Sequence[str], command: str | None, folder: Path) -> Trackers:
    """The trackers `KIND:WHERE` (or `KIND` alone), and the notification command, as one listener.

    folder: where one that is told no place may write. UsageFault for what cannot be, before anything runs.
    """
    trackers = [Aside(text, _built(text, folder)) for text in asked]
    return Trackers(
        [*trackers, *([Aside("--notify", Notify(command))] if command is not None else [])]
    )


def _built(text: str, folder: Path) -> Tracker:
    match = re.fullmatch(r"(\w+)(?::(.+))?", text)
    kind = TRACKERS.get(match[1]) if match else None
    if match is None or kind is None:
        known = ", ".join(f"{name}[:{kind.where}]" for name, kind in TRACKERS.items())
        raise UsageFault(
            f"no tracker is called {text!r}; there are {known}",
            "autoresearch start --tracker tensorboard:runs",
        )
    if importlib.util.find_spec(kind.needs) is None:
        raise UsageFault(
            f"--tracker {text} needs {kind.needs}, which is not installed",
            f"pip install 'autoresearch[{kind.needs}]'",
        )
    return kind.build(match[2] or "", folder)
