"""What reaches out of a project: the one list that its user confirms before a command works with it.

A repository may be a stranger's, and so may a run's branch. What they can have done beyond their own files is listed here: files
outside the repository that a training reads, models that are asked, money, programs that git would start, and the network.
What the user typed for this command is his own word and is not listed.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.errors import UsageFault
from agent.llm.command import COMMANDS
from sandbox.ground.record import Record

# Below these lie sockets, devices and other processes, which no read-only mount protects.
NEVER_READABLE = ("/proc", "/sys", "/dev", "/run", "/var/run")
SCRIPTED, REPLAY = "scripted:", "replay:"


class Item(Record):
    """One thing that reaches out. what: its canonical form, which consent goes by. line: the same for a human."""

    kind: Literal["read", "model", "money", "program", "tracker", "network"]
    what: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Asking:
    """A model that is asked, and the bound on what that may cost, as somebody else wrote them down.

    model: its name; None where the user named it now. bound: dollars, None for no bound. bound_typed: the user named the bound.
    where: the front matter or the run's first commit, which the consent is bound to.
    """

    model: str | None
    bound: float | None
    bound_typed: bool
    where: str


@dataclass(frozen=True)
class Reach:
    """All that the list is computed from. root: of the repository, resolved. readable: paths as they are shown to a training.

    programs: settings of the repository's own git configuration by which git would run something, as `name=value`.
    trackers: (path, SHA-256) of files in the working folder from which a tracker that is used would take its settings.
    """

    root: Path
    readable: Sequence[str] = ()
    programs: Sequence[str] = ()
    asking: Asking | None = None
    trackers: Sequence[tuple[str, str]] = ()

    def items(self) -> tuple[Item, ...]:
        """The list, in a stable order."""
        reads = [item for path in self.readable if (item := _read_item(path, self.root))]
        asked = [_asking_item(self.asking)] if self.asking else []
        return tuple(
            dict.fromkeys(
                [
                    *reads,
                    *asked,
                    *map(_program_item, self.programs),
                    *map(_tracker_item, self.trackers),
                ]
            )
        )


def network_item(name: str, sha256: str, sources: Sequence[str], last_line: str) -> Item:
    """prepare.py wants the network. sources: the addresses that it names; last_line: what it said where it names none."""
    wish = (
        f"it names {', '.join(sources)}" if sources else f"without it, it ended with: {last_line}"
    )
    line = f"{name} may use the network, this machine's own services among it (sha256 {sha256[:16]}); {wish}"
    return Item(kind="network", what=(sha256,), line=line)


def digest_of(root: Path, items: Sequence[Item]) -> str:
    """The hash of exactly this list in this repository."""
    return hashlib.sha256(canonical(root, items).encode()).hexdigest()


def canonical(root: Path, items: Sequence[Item]) -> str:
    """The list as JSON: the same for the same list, whatever its order."""
    listed = sorted([item.kind, *item.what] for item in items)
    return json.dumps({"root": str(root), "items": listed}, sort_keys=True)


def check_readable(paths: Sequence[str], root: Path, hidden: Sequence[Path]) -> None:
    """UsageFault for a path of `read_only` that no training may ever be shown.

    hidden: folders whose contents are kept from every training, such as the validation data.
    """
    for path in paths:
        real = Path(os.path.realpath(path))
        if _is_within(root, real):
            raise _refused(path, "shows the whole repository, with every trial in its .git folder")
        if any(_is_within(real, Path(place)) for place in NEVER_READABLE):
            raise _refused(path, "shows sockets, devices or other processes")
        for place in hidden:
            if _is_within(place, real) or _is_within(real, place):
                raise _refused(path, f"shows {place}, which is kept from trainings")


def _refused(path: str, why: str) -> UsageFault:
    hint = "$EDITOR autoresearch.toml   # name the folders that it needs"
    return UsageFault(f"autoresearch.toml: read_only: {path} {why}", hint)


def _is_within(path: Path, folder: Path) -> bool:
    return path == folder or path.is_relative_to(folder)


def _read_item(path: str, root: Path) -> Item | None:
    """None for a path that lies in the repository."""
    real = os.path.realpath(path)
    if _is_within(Path(real), root):
        return None
    leads = "" if real == path else f", which is {real}"
    return Item(kind="read", what=(path, real), line=f"the training may read {path}{leads}")


def _asking_item(asking: Asking) -> Item:
    if asking.model is None:
        bound = f"${asking.bound:,.2f}"
        return Item(
            kind="money",
            what=(bound, asking.where),
            line=f"the model may cost up to {bound}, by {asking.where}",
        )
    words, limit = "; no bound on cost", "none"
    if asking.bound_typed:
        words, limit = "", "typed"
    elif asking.bound is not None:
        words = f"; up to ${asking.bound:,.2f}"
        limit = str(asking.bound)
    what = f"the model {asking.model} is asked{words}"
    if asking.model.startswith(SCRIPTED):
        what = f"{asking.model.removeprefix(SCRIPTED)} is read, and its lines become proposals"
    elif asking.model.partition(":")[0] in COMMANDS:
        what = f"{what}; it runs as your own command"
    return Item(
        kind="model",
        what=(asking.model, limit, asking.where),
        line=f"{what} (as {asking.where} says)",
    )


def _tracker_item(tracker: tuple[str, str]) -> Item:
    path, sha256 = tracker
    line = f"the tracker takes its settings from {path}, the server that it sends your key to among them (sha256 {sha256[:16]})"
    return Item(kind="tracker", what=tracker, line=line)


def _program_item(program: str) -> Item:
    return Item(
        kind="program",
        what=(program,),
        line=f"git may run what the repository's own configuration says: {program}",
    )
