"""Where verdicts go besides the branch: trackers, and a command of the user's. None of them can stop or delay a run."""

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import UsageFault
from agent.sinks.aside import Aside, Sinks
from agent.sinks.mlflow import Mlflow
from agent.sinks.notify import Notify
from agent.sinks.sink import Sink
from agent.sinks.tensorboard import TensorBoard
from agent.sinks.wandb import Wandb

__all__ = ["SINKS", "Sinks", "open_sinks"]


@dataclass(frozen=True)
class Kind:
    """One kind of sink. needs: what must be installed, and the name of the extra. where: what stands behind its name."""

    build: Callable[[str, Path], Sink]
    needs: str
    where: str


SINKS: Mapping[str, Kind] = {
    "tensorboard": Kind(TensorBoard, "tensorboard", "DIR"),
    "mlflow": Kind(Mlflow, "mlflow", "URI"),
    "wandb": Kind(Wandb, "wandb", "PROJECT"),
}


def open_sinks(asked: Sequence[str], command: str | None, folder: Path) -> Sinks:
    """The sinks `KIND:WHERE` (or `KIND` alone), and the notification command, as one listener.

    folder: where one that is told no place may write. UsageFault for what cannot be, before anything runs.
    """
    sinks = [Aside(text, _built(text, folder)) for text in asked]
    return Sinks([*sinks, *([Aside("--notify", Notify(command))] if command is not None else [])])


def _built(text: str, folder: Path) -> Sink:
    match = re.fullmatch(r"(\w+)(?::(.+))?", text)
    kind = SINKS.get(match[1]) if match else None
    if match is None or kind is None:
        known = ", ".join(f"{name}[:{kind.where}]" for name, kind in SINKS.items())
        raise UsageFault(f"no sink is called {text!r}; there are {known}", "autoresearch start --sink tensorboard:runs")
    if importlib.util.find_spec(kind.needs) is None:
        raise UsageFault(f"--sink {text} needs {kind.needs}, which is not installed", f"pip install 'autoresearch[{kind.needs}]'")
    return kind.build(match[2] or "", folder)
