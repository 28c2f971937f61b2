"""MLflow: one of its runs per run, found again on resume; trials are steps, and stored as JSON."""

import os
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import UsageFault
from agent.records.events import RunStarted
from agent.records.objective import VAL_BPB
from agent.records.results import Trial
from agent.trackers.tracker import identity_of, numbers_of, settings_of
from sandbox.ground.text import one_line

EXPERIMENT = "autoresearch"
TAG = "autoresearch.run"


class Mlflow:
    """Tracks at the URI `where`, else at MLFLOW_TRACKING_URI, else in a database below `folder`."""

    def __init__(self, where: str, folder: Path) -> None:
        self._folder = folder / "mlflow"
        self._database = f"sqlite:///{self._folder.absolute()}/mlflow.db"
        self._uri = where or os.environ.get("MLFLOW_TRACKING_URI") or self._database
        self._client: Any = None
        self._run = ""
        self._objective = VAL_BPB

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        self._objective = run.objective
        from mlflow.tracking import MlflowClient

        self._folder.mkdir(parents=True, exist_ok=True)
        self._client = MlflowClient(tracking_uri=self._uri)
        experiment = self._experiment()
        same = f"tags.`{TAG}` = '{identity_of(run)}'"
        earlier = self._client.search_runs([experiment], same, max_results=1)
        if earlier:
            self._refuse_far(earlier[0].info.artifact_uri)
            self._run = earlier[0].info.run_id
            self._client.set_terminated(self._run, "RUNNING")
            return
        tags = {TAG: identity_of(run)}
        created = self._client.create_run(experiment, tags=tags, run_name=run.tag)
        self._refuse_far(created.info.artifact_uri)
        self._run = created.info.run_id
        for name, value in settings_of(run).items():
            self._client.log_param(self._run, name, value)

    def _experiment(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment:
            return str(experiment.experiment_id)
        return str(self._client.create_experiment(EXPERIMENT, self._artifacts()))

    def verdict(self, trial: Trial) -> None:
        """See Tracker. A curve's steps are hundredths of the budget."""
        for name, value in numbers_of(trial, self._objective).items():
            self._client.log_metric(self._run, name, value, step=trial.number)
        curve = f"curve/{trial.number:04d}"
        for share, loss in trial.result.curve if trial.result else ():
            self._client.log_metric(self._run, curve, loss, step=round(100 * share))
        record = trial.model_dump(mode="json")
        self._client.log_dict(self._run, record, f"trials/{trial.number:04d}.json")

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        self._client.set_tag(self._run, "autoresearch.ended", reason)
        self._client.set_terminated(self._run, "FAILED" if failed else "FINISHED")

    def _refuse_far(self, place: str) -> None:
        """Raise UsageFault if a database of our own has files written elsewhere.

        One that an archive brought may name any folder or server; after a move it is the old place.
        """
        if self._uri != self._database:
            return
        if not place.startswith(f"{self._artifacts()}/") or ".." in place:
            database = self._folder / "mlflow.db"
            message = f"{database} would have files written to {one_line(place)}"
            raise UsageFault(message, f"mv {quote(str(database))} OLD")

    def _artifacts(self) -> str | None:
        """Return where files go; None if a server decides.

        A database of our own would put them into the current folder.
        """
        if not self._uri.startswith("sqlite:"):
            return None
        return (self._folder / "artifacts").absolute().as_uri()
