"""Asks once whether the user trusts what reaches out of a project."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from agent.cli.retype import again
from agent.display.format import formatter_for, open_console
from agent.errors import TrustFault
from agent.git.programs import heed
from agent.project.find import Project
from agent.project.trust import Item, digest_of
from agent.project.trust_store import TrustStore
from sandbox.ground.agreed import agree

OWN_RUN = "a run that was started here"
AGREED = "AUTORESEARCH_AGREED"
"""Names lists that could not be remembered, to a process that continues the session."""


class Consent:
    """What the user of `project` agreed to; trusted: --trust was typed."""

    def __init__(self, project: Project, trusted: bool) -> None:
        self._root = Path(project.root)
        self._trusted = trusted
        self._store = TrustStore(self._root)

    def require(self, items: Sequence[Item]) -> None:
        """Ask for consent to the list, unless it was given before. Raise TrustFault without it."""
        if items and not self._holds(digest_of(self._root, items)):
            self._ask(items)
        for item in items:
            if item.kind == "program":
                heed(*item.what)
            if item.kind == "read":
                agree(*item.what)

    def _ask(self, items: Sequence[Item]) -> None:
        """Ask for consent to the list. Raise TrustFault without it."""
        if not self._trusted and not is_terminal():
            lines = "\n".join(f"  {_plain(item.line)}" for item in items)
            raise TrustFault(
                f"This is not trusted yet, and there is no terminal to ask in:\n{lines}",
                again("--trust"),
            )
        self._show(items)
        if not self._trusted and not agreed("Trust this?", again("--trust")):
            raise TrustFault("Not trusted, so nothing was done.")
        self.remember(items)

    def remember(self, items: Sequence[Item]) -> None:
        """Remember that the user agreed to the list."""
        if items:
            self._add(digest_of(self._root, items), tuple(item.line for item in items))

    def is_own(self, first: str) -> bool:
        """Return whether this user started the run with this first commit on this machine."""
        return self._holds(_own_run(first))

    def remember_run(self, first: str) -> None:
        """Treat the record of a run that the user starts now as the user's own word."""
        if not self.is_own(first):
            self._add(_own_run(first), (f"{OWN_RUN}: {first}",))

    def _holds(self, digest: str) -> bool:
        return self._store.holds(digest) or digest in os.environ.get(AGREED, "").split()

    def _add(self, digest: str, lines: tuple[str, ...]) -> None:
        try:
            self._store.add(digest, self._root, lines)
        except TrustFault as fault:
            os.environ[AGREED] = f"{os.environ.get(AGREED, '')} {digest}"
            note = f"note: {fault.message}; you will be asked again"
            open_console(stderr=True).print(Text(note, "yellow"))

    def _show(self, items: Sequence[Item]) -> None:
        console = open_console(stderr=True)
        formatter = formatter_for(console)
        root = formatter.line(str(self._root))
        console.print(f"What reaches out of {root}:", markup=False, soft_wrap=True)
        for item in items:
            console.print(f"  {formatter.line(item.line)}", markup=False, soft_wrap=True)


def _own_run(first: str) -> str:
    return f"run-{first}"


def is_terminal() -> bool:
    """Return whether the command runs in a terminal, where somebody can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agreed(question: str, otherwise: str) -> bool:
    """Ask a yes/no question, and return the answer; the default is no.

    Raise TrustFault, with the command `otherwise`, if the terminal is closed before the answer.
    """
    try:
        return typer.confirm(question, default=False, err=True)
    except typer.Abort:
        if not is_terminal():
            message = f"The terminal was closed before an answer to {question!r}: nothing was done."
            raise TrustFault(message, otherwise) from None
        return False


def _plain(text: str) -> str:
    return formatter_for(open_console(stderr=True)).line(text)
