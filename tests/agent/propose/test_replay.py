"""A recorded run is repeated without a model: the same attempts, refused ones included."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import ModelFault
from agent.history.history import History
from agent.propose.replay import Replay
from agent.records.results import Trial
from tests.agent.study import (
    ListProposer,
    loop_of,
    make_repository,
    project_of,
    proposal,
    settings_of,
)

RECORDED = [
    proposal(LR=0.3),
    proposal(LR=0.9),
    proposal(NOPE=1),
    proposal(DEPTH=13),
    proposal(DEPTH=6, LR=0.35),
]


def tree(history: History, trial: Trial) -> str:
    return history.sources_at(trial.attempt).text


def test_a_replay_makes_the_same_attempts_and_continues_after_a_stop(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    with History.create(project, settings_of(project, tag="first")) as first:
        list(loop_of(first, ListProposer(RECORDED), trials=4).events())
        recorded = first.trials
        before = [tree(first, trial) for trial in recorded]
    replay: Any = Replay("replay:first", recorded)
    with History.create(project, settings_of(project, tag="again")) as again:
        list(loop_of(again, replay, trials=2).events())
    with History.open(project, "again") as again:
        with pytest.raises(ModelFault, match="all are repeated"):
            list(loop_of(again, replay, trials=9).events())
        assert [tree(again, trial) for trial in again.trials] == before
        assert [trial.status for trial in again.trials] == [trial.status for trial in recorded]
        edits = [trial.proposal.edits for trial in recorded]
        assert [trial.proposal.edits for trial in again.trials] == edits
        assert {trial.proposal.by.origin for trial in again.trials[1:]} == {"replay"}
        assert sum(trial.proposal.by.cost or 0 for trial in again.trials) == 0
