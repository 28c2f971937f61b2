"""`doctor --attack` on every tier, as root and as a user: `python -m tests.sandbox.proof.matrix`.

Each cell types the real command in an environment of its own, below /tmp and below another folder,
and then looks for what it left: processes, files in /tmp and /dev/shm, control groups. Tier B is
had by hiding bubblewrap, tier C by forbidding namespaces, as a container does. It needs root and
/usr/bin/python3, an interpreter that every user may run.
"""

import argparse
import ctypes
import itertools
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.limits import cgroup
from tests.sandbox.as_user import PYTHON
from tests.sandbox.every_tier import ROOT
from tests.sandbox.unprivileged import NOBODY, allow_no_namespace, become_nobody

PACKAGES = ("agent", "autoresearch", "sandbox")
OWN = ("*autoresearch*", "__pycache__")
SUBREAPER = 36
END_SECONDS = 900.0


@dataclass(frozen=True)
class Cell:
    """One run of the command: the tier, who types it, and where its environment lies."""

    tier: str
    who: str
    """root or nobody."""
    where: str


def make_environment(folder: Path) -> None:
    """Make an environment in `folder` with a copy of this product and links to its packages."""
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python3*/site-packages")
    shutil.copytree(
        sysconfig.get_path("purelib"),
        packages,
        copy_function=_link,
        ignore=shutil.ignore_patterns(*OWN),
        dirs_exist_ok=True,
    )
    for name in PACKAGES:
        shutil.copytree(
            ROOT / name,
            packages / name,
            ignore=shutil.ignore_patterns(*OWN[1:]),
            dirs_exist_ok=True,
        )


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def places(cell: Cell) -> Iterator[tuple[Path, Path, Path]]:
    """Yield a folder that /tmp will be, the environment in it or elsewhere, and its name inside."""
    parent = "/var/tmp" if cell.where == "/tmp" else cell.where
    home = Path(tempfile.mkdtemp(prefix="matrix-", dir=parent))
    try:
        home.chmod(0o755)
        own_tmp = home / "tmp"
        own_tmp.mkdir()
        own_tmp.chmod(0o1777)
        environment = (own_tmp if cell.where == "/tmp" else home) / "environment"
        make_environment(environment)
        if cell.who == "nobody":
            for path in (environment, *environment.rglob("*")):
                if path.is_dir() and not path.is_symlink():  # its files have other names
                    os.chown(path, NOBODY, NOBODY)
        inside = Path("/tmp/environment") if cell.where == "/tmp" else environment
        yield own_tmp, environment, inside
    finally:
        shutil.rmtree(home)


def play(cell: Cell) -> dict[str, Any]:
    """Return what the command in the cell printed, how it ended, and what it left."""
    with places(cell) as (own_tmp, _, environment):
        mounts = f"mount --bind {own_tmp} /tmp; mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        if cell.tier != "A":
            bubblewrap = shutil.which("bwrap")
            mounts += f"; mount --bind /dev/null {bubblewrap}" if bubblewrap else ""
        inside = [sys.executable, "-m", "tests.sandbox.proof.matrix", "--inside"]
        words = " ".join([*inside, cell.tier, cell.who, str(environment)])
        command = ["unshare", "--mount", "sh", "-ec", f"{mounts}; exec {words}"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        return {"error": ran.stderr[-2000:]}
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def inside(tier: str, who: str, environment: str) -> dict[str, Any]:
    """Type the command as `who`, and return its answer with what is left of it."""
    before = {*Path("/tmp").iterdir(), *Path("/dev/shm").iterdir()}
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    home = Path("/tmp/home")
    home.mkdir()
    if who == "nobody":
        os.chown(home, NOBODY, NOBODY)
        become_nobody()
    if tier == "C":
        allow_no_namespace()
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    python = f"{environment}/bin/python"
    command = [python, "-m", "autoresearch", "doctor", "--attack", "--json"]
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=home, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    output, errors = process.communicate(timeout=END_SECONDS)
    left = {*Path("/tmp").iterdir(), *Path("/dev/shm").iterdir()} - before - {home}
    pattern = f"{cgroup.PREFIX}-run-{process.pid}-*"
    groups = itertools.chain.from_iterable(spot.parent.glob(pattern) for spot in cgroup.spots())
    return {
        "exit": process.returncode,
        "seconds": time.monotonic() - began,
        "answer": json.loads(output) if output.startswith("{") else {},
        "errors": errors[-2000:],
        "processes": _children(),
        "files": sorted(map(str, left)),
        "groups": [*map(str, groups)],
    }


def _children() -> list[str]:
    """Return the command lines of what this process has inherited and is not dead."""
    command = ["ps", "--ppid", str(os.getpid()), "-o", "pid=,stat=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return [line for line in lines if " Z" not in line and "ps --ppid" not in line]


def told(cell: Cell, result: dict[str, Any]) -> str:
    """Return the cell's row of the table."""
    row = f"| {cell.tier} | {cell.who} | {cell.where} "
    if "error" in result:
        return f"{row}| failed: {result['error']} |"
    attacks = result["answer"].get("attacks", [])
    reports = result["answer"].get("canary", [])
    tiers = [report["tier"] for report in reports if report["ok"]]
    states = {
        state: [attack["number"] for attack in attacks if attack["state"] == state]
        for state in ("held", "stated", "absent", "broken")
    }
    counts = [f"{len(numbers)} {state}" for state, numbers in states.items() if numbers]
    counts += [f"rows {numbers}" for numbers in (states["broken"],) if numbers]
    if tiers != [cell.tier]:
        counts.append(f"proven: {tiers} {[report['reason'] for report in reports]}")
    left = [f"left: {result[kind]}" for kind in ("processes", "files", "groups") if result[kind]]
    end = "" if result["exit"] == 0 else f", exit code {result['exit']}: {result['errors'][-500:]}"
    return f"{row}| {', '.join([*counts, *left])}{end} | {result['seconds']:.0f} s |"


def main() -> None:
    """Play every cell that is asked for, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.proof.matrix")
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--tiers", default="A,B,C")
    parser.add_argument("--who", default="root,nobody")
    parser.add_argument("--where", default="/tmp,/opt", help="folders an environment lies below")
    parser.add_argument("--write", type=Path, help="write all that was answered there, as JSON")
    asked = parser.parse_args()
    if asked.inside:
        print(json.dumps(inside(*asked.inside)))
        return
    print("| tier | user | environment below | rows | took |\n|---|---|---|---|---|")
    results = []
    cells = itertools.product(asked.tiers.split(","), asked.who.split(","), asked.where.split(","))
    for tier, who, where in cells:
        result = play(Cell(tier, who, where))
        results.append({"tier": tier, "who": who, "where": where, **result})
        print(told(Cell(tier, who, where), result), flush=True)
        if asked.write:
            asked.write.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
