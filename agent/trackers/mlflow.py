"""MLflow: one of its runs for one of ours, found again on resume; trials are steps, and each trial is kept in full as JSON."""

import os
from pathlib import Path
from typing import Any

from agent.records.events import RunStarted
from agent.records.results import Trial
from agent.trackers.tracker import identity_of, numbers_of, settings_of

EXPERIMENT = "autoresearch"
TAG = "autoresearch.run"


class Mlflow:
    """Tracks at the URI `where`, else at MLFLOW_TRACKING_URI, else in a database below `folder`."""

    def __init__(self, where: str, folder: Path) -> None:
        self._folder = folder / "mlflow"
        self._uri = (
            where
            or os.environ.get("MLFLOW_TRACKING_URI")
            or f"sqlite:///{self._folder.absolute()}/mlflow.db"
        )
        self._client: Any = None
        self._run = ""

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        from mlflow.tracking import MlflowClient

        self._folder.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(tracking_uri=self._uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        place = (
            experiment.experiment_id
            if experiment
            else self._client.create_experiment(EXPERIMENT, self._artifacts())
        )
        known = self._client.search_runs(
            [place], f"tags.`{TAG}` = '{identity_of(run)}'", max_results=1
        )
        if known:
            self._run = known[0].info.run_id
            self._client.set_terminated(self._run, "RUNNING")
            return
        self._run = self._client.create_run(
            place, tags={TAG: identity_of(run)}, run_name=run.tag
        ).info.run_id
        for name, said in settings_of(run).items():
            self._client.log_param(self._run, name, said)

    def verdict(self, trial: Trial) -> None:
        """See Tracker. A curve's steps are hundredths of the budget."""
        for name, value in numbers_of(trial).items():
            self._client.log_metric(self._run, name, value, step=trial.number)
        for share, loss in trial.result.curve if trial.result else ():
            self._client.log_metric(
                self._run, f"curve/{trial.number:04d}", loss, step=round(100 * share)
            )
        self._client.log_dict(
            self._run, trial.model_dump(mode="json"), f"trials/{trial.number:04d}.json"
        )

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        self._client.set_tag(self._run, "autoresearch.ended", reason)
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")

    def _artifacts(self) -> str | None:
        """A server says itself where files go; a database of our own does not, and would put them into the current folder."""
        return (
            (self._folder / "artifacts").absolute().as_uri()
            if self._uri.startswith("sqlite:")
            else None
        )
