"""Further tools of the grant `read`: two trials compared, a constant, the notes, the machine."""

from typing import Annotated

from pydantic import Field

from agent.errors import UsageFault
from agent.records.notes import MAX_NOTES, notes_of
from agent.records.results import Attempt, Change, Trial
from agent.serve.look_answers import (
    Compared,
    ComparedText,
    ConstantTrials,
    MachinePage,
    NoteLine,
    Notes,
    NoteText,
    TriedValue,
    TriedValueText,
)
from agent.serve.machine import about_machine
from agent.serve.quoted import block, line
from agent.serve.read import MAX_POINTS, Number, Run
from agent.serve.rows import NAME, row_of
from agent.serve.served import Repository, Served
from agent.serve.tool_answers import Curve

MAX_TRIED = 60


class LookTools:
    """Tools of the researcher, in addition to those that any agent may use."""

    def __init__(self, repository: Repository, machine: MachinePage | None = None) -> None:
        self._repository = repository
        self._machine = machine

    def compare_trials(self, first: Number, second: Number, run: Run = None) -> Compared:
        """Compare two trials: their rows, curves and memory, and the diff between their files."""
        with self._repository.reading(run) as served:
            entries = (served.entry(first), served.entry(second))
            diff = served.files.between(served.state(first), served.state(second))
            formatter = served.view.formatter
            return Compared(
                run=served.tag,
                rows=(row_of(entries[0], formatter), row_of(entries[1], formatter)),
                curves=(_curve(entries[0]), _curve(entries[1])),
                peak_memory_mb=(_memory(entries[0]), _memory(entries[1])),
                untrusted=ComparedText(diff=block(diff)),
            )

    def constant(
        self,
        name: Annotated[
            str, Field(max_length=NAME, description="Its name as the tool `constants` writes it.")
        ],
        run: Run = None,
    ) -> ConstantTrials:
        """List the trials that changed one constant, with its values and their results."""
        with self._repository.reading(run) as served:
            tried = []
            for trial in served.view.trials:
                change = _change(trial, name)
                if change is not None:
                    tried.append((trial, change))
            if not tried:
                text = f"No trial has changed {line(name, NAME)}."
                raise UsageFault(text, "the tool `constants`")
            shown = tried[-MAX_TRIED:]
            return ConstantTrials(
                run=served.tag,
                trials=tuple(_tried(trial, change) for trial, change in shown),
                left_out=len(tried) - len(shown),
            )

    def notes(
        self,
        words: Annotated[
            str, Field(max_length=NAME, description="Only notes that have these words.")
        ] = "",
        run: Run = None,
    ) -> Notes:
        """Read the notes that the researcher of a run wrote down, by their numbers."""
        with self._repository.reading(run) as served:
            return Notes(run=served.tag, notes=_notes(served, words), most=MAX_NOTES)

    def machine(self) -> MachinePage:
        """Show what trials run on: accelerators, cores, memory, and versions."""
        around = self._repository.around
        return self._machine or about_machine(around.project, around.settings)


def _notes(served: Served, words: str) -> tuple[NoteLine, ...]:
    return tuple(
        NoteLine(
            number=note.number,
            after=note.after,
            untrusted=NoteText(text=line(note.text, 1_000), sender=line(note.sender)),
        )
        for note in notes_of(served.history.inputs)
        if words.casefold() in note.text.casefold()
    )


def _curve(entry: Trial | Attempt) -> Curve:
    result = None if isinstance(entry, Attempt) else entry.result
    points = result.curve if result else ()
    return Curve(points=points[:: max(1, len(points) // MAX_POINTS)])


def _memory(entry: Trial | Attempt) -> float | None:
    result = None if isinstance(entry, Attempt) else entry.result
    return result.peak_memory_mb if result else None


def _change(trial: Trial, name: str) -> Change | None:
    return next((change for change in trial.changes if change.name == name), None)


def _tried(trial: Trial, change: Change) -> TriedValue:
    text = TriedValueText(
        before=_short(change.before), after=_short(change.after), reason=line(trial.reason)
    )
    return TriedValue(
        number=trial.number,
        status=trial.status,
        delta=trial.delta,
        others=len(trial.changes) - 1,
        untrusted=text,
    )


def _short(value: bool | int | float | str | None) -> bool | int | float | str | None:
    return line(value, NAME) if isinstance(value, str) else value
