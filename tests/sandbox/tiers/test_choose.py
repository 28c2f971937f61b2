"""What is said where no tier can be started: what the machine lacks, not another container."""

import subprocess
import sys

START = """
import os, resource
from sandbox.ground.fault import SandboxFault
from sandbox.canary.canary import CanaryReport
from sandbox.tiers.choose import _fix
from sandbox.walls.launcher import Launcher
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.dup(1))
except OSError:
    pass
for number in held[-8:]:
    os.close(number)  # enough for the pipes to a launcher, and not for the launcher
try:
    Launcher.start(lambda *_: ["/bin/true"], {}, talking=False)
except SandboxFault as fault:
    for number in held[:-8]:
        os.close(number)
    why = dict(reason=fault.message, fix=fault.next_command)
    print(fault.message)
    print(_fix([CanaryReport(tier="A", back_end="x", ok=False, **why)]))
"""


def test_too_few_descriptors_are_said_with_what_raises_them() -> None:
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    message, next_command = done.stdout.splitlines()
    assert "Too many open files" in message
    assert next_command.startswith("ulimit -n ")
