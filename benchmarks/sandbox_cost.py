"""What isolation adds to a process's start, by tier: `python -m benchmarks.sandbox_cost [RUNS]`."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.ground.fault import SandboxFault
from sandbox.ground.outcome import Limits, Runner, RunSpec
from sandbox.tiers.choose import TIERS
from sandbox.tiers.plain import Plain

RUNS = 30
COMMAND = (sys.executable, "-I", "-S", "-c", "pass")


def main() -> None:
    """Start all back ends in turn, so that machine drift affects them equally; print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=RUNS, help="starts of each")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="sandbox-cost-") as home:
        starts: dict[str, Callable[[], object]] = {
            "bare process": lambda: subprocess.run(COMMAND, check=True)
        }
        starts |= usable(Path(home))
        seconds: dict[str, list[float]] = {name: [] for name in starts}
        for _ in range(runs):
            for name, start in starts.items():
                before = time.perf_counter()
                start()
                seconds[name].append(time.perf_counter() - before)
    bare = statistics.median(seconds["bare process"])
    heads = f"{'':34}{'median':>10}{'best':>10}{'added':>10}{'ratio':>8}"
    print(f"{heads}   ({runs} runs of `python -I -S -c pass`)")
    for name, each in seconds.items():
        median = statistics.median(each)
        times = (median, min(each), median - bare)
        columns = "".join(f"{taken * 1e3:7.1f} ms" for taken in times)
        print(f"{name:34}{columns}{median / bare:8.2f}")


def usable(home: Path) -> dict[str, Callable[[], object]]:
    """Return a start of each back end that works here, by name."""
    for name in ("folder", "scratch"):
        (home / name).mkdir()
    home.chmod(0o755)
    spec = RunSpec(
        argv=COMMAND,
        folder=str(home / "folder"),
        scratch=str(home / "scratch"),
        log=str(home / "log"),
        limits=Limits(wall_seconds=60),
    )
    runners: list[Runner] = [Plain(), *(back_end() for back_end in TIERS.values())]
    starts: dict[str, Callable[[], object]] = {}
    for runner in runners:
        name = f"tier {runner.tier} ({type(runner).__name__.lower()})"
        try:
            runner.run(spec, threading.Event())
        except SandboxFault as fault:
            print(f"{name}: {fault.message}")
            continue
        starts[name] = lambda runner=runner: runner.run(spec, threading.Event())  # type: ignore[misc]
    return starts


if __name__ == "__main__":
    main()
