"""What stands under a figure: how its scores were measured, under which seeds, on what, and by which command."""

from agent.dashboard.view import View

SEEDS = 8


def conditions(view: View) -> str:
    """Trials, budget, kind of score, seeds, noise, hardware, and the command that began the run."""
    run = view.run
    kind = "sealed" if run.score == "sealed" else "self-reported"
    return (
        f"{len(view.trials)} trials of {run.budget}, {kind} scores, seeds {seeds(view)}, noise {view.noise}, "
        f"{run.workers} at once, sandbox tier {view.tiers}, {hardware(view)}. "
        f"$ {command(view)} (from {run.start_commit[:12]})"
    )


def seeds(view: View) -> str:
    """The seeds that anything was measured under."""
    used = sorted(
        {score.seed for trial in view.trials if trial.result for score in trial.result.scores}
    )
    return (
        ", ".join(map(str, used[:SEEDS])) + (" …" if len(used) > SEEDS else "")
        if used
        else "none yet"
    )


def hardware(view: View) -> str:
    """The machines that scores were measured on, by the names that agent/evaluate/machine.py gives them."""
    machines = sorted(view.machines)
    if not machines:
        return "hardware not recorded"
    return (
        f"on {machines[0]}"
        if len(machines) == 1
        else f"on {len(machines)} machines ({', '.join(machines)})"
    )


def command(view: View) -> str:
    """The command that began the run, as far as its first commit tells."""
    run = view.run
    options = {
        "method": run.method,
        "model": run.model,
        "budget": run.budget,
        "seed": run.seed,
        "workers": run.workers,
        "baseline-repeats": run.baseline_repeats,
        "tag": run.tag,
    }
    return "autoresearch start " + " ".join(
        f"--{name} {value}" for name, value in options.items() if value is not None
    )
