"""What the launcher and the harness say to each other: a plan comes in, JSON lines go out.

The lines on the plan's status descriptor: {"child-pid": N}, the way bubblewrap reports it,
{"inner": N}, {"ready": 1}, {"exited": N} or {"signal": N}, or {"error": "..."} when a wall could
not be built, in which case the command never starts.
"""

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

Plan = dict[str, "Any"]
FAILED = 125


def receive_plan() -> Plan:
    """Return the plan that the harness sends: its length in four bytes, then marshalled data."""
    size = int.from_bytes(receive(4), "little")
    plan: Plan = marshal.loads(receive(size))
    return plan


def receive(size: int) -> bytes:
    """Return `size` bytes from the harness; exit where it has died or is done with this run."""
    data = b""
    while len(data) < size:
        chunk = os.read(plan_pipe(), size - len(data))
        if not chunk:
            os._exit(FAILED)
        data += chunk
    return data


def plan_pipe() -> int:
    """Return the plan's pipe; its end means that the harness died or is done with this run."""
    return int(sys.argv[1])


def report(status: int, line: str) -> None:
    """Write one line to the harness; exit where it has gone."""
    try:
        os.write(status, line.encode() + b"\n")
    except OSError:
        os._exit(FAILED)


def fail(status: int, error: BaseException) -> "NoReturn":
    """Report that the walls could not be built, and exit before there is a command."""
    escaped = f"{type(error).__name__}: {error}".encode("ascii", "backslashreplace")
    text = escaped.decode().replace("\\", "/").replace('"', "'")
    report(status, '{"error": "' + text + '"}')
    os._exit(FAILED)


def report_end(plan: Plan, state: int | None) -> None:
    """Report how the command ended; nothing where `state`, its wait status, is None."""
    if state is None:
        return
    code = os.waitstatus_to_exitcode(state)
    if code >= 0:
        report(plan["status"], f'{{"exited": {code}}}')
    else:
        report(plan["status"], f'{{"signal": {-code}}}')
