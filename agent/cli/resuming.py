"""Carries out `resume`: opens a run, decides how it goes on, and works on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.cli.build import (
    Place,
    place_around,
    proven_for,
    slots_for,
)
from agent.cli.choices import method_of
from agent.cli.consent import Consent
from agent.cli.detach import Flag, words_of
from agent.cli.overview import say_beside
from agent.cli.reach import agreed_run, bounded_run
from agent.cli.renewal import data_of_run
from agent.cli.run_log import RunLog
from agent.cli.session import measured_count, outliving
from agent.cli.slurm import refuse_second_driver
from agent.cli.unreadable import refuse_unreadable
from agent.cli.working import Manner, Working, crew_of
from agent.history.branch import tag_of
from agent.history.history import History
from agent.history.runs import usual_run
from agent.project.flags import Flags
from agent.project.names import refuse_unknown_names
from agent.project.objective import stated_otherwise
from agent.project.program import read_program
from agent.project.resolve import resume_options


@dataclass(frozen=True)
class Typed:
    """What is typed at a resume besides bounds and limits; the fields are options of `resume`."""

    branch: str | None
    leave_branch: bool
    method: str | None
    python: str | None
    manner: Manner


def resume_run(
    flags: Flags, typed: Typed, bounds: Mapping[str, Flag], limits: Mapping[str, Flag]
) -> None:
    """Continue a run until a bound, a stop or a fault.

    bounds, limits: as they were typed, for a process that goes on.
    """
    manner = typed.manner
    words = manner.words(**limits, method=typed.method, python=typed.python)
    own_bounds = dict(bounds)
    if not manner.where.is_local:
        del own_bounds["workers"]  # it is among the words
    going_on = (words, words_of(**own_bounds))
    place = place_around(Path.cwd())
    consent = Consent(place.project, manner.trust)
    branch = typed.branch or usual_run(place.project, Path.cwd())
    log = RunLog(place.project, tag_of(branch))
    refuse_second_driver(place.project, log.tag)
    with outliving(log):
        with agreed_run(
            place.project,
            place.settings,
            consent,
            branch,
            asks=True,
            bound_typed=flags.max_cost is not None,
            trackers=manner.tracker,
            leave=typed.leave_branch,
            python=typed.python,
        ) as history:
            working = _settled(history, place, flags, typed, log, going_on)
            with data_of_run(working.place, history, working.sandbox, consent) as data:
                renewal = working.work(history, data)
        working.hand_on(renewal)


def _settled(
    history: History,
    place: Place,
    flags: Flags,
    typed: Typed,
    log: RunLog,
    going_on: tuple[Sequence[str], Sequence[str]],
) -> Working:
    """Check everything that can be checked, and return the session of the run.

    going_on: the options of a process that goes on, and its bounds.
    """
    manner = typed.manner
    run = history.run
    place = place.of_run(run, typed.python)
    _check_sources(history, place)
    run = bounded_run(history)
    options = resume_options(flags, run, place.settings, measured_count(history.trials))
    manner.check(options)
    slots = slots_for(manner.where, options.workers.value)
    method = method_of(run, typed.method)
    crew = crew_of(place.project, run.tag, method, run.model, options, manner)
    sandbox = proven_for(manner.where, manner.unsafe, history.sources.code, place, slots)
    say_beside(err=manner.as_json)
    return Working(place, options, manner, log, crew, slots, sandbox, *going_on)


def _check_sources(history: History, place: Place) -> None:
    """Raise a fault for unusable files or settings; print what differs from the record."""
    run = history.run
    project = place.project
    front_matter = read_program(history.program).front_matter
    history.warnings += stated_otherwise(run, project, place.settings, front_matter)
    refuse_unreadable(history.project, history.sources)
    states = (history.sources, history.sources_at(run.start_commit))
    refuse_unknown_names(project, place.settings, front_matter, states)
