"""A real Slurm on loopback: munged, slurmctld and two slurmd, without systemd or a database.

`python -m tests.cluster.slurm_here COMMAND …` runs a command beside one.
"""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "srun", "scontrol")
NODES = ("n0", "n1")
START_SECONDS = 60.0
SBIN = "/usr/sbin:/sbin"

CONF = """\
ClusterName=loop
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=30
KillWait=10
MinJobAge=300
UnkillableStepTimeout=30
SwitchType=switch/none
SchedulerParameters=sched_interval=2
GresTypes=gpu
NodeName=n[0-1] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{second}] CPUs=1 \
Sockets=1 CoresPerSocket=1 ThreadsPerCore=1 RealMemory=4000 Gres={gres} State=UNKNOWN
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> list[str]:
    """Return the programs of Slurm that are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:{SBIN}"


class Slurm:
    """A Slurm that runs; its own variables make the commands talk to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": _path(),
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __call__(self, *words: str, check: bool = True) -> str:
        """Run one of Slurm's commands and return what it prints."""
        done = subprocess.run(
            words,
            cwd=self.folder,  # where sbatch puts what a job prints
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def jobs(self) -> list[str]:
        """Return the numbers of the jobs that wait or work."""
        return self("squeue", "--noheader", "--format=%i").split()

    def state(self, job: int | str) -> str:
        """Return the state of a job, also of one that has ended."""
        return self("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()

    def logs(self) -> str:
        """Return what its processes wrote, for a failing test."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )


@contextmanager
def slurm(gpus: int = 0) -> Iterator[Slurm]:
    """Run a Slurm of two nodes with one core each, and end all that it started.

    gpus: how many each node says it has; they are files, so that the requests can be tried.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        here = Slurm(folder)
        _configure(folder, gpus)
        stack.enter_context(_munge(here))
        stack.enter_context(_daemon(here, "ctld.out", "slurmctld", "-D"))
        for name in NODES:
            stack.enter_context(_daemon(here, f"{name}.out", "slurmd", "-D", "-N", name))
        _wait_for_nodes(here)
        try:
            yield here
        finally:
            _end_jobs(here)


def _end_jobs(here: Slurm) -> None:
    for job in here.jobs():
        here("scancel", job, check=False)
    deadline = time.monotonic() + 40
    while here.jobs() and time.monotonic() < deadline:
        time.sleep(0.5)


def _configure(folder: Path, gpus: int) -> None:
    folder.chmod(0o755)
    (folder / "state").mkdir()
    for name in NODES:
        (folder / f"spool-{name}").mkdir()
    controller, first = _ports()
    text = CONF.format(
        host=socket.gethostname().partition(".")[0],
        folder=folder,
        user=getpass.getuser(),
        controller=controller,
        first=first,
        second=first + 1,
        gres=f"gpu:{gpus}" if gpus else "(null)",
    )
    if not gpus:
        text = text.replace(" Gres=(null)", "")
    (folder / "slurm.conf").write_text(text)
    for number in range(gpus):
        (folder / f"gpu{number}").touch()
    devices = f"Name=gpu File={folder}/gpu[0-{gpus - 1}]\n" if gpus else ""
    (folder / "gres.conf").write_text(devices)
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)


def _ports() -> tuple[int, int]:
    """Return a free port, and the first of two free ones in a row."""
    while True:
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            with suppress(OSError, OverflowError):
                three.bind(("127.0.0.1", two.getsockname()[1] + 1))
                return one.getsockname()[1], two.getsockname()[1]


@contextmanager
def _munge(here: Slurm) -> Iterator[None]:
    folder = here.folder
    words = ["munged", "--foreground", "--force", "--num-threads=2"]
    words += [f"--socket={folder}/munge.sock", f"--key-file={folder}/munge.key"]
    words += [f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log"]
    words += [f"--seed-file={folder}/munge.seed"]
    with _daemon(here, "munge.out", *words):
        _until(lambda: (folder / "munge.sock").exists(), here, "munged")
        yield


@contextmanager
def _daemon(here: Slurm, log: str, *words: str) -> Iterator[None]:
    """Run a program in the foreground, and end it behind the block."""
    with (here.folder / log).open("wb") as output:
        process = subprocess.Popen(
            words,
            env=here.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_nodes(here: Slurm) -> None:
    def idle() -> bool:
        return here("sinfo", "--noheader", "--format=%t%D", check=False).split() == ["idle2"]

    _until(idle, here, "two idle nodes")


def _until(done: object, here: Slurm, what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"no {what}:\n{here.logs()}"
        time.sleep(0.2)


if __name__ == "__main__":
    with slurm(gpus=int(os.environ.get("GPUS", "0"))) as running:
        sys.exit(subprocess.call(sys.argv[1:], env=running.environment))
