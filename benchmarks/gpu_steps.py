"""The steps of benchmarks/gpu_check.py, each its own process.

    python -m benchmarks.gpu_steps NAME [--dry]

The last line that a step prints is its result. It exits with 0 if all held, 77 if it cannot run
here, else 1. --dry: on a CPU, in small; a step then says what it left out. Not run on a GPU yet.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.gpu_check import SKIPPED

GIB = 1 << 30
AUTORESEARCH = (sys.executable, "-c", "from agent.cli import main; main()")
HOG = """
import sys, time, torch
held = []
while True:
    held.append(torch.empty(256 << 20, dtype=torch.uint8, device="cuda"))
    print(len(held), flush=True)
    time.sleep(0.05)
"""
HOLD = """
import time, torch
held = torch.empty(4 << 30, dtype=torch.uint8, device="cuda")
print("holds", flush=True)
time.sleep(600)
"""
GPU_ROWS = (1, 3, 7, 8, 13, 15, 24, 33)
"""Rows of the hostile suite for all tiers but the best: what GPU nodes, /sys, /proc could open."""
SMALL_ROWS = (3, 33)
SCORINGS = 6
SMALL = {
    "workspace/train.py": {"DEPTH": "DEPTH = 1"},
    "workspace/prepare.py": {"VAL_TOKENS": "VAL_TOKENS = 2**12"},
}
COMPILE = "return torch.compile(model, dynamic=False)"
DULL = "MATRIX_LR = 0.002  # far too low, so that a short night has something to find"
NIGHT_HOURS = "0.025"
UPSTREAM_SECONDS = 60


def skip(why: str) -> NoReturn:
    """End the step as one that cannot run here."""
    print(why)
    sys.exit(SKIPPED)


def fail(why: str) -> NoReturn:
    """End the step as failed."""
    print(why)
    sys.exit(1)


def devices(dry: bool) -> tuple[Any, ...]:
    """Return the GPUs that autoresearch finds; fail if it finds none."""
    from agent.evaluate.slots import this_machine
    from sandbox.ground.devices import for_one_process

    gpus = for_one_process(this_machine()[1])
    if not gpus and not dry:
        fail("autoresearch finds no GPU here")
    return gpus


# ---------------------------------------------------------------- the sandbox


def torch_and_names(dry: bool) -> str:
    """torch sees as many GPUs as autoresearch names."""
    import torch

    from sandbox.ground.devices import listed

    if not torch.version.cuda and not dry:
        fail(f"torch {torch.__version__} is built without CUDA: install one that has it")
    versions = f"torch {torch.__version__}, CUDA {torch.version.cuda}"
    gpus = devices(dry)
    if not torch.cuda.is_available() and not dry:
        fail(f"{versions} cannot use the GPU: {listed(gpus)}")
    count = torch.cuda.device_count()
    if torch.cuda.is_available() and len(gpus) != count:
        fail(f"torch sees {count} GPUs, autoresearch {len(gpus)}: {listed(gpus)}")
    unnamed = [str(device) for device in gpus if not device.uuid]
    if unnamed:
        fail(f"no UUID is known of {', '.join(unnamed)}")
    return f"{versions}; {listed(gpus)}"


def canary(dry: bool) -> str:
    """Each tier that this machine can have is proven with a kernel run on the GPU."""
    from sandbox.canary.canary import prove
    from sandbox.tiers.choose import TIERS

    gpus = devices(dry)
    reports = [prove(back_end(), imports=("torch",), gpus=gpus) for back_end in TIERS.values()]
    for report in reports:
        answers = [answer for answer in report.answers if "GPU" in answer[0]]
        print(f"tier {report.tier}: {report.reason or 'proven'}; {answers}")
    proven = [report.tier for report in reports if report.ok]
    refused = "; ".join(f"{report.tier}: {report.reason}" for report in reports if not report.ok)
    if not proven:
        fail(refused)
    return f"proven: {', '.join(proven)}" + (f"; not: {refused}" if refused else "")


def hostile(dry: bool) -> str:
    """No row is broken: all of them on the best tier, those that concern a GPU on the others."""
    from sandbox.canary.canary import prove
    from sandbox.proof.hostile import ROWS, attack
    from sandbox.tiers.choose import TIERS

    gpus = devices(dry)
    runners = [back_end() for back_end in TIERS.values()]
    proven = [runner for runner in runners if prove(runner, imports=()).ok]
    broken = []
    counts = []
    rows = tuple(range(1, len(ROWS) + 1))
    for runner in proven:
        attacked = list(attack(runner, sys.executable, only=SMALL_ROWS if dry else rows, gpus=gpus))
        states = Counter(row.state for row in attacked)
        numbers = ", ".join(f"{count} {state}" for state, count in states.items())
        counts.append(f"{runner.tier}: {numbers}")
        for row in attacked:
            if row.state == "broken":
                broken.append(f"{row.tier} {row.number} {row.does}: {row.happened}")
        rows = GPU_ROWS
    if broken:
        fail("; ".join(broken))
    return "; ".join(counts) if counts else fail("no tier is proven here")


@contextmanager
def room(source: str) -> Iterator[Callable[..., Any]]:
    """Yield a function that runs `source` in the best sandbox, on `gpus`, within limits."""
    from sandbox.ground.outcome import Limits, RunSpec
    from sandbox.tiers.choose import choose_runner

    runner = choose_runner(imports=()).runner
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        for name in ("folder", "scratch"):
            (home / name).mkdir()
        (home / "folder" / "train.py").write_text(source)

        def run(gpus: tuple[Any, ...], **limits: Any) -> Any:
            spec = RunSpec(
                argv=(sys.executable, "train.py"),
                folder=str(home / "folder"),
                scratch=str(home / "scratch"),
                log=str(home / "log"),
                limits=Limits(**limits),
                gpus=gpus,
            )
            outcome = runner.run(spec, threading.Event())
            print((home / "log").read_text(errors="replace")[-1500:])
            return outcome

        yield run


def vram(dry: bool) -> str:
    """A hog is killed at --vram; what a killed run held is free again when the runner returns."""
    from sandbox.ground import nvml

    gpus = devices(dry)
    if not gpus:
        with room("print('ran')") as run:
            outcome = run((), wall_seconds=20)
        if outcome.kind != "finished":
            fail(str(outcome))
        return "a run without a GPU finished; the limit itself needs one"
    before = nvml.memory_used(gpus[0].name)
    if before is None:
        fail("NVML does not say how much memory is in use")
    with room(HOG) as run:
        hog = run(gpus, wall_seconds=40, vram_bytes=3 * GIB)
    after_hog = nvml.memory_used(gpus[0].name) or 0
    if hog.kind != "out-of-memory":
        fail(f"the hog ended as {hog}")
    with room(HOLD) as run:
        held = run(gpus, wall_seconds=12)
    after_hold = nvml.memory_used(gpus[0].name) or 0
    left = max(after_hog, after_hold) - before
    if held.kind != "timed-out" or left > GIB // 4:
        fail(f"the holder ended as {held.kind}, and {left} bytes more are in use than before")
    return f"{hog.evidence}; {left >> 20} MiB more in use afterwards"


# ---------------------------------------------------------------- the real command line


def research(
    folder: Path, preset: str, changes: dict[str, dict[str, str]], compiles: bool = True
) -> Path:
    """Make a repository of the template with a preset's constants and the bundled corpus.

    changes: lines to set, by file and constant. compiles: whether training may use torch.compile,
    which takes most of the time of a short one.
    """
    home = folder / f"research-{preset}"
    type_in(folder, "init", home.name, "--preset", preset)
    from agent.project.template import template_files

    corpus = re.search(r"^CORPUS = .*$", template_files()["workspace/prepare.py"], re.MULTILINE)
    assert corpus, "prepare.py has no CORPUS"
    wanted = {"workspace/prepare.py": {"CORPUS": corpus[0]}, **changes}
    for name, lines in wanted.items():
        text = (home / name).read_text()
        for constant, line in lines.items():
            text, count = re.subn(rf"^{constant} = .*$", line, text, flags=re.MULTILINE)
            assert count == 1, f"{name} has no {constant}"
        (home / name).write_text(text)
    if not compiles:
        train = home / "workspace/train.py"
        text = train.read_text()
        assert COMPILE in text, "train.py no longer compiles where it did"
        train.write_text(text.replace(COMPILE, "return model"))
    identity = ["-c", "user.name=check", "-c", "user.email=check@example.org"]
    subprocess.run(
        ["git", *identity, "commit", "--quiet", "--all", "--allow-empty", "-m", "For the check"],
        cwd=home,
        check=True,
    )
    return home


def type_in(folder: Path, *words: str) -> str:
    """Run an autoresearch command in `folder` and return what it prints; fail if it does."""
    run = subprocess.run(
        [*AUTORESEARCH, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    print(f"$ autoresearch {' '.join(words)}\n{run.stdout[-3000:]}{run.stderr[-3000:]}", flush=True)
    if run.returncode != 0:
        error = " ".join(run.stderr.split())[-300:]
        fail(f"autoresearch {words[0]} ended with {run.returncode}: {error}")
    return run.stdout


def start(home: Path, budget: str, *words: str) -> list[dict[str, Any]]:
    """Start a run without a model and return its trials."""
    type_in(home, "start", "--model", "none", "--tag", "check", "--budget", budget, *words)
    trials = json.loads(type_in(home, "log", "check", "--json"))
    assert isinstance(trials, list)
    return trials


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield a folder that runs of root's, which have a uid of their own, can enter."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def preset(name: str, budget: str, dry: bool) -> str:
    """One baseline of a preset is scored, on the GPU."""
    with workplace() as folder:
        home = research(folder, "cpu" if dry else name, SMALL if dry else {})
        [trial, *_] = start(
            home, "2steps" if dry else budget, "--baseline-repeats", "1", "--hours", "0.0001"
        )
    result = trial["result"]
    if result["status"] != "scored":
        fail(f"the baseline ended as {result['status']}: {result['detail']}")
    facts = result["facts"]
    score = result["scores"][0]
    if not dry and not float(facts.get("peak_vram_mb", 0)):
        fail(f"it trained on the CPU: {facts}")
    where = "the preset cpu, cut down, 2steps" if dry else f"preset {name}, {budget}"
    parts = (
        f"{where}: {facts.get('tokens_per_second')} tokens a second",
        f"{score['value']:.4f} bits a byte ({score['kind']})",
        f"{facts.get('peak_vram_mb')} MB of GPU memory",
        f"{result['score_seconds']:.0f} s to score",
        f"on {score['machine']}",
    )
    return ", ".join(parts)


def scoring(dry: bool) -> str:
    """Honest models, each trained from another seed, all get a score."""
    count = 1 if dry else SCORINGS
    with workplace() as folder:
        home = research(folder, "cpu", SMALL if dry else {}, compiles=False)
        budget = "2steps" if dry else "100steps"
        [trial, *_] = start(home, budget, "--baseline-repeats", str(count), "--hours", "0.0001")
    result = trial["result"]
    values = [score["value"] for score in result["scores"]]
    if result["status"] != "scored" or len(values) != count:
        fail(f"{len(values)} of {count} were scored: {result['status']}: {result['detail']}")
    span = f"{min(values):.4f} to {max(values):.4f} bits a byte"
    return f"{count} of {count} honest models scored, {span}"


def night(dry: bool) -> str:
    """A short night ends well, and keeps something if there is something to keep."""
    changes = {name: dict(lines) for name, lines in (SMALL if dry else {}).items()}
    changes.setdefault("workspace/train.py", {})["MATRIX_LR"] = DULL
    with workplace() as folder:
        home = research(folder, "cpu", changes, compiles=False)
        budget = "2steps" if dry else "200steps"
        words = ["--trials", "4", "--hours", NIGHT_HOURS, "--baseline-repeats", "2"]
        if dry:
            words = ["--trials", "1", "--baseline-repeats", "1", "--verdict", "greedy"]
        trials = start(home, budget, *words)
    statuses = [trial["status"] for trial in trials]
    failed = {"crash", "oom", "timeout", "invalid"} & set(statuses)
    if len(trials) < 2 or failed:
        fail(f"the night ended as {statuses}")
    taken = [trial for trial in trials if trial["status"] in ("baseline", "keep")]
    values = [trial["result"]["scores"][0]["value"] for trial in taken]
    kept = statuses.count("keep")
    return f"{', '.join(statuses)}; {kept} kept, {values[0]:.4f} → {values[-1]:.4f} bits a byte"


def upstream(train: Path | None, dry: bool) -> str:
    """Return the tokens a second that upstream's own train.py prints, outside the sandbox."""
    if train is None:
        skip("no --upstream PATH/train.py given")
    if dry:
        skip("upstream's train.py runs on CUDA alone")
    if not train.is_file():
        fail(f"there is no {train}")
    command = ["timeout", "-k", "5", str(UPSTREAM_SECONDS), sys.executable, train.name]
    run = subprocess.run(
        command, cwd=train.parent, capture_output=True, text=True, errors="replace", check=False
    )
    rates = [int(rate.replace(",", "")) for rate in re.findall(r"tok/sec: ([\d,]+)", run.stdout)]
    if not rates:
        lines = (run.stderr.strip() or run.stdout.strip() or "it printed nothing").splitlines()
        needs = "it needs its FlashAttention kernels and its data, fetched before"
        skip(f"it does not run here ({needs}): {lines[-1][-200:]}")
    return f"{sorted(rates)[len(rates) // 2]} tokens a second (median of {len(rates)} steps)"


def main() -> None:
    """Run the step and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--upstream", type=Path)
    asked = parser.parse_args()
    dry = asked.dry
    steps: dict[str, Callable[[], str]] = {
        "torch": lambda: torch_and_names(dry),
        "canary": lambda: canary(dry),
        "hostile": lambda: hostile(dry),
        "vram": lambda: vram(dry),
        "scoring": lambda: scoring(dry),
        "night": lambda: night(dry),
        "gpu": lambda: preset("gpu", "20s", dry),
        "h100": lambda: preset("h100", "30s", dry),
        "upstream": lambda: upstream(asked.upstream, dry),
    }
    print(steps[asked.step]())


if __name__ == "__main__":
    main()
