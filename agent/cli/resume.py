"""The command `resume`."""

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
    Mem,
    OnSlurm,
    Partition,
    Qos,
    Time,
)
from agent.project.flags import read_flags


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
    mem: Mem = None,
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

    After a stop or a crash, here, in a fresh clone or on another machine. In a clone the branch may
    be checked out. Bounds and limits that you leave out are those of the start.
    """
    from agent.cli.resuming import Typed, resume_run
    from agent.cli.working import manner_of

    bounds = {"trials": trials, "hours": hours, "max_cost": max_cost, "workers": workers}
    limits = {
        "writers": writers,
        "fill": fill,
        "effort": effort,
        "memory": memory,
        "vram": vram,
        "disk": disk,
        "output": output,
    }
    flags = read_flags("resume", **bounds, **limits)
    manner = manner_of(
        on,
        OnSlurm(partition, account, qos, constraint, gpus, cpus, mem, time, driver),
        flags.workers,
        tracker,
        notify,
        trust=trust,
        unsafe=unsafe,
        detach=detach,
        as_json=as_json,
    )
    typed = Typed(branch, leave_branch, method, python, manner)
    resume_run(flags, typed, bounds, limits)
