"""How each row of the hostile suite is staged and judged: run the attack, look at what it reached and at what is left."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.ground import nvml
from sandbox.ground.budget import Budget
from sandbox.ground.devices import Device
from sandbox.ground.outcome import (
    MIB,
    Crashed,
    Finished,
    LimitExceeded,
    Limits,
    Outcome,
    OutOfMemory,
    Runner,
    RunSpec,
    TimedOut,
)
from sandbox.ground.text import read_end, tail
from sandbox.limits import vram
from sandbox.score.measure import Job, Unscored, measure
from sandbox.score.printed import read_summary
from sandbox.score.weights import BadWeights, NoWeights, take_weights

ATTACKS = Path(__file__).with_name("attacks")
REACHED, PLANTED = "reached", "planted"
SECONDS = 30.0
"""Wall clock of an attack that should come back by itself."""
SHORT = 1.0
GPU_SECONDS = 15.0
"""In which torch has loaded and holds its memory."""
HOG, QUOTA = 512 * MIB, 32 * MIB
MEMORY = 200 * MIB


class NotHere(Exception):
    """This machine has nothing that the row could attack."""


@dataclass(frozen=True)
class Ran:
    """How an attack ended, the log, and what it says that it tried and reached."""

    outcome: Outcome
    said: str

    @property
    def answers(self) -> dict[str, str]:
        """What came of each of its tries; nothing where it did not come to say."""
        with suppress(IndexError, ValueError):
            answers = json.loads(self.said.strip().splitlines()[-1])
            return answers if isinstance(answers, dict) else {}
        return {}

    @property
    def reached(self) -> Iterator[str]:
        """What it should not have; also that it never came to say."""
        try:
            answers: dict[str, str] = json.loads(self.said.strip().splitlines()[-1])
            yield from (f"{name}: reached" for name, answer in answers.items() if answer == REACHED)
        except (IndexError, ValueError, AttributeError):
            yield f"no answer, but {self.outcome.kind}: {self.said[-200:]!a}"


@dataclass
class Stage:
    """A runner, an interpreter to attack with, the traps in `home`, and the accelerators that every attack is given."""

    runner: Runner
    python: str
    home: Path
    targets: dict[str, Any]
    read_only: tuple[str, ...] = ()
    gpus: tuple[Device, ...] = ()

    def __post_init__(self) -> None:
        self.mark = f"mark-{secrets.token_hex(8)}"
        self.cancel = threading.Event()
        self.log = self.home / "log"
        self.scratch, self.folder = self.home / "scratch", self.home / "folder"
        ssh = str(Path.home() / ".ssh")
        known = {
            "home": str(self.home),
            "log": str(self.log),
            "mark": self.mark,
            "ssh": ssh,
            "uid": os.geteuid(),
            "hog": HOG,
        }
        self.targets = {
            **self.targets,
            **known,
            "quota": QUOTA,
            "agent": os.environ.get("SSH_AUTH_SOCK"),
        }

    def run(self, name: str, read_only: tuple[str, ...] = (), form: str = "", **given: Any) -> Ran:
        """Make the attack `module.function`; `given` are fields of Limits, and `cpus` and `gpus` of RunSpec."""
        outcome = self.runner.run(self.spec(name, read_only, form, **given), self.cancel)
        return Ran(outcome, read_end(self.log, 1 << 16))

    def spec(
        self, name: str, read_only: tuple[str, ...] = (), form: str = "", **given: Any
    ) -> RunSpec:
        targets = json.dumps({**self.targets, "form": form})
        devices = {field: given.pop(field) for field in ("cpus", "gpus") if field in given}
        limits = Limits(**{"wall_seconds": SECONDS, "disk_bytes": QUOTA, **given})
        return RunSpec(
            argv=(self.python, "-I", str(ATTACKS / "__main__.py"), name, targets),
            folder=str(self.folder),
            log=str(self.log),
            scratch=str(self.scratch),
            limits=limits,
            read_only=(str(ATTACKS), *self.read_only, *read_only),
            **{"gpus": self.gpus, **devices},
        )

    def survivors(self) -> Iterator[str]:
        """Processes of this machine with the attack's mark on their command line."""
        said = subprocess.run(
            ["ps", "-axo", "pid=,args="],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        ).stdout
        alive = [line.split()[0] for line in said.splitlines() if self.mark in line]
        if alive:
            yield f"{len(alive)} processes survive"

    def bystander_died(self) -> bool:
        said = subprocess.run(
            ["ps", "-o", "state=", "-p", str(self.targets["bystander"])],
            capture_output=True,
            text=True,
            check=False,
        )
        return said.stdout.strip()[:1] in ("", "Z")


def must_be(ran: Ran, *kinds: type[Outcome]) -> Iterator[str]:
    """That it ended as one of `kinds`."""
    if not isinstance(ran.outcome, kinds):
        yield f"ended as {ran.outcome.kind}: {ran.said[-200:]!a}"


# ---------------------------------------------------------------- getting out


def keys(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.read_keys").reached


def processes(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.look_into_processes").reached


def network(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.reach_network").reached


def abstract_socket(stage: Stage) -> Iterator[str]:
    if sys.platform != "linux":
        raise NotHere("this system has no abstract sockets")
    yield from stage.run("escape.reach_abstract_socket").reached


def socket_files(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.reach_socket_files").reached


def other_sockets(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.open_other_sockets").reached


def writes(stage: Stage) -> Iterator[str]:
    """Everything is left open by its mode, so that only the sandbox stands in the way."""
    data = stage.home / "data"
    (stage.folder / ".git").mkdir()
    data.mkdir()
    (stage.folder / "prepare.py").write_text("original")
    (data / "tokens").write_text("original")
    for path in (stage.folder, stage.folder / ".git", data):
        path.chmod(0o777)
    for path in (stage.folder / "prepare.py", data / "tokens"):
        path.chmod(0o666)
    before = _attributes(stage)
    yield from stage.run("escape.write_outside", read_only=(str(data),)).reached
    log = stage.run("escape.change_unseen").said
    if _attributes(stage) != before:
        yield "modes, times or contents were changed"
    if (stage.home / "beside").exists() or "hostile" in log:
        yield "a file beside its own was written"


def _attributes(stage: Stage) -> list[tuple[Any, ...]]:
    """What a file is, apart from the moment at which it was read."""
    files = [
        path
        for path in (
            *stage.folder.rglob("*"),
            stage.home / "data/tokens",
            Path(stage.targets["secret"]),
        )
        if path.is_file()
    ]
    found = [(path, path.stat()) for path in sorted(files)]
    return [
        (str(path), s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns, s.st_nlink) for path, s in found
    ]


def reads(stage: Stage) -> Iterator[str]:
    (stage.home / "other-trial").mkdir()
    (stage.home / "other-trial/train.py").write_text("secret")
    (stage.home / ".env").write_text("KEY=secret")
    yield from stage.run("escape.read_outside").reached


def kills(stage: Stage) -> Iterator[str]:
    ran = stage.run("escape.kill_others", wall_seconds=5.0)
    yield from ran.reached
    yield from stage.survivors()
    if stage.bystander_died():
        yield "a bystander was killed"


def starves(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.starve_others").reached


def rights(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.gain_rights").reached


def descriptors(stage: Stage) -> Iterator[str]:
    with (stage.home / "elsewhere/secret").open() as stream:
        os.set_inheritable(stream.fileno(), True)
        yield from stage.run("escape.find_descriptors").reached


def terminal(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.type_into_terminal").reached


def clocks(stage: Stage) -> Iterator[str]:
    yield from stage.run("escape.set_clocks").reached
    yield from must_be(stage.run("exhaust.stop_clocks", wall_seconds=SHORT), TimedOut)


def modules(stage: Stage) -> Iterator[str]:
    """The attack itself runs as the scorer does: isolated, in a folder whose names shadow what it imports."""
    for name in ("json.py", "socket.py", "sitecustomize.py", "usercustomize.py"):
        (stage.folder / name).write_text(f"open({str(stage.scratch / 'imported')!r}, 'w')\n")
    ran = stage.run("escape.plant_modules")
    yield from ran.reached
    for path in [name for name, answer in ran.answers.items() if answer == PLANTED]:
        if os.path.lexists(path):
            Path(path).unlink()
            yield f"{path}: made"
    if (stage.scratch / "imported").exists():
        yield "a module beside train.py was imported"


def caches(stage: Stage) -> Iterator[str]:
    stage.run("escape.leave_traces")
    yield from (
        found
        for found in stage.run("escape.find_traces").reached
        if not found.startswith("environment")
    )


def environment(stage: Stage) -> Iterator[str]:
    stage.run("escape.leave_traces")
    ran = stage.run("escape.find_traces")
    yield from (found for found in ran.reached if found.startswith(("environment", "home")))


# ---------------------------------------------------------------- using up


def ignores_signals(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.ignore_signals", wall_seconds=SHORT), TimedOut)


def closes_output(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.close_output", wall_seconds=SHORT), TimedOut)


def daemons(stage: Stage) -> Iterator[str]:
    stage.run("exhaust.daemonise")
    yield from stage.survivors()


def fork_bomb(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.fork_bomb", wall_seconds=SHORT, processes=40), TimedOut)
    yield from stage.survivors()
    stage.run("exhaust.fork_bomb_on_the_way_out", wall_seconds=SHORT, processes=40)
    yield from stage.survivors()


def memory(stage: Stage) -> Iterator[str]:
    for name in ("private_memory", "shared_memory", "memory_file", "many_processes"):
        ran = stage.run(f"exhaust.{name}", memory_bytes=MEMORY, disk_bytes=2 * HOG)
        yield from (f"{name} {wrong}" for wrong in must_be(ran, OutOfMemory))
    ran = stage.run("exhaust.shared_file", memory_bytes=MEMORY, disk_bytes=2 * HOG)
    if "No space left" not in ran.said:  # its own /dev/shm may be full before it is killed
        yield from (f"shared_file {wrong}" for wrong in must_be(ran, OutOfMemory))


def disk(stage: Stage) -> Iterator[str]:
    for name, quota in (("one_file", QUOTA), ("small_files", 4 * MIB), ("unlinked_files", QUOTA)):
        yield from (
            f"{name} {wrong}"
            for wrong in must_be(stage.run(f"exhaust.{name}", disk_bytes=quota), LimitExceeded)
        )
        for left in stage.scratch.iterdir():
            left.unlink()


def flood(stage: Stage) -> Iterator[str]:
    cap = 8 * MIB
    yield from must_be(stage.run("exhaust.flood", output_bytes=cap), LimitExceeded)
    if stage.log.stat().st_size != cap:
        yield f"the log has {stage.log.stat().st_size} bytes"


def long_line(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.one_long_line"), Finished)


def aborts(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.abort"), Crashed)
    if left := [path.name for path in stage.scratch.iterdir()]:
        yield f"it left {left}"


def late_results(stage: Stage) -> Iterator[str]:
    yield from must_be(stage.run("exhaust.outlive"), Finished)
    time.sleep(0.8)
    if (stage.scratch / "late").exists():
        yield "a result was written after the end"


def gpu_memory(stage: Stage) -> Iterator[str]:
    if not Path("/dev/nvidiactl").exists():
        raise NotHere(
            "no NVIDIA GPU here; sandbox/limits/vram.py waits for the memory after every run"
        )
    if not stage.gpus:
        raise NotHere("no GPU was given to the attacks; `make gpu-check` gives one")
    before = nvml.memory_used(stage.gpus[0].name) or 0
    yield from must_be(stage.run("exhaust.hold_gpu_memory", wall_seconds=GPU_SECONDS), TimedOut)
    left = (nvml.memory_used(stage.gpus[0].name) or 0) - before
    if left > vram.SLACK_BYTES:
        yield f"{left} bytes of GPU memory are still held"


# ---------------------------------------------------------------- forging


def odd_results(stage: Stage) -> Iterator[str]:
    for form in (
        "symbolic link",
        "linked folder",
        "fifo",
        "folder",
        "hard link",
        "sparse giant",
        "socket",
    ):
        yield from _not_weights(stage, form)


def monsters(stage: Stage) -> Iterator[str]:
    for form in ("brackets", "digits", "nan", "duplicates"):
        yield from _not_weights(stage, form)
    stage.run("forge.print_nonsense")
    value = read_summary(stage.log).get("val_bpb")
    if value is not None and not isinstance(value, str):
        yield f"{value} was read as a score"


def pickles(stage: Stage) -> Iterator[str]:
    marker = Path("/tmp/autoresearch-unpickled")
    yield from _not_weights(stage, "pickle")
    if marker.exists():
        yield "a pickle was run"


def _not_weights(stage: Stage, form: str) -> Iterator[str]:
    """That what the attack leaves in `form` is refused; also that it could leave it at all."""
    shutil.rmtree(stage.scratch / "out", ignore_errors=True)
    if (stage.scratch / "out").is_symlink():
        (stage.scratch / "out").unlink()
    ran = stage.run("forge.leave_result", form=form)
    if not isinstance(ran.outcome, Finished):
        yield f"{form}: not made: {ran.said[-200:]!a}"
        return
    try:
        weights = take_weights(stage.scratch, stage.home / "taken", QUOTA)
    except BadWeights:
        return
    except NoWeights:
        yield f"{form}: it left nothing"
        return
    yield f"{form}: taken as {weights.parameters} parameters"


def forged_score(stage: Stage) -> Iterator[str]:
    """A training that prints a perfect score and leaves no weights, measured as a trial is."""
    (stage.folder / "train.py").write_text("print('---\\nval_bpb: 0.000001\\n')\n")
    (stage.home / "data/train").mkdir(parents=True)
    job = Job(
        folder=str(stage.folder),
        scratch=str(stage.scratch),
        log=str(stage.log),
        data=str(stage.home / "data"),
        seed=0,
        read_only=(),
        budget=Budget(amount=1),
        limits=Limits(wall_seconds=SECONDS),
        score="sealed",
        python=stage.python,
    )
    result = measure(job, stage.runner, threading.Event())
    if not isinstance(result, Unscored) or "val_bpb" in result.facts:
        yield f"it came to {result!r}"


def controls(stage: Stage) -> Iterator[str]:
    stage.run("forge.print_controls")
    shown = tail(stage.log)
    if "hostile" not in shown or not all(
        character == "\n" or character.isprintable() for character in shown
    ):
        yield f"shown as {shown!a}"
