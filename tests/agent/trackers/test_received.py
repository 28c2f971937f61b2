"""Files of a run that an archive brought: no tracker heeds what they say of other places."""

from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.trackers import open_trackers
from agent.trackers.wandb import Wandb
from tests.agent.trackers.test_trackers import NOBODY, session


@pytest.mark.parametrize("name", ["wandb/settings", ".wandb/settings"])
def test_settings_that_lie_among_the_files_of_a_run_are_not_heeded(
    tmp_path: Path, name: str
) -> None:
    """An archive may bring them along; they name the server that gets the user's key."""
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("[default]\nbase_url = http://evil\n")
    with pytest.raises(UsageFault, match="may name the server"):
        Wandb("", tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("has_run", [True, False])
def test_a_database_that_an_archive_brought_sends_no_files_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_run: bool
) -> None:
    pytest.importorskip("mlflow", reason="pip install 'autoresearch[mlflow]'")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = tmp_path / "trackers"
    from mlflow.tracking import MlflowClient

    (folder / "mlflow").mkdir(parents=True)
    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    experiment = client.create_experiment("autoresearch", (tmp_path / "outside").as_uri())
    if has_run:
        client.create_run(experiment, tags={"autoresearch.run": "nov24-" + "5e" * 6})
    [warning] = session(open_trackers(["mlflow"], NOBODY, folder))
    assert "would have files written to" in warning
    assert not (tmp_path / "outside").exists()
