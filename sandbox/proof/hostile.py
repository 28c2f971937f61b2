"""The hostile suite: what a train.py might do, a row each, staged against a runner and judged by what must happen.

The rows are those of the project's threat list. The attacks themselves are in sandbox/attacks/ and run inside the sandbox.
"""

import os
from collections.abc import Callable, Iterator

from sandbox.ground.devices import Device
from sandbox.ground.fault import SandboxFault
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.outcome import Runner
from sandbox.proof import shares, stages
from sandbox.proof.guarantees import Attacked
from sandbox.proof.stages import NotHere, Stage
from sandbox.proof.traps import traps

Judge = Callable[[Stage], Iterator[str]]
"""Stages an attack and yields what went wrong, a phrase each; nothing where the row is held."""


ROWS: tuple[tuple[str, str, Judge], ...] = (
    ("reads keys from os.environ and every /proc/*/environ", "finds none", stages.keys),
    ("reads another process's memory, traces it", "denied", stages.processes),
    ("connects by TCP, UDP, IPv6, asks a resolver", "denied", stages.network),
    ("connects to an abstract socket of the host", "denied", stages.abstract_socket),
    ("connects to docker.sock, ssh-agent, any socket file", "denied", stages.socket_files),
    ("opens VSOCK, NETLINK, PACKET, ALG, an io_uring", "denied", stages.other_sockets),
    ("writes .git, prepare.py, data, /etc, /proc/sys", "denied", stages.writes),
    ("reads ~/.ssh, .env, other trials", "denied", stages.reads),
    (
        "leaves its result as a link, FIFO, folder, sparse giant",
        "not taken as weights",
        stages.odd_results,
    ),
    ("forges a val_bpb line or file", "not the score", stages.forged_score),
    ("kills the harness, the launcher, everybody", "the harness and bystanders live", stages.kills),
    ("ignores every signal", "killed at the wall clock", stages.ignores_signals),
    ("leaves its session, forks twice", "no survivors", stages.daemons),
    ("forks without end", "capped, no survivors", stages.fork_bomb),
    (
        "takes memory: private, shared, files of memory",
        "killed, told as out of memory",
        stages.memory,
    ),
    ("fills the disk, with one file and with many", "killed at the quota", stages.disk),
    ("floods stdout", "killed at the cap", stages.flood),
    ("prints 3 MB without a newline", "harmless", stages.long_line),
    ("closes stdout and runs on", "killed at the wall clock", stages.closes_output),
    ("prints escape codes, NUL, bidi marks, bad UTF-8", "shown escaped", stages.controls),
    ("200,000 brackets, 6,000 digits, NaN, duplicate keys", "refused", stages.monsters),
    ("leaves a pickle as its checkpoint", "never unpickled", stages.pickles),
    (
        "plants .pth, sitecustomize, json.py",
        "denied, or not imported by the scorer",
        stages.modules,
    ),
    ("poisons the compile cache", "the next trial does not see it", stages.caches),
    ("patches time, sets the clock", "denied; the harness's clock decides", stages.clocks),
    ("aborts", "a crash, without a core", stages.aborts),
    ("renices, pins, limits another process", "denied", stages.starves),
    ("su, sudo, mount, a new user namespace, capabilities", "denied", stages.rights),
    ("looks for inherited descriptors", "finds only 0, 1, 2", stages.descriptors),
    ("types into the terminal", "denied", stages.terminal),
    (
        "leaves LD_PRELOAD, profiles, names for the next run",
        "a clean environment",
        stages.environment,
    ),
    ("writes its result after its exit", "dead before it is read", stages.late_results),
    ("keeps GPU memory after the kill", "checked before the next trial", stages.gpu_memory),
    (
        "fills the disk where no path leads: deep folders, mappings, threads",
        "killed at the quota",
        shares.hidden_disk,
    ),
    ("fills the disk with files that wait in a socket", "killed at the quota", shares.sent_disk),
    ("fills the disk in a folder that it closes", "killed at the quota", shares.closed_disk),
    (
        "takes memory that no process shows: mapped, of a dead thread",
        "killed, told as out of memory",
        shares.hidden_memory,
    ),
    (
        "takes memory in files that wait in a socket",
        "killed, told as out of memory",
        shares.sent_memory,
    ),
    ("takes its neighbour's cores", "has those that it was given", shares.cores),
    ("writes to other processes and the kernel through /proc", "denied", shares.process_files),
    ("has the log lead elsewhere: by a link, a second name, a FIFO", "refused", shares.log_link),
)

NOT_HELD = {
    "C": {5: "a socket file that this user may connect to can be reached"},
    "C as a user": {
        24: "a file that it makes, closes and leaves in the machine's own /dev/shm stays there, under its name"
    },
    "M": {
        13: "a process that left its parent and its group unseen survives",
        14: "there is no cap on one run's processes",
        15: "memory is polled, and what is shared is not seen",
        27: "macOS lets a user renice what is theirs",
    },
}
"""Rows that a tier is known not to hold, with the reason; they are tried all the same, and reported as stated."""


def not_held(tier: str) -> dict[int, str]:
    """The rows of `tier` that it is known not to hold for this user."""
    return NOT_HELD.get(tier, {}) | (
        NOT_HELD.get(f"{tier} as a user", {}) if os.geteuid() != 0 else {}
    )


def attack(
    runner: Runner,
    python: str,
    read_only: tuple[str, ...] = (),
    only: tuple[int, ...] = (),
    gpus: tuple[Device, ...] = (),
) -> Iterator[Attacked]:
    """Try every row (or `only` those numbers) under `runner`, with `python` inside; yields a finding as each is done.

    gpus: every attack is given these, with all that a run on them can reach.
    """
    for number, (does, must, judge) in enumerate(ROWS, 1):
        if not only or number in only:
            yield _finding(
                number, does, must, runner.tier, *_try(judge, runner, python, read_only, gpus)
            )


def _try(
    judge: Judge, runner: Runner, python: str, read_only: tuple[str, ...], gpus: tuple[Device, ...]
) -> tuple[bool | None, str]:
    """Whether it was held, None where there was nothing to attack; and what happened."""
    with temporary_folder("hostile") as home, traps(home) as targets:
        try:
            wrong = list(judge(Stage(runner, python, home, targets, read_only, gpus)))
        except NotHere as reason:
            return None, str(reason)
        except SandboxFault as fault:
            return False, fault.message
    return not wrong, "; ".join(wrong)


def _finding(
    number: int, does: str, must: str, tier: str, held: bool | None, happened: str
) -> Attacked:
    stated = not_held(tier).get(number)
    known = {"number": number, "does": does, "must": must, "tier": tier}
    if held is None:
        return Attacked(**known, state="absent", happened=happened)
    if held:
        return Attacked(**known, state="held")
    return (
        Attacked(**known, state="stated", happened=stated)
        if stated
        else Attacked(**known, state="broken", happened=happened)
    )
