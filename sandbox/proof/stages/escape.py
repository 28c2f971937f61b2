"""Rows that try to get out: run the attack, look at what it reached and what it changed.

Each function yields what went wrong, a phrase each.
"""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.ground.outcome import TimedOut
from sandbox.proof.stage import PLANTED, SHORT, NotHere, Stage, must_be

LOOK_SECONDS = 0.01
GET_FLAGS = 0x80086601
GET_VERSION = 0x80087601


def keys(stage: Stage) -> Iterator[str]:
    """Look for keys in every environment."""
    yield from stage.run("processes.read_keys").reached


def processes(stage: Stage) -> Iterator[str]:
    """Read and trace other processes."""
    yield from stage.run("processes.look_into_processes").reached


def network(stage: Stage) -> Iterator[str]:
    """Use the network, and wait for whoever comes by it."""
    yield from stage.run("sockets.reach_network").reached
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(stage.run, "sockets.listen", form=str(port))
        while not running.done():
            if (stage.scratch / "listens").exists():
                yield from _answers(port)
                break
            time.sleep(LOOK_SECONDS)
        yield from running.result().reached


def _answers(port: int) -> Iterator[str]:
    """Yield that something answers on a port of this machine's loopback."""
    with socket.socket(socket.AF_INET) as stream:
        stream.settimeout(1)
        if stream.connect_ex(("127.0.0.1", port)) == 0:
            yield "it can be reached from outside"


def abstract_socket(stage: Stage) -> Iterator[str]:
    """Connect to an abstract socket."""
    if sys.platform != "linux":
        raise NotHere("this system has no abstract sockets")
    yield from stage.run("sockets.reach_abstract_socket").reached


def socket_files(stage: Stage) -> Iterator[str]:
    """Connect to socket files."""
    yield from stage.run("sockets.reach_socket_files").reached


def other_sockets(stage: Stage) -> Iterator[str]:
    """Open sockets of other kinds."""
    yield from stage.run("sockets.open_other_sockets").reached


def writes(stage: Stage) -> Iterator[str]:
    """Write where the modes of all files and folders allow it: only the sandbox is in the way."""
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
    yield from stage.run("files.write_outside", read_only=(str(data),)).reached
    log = stage.run("files.change_unseen").output
    if _attributes(stage) != before:
        yield "modes, times or contents were changed"
    if (stage.home / "beside").exists() or "hostile" in log:
        yield "a file beside its own was written"


def _attributes(stage: Stage) -> list[tuple[Any, ...]]:
    """Return what each file is, apart from the moment at which it was read."""
    paths = [
        *stage.folder.rglob("*"),
        stage.home / "data/tokens",
        Path(stage.targets["secret"]),
    ]
    attributes = []
    for path in sorted(path for path in paths if path.is_file()):
        s = path.stat()
        row = (str(path), s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns, s.st_nlink)
        attributes.append((*row, *_settings(path)))
    return attributes


def _settings(path: Path) -> Iterator[bytes]:
    """Yield the attributes and the version that its file system keeps of a file, if it does."""
    if sys.platform == "linux":
        with path.open("rb") as file:
            for request in (GET_FLAGS, GET_VERSION):
                with suppress(OSError):
                    yield fcntl.ioctl(file, request, bytes(8))


def reads(stage: Stage) -> Iterator[str]:
    """Read what lies beside the run's own folders."""
    (stage.home / "other-trial").mkdir()
    (stage.home / "other-trial/train.py").write_text("secret")
    (stage.home / ".env").write_text("KEY=secret")
    yield from stage.run("files.read_outside").reached


def kills(stage: Stage) -> Iterator[str]:
    """Kill other processes."""
    ran = stage.run("processes.kill_others", wall_seconds=5.0)
    yield from ran.reached
    yield from stage.survivors()
    if stage.bystander_died():
        yield "a bystander was killed"


def starves(stage: Stage) -> Iterator[str]:
    """Take the processor from other processes, and time from those that open what this one may."""
    stage.targets["shared"] = str(stage.folder / "data")
    Path(stage.targets["shared"]).write_text("shared")
    yield from stage.run("processes.starve_others").reached


def rights(stage: Stage) -> Iterator[str]:
    """Become root, mount, make namespaces."""
    yield from stage.run("rights.gain_rights").reached


def descriptors(stage: Stage) -> Iterator[str]:
    """Use descriptors that the harness has open."""
    with (stage.home / "elsewhere/secret").open() as stream:
        os.set_inheritable(stream.fileno(), True)
        yield from stage.run("rights.find_descriptors").reached


def terminal(stage: Stage) -> Iterator[str]:
    """Type into the terminal."""
    yield from stage.run("rights.type_into_terminal").reached


def clocks(stage: Stage) -> Iterator[str]:
    """Set the clock, and stop the one that Python reads."""
    yield from stage.run("rights.set_clocks").reached
    yield from must_be(stage.run("exhaust.stop_clocks", wall_seconds=SHORT), TimedOut)


def modules(stage: Stage) -> Iterator[str]:
    """Leave code that the next Python would run.

    The attack itself runs as the scorer does: isolated, in a folder whose names shadow what it
    imports.
    """
    for name in ("json.py", "socket.py", "sitecustomize.py", "usercustomize.py"):
        (stage.folder / name).write_text(f"open({str(stage.scratch / 'imported')!r}, 'w')\n")
    ran = stage.run("traces.plant_modules")
    yield from ran.reached
    for path in [name for name, answer in ran.answers.items() if answer == PLANTED]:
        if os.path.lexists(path):
            Path(path).unlink()
            yield f"{path}: made"
    if (stage.scratch / "imported").exists():
        yield "a module beside train.py was imported"


def caches(stage: Stage) -> Iterator[str]:
    """Leave files for the next run."""
    stage.run("traces.leave_traces")
    for phrase in stage.run("traces.find_traces").reached:
        if not phrase.startswith("environment"):
            yield phrase


def environment(stage: Stage) -> Iterator[str]:
    """Leave variables and profiles for the next run."""
    stage.run("traces.leave_traces")
    for phrase in stage.run("traces.find_traces").reached:
        if phrase.startswith(("environment", "home")):
            yield phrase


def page_cache(stage: Stage) -> Iterator[str]:
    """Leave word for the next run in the page cache."""
    yield from stage.run("traces.leave_word").reached
