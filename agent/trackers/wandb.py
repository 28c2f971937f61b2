"""Weights & Biases: one of its runs for one of ours, found again on resume; WANDB_MODE=offline writes to a folder only."""

import os
from pathlib import Path
from typing import Any

from agent.records.events import RunStarted
from agent.records.results import Trial
from agent.trackers.tracker import identity_of, numbers_of, settings_of


class Wandb:
    """Logs to the project `where`, autoresearch where that is empty; its files lie below `folder`, or in WANDB_DIR.

    Tested offline. Sending to a server goes through the same calls and was not run.
    """

    def __init__(self, where: str, folder: Path) -> None:
        self._project, self._folder = where or "autoresearch", folder
        self._run: Any = None

    def open(self, run: RunStarted) -> None:
        """See Tracker. Neither the console nor the git state is taken: the one is the live view, the other is ours to tell."""
        self._folder.mkdir(parents=True, exist_ok=True)
        # Without it wandb reads ./wandb/settings, where a stranger's repository could name the server that gets the user's key.
        os.environ.setdefault("WANDB_DIR", str(self._folder))
        import wandb

        self._run = wandb.init(
            project=self._project,
            id=identity_of(run),
            name=run.tag,
            resume="allow",
            config=settings_of(run),
            dir=os.environ.get("WANDB_DIR") or str(self._folder),
            settings=wandb.Settings(
                console="off", disable_git=True, disable_code=True, silent=True
            ),
        )
        self._run.define_metric("trial")
        self._run.define_metric("*", step_metric="trial")

    def verdict(self, trial: Trial) -> None:
        """See Tracker."""
        import wandb

        points = [[share, loss] for share, loss in (trial.result.curve if trial.result else ())]
        said = {
            "status": trial.status,
            "hypothesis": trial.proposal.hypothesis,
            "reason": trial.reason,
        }
        curve = (
            {"curve": wandb.Table(columns=["share of the budget", "training loss"], data=points)}
            if points
            else {}
        )
        self._run.log({"trial": trial.number, **numbers_of(trial), **said, **curve})

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        self._run.summary["ended"] = reason
        self._run.finish(exit_code=int(failed))
