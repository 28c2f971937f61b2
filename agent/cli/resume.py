"""The command `resume`."""

import threading
from pathlib import Path

from agent.cli import app, epilog
from agent.cli.options import (
    Detach,
    Disk,
    Effort,
    Fill,
    Hours,
    JsonEvents,
    LeaveBranch,
    MaxCost,
    Memory,
    MethodOfRun,
    NotifyCommand,
    On,
    Output,
    PythonOfRun,
    ResumeWorkers,
    TrackerNames,
    Trials,
    Trust,
    Unsafe,
    Vram,
    WorkOn,
    Writers,
)
from agent.cli.slurm_options import (
    Account,
    Constraint,
    Cpus,
    Driver,
    Gpus,
    OnSlurm,
    Partition,
    Qos,
    Time,
)
from agent.project.flags import read_flags
from agent.project.resolve import resume_options


@app.command(epilog=epilog("autoresearch resume autoresearch/nov24 --trials 20"))
def resume(
    branch: WorkOn = None,
    trials: Trials = None,
    hours: Hours = None,
    max_cost: MaxCost = None,
    workers: ResumeWorkers = None,
    on: On = None,
    partition: Partition = None,
    gpus: Gpus = None,
    account: Account = None,
    qos: Qos = None,
    constraint: Constraint = None,
    cpus: Cpus = None,
    time: Time = None,
    driver: Driver = "outside",
    writers: Writers = None,
    fill: Fill = None,
    effort: Effort = None,
    memory: Memory = None,
    vram: Vram = None,
    disk: Disk = None,
    output: Output = None,
    tracker: TrackerNames = None,
    notify: NotifyCommand = None,
    trust: Trust = False,
    unsafe: Unsafe = False,
    leave_branch: LeaveBranch = False,
    method: MethodOfRun = None,
    python: PythonOfRun = None,
    detach: Detach = False,
    as_json: JsonEvents = False,
) -> None:
    """Continue a run; its branch is all that is needed.

    After a stop or a crash, in a fresh clone or on another machine, also right after `git switch
    autoresearch/TAG`. Bounds and limits that you leave out are those of the start.
    """
    from agent.cli.build import (
        Kit,
        elsewhere_of,
        place_around,
        proven_for,
        refuse_foreign_encodings,
        slots_for,
    )
    from agent.cli.choices import Asked, build_proposer, build_staff, method_of
    from agent.cli.consent import Consent
    from agent.cli.detach import Flag, go_on, renew, words_of
    from agent.cli.news import News
    from agent.cli.overview import say_beside
    from agent.cli.reach import agreed_run, bounded_run
    from agent.cli.renewal import data_of_run
    from agent.cli.run_log import RunLog
    from agent.cli.session import bounds_of, measured_count, outliving, trackers_of, work
    from agent.cli.slurm import place_of_trials, send_inside
    from agent.evaluate.engines import read_where
    from agent.history.branch import tag_of
    from agent.history.runs import usual_run
    from agent.project.names import refuse_unknown_names
    from agent.project.objective import stated_otherwise
    from agent.project.program import read_program
    from agent.run.bounds import Renewal

    typed = {
        "trials": trials,
        "hours": hours,
        "max_cost": max_cost,
        "workers": workers,
        "writers": writers,
        "fill": fill,
        "effort": effort,
        "memory": memory,
        "vram": vram,
        "disk": disk,
        "output": output,
    }
    flags = read_flags("resume", **typed)
    where = read_where(on)
    slurm = OnSlurm(partition, account, qos, constraint, gpus, cpus, time, driver)
    goes_inside = slurm.goes_inside(where)
    place = place_around(Path.cwd())
    project = place.project
    consent = Consent(project, trust)
    branch = branch or usual_run(project, Path.cwd())
    log = RunLog(project, tag_of(branch))
    with outliving(log):
        with agreed_run(
            project,
            place.settings,
            consent,
            branch,
            asks=True,
            bound_typed=flags.max_cost is not None,
            trackers=tracker or (),
            leave=leave_branch,
            python=python,
        ) as history:
            run = history.run
            place = place.of_run(run, python)
            front_matter = read_program(history.program).front_matter
            history.warnings += stated_otherwise(run, project, place.settings, front_matter)
            cancel = threading.Event()
            again: Renewal | None = None
            refuse_foreign_encodings(history.project, history.sources)
            refuse_unknown_names(
                project,
                place.settings,
                front_matter,
                (history.sources, history.sources_at(run.start_commit)),
            )
            run = bounded_run(history)
            options = resume_options(flags, run, place.settings, measured_count(history.trials))
            slurm.check(where, options.hours.value, options.workers.value)
            slots = slots_for(where, options.workers.value)
            news = News()
            chosen = method_of(run, method)
            staff = build_staff(chosen, run.model, options)
            asked = Asked(run.model, options.effort.value)
            proposer = build_proposer(chosen, asked, history.project, run.tag, cancel, news)
            trackers = trackers_of(project, run.tag, tracker, notify)
            sandbox = proven_for(where, unsafe, history.sources.code, place, slots)
            say_beside(err=as_json)
            with data_of_run(place, history, sandbox, consent) as data:
                if not detach and not goes_inside:
                    with place_of_trials(where, slurm, options, project, log) as there:
                        away = elsewhere_of(there, flags.workers, unsafe, history.sources.code)
                        kit = Kit(place.settings, slots, sandbox, data, options.caps, away)
                        again = work(
                            history,
                            kit,
                            proposer,
                            bounds_of(options),
                            cancel,
                            log,
                            trackers,
                            as_json=as_json,
                            news=news,
                            staff=staff,
                        )
        others: dict[str, Flag] = {
            "writers": writers,
            "fill": fill,
            "effort": effort,
            "memory": memory,
            "vram": vram,
            "disk": disk,
            "output": output,
            "tracker": tracker,
            "notify": notify,
            "trust": trust,
            "unsafe_no_sandbox": unsafe,
            "method": method,
            "python": python,
            "on": on,
            **slurm.flags,
        }
        bounds = {"trials": trials, "hours": hours, "max_cost": max_cost, "workers": workers}
        if goes_inside:
            request = slurm.request(where, options.hours.value, options.workers.value)
            send_inside(request, project, log, words_of(**bounds, **others), as_json)
        elif detach:
            go_on(log, words_of(**bounds, **others), as_json)
        elif again is not None:
            renew(log, again, words_of(**others, json=as_json))
