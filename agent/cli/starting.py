"""Carries out `start`: checks everything, makes the run's branch, and works on it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.text import Text

from agent.cli.build import prepared, proven_for, slots_for
from agent.cli.carried_notes import carry, notes_from
from agent.cli.consent import Consent
from agent.cli.origin import Origin, find_origin
from agent.cli.overview import Chosen, say_overview, say_warnings
from agent.cli.reach import agree_to_start, remember_run
from agent.cli.run_log import RunLog
from agent.cli.session import outliving
from agent.cli.warm import name_of, warm_start
from agent.cli.working import Manner, Working, crew_of
from agent.display.format import open_console
from agent.display.waiting import waiting
from agent.edit.files import Sources
from agent.errors import Fault
from agent.history.history import History
from agent.history.homes import homes
from agent.history.removal import delete
from agent.history.runs import next_tag, text_at
from agent.project.data import Prepared
from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.objective import recorded
from agent.project.resolve import StartOptions
from agent.project.run_python import recorded_python
from agent.project.settings import RunSettings
from agent.propose import find_method
from agent.records.notes import ResearchNote
from agent.records.results import PriorTrial
from agent.run.inbox import Inbox


@dataclass(frozen=True)
class Typed:
    """What is typed at a start besides the run's options; the fields are options of `start`."""

    tag: str | None
    source: str | None
    """`--from`."""
    governs: str | None
    """`--settings`."""
    warm: str | None
    notes: str | None
    manner: Manner


@dataclass(frozen=True)
class Start:
    """All decisions of a start, before anything is made."""

    flags: Flags
    typed: Typed
    origin: Origin
    tag: str
    options: StartOptions
    consent: Consent
    notes: tuple[ResearchNote, ...]
    """Of another run, which the new one begins with."""
    head: str
    """The commit that the run begins at."""
    prior: tuple[PriorTrial, ...]
    working: Working

    @property
    def project(self) -> Project:
        """The project of the run."""
        return self.origin.place.project

    def record(self, data: Prepared | None) -> RunSettings:
        """Return the settings for the run's first commit."""
        return self.options.record(
            tag=self.tag,
            start_commit=self.head,
            score=self.project.score,
            data_fingerprint=data.fingerprint if data else None,
            warm=name_of(self.typed.warm) if self.typed.warm else None,
            objective=recorded(self.origin.objective),
            parent=self.origin.parent,
            interpreter=recorded_python(self.project, self.origin.place.settings),
            train=self.project.train,
        )


def start_run(flags: Flags, typed: Typed) -> None:
    """Start a run, and work on it until a bound, a stop or a fault."""
    origin = find_origin(Path.cwd(), flags, typed.source, typed.governs)
    project = origin.place.project
    tag = typed.tag or next_tag(project)
    log = RunLog(project, tag)
    with outliving(log):
        start = _settled(flags, typed, origin, log)
        sandbox = start.working.sandbox
        with prepared(origin.place, start.head, sandbox, start.consent) as data:
            _begin(start, data)


def _settled(flags: Flags, typed: Typed, origin: Origin, log: RunLog) -> Start:
    """Check everything, ask for consent, and print the choices, without making anything."""
    manner = typed.manner
    place = origin.place
    project = place.project
    consent = Consent(project, manner.trust)
    options = origin.options(flags)
    manner.check(options)
    agree_to_start(project, place.settings, consent, options, manner.tracker)
    manner.check_reach()
    notes = notes_from(typed.notes, project, consent) if typed.notes else ()
    head = origin.settle()
    sources = origin.sources(head)
    slots = slots_for(manner.where, options.workers.value)
    method = find_method(options.method.value, typed=True)
    crew = crew_of(project, log.tag, method, options.model.value, options, manner)
    prior: tuple[PriorTrial, ...] = ()
    if typed.warm:
        prior = warm_start(typed.warm, place, head, origin.objective, err=manner.as_json)
    sandbox = proven_for(manner.where, manner.unsafe, sources.code, place, slots)
    named = flags.method if ":" in (flags.method or "") else None
    words = manner.words(method=named)
    working = Working(place, options, manner, log, crew, slots, sandbox, words)
    _say_chosen(origin, head, sources, options, working)
    return Start(
        flags=flags,
        typed=typed,
        origin=origin,
        tag=log.tag,
        options=options,
        consent=consent,
        notes=notes,
        head=head,
        prior=prior,
        working=working,
    )


def _say_chosen(
    origin: Origin, head: str, sources: Sources, options: StartOptions, working: Working
) -> None:
    """Print the choices, the reasons, and how to change them."""
    place = origin.place
    project = place.project
    manner = working.manner
    prepare = text_at(project, head, project.prepare) if project.prepare else ""
    tier = working.sandbox.tier
    rows = origin.rows
    chosen = Chosen(place, options, working.slots, tier, sources, prepare, origin.objective, rows)
    where = "" if manner.where.is_local else str(manner.where)
    names = working.crew.trackers.names
    say_overview(replace(chosen, told=names, where=where), err=manner.as_json)
    say_warnings(project, head, err=manner.as_json)


def _begin(start: Start, data: Prepared | None) -> None:
    """Make the run, and work on it, here or in another process."""
    working = start.working
    with waiting("git to check out the run's branch"):
        history = History.create(start.project, start.record(data), start.prior)
    with _taken_back(start):
        with history:
            remember_run(start.consent, history)
            carry(history, start.notes, start.typed.notes or "")
            renewal = working.work(history, data)
        working.hand_on(renewal)


@contextmanager
def _taken_back(start: Start) -> Iterator[None]:
    """Remove the run that was made for the block if no place is found that it could run on.

    Only a run without records is removed. The same start can then be typed again.
    """
    manner = start.typed.manner
    try:
        yield
    except (Fault, typer.Exit):
        if not manner.where.is_local:
            with suppress(Fault):
                _take_back(start)
        raise


def _take_back(start: Start) -> None:
    """Remove the run if it is untouched, and print that."""
    if not _is_untouched(start):
        return
    start.working.log.close()
    delete(homes(Path(start.project.root)), start.tag)
    line = f"autoresearch/{start.tag} is removed again, because nothing ran"
    open_console(stderr=True).print(Text(line, "yellow"), soft_wrap=True)


def _is_untouched(start: Start) -> bool:
    """Return whether the run has only the records that `start` itself wrote."""
    with History.read(start.project, start.tag) as history:
        began = [*history.trials, *history.in_flight]
        heard = len(history.inputs) > len(start.notes)
        busy = history.owner is not None
    return not began and not heard and not busy and not Inbox(start.project, start.tag).count()
