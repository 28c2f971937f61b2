"""Every error that a user can meet, and every exit code; only the command line prints them.

Fault (1)                  sandbox/ground/fault.py: the harness or its surroundings failed
├── SandboxFault (4)       sandbox/ground/fault.py: this machine cannot isolate the run
│   └── PlaceLost (4)      a place where trials ran is gone; what ran there runs again
├── UsageFault (2)         a flag, a setting or a tag makes no sense
│   └── WrongOption (2)    one option; what was typed is printed with a right value in it
├── ProjectFault (3)       there is no repository or train.py, or its data cannot be prepared
├── HistoryFault (3)       the branch cannot be read or written
│   ├── RunBusy (3)        another process works on this tag
│   └── BranchMoved (3)    somebody committed to the branch meanwhile
├── TrustFault (6)         what reaches out of the project is not confirmed
└── ModelFault (5)         the model cannot be used: key, name, money
    ├── UnknownModel (5)   no provider has a model of this name
    ├── ModelUnavailable (5)   it did not answer in time, and never has
    ├── ModelAway (5)      it cannot be asked for a while; a run goes on without it
    │   └── ModelLimited (5)   its provider refuses questions until a limit lifts
    ├── MoneySpent (5)     the next question would cost more than the run may still spend
    └── NoneLeft (5)       the method has nothing more to propose

Any other exception is an error of the program itself: the command line saves a report of it and
ends with exit code 70.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime

from sandbox.ground.fault import Fault, SandboxFault

EXIT_UNEXPECTED = 70
EXIT_INTERRUPTED = 130
EXIT_NO_READER = 141
EXIT_CODES: Mapping[int, str] = {
    0: "fine",
    1: "the harness or its surroundings failed",
    2: "a flag or setting that makes no sense",
    3: "no project, run or data, or a branch that cannot be read or written",
    4: "no sandbox, or no machine is left on which trials may run",
    5: "no model: key, name, limit or money",
    6: "not trusted",
    EXIT_UNEXPECTED: "an error of autoresearch itself; a report is saved",
    EXIT_INTERRUPTED: "interrupted",
    EXIT_NO_READER: "nobody reads the output any more",
}

FULL_BYTES = 1 << 20
"""A disk with less space is full: no log or commit can be written."""
MAX_NAME = 100
"""An unknown name is quoted up to this many characters; longer known ones are not proposed."""
MAX_CHOICES = 40
"""Known names that are listed where none is near."""
LEAST_BEGUN = 3
"""A known name that begins with so many typed letters is nearest, however much is missing."""
NEAR = 0.6
"""How alike two names are, from 0 to 1, that one may be meant by the other."""

__all__ = [
    "BranchMoved",
    "Fault",
    "HistoryFault",
    "ModelAway",
    "ModelFault",
    "ModelLimited",
    "ModelUnavailable",
    "MoneySpent",
    "NoneLeft",
    "PlaceLost",
    "ProjectFault",
    "RunBusy",
    "SandboxFault",
    "TrustFault",
    "UnknownModel",
    "UsageFault",
    "WrongOption",
    "near_names",
    "unknown",
]


class PlaceLost(SandboxFault):
    """A place where trials ran is gone: its node died, was taken away or cannot be reached.

    Never the doing of the candidate that trained there.
    """


class UsageFault(Fault):
    """A flag, a setting or a tag that makes no sense."""

    exit_code = 2


class WrongOption(UsageFault):
    """One option has a wrong value, or is missing.

    The command line shows what was typed with `example` as the option's value. next_command is the
    same for a start without further options.
    """

    def __init__(self, message: str, option: str, example: str) -> None:
        super().__init__(message, f"autoresearch start {option} {example}")
        self.option = option
        self.example = example


class ProjectFault(Fault):
    """No repository, no train.py, or data that cannot be prepared."""

    exit_code = 3


class NoRepository(ProjectFault):
    """The folder is in no git repository."""


class HistoryFault(Fault):
    """The run's branch cannot be read or written."""

    exit_code = 3


class Unanswered(HistoryFault):
    """Git was ended as it did nothing or took too much, or was not asked since it would have."""


class RunBusy(HistoryFault):
    """Another process works on this tag."""


class BranchMoved(HistoryFault):
    """Somebody committed to the run's branch by hand meanwhile; the commits can be taken in."""


class TrustFault(Fault):
    """What reaches out of the project is not confirmed."""

    exit_code = 6


class ModelFault(Fault):
    """The model cannot be used: no key, no such name, no money."""

    exit_code = 5


class UnknownModel(ModelFault):
    """No provider has a model of this name."""


class ModelUnavailable(ModelFault):
    """The model did not answer within the deadline, or was called off."""


class ModelAway(ModelFault):
    """The model, which is there, cannot be asked for a while: a run goes on without it."""

    def __init__(self, message: str, next_command: str, until: datetime) -> None:
        super().__init__(message, next_command)
        self.until = until
        """When to ask it again; aware."""


class ModelLimited(ModelAway):
    """The model's provider refuses questions until a limit lifts, as far as it says when."""


class MoneySpent(ModelFault):
    """The next question would cost more than the run may still spend; it ends the run normally."""


class NoneLeft(ModelFault):
    """The method has proposed all that it had; it ends the run normally."""


def unknown(kind: str, name: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the message for a name, of a method say, that is not among the known ones.

    otherwise: what to say where no known name is near. Default: a list of them.
    """
    quoted = name[:MAX_NAME]
    names = list(known)
    near = near_names(name, names)
    if near:
        return f"Unknown {kind} {quoted!r}. Did you mean {near[0]!r}?"
    if otherwise is not None:
        return f"Unknown {kind} {quoted!r}. {otherwise}".rstrip()
    if not names:
        return f"Unknown {kind} {quoted!r}; there is none."
    more = ", ..." if len(names) > MAX_CHOICES else ""
    return f"Unknown {kind} {quoted!r}. Choose from: {', '.join(names[:MAX_CHOICES])}{more}."


def near_names(
    name: str, known: Iterable[str], most: int = 1, least: float = NEAR
) -> tuple[str, ...]:
    """Return the known names that `name` may be a slip of, the nearest first.

    Capital letters do not matter. most: how many. least: how alike they are, from 0 to 1.
    """
    by_letters: dict[str, str] = {}
    for other in known:
        if len(other) <= MAX_NAME:
            by_letters.setdefault(other.casefold(), other)
    wanted = name[:MAX_NAME].casefold()
    begun: list[str] = []
    if len(wanted) >= LEAST_BEGUN:
        begun = sorted((letters for letters in by_letters if letters.startswith(wanted)), key=len)
    close = difflib.get_close_matches(wanted, by_letters, n=most, cutoff=least)
    nearest = dict.fromkeys([*begun, *close])
    return tuple(by_letters[letters] for letters in nearest)[:most]
