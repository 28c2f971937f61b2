"""No git command is left when the harness that started it has been killed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.agent.study import change, make_repository
from tests.e2e.researcher import git

HEAD = "from pathlib import Path\nfrom agent.git.plumbing import Plumbing\ngit = Plumbing(Path())\n"
ONCE = f"{HEAD}git('status', '--porcelain')"
STAYS = f"{HEAD}from agent.git.store import Store\nStore(git).file('HEAD', 'train.py')"
LOOKS = 500
SETTLED = 10
"""Looks at which the same command is there: it waits."""


def stat_of(process: str) -> list[str]:
    """Return the state and the parent of a process; of one that is gone, that it has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()[:2]
    except OSError:
        return ["X", ""]


def settled_child(harness: int) -> str:
    """Return the command of a harness that waits for something."""
    seen: list[str] = []
    while len(seen) < SETTLED:
        time.sleep(0.02)
        entries = [entry.name for entry in Path("/proc").glob("[0-9]*")]
        child = next((name for name in entries if stat_of(name) == ["S", str(harness)]), "")
        seen = [*seen, child] if child and set(seen) <= {child} else []
    return seen[0]


@pytest.mark.parametrize("script", [ONCE, STAYS])
def test_a_git_that_waits_ends_with_a_harness_that_is_killed(tmp_path: Path, script: str) -> None:
    folder = make_repository(tmp_path)
    blob = git(folder, "rev-parse", "HEAD:train.py")
    change(folder / "train.py")
    pipe = folder / (".gitignore" if script == ONCE else f".git/objects/{blob[:2]}/{blob[2:]}")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen([sys.executable, "-c", script], cwd=folder, env=environment) as harness:
        try:
            waiting = settled_child(harness.pid)
        finally:
            harness.kill()
    for _ in range(LOOKS):
        if stat_of(waiting)[0] in "ZX":
            return
        time.sleep(0.02)
    os.kill(int(waiting), 9)
    pytest.fail("git outlived the harness")
