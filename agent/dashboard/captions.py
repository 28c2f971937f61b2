"""The caption of a figure: how its scores were measured, and the run's command."""

from agent.dashboard.view import View
from agent.display.format import noise_text
from agent.display.scores import kinds_of

SEEDS = 8
KINDS = {"sealed": "sealed", "evaluated": "evaluated", "printed": "self-reported"}
"""The kinds of score of a run without one yet."""


def conditions(view: View) -> str:
    """Return trials, budget, kind of score, seeds, noise, hardware, and command of a run."""
    run = view.run
    return (
        f"{len(view.trials)} trials of {run.allowance}, {kind_of(view)} scores, "
        f"seeds {seeds(view)}, "
        f"noise {noise_text(view.noise, view.formatter)}, {run.workers} at once, "
        f"sandbox tier {view.tiers}, {hardware(view)}. "
        f"$ {command(view)} (from {run.start_commit[:12]})"
    )


def kind_of(view: View) -> str:
    """Return the kinds of a run's scores, such as `sealed`."""
    kinds = kinds_of(view.trials)
    if not kinds:
        return KINDS[view.run.score]
    return " and ".join(kinds)


def seeds(view: View) -> str:
    """Return the seeds of the run's scores, the first SEEDS of them."""
    used = sorted({score.seed for score in view.scores})
    if not used:
        return "none yet"
    more = " …" if len(used) > SEEDS else ""
    return ", ".join(map(str, used[:SEEDS])) + more


def hardware(view: View) -> str:
    """Return the machines that scores were measured on, as agent/evaluate/machine.py names them."""
    machines = sorted(view.machines)
    if not machines:
        return "hardware not recorded"
    if len(machines) == 1:
        return f"on {machines[0]}"
    return f"on {len(machines)} machines ({', '.join(machines)})"


def command(view: View) -> str:
    """Return the command that began the run, as its first commit records it."""
    run = view.run
    options = {
        "from": run.parent,
        "method": run.method,
        "model": run.model,
        "budget": run.budget,
        "limit": None if run.budget else run.goal.limit,
        "seed": run.seed,
        "workers": run.workers,
        "baseline-repeats": run.baseline_repeats,
        "tag": run.tag,
    }
    given = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return f"autoresearch start {' '.join(given)}"
