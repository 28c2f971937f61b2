"""Which scores an attempt is compared with, and from which trials the noise is read."""

from pathlib import Path

from agent.history.history import History
from agent.judge.noise import noise_of
from agent.judge.pairing import Scores
from agent.records.objective import LOWER
from agent.records.results import Trial
from agent.run.evidence import Evidence, Evidences
from tests.agent.run.test_runs import begun, measured, result, score
from tests.agent.run.test_weighing import FLAT, KNOWN, on_record, pairs
from tests.agent.study import proposal, study


def test_runs_of_an_incumbent_serve_every_attempt_that_has_to_beat_it(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = measured(history)
        first, second, kept = (begun(ledger, proposal(LR=rate)) for rate in (0.2, 0.3, 0.4))
        history.note(first, result(score(0.9, 5), score(1.02, 5, role="incumbent")))
        fields = {"number": kept.number, "status": "keep", "proposal": kept.proposal}
        trial = Trial.model_validate({**fields, "reason": "r", "result": result(score(0.8, 7))})
        history.commit_verdict(kept, trial)
        third = begun(ledger, proposal(DEPTH=8))
        baseline, keep = history.trials
        evidences = Evidences(history, Scores())

        def seeds(incumbent: Trial, attempt: int) -> list[int]:
            return [score.seed for score in evidences.of_incumbent(incumbent, attempt)]

        assert seeds(baseline, second.number) == [0, 1, 2, 5]
        assert seeds(baseline, first.number) == [0, 1, 2], "its own are no news to it"
        assert seeds(keep, third.number) == [7], "what another incumbent gave is no score of it"


def noise_in(history: History, evidences: Evidences) -> bool:
    """Return whether the evidence has the noise of the trials on the present data."""
    return evidences.noise == noise_of(history.comparable, LOWER)


def test_the_noise_is_that_of_all_trials_so_far_on_the_present_data(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        measured(history, first=FLAT)
        evidences = Evidences(history, Scores())
        before = evidences.noise
        on_record(history, "discard", 1, pairs=pairs(KNOWN))
        assert evidences.noise != before and noise_in(history, evidences)
        history.change_data(history.draft_prepare("OTHER = 1\n"), "b" * 64, "why")
        assert noise_in(history, Evidences(history, Scores()))
        assert Evidences(history, Scores()).noise.sd is None


def test_scores_of_other_machines_are_not_from_here(tmp_path: Path) -> None:
    own = {0: score(0.9, 0, machine="a"), 1: score(0.8, 1, machine="b")}
    with study(tmp_path) as history:
        measured(history)
        evidence = Evidence(result(*own.values()), history.trials[0], "b", own, {})
    assert evidence.here == {1: own[1]}
