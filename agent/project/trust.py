"""Lists what reaches out of a project, for its user to confirm before a command works with it.

A repository may be a stranger's, and so may a run's branch. The list holds what they can cause
beyond their own files: files outside the repository that a training reads, models that are asked,
money, programs that git would start, and the network. What the user typed is not listed.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.errors import UsageFault
from agent.git.programs import Program
from agent.llm.command import COMMANDS
from agent.project.prepare_code import Code
from agent.records.inputs import Input, words_of
from sandbox.ground.record import Record
from sandbox.ground.text import one_line

NEVER_READABLE = ("/proc", "/sys", "/dev", "/run", "/var/run")
"""Below these lie sockets, devices and other processes, which no read-only mount protects."""
MAX_SHOWN = 5
"""Inputs that a line names."""
SCRIPTED = "scripted:"
REPLAY = "replay:"


class Item(Record):
    """One thing that reaches outside the project."""

    kind: Literal[
        "read", "variable", "model", "money", "program", "tracker", "network", "notes", "inputs"
    ]
    what: tuple[str, ...]
    """Its canonical form, which consent holds for."""
    line: str
    """The same for a human."""


@dataclass(frozen=True)
class Asking:
    """A model and the bound on its cost, as written by somebody else."""

    model: str | None
    """Its name; None where the user typed it now."""
    bound: float | None
    """Dollars; None means unbounded."""
    bound_typed: bool
    """Whether the user typed the bound."""
    where: str
    """The front matter or the run's first commit, which the consent is bound to."""


@dataclass(frozen=True)
class Reach:
    """Everything that the list is computed from."""

    root: Path
    """Of the repository, resolved."""
    readable: Sequence[str] = ()
    """Paths as they are shown to a training."""
    programs: Sequence[Program] = ()
    """Settings of the repository's git by which git would run something."""
    variables: Sequence[str] = ()
    """Names of the user's environment that a training gets the values of."""
    asking: Asking | None = None
    trackers: Sequence[tuple[str, str]] = ()
    """(path, SHA-256) of files in the working folder that a tracker in use reads settings from."""

    def items(self) -> tuple[Item, ...]:
        """Return the list, in a stable order."""
        reads = [_read_item(path, self.root) for path in self.readable]
        items = [item for item in reads if item is not None]
        items += [_variable_item(name) for name in self.variables]
        if self.asking:
            items.append(_asking_item(self.asking))
        items += [_program_item(program) for program in self.programs]
        items += [_tracker_item(tracker) for tracker in self.trackers]
        return tuple(dict.fromkeys(items))


def network_item(name: str, code: Code, sources: Sequence[str], last_line: str) -> Item:
    """Return the item of a prepare.py that needs the network.

    code: what it can run. sources: the addresses that it names. last_line: what it printed last,
    shown where it names none.
    """
    reason = f"without it, it ended with: {last_line}"
    if sources:
        reason = f"it names {', '.join(sources)}"
    covered = " ".join([f"of {code.files} file{'' if code.files == 1 else 's'}", *code.places])
    line = (
        f"{name} may use the network, including this machine's own services "
        f"(sha256 {code.sha256[:16]} {covered}); {reason}"
    )
    return Item(kind="network", what=(code.sha256,), line=line)


def notes_item(branch: str, texts: Sequence[str]) -> Item:
    """Return the item of notes that a model reads, of a run that somebody else made."""
    digest = hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).hexdigest()
    count = f"{len(texts)} note{'' if len(texts) == 1 else 's'}"
    line = f"the model reads {count} of {branch}, a run that was not started here"
    return Item(kind="notes", what=(branch, digest), line=line)


def inputs_item(branch: str, inputs: Sequence[Input]) -> Item:
    """Return the item of what waits in the inbox of a run that somebody else made."""
    count = f"{len(inputs)} input{'' if len(inputs) == 1 else 's'}"
    shown = "; ".join(one_line(words_of(item.ask)) for item in inputs[:MAX_SHOWN])
    more = ", …" if len(inputs) > MAX_SHOWN else ""
    line = f"{count} in the inbox of {branch}, a run that was not started here: {shown}{more}"
    what = (branch, *(item.model_dump_json() for item in inputs))
    return Item(kind="inputs", what=what, line=line)


def digest_of(root: Path, items: Sequence[Item]) -> str:
    """Return the hash of exactly this list in this repository."""
    return hashlib.sha256(canonical(root, items).encode()).hexdigest()


def canonical(root: Path, items: Sequence[Item]) -> str:
    """Return the list as JSON, independent of its order."""
    listed = sorted([item.kind, *item.what] for item in items)
    return json.dumps({"root": str(root), "items": listed}, sort_keys=True)


def check_readable(paths: Sequence[str], root: Path, hidden: Sequence[Path]) -> None:
    """Raise UsageFault for a path of `read_only` that no training may ever be shown.

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
    """Return the item of a path; None where it lies in the repository."""
    real = os.path.realpath(path)
    if _is_within(Path(real), root):
        return None
    leads = "" if real == path else f", which is {real}"
    return Item(kind="read", what=(path, real), line=f"the training may read {path}{leads}")


def _variable_item(name: str) -> Item:
    line = f"the training gets the value of the environment variable {name}"
    return Item(kind="variable", what=(name,), line=line)


def _asking_item(asking: Asking) -> Item:
    if asking.model is None:
        bound = f"${asking.bound:,.2f}"
        return Item(
            kind="money",
            what=(bound, asking.where),
            line=f"the model may cost up to {bound}, by {asking.where}",
        )
    line = _asking_line(asking.model, _bound_words(asking))
    return Item(
        kind="model",
        what=(asking.model, _limit(asking), asking.where),
        line=f"{line} (as {asking.where} says)",
    )


def _asking_line(model: str, bound: str) -> str:
    if model.startswith(SCRIPTED):
        return f"{model.removeprefix(SCRIPTED)} is read, and its lines become proposals"
    line = f"the model {model} is asked{bound}"
    if model.partition(":")[0] in COMMANDS:
        return f"{line}; it runs as your own command"
    return line


def _bound_words(asking: Asking) -> str:
    if asking.bound_typed:
        return ""
    if asking.bound is None:
        return "; no bound on cost"
    return f"; up to ${asking.bound:,.2f}"


def _limit(asking: Asking) -> str:
    """The canonical form of the bound."""
    if asking.bound_typed:
        return "typed"
    return "none" if asking.bound is None else str(asking.bound)


def _tracker_item(tracker: tuple[str, str]) -> Item:
    path, sha256 = tracker
    line = (
        f"the tracker takes its settings from {path}, including the server that it sends your key "
        f"to (sha256 {sha256[:16]})"
    )
    return Item(kind="tracker", what=tracker, line=line)


def _program_item(program: Program) -> Item:
    return Item(
        kind="program",
        what=(program.home, *program.setting),
        line=f"git may run what the repository's own configuration says: {program}",
    )
