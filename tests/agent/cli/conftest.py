"""Fixtures of the commands: a repository with a run in it."""

from pathlib import Path

import pytest

from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import Settings
from tests.agent.cli.night import HOSTILE, TRAIN, make_repository, proposal, settings, settle


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run `t`.

    Trials: a baseline, a keep, a crash, a refusal and a discard; #5 is in flight.
    """
    folder = make_repository(tmp_path_factory.mktemp("review") / "a repository")
    with History.create(find_project(folder, Settings()), settings(folder)) as history:
        settle(history, "baseline", "train.py as it is", TRAIN, 1.5)
        settle(history, "keep", "deeper", TRAIN.replace("DEPTH = 4", "DEPTH = 5"), 1.4)
        settle(history, "crash", HOSTILE, TRAIN.replace("DEPTH = 4", "DEPTH = 13"))
        settle(history, "refused", "misspelt", history.sources.text)
        settle(
            history, "discard", "hotter", history.sources.text.replace("LR = 0.1", "LR = 0.9"), 1.6
        )
        history.commit_attempt(
            history.next_number,
            proposal("colder"),
            history.sources.with_text(history.sources.text.replace("LR = 0.1", "LR = 0.01")),
        )
    logs = folder / ".autoresearch" / "runs" / "t" / "trials" / "0001"
    logs.mkdir(parents=True)
    (logs / "train-0.log").write_text("step 1\n")
    return folder


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That repository, as the current folder."""
    monkeypatch.chdir(home)
    return home
