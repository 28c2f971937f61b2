"""A forged score that the scale of the run's metric lacks: the verdict is refused by name."""

from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.history.history import History
from agent.records.objective import Objective
from agent.records.results import Attempt, Result, Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import project_of, proposal, study, work_on


def test_a_verdict_with_a_score_off_the_scale_cannot_be_read(tmp_path: Path) -> None:
    objective = Objective(metric="val_bpb", scale="log")
    with study(tmp_path, objective=objective) as history:
        work_on(history, [], trials=0)
        attempt = Ledger(history, read_space).begin(proposal(LR=0.3))
        assert isinstance(attempt, Attempt)
        forged = Score(value=-1.0, seed=0, kind="self-reported")
        verdict = history.commit_verdict(
            attempt,
            Trial(
                number=attempt.number,
                status="discard",
                proposal=attempt.proposal,
                reason="r",
                result=Result(status="scored", scores=(forged,)),
            ),
        ).verdict
    with pytest.raises(HistoryFault) as fault:
        History.read(project_of(tmp_path), "t")
    assert fault.value.message == (
        f"the verdict {verdict[:12]} cannot be read: a score of -1, which is not on the scale log"
    )
    assert fault.value.next_command == f"git show {verdict[:12]}"
