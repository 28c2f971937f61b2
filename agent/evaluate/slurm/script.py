"""Writes the batch file of an allocation, which a person can also read and submit."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.errors import UsageFault
from agent.evaluate.slurm.request import Request
from agent.git.home import checked

NODE = "agent.evaluate.slurm.node"
_PATH = re.compile(r"/[A-Za-z0-9_./@+,=~-]*")
"""sbatch reads a % in the name of a log as a pattern, and quotes as a shell does not."""

_STEP = """\
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \\
    --no-kill --kill-on-bad-exit=0 --wait=0 \\
    --overlap --mpi=none --cpu-bind=none --export=NONE \\"""
"""One process a node with all that the job has there; those left go on without one that died."""


def batch_file(
    request: Request,
    tag: str,
    folder: Path,
    python: str,
    libraries: str = "",
    driver: Sequence[str] = (),
) -> str:
    """Return the batch file of the run `tag`.

    folder: for the cluster's token, address and log. libraries: the LD_LIBRARY_PATH that the
    interpreter needs, if any. driver: the project's folder, and the command that works on the run
    inside the allocation; () if the driver is outside. Raise UsageFault for a path that sbatch
    would change.
    """
    for path in (str(folder), python):
        if not _PATH.fullmatch(path):
            raise UsageFault(
                f"{path!a} cannot be written into a batch file: it needs plain letters",
                "export XDG_STATE_HOME=~/.local/state   # or install autoresearch elsewhere",
            )
    lines = [
        "#!/bin/bash",
        f"# The run {checked(tag)}: a Ray cluster in one allocation, one process a node.",
        *(f"#SBATCH {option}" for option in _options(request, tag, folder)),
        "",
        *_body(folder, python, libraries, driver),
    ]
    return "\n".join(lines) + "\n"


def _options(request: Request, tag: str, folder: Path) -> Iterator[str]:
    """Yield the options for sbatch."""
    yield f"--job-name=autoresearch-{tag}"
    named = {
        "partition": request.partition,
        "account": request.account,
        "qos": request.qos,
        "constraint": request.constraint,
    }
    for option, value in named.items():
        if value is not None:
            yield f"--{option}={value}"
    yield from _gpus(request) if request.gpus else _cores(request)
    yield f"--time={request.minutes}"
    yield "--no-requeue"
    yield "--no-kill"
    yield "--export=NONE"
    yield f"--chdir={folder}"
    yield f"--output={folder}/job.log"


def _gpus(request: Request) -> Iterator[str]:
    kind = f"{request.gpu_type}:" if request.gpu_type else ""
    yield f"--gpus={kind}{request.gpus}"
    if request.cpus is not None:
        yield f"--cpus-per-gpu={request.cpus}"
    if request.memory is not None:
        yield f"--mem-per-gpu={request.memory}"


def _cores(request: Request) -> Iterator[str]:
    cpus = request.cpus or 1
    yield f"--ntasks={request.workers}"
    yield f"--cpus-per-task={cpus}"
    if request.memory is not None:
        number = int(request.memory[:-1])
        megabytes = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}[request.memory[-1]] * number
        yield f"--mem-per-cpu={max(1, round(megabytes / cpus))}M"


def _body(folder: Path, python: str, libraries: str, driver: Sequence[str]) -> Iterator[str]:
    """Yield the commands of the batch file."""
    environment = ["env", f"LD_LIBRARY_PATH={libraries}"] if libraries else []
    node = shlex.join([*environment, python, "-P", "-m", NODE, str(folder)])
    if not driver:
        yield f"exec {_STEP}"
        yield f"    {node}"
        return
    checkout, *command = driver
    yield _STEP
    yield f"    {node} &"
    yield "cluster=$!"
    yield f"cd {shlex.quote(checkout)} || exit"
    yield f"{shlex.join(command)} &"
    yield "driver=$!"
    yield "trap 'kill -TERM $driver' TERM"
    yield "trap 'kill -USR1 $driver' USR1"
    # A signal ends a wait; a driver that ends at once is gone before the first question.
    yield "until wait $driver; ended=$?; ! kill -0 $driver 2>/dev/null; do :; done"
    yield "kill -TERM $cluster; wait $cluster"
    yield "exit $ended"
