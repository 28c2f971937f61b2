"""The hostile suite: a row for each thing that a train.py might do, and what must happen.

The rows are those of the project's threat list. Each is staged by a function of stages/, whose
attacks, in attacks/, run inside the sandbox.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.outcome import Runner
from sandbox.proof.attacks.traces import NOTES, SHARED_FOLDERS
from sandbox.proof.guarantees import Attacked
from sandbox.proof.stage import NotHere, Stage
from sandbox.proof.stages import cluster, escape, evaluated, exhaust, forge, hide
from sandbox.proof.traps import traps


@dataclass(frozen=True)
class Row:
    """One row of the threat list."""

    does: str
    must: str
    """What must happen."""
    judge: Callable[[Stage], Iterator[str]]
    """Stages the attack and yields what went wrong, a phrase each; nothing if the row is held."""


ROWS = (
    Row("reads keys from os.environ and every /proc/*/environ", "finds none", escape.keys),
    Row("reads another process's memory, traces it", "denied", escape.processes),
    Row(
        "connects by TCP, UDP, IPv6, asks a resolver, listens",
        "nothing outside answers",
        escape.network,
    ),
    Row("connects to an abstract socket of the host", "denied", escape.abstract_socket),
    Row("connects to docker.sock, ssh-agent, any socket file", "denied", escape.socket_files),
    Row("opens VSOCK, PACKET, ALG, other NETLINKs, an io_uring", "denied", escape.other_sockets),
    Row("writes .git, prepare.py, data, /etc, /proc/sys", "denied", escape.writes),
    Row("reads ~/.ssh, .env, other trials", "denied", escape.reads),
    Row(
        "leaves its result as a link, FIFO, folder, sparse giant",
        "not taken as weights",
        forge.odd_results,
    ),
    Row("forges a val_bpb line or file", "not the score", forge.forged_score),
    Row(
        "kills the harness, the launcher, everybody",
        "the harness and bystanders live",
        escape.kills,
    ),
    Row("ignores every signal", "killed at the wall clock", exhaust.ignores_signals),
    Row("leaves its session, forks twice", "no survivors", exhaust.daemons),
    Row("forks without end", "capped, no survivors", exhaust.fork_bomb),
    Row(
        "takes memory: private, shared, files of memory",
        "killed, recorded as out of memory",
        exhaust.memory,
    ),
    Row("fills the disk, with one file and with many", "killed at the quota", exhaust.disk),
    Row("floods stdout", "killed at the cap", exhaust.flood),
    Row("prints 3 MB without a newline", "harmless", exhaust.long_line),
    Row("closes stdout and runs on", "killed at the wall clock", exhaust.closes_output),
    Row("prints escape codes, NUL, bidi marks, bad UTF-8", "shown escaped", forge.controls),
    Row("200,000 brackets, 6,000 digits, NaN, duplicate keys", "refused", forge.monsters),
    Row("leaves a pickle as its checkpoint", "never unpickled", forge.pickles),
    Row(
        "plants .pth, sitecustomize, json.py",
        "denied, or not imported by the scorer",
        escape.modules,
    ),
    Row("poisons the compile cache", "the next trial does not see it", escape.caches),
    Row("patches time, sets the clock", "denied; the harness's clock decides", escape.clocks),
    Row("aborts", "a crash, without a core", exhaust.aborts),
    Row(
        "renices, pins, limits another process, holds up who opens a file",
        "denied",
        escape.starves,
    ),
    Row("su, sudo, mount, a new user namespace, capabilities", "denied", escape.rights),
    Row("looks for inherited descriptors", "finds only 0, 1, 2", escape.descriptors),
    Row("types into the terminal", "denied", escape.terminal),
    Row(
        "leaves LD_PRELOAD, profiles, names for the next run",
        "a clean environment",
        escape.environment,
    ),
    Row("writes its result after its exit", "dead before it is read", exhaust.late_results),
    Row("keeps GPU memory after the kill", "checked before the next trial", exhaust.gpu_memory),
    Row(
        "fills the disk where no path leads: deep folders, mappings, threads",
        "killed at the quota",
        hide.hidden_disk,
    ),
    Row("fills the disk with files that wait in a socket", "killed at the quota", hide.sent_disk),
    Row("fills the disk in a folder that it closes", "killed at the quota", hide.closed_disk),
    Row(
        "takes memory that no process shows: mapped, of a dead thread",
        "killed, recorded as out of memory",
        hide.hidden_memory,
    ),
    Row(
        "takes memory in files that wait in a socket",
        "killed, recorded as out of memory",
        hide.sent_memory,
    ),
    Row("takes its neighbour's cores", "has those that it was given", hide.cores),
    Row("writes to other processes and the kernel through /proc", "denied", hide.process_files),
    Row("has the log lead elsewhere: by a link, a second name, a FIFO", "refused", hide.log_link),
    Row("looks for the project's evaluator and its data", "finds neither", evaluated.reads),
    Row("forges what the evaluator reports", "not the score", evaluated.forges),
    Row("plants and patches the evaluator's helper", "not imported there", evaluated.patches),
    Row("answers the evaluator by what is no frame", "no score", evaluated.poisons),
    Row("keeps notes from one candidate to the next", "finds none", evaluated.keeps_state),
    Row("rewrites its own source", "the committed files are called", evaluated.rewrites),
    Row("looks for the cluster that its node belongs to", "finds nothing of it", cluster.reaches),
    Row(
        "looks for, plants on and rewrites around an evaluate(path)",
        "finds nothing; the committed program is called",
        evaluated.reads_of_a_program,
    ),
    Row(
        "forges and breaks the frames of an evaluate(path)",
        "no score of its own",
        evaluated.forges_of_a_program,
    ),
    Row(
        "keeps notes from one evaluate(path) to the next",
        "finds none",
        evaluated.keeps_state_of_a_program,
    ),
    Row("leaves word in the page cache for the next run", "denied", escape.page_cache),
)
"""In the order of the threat list, whose numbers start at 1."""

LEFT = (
    "a file that it makes, closes and leaves in the machine's own /dev/shm stays there, under its"
    " name"
)
NOT_HELD = {
    "C": {5: "a socket file that this user may connect to can be reached"},
    "C as a user": {
        24: LEFT,
        46: LEFT,
        48: "a socket that this user may connect to can be reached; no node of a cluster may be so",
        51: LEFT,
    },
    "M": {
        13: "a process that left its parent and its group unseen survives",
        14: "there is no cap on one run's processes",
        15: "memory is polled, and what is shared is not seen",
        27: "macOS lets a user renice what is theirs",
        52: "macOS tells what lies in the page cache",
    },
}
"""Rows that a tier is known not to hold, with the reason.

They are tried all the same, and reported as stated.
"""


def not_held(tier: str) -> dict[int, str]:
    """Return the rows that `tier` is known not to withstand for this user, with the reasons."""
    rows = dict(NOT_HELD.get(tier, {}))
    if os.geteuid() != 0:
        rows |= NOT_HELD.get(f"{tier} as a user", {})
    return rows


def attack(
    runner: Runner,
    python: str,
    read_only: tuple[str, ...] = (),
    only: tuple[int, ...] = (),
    gpus: tuple[Device, ...] = (),
) -> Iterator[Attacked]:
    """Try every row under `runner` and yield a finding as each is done.

    python: the interpreter of the attacks, which may read read_only. only: the numbers of the
    rows to try; default: all. gpus: every attack is given these, with all that a run on them can
    reach.
    """
    for number, row in enumerate(ROWS, 1):
        if only and number not in only:
            continue
        with temporary_folder("hostile") as home, traps(home) as targets:
            stage = Stage(runner, python, home, targets, read_only, gpus)
            with _swept(stage.mark):
                finding = _finding(number, row, stage)
        yield finding


@contextmanager
def _swept(mark: str) -> Iterator[None]:
    """Remove what an attack leaves in folders of the machine's, where no wall kept it away."""
    notes = {Path(*place) for place in product(SHARED_FOLDERS, NOTES)}
    others = {path for path in notes if os.path.lexists(path)}
    try:
        yield
    finally:
        left = notes - others
        for folder in SHARED_FOLDERS:
            left |= set(Path(folder).glob(f"{mark}*"))
        for path in left:
            with suppress(OSError):
                if path.lstat().st_uid == os.geteuid():
                    path.unlink()


def _finding(number: int, row: Row, stage: Stage) -> Attacked:
    tier = stage.runner.tier
    finding = Attacked(number=number, does=row.does, must=row.must, tier=tier, state="held")
    try:
        wrong = "; ".join(row.judge(stage))
    except NotHere as absence:
        return finding.model_copy(update={"state": "absent", "happened": str(absence)})
    except SandboxFault as fault:
        wrong = fault.message
    if not wrong:
        return finding
    reason = not_held(tier).get(number)
    if reason:
        return finding.model_copy(update={"state": "stated", "happened": reason})
    return finding.model_copy(update={"state": "broken", "happened": wrong})
