"""The notes of an earlier run that a new one begins with: `start --notes RUN`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from agent.cli.consent import Consent
from agent.cli.reach import notes_wish
from agent.errors import UsageFault
from agent.history.branch import tag_of
from agent.history.history import History
from agent.project.find import Project
from agent.records.inputs import MAX_NOTE, Admitted, Remember
from agent.records.notes import CARRIED, ResearchNote, notes_of
from agent.run.inbox import new_input
from sandbox.ground.redaction import redacted


def notes_from(run: str, project: Project, consent: Consent) -> tuple[ResearchNote, ...]:
    """Return the notes of a run, once the user agreed to those of somebody else's.

    Raise UsageFault for a run without notes, HistoryFault for one that cannot be read.
    """
    with History.read(project, run) as history:
        notes = notes_of(history.inputs)
        if not notes:
            raise UsageFault(
                f"{history.branch} has no notes: only a model that looks writes them.",
                f"autoresearch log {history.tag}",
            )
        consent.require(notes_wish(history, consent))
        return notes


def carry(history: History, notes: Sequence[ResearchNote], run: str) -> None:
    """Record notes of another run as the first of a new one: its branch then holds them itself."""
    for note in notes:
        asked = new_input(Remember(text=redacted(note.text)[:MAX_NOTE]), f"{CARRIED}{tag_of(run)}")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        history.admit(Admitted(input=asked, at=at, accepted=True))
