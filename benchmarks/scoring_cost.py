"""What a sealed score costs, as a share of a budget of five minutes.

    python -m benchmarks.scoring_cost [--runs 3]

Everything is real: the bundled workspace is trained in the sandbox, its weights are scored in two
others, on the harness's clock. Scoring takes as long after a long training as after a short one.
The second figure is with the full audit. The last one is the harness's own arithmetic, per logit,
from which the cost with a larger vocabulary follows (see sandbox/score/sealed.py).
"""

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from agent.project.data import file_source, prepare_data
from agent.project.template import template_files
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Audit, Limits, Runner
from sandbox.score.measure import Job, Measured, measure
from sandbox.score.wire import log_probabilities
from sandbox.tiers.choose import choose_runner

FIVE_MINUTES = 300.0
# Of the preset h100.
TOKENS = 2**17
LENGTH = 2048
VOCABULARY = 8192


def scored(home: Path, data: str, budget: Budget, runner: Runner, audit: Audit) -> Measured:
    """Measure the workspace in `home`/workspace once."""
    (home / "scratch").mkdir()
    job = Job(
        folder=str(home / "workspace"),
        scratch=str(home / "scratch"),
        log=str(home / "log"),
        data=data,
        budget=budget,
        seed=0,
        limits=Limits(wall_seconds=1200),
        score="sealed",
        audit=audit,
    )
    result = measure(job, runner, threading.Event())
    if not isinstance(result, Measured):
        raise SystemExit(f"not scored: {result}")
    return result


def cost_of(budget: Budget, runner: Runner, audit: Audit) -> float:
    """Return the seconds that one scoring took."""
    with tempfile.TemporaryDirectory(prefix="scoring-cost-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        for name, text in template_files().items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        with prepare_data(file_source(home / "workspace/prepare.py"), runner) as data:
            return scored(home, data.data, budget, runner, audit).score_seconds


def seconds_per_logit() -> float:
    """Return the harness's time from the wire's float16 to the log-probability of each target."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, LENGTH, VOCABULARY)).astype("<f2")
    targets = rng.integers(0, VOCABULARY, (1, LENGTH)).astype(np.int32)
    taken = []
    for _ in range(5):
        before = time.process_time()
        log_probabilities(logits.astype(np.float32), targets)
        taken.append(time.process_time() - before)
    return statistics.median(taken) / logits.size


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", default="10steps")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    runner = choose_runner().runner
    audits: tuple[tuple[Audit, int], ...] = (("usual", options.runs), ("full", 1))
    for audit, runs in audits:
        cost = statistics.median(
            cost_of(Budget.parse(options.budget), runner, audit) for _ in range(runs)
        )
        print(f"scoring the CPU workspace, {audit} audit: {cost:.1f} s", end="")
        print(
            f" (median of {runs}), {cost / FIVE_MINUTES:.1%} of a budget of 5 minutes", flush=True
        )
    each = seconds_per_logit()
    count = TOKENS * VOCABULARY
    share = count * each / FIVE_MINUTES
    print(f"the harness's arithmetic: {each * 1e9:.1f} ns of one core per logit;")
    print(f"with {VOCABULARY} tokens and the preset h100's windows {count:.2e} logits,")
    print(f"{count * each:.0f} s, {share:.1%} of a budget of 5 minutes")


if __name__ == "__main__":
    main()
