"""Weights & Biases: one of its runs per run, found again on resume; WANDB_MODE=offline works."""

import os
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import UsageFault
from agent.records.events import RunStarted
from agent.records.objective import VAL_BPB
from agent.records.results import Trial
from agent.trackers.tracker import identity_of, numbers_of, settings_of

SETTINGS = ("wandb/settings", ".wandb/settings")
"""Where wandb looks for settings below its folder, which may say whom it sends the user's key."""


class Wandb:
    """Logs to the project `where`, or autoresearch; its files are in WANDB_DIR, or below `folder`.

    Tested offline. Sending to a server goes through the same calls and was not tried.
    """

    def __init__(self, where: str, folder: Path) -> None:
        self._project = where or "autoresearch"
        self._folder = folder
        self._run: Any = None
        self._objective = VAL_BPB
        for place in map(folder.joinpath, SETTINGS):
            if os.path.lexists(place):
                message = f"{place} may name the server that your key is sent to, and is not ours"
                raise UsageFault(message, f"rm {quote(str(place))}")

    def open(self, run: RunStarted) -> None:
        """See Tracker. wandb records neither the console (the live view) nor the git state."""
        self._objective = run.objective
        self._folder.mkdir(parents=True, exist_ok=True)
        # Without it wandb reads ./wandb/settings, where somebody else's repository could name the
        # server that gets the user's key.
        os.environ.setdefault("WANDB_DIR", str(self._folder))
        import wandb

        settings = wandb.Settings(console="off", disable_git=True, disable_code=True, silent=True)
        self._run = wandb.init(
            project=self._project,
            id=identity_of(run),
            name=run.tag,
            resume="allow",
            config=settings_of(run),
            dir=os.environ.get("WANDB_DIR") or str(self._folder),
            settings=settings,
        )
        self._run.define_metric("trial")
        self._run.define_metric("*", step_metric="trial")

    def verdict(self, trial: Trial) -> None:
        """See Tracker."""
        import wandb

        row = {
            "trial": trial.number,
            **numbers_of(trial, self._objective),
            "status": trial.status,
            "hypothesis": trial.proposal.hypothesis,
            "reason": trial.reason,
        }
        points = [list(point) for point in (trial.result.curve if trial.result else ())]
        if points:
            columns = ["share of the budget", "training loss"]
            row["curve"] = wandb.Table(columns=columns, data=points)
        self._run.log(row)

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        self._run.summary["ended"] = reason
        self._run.finish(exit_code=int(failed))
