"""The notes of an earlier run that a new one begins with: `start --notes RUN`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from agent.cli.consent import Consent
from agent.cli.reach import items_of_notes
from agent.errors import UsageFault
from agent.history.branch import tag_of
from agent.history.history import History
from agent.project.find import Project
from agent.records.inputs import MAX_NOTE, Admitted, Remember
from agent.records.notes import CARRIED, ResearchNote, notes_of
from agent.run.inbox import new_input
from sandbox.ground.redaction import redacted


def notes_from(run: str, project: Project, consent: Consent) -> tuple[ResearchNote, ...]:
    """Return the notes of a run, after the user's consent if it is somebody else's.

    Raise UsageFault for a run without notes, HistoryFault for one that cannot be read.
    """
    notes = written_notes(project, run)
    with History.read(project, run) as history:
        consent.require(items_of_notes(history, consent))
    return notes


def written_notes(project: Project, run: str) -> tuple[ResearchNote, ...]:
    """Return the notes of a run. Raise as `notes_from`."""
    with History.read(project, run) as history:
        notes = notes_of(history.inputs)
        if not notes:
            raise UsageFault(
                f"{history.branch} has no notes: only a model with tools writes them.",
                f"autoresearch log {history.tag}",
            )
        return notes


def carry(history: History, notes: Sequence[ResearchNote], run: str) -> None:
    """Record the notes of another run on the branch of a new one."""
    for note in notes:
        asked = new_input(Remember(text=redacted(note.text)[:MAX_NOTE]), f"{CARRIED}{tag_of(run)}")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        history.admit(Admitted(input=asked, at=at, accepted=True))
