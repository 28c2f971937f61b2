"""All checks on one NVIDIA GPU, in under ten minutes, without a network: `make gpu-check`.

    python -m benchmarks.gpu_check [--upstream PATH/train.py] [--write gpu-report.md]
    python -m benchmarks.gpu_check --dry      # the same steps as far as a CPU can run them; CI does

Each step (benchmarks/gpu_steps.py) is a process with its own time limit, and the rest run even if
one fails. The Python that runs this needs torch built for CUDA and what pyproject.toml lists;
torch.compile uses a C compiler if there is one. Without a GPU nothing is checked. Not run on a GPU
yet.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DRIVER_NODES = ("/dev/nvidiactl", "/dev/dxg")
STEPS: tuple[tuple[str, int, str], ...] = (
    ("torch", 60, "torch, its CUDA, and the GPUs by name"),
    ("canary", 90, "tiers A, B and C are proven, with a kernel run inside each"),
    ("vram", 75, "--vram: a hog is killed, and its memory is free before the next trial"),
    ("scoring", 120, "honest models are scored in bfloat16 without a false alarm"),
    ("h100", 150, "preset h100: one baseline, tokens a second"),
    ("gpu", 120, "preset gpu: one baseline, tokens a second"),
    ("night", 150, "a short night of `autoresearch start --model none`"),
    ("hostile", 120, "the hostile suite, with the GPU given to every attack"),
    ("upstream", 75, "tokens a second of upstream's own train.py"),
)
"""(name, seconds that it may take, what it checks), in order. TOTAL_SECONDS bounds all of them."""
TOTAL_SECONDS = 570.0
SKIPPED = 77
"""Exit code of a step that cannot run here, as in automake."""


@dataclass(frozen=True)
class Checked:
    """The result of one step."""

    name: str
    what: str
    state: str
    """ok, FAILED, skipped or TIMEOUT."""
    seconds: float
    result: str
    """Its last line."""


def check(name: str, what: str, seconds: float, extra: Sequence[str]) -> Checked:
    """Run one step in its own session, and kill the whole session at its limit."""
    started = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.gpu_steps", name, *extra]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        state = {0: "ok", SKIPPED: "skipped"}.get(process.returncode, "FAILED")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        state = "TIMEOUT"
    lines = [line for line in output.splitlines() if line.strip()]
    if state in ("FAILED", "TIMEOUT"):
        print("\n".join(f"    {line}" for line in lines[-25:]), flush=True)
    result = lines[-1].strip() if lines else ""
    return Checked(name, what, state, time.monotonic() - started, result)


def markdown(done: Sequence[Checked], command: str) -> str:
    """Return the table as a page of docs."""
    lines = [
        f"`{command}`, {time.strftime('%Y-%m-%d')}:",
        "",
        "| step | checks that | state | took | result |",
        "|---|---|---|---|---|",
    ]
    for step in done:
        result = step.result.replace("|", "/")
        lines.append(
            f"| {step.name} | {step.what} | {step.state} | {step.seconds:.0f} s | {result} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the steps, print the table, and return 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dry", action="store_true", help="run each step as far as a CPU can, in small"
    )
    parser.add_argument("--only", help="comma-separated steps")
    parser.add_argument(
        "--upstream",
        type=Path,
        help="karpathy/autoresearch's train.py, with its data prepared, to compare with",
    )
    parser.add_argument("--write", type=Path, help="write the table there, as Markdown")
    asked = parser.parse_args(arguments)
    if not asked.dry and not any(Path(node).exists() for node in DRIVER_NODES):
        print("no NVIDIA GPU here (no /dev/nvidiactl): nothing checked; --dry runs what a CPU can")
        return 0
    extra = [
        *(["--dry"] if asked.dry else []),
        *(["--upstream", str(asked.upstream.resolve())] if asked.upstream else []),
    ]
    wanted = asked.only.split(",") if asked.only else [name for name, *_ in STEPS]
    done: list[Checked] = []
    started = time.monotonic()
    for name, seconds, what in STEPS:
        if name not in wanted:
            continue
        left = TOTAL_SECONDS - (time.monotonic() - started)
        if left < 5:
            done.append(Checked(name, what, "skipped", 0.0, "no time left of the ten minutes"))
            continue
        step = check(name, what, min(seconds, left), extra)
        done.append(step)
        print(f"{step.state:8} {name:9} {step.seconds:5.0f} s  {step.result}", flush=True)
    page = markdown(done, "python -m benchmarks.gpu_check" + (" --dry" if asked.dry else ""))
    print(f"\n{page}")
    if asked.write:
        asked.write.write_text(page + "\n")
    return int(any(step.state in ("FAILED", "TIMEOUT") for step in done))


if __name__ == "__main__":
    sys.exit(main())
