"""Implausible scores are measured again under the full audit, then judged or held as a suspect."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.errors import UsageFault
from agent.exchange.write import tsv
from agent.history.history import History
from agent.judge.luck import luck_of
from agent.judge.noise import noise_of
from agent.judge.suspicion import (
    Interval,
    Plausible,
    Rejection,
    another_summary,
    approved_by,
    implausible,
    is_suspect,
    jump,
    out_of_range,
)
from agent.propose.approved import Approved
from agent.propose.search.observe import observation_of
from agent.propose.views.digest import near_misses
from agent.records.edits import SetConstant
from agent.records.objective import LOWER
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Pair, Result, Score, Trial
from agent.space import read_constants
from sandbox.ground.outcome import Finished, Outcome, RunSpec, Usage
from tests.agent.study import (
    Script,
    loop_of,
    project_of,
    proposal,
    seed_of,
    source_of,
    study,
    work_on,
)

SCORES = {0.1: 2.0, 0.2: 0.4, 0.3: 1.99, 0.5: 1.0, 0.6: 1.7}


def score(value: float, kind: str = "sealed") -> Score:
    return Score.model_validate({"value": value, "seed": 0, "kind": kind})


def scoring(value_of: dict[float, float], runs: list[tuple[float, int]] | None = None) -> Script:
    """Return a training that prints the score of its LR, and a little more for each seed.

    runs: LR and seed of each training.
    """

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        rate = float(read_constants(source_of(spec))["LR"])
        seed = seed_of(spec)
        if runs is not None:
            runs.append((rate, seed))
        score = value_of[rate] + 0.0001 * seed + 0.00003 * (seed % 2)
        return Finished(usage=Usage(seconds=1.0)), f"---\nval_bpb: {score}\n"

    return script


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("0.5 .. 9", 0.5, 9.0), (" 1e-3..2 ", 0.001, 2.0), ("-1 .. .5", -1.0, 0.5)],
)
def test_a_range_is_written_with_two_dots(text: str, low: float, high: float) -> None:
    assert TypeAdapter(Plausible).validate_python(text) == Interval(low=low, high=high)


@pytest.mark.parametrize("text", ["", "1", "2 .. 1", "1 .. 1", "a .. b", "nan .. 2", "1 .. inf", 3])
def test_what_is_no_range_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Plausible).validate_python(text)


def test_only_what_lies_outside_a_stated_range_is_out_of_it() -> None:
    stated = Interval(low=0.5, high=9)
    assert out_of_range(score(0.49), stated)
    assert out_of_range(score(9.01), stated)
    assert not out_of_range(score(0.5), stated)
    assert not out_of_range(score(0.01), None)


def kept(number: int, delta: float) -> Trial:
    by = Provenance(method="list", origin="scripted")
    return Trial.model_validate(
        {
            "number": number,
            "status": "keep",
            "proposal": Proposal(hypothesis="h", by=by),
            "reason": "r",
            "delta": delta,
            "result": {"status": "scored", "scores": [score(1.0)]},
        }
    )


def test_many_digits_are_soon_no_range() -> None:
    """Where each of them is tried as the last before a point, it takes hours."""
    with pytest.raises(ValidationError, match="not a range"):
        TypeAdapter(Plausible).validate_python("1" * 1_000_000)


def test_a_jump_is_more_than_a_tenth_and_more_than_twice_the_largest_gain() -> None:
    assert jump(score(1.7), 2.0, [], LOWER)
    assert not jump(score(1.81), 2.0, [], LOWER), "less than a tenth"
    assert not jump(score(1.7), 2.0, [kept(1, -0.16)], LOWER), "the run has seen nearly as much"
    assert jump(score(1.7), 2.0, [kept(1, -0.14)], LOWER)
    assert not jump(score(2.4), 2.0, [], LOWER), "for the worse"
    rejected = kept(1, -0.16).model_copy(update={"status": "discard"})
    assert jump(score(1.7), 2.0, [rejected], LOWER), "what was not kept is no gain"
    assert jump(score(-1.7), -1.5, [], LOWER) and not jump(score(-1.6), -1.5, [], LOWER)
    assert jump(score(-1.0), 0.0, [], LOWER) == (
        "-1.000000 is better than the incumbent, a jump beyond anything kept so far"
    )


def printed(value: float, seed: int = 0, **counts: int) -> Score:
    return Score(value=value, seed=seed, kind="self-reported", **counts)  # type: ignore[arg-type]


def of(*scores: Score, recheck: str | None = None) -> Result:
    return Result.model_validate({"status": "scored", "scores": scores, "recheck": recheck})


def test_only_a_gain_is_implausible_and_only_beside_the_score_of_its_seed() -> None:
    incumbent = kept(1, -0.1)  # 1.0 under seed 0
    wide = Interval(low=0.5, high=9)
    assert implausible(of(score(0.4)), incumbent, (), None, wide, LOWER)
    assert not implausible(of(score(9.5)), incumbent, (), None, wide, LOWER), "it is worse"
    assert not implausible(of(score(0.5)), incumbent, (), None, None, LOWER), "jumps are allowed"
    assert implausible(of(score(0.5)), incumbent, (), [], None, LOWER)
    pairs = (Pair(seed=0, candidate=0.5, incumbent=0.52),)
    assert not implausible(of(score(0.5)), incumbent, pairs, [], None, LOWER), "of its own pair"
    confirming = printed(0.4, 1, summaries=1)
    assert implausible(of(score(0.9), confirming), incumbent, (), [], None, LOWER), "any of them"
    gains = of(printed(0.99)), incumbent, (), None, None, LOWER
    assert (implausible(*gains), implausible(*gains, "it binds …")) == ("", "it binds …")
    assert not implausible(of(score(0.99)), *gains[1:], "it binds …"), "the harness computed it"


def test_one_more_print_than_the_incumbent_ever_made_is_doubted() -> None:
    incumbent = kept(0, 0.0)

    def ran(*scores: Score) -> Trial:
        return incumbent.model_copy(update={"result": of(*scores)})

    once = ran(printed(1.0, times=1), printed(1.0, 1, times=1))
    assert not another_summary(printed(0.9, summaries=1, times=1), once)
    assert "printed 2 summaries" in another_summary(printed(0.9, summaries=2), once)
    assert "printed its score 2 times" in another_summary(printed(0.9, times=2), once)
    twice = ran(printed(1.0, summaries=2, times=2), printed(1.0, 1, times=1))
    assert not another_summary(printed(0.9, summaries=2, times=2), twice)
    assert another_summary(printed(0.9, summaries=3), twice)
    nothing = incumbent.model_copy(update={"status": "adopted", "result": None})
    assert not another_summary(printed(0.9, times=5), nothing)


def test_a_self_reported_score_out_of_range_fails_however_it_repeats() -> None:
    incumbent = kept(0, 0.0)
    wide = Interval(low=0.5, high=9)
    assert is_suspect(of(score(0.9), recheck="failed"), wide, incumbent)
    assert not is_suspect(of(printed(0.4)), wide, incumbent), "it was not measured again"
    assert is_suspect(of(printed(0.9), printed(0.4, 1), recheck="passed"), wide, incumbent)
    assert not is_suspect(of(printed(0.4), printed(0.9, 1), recheck="passed"), wide, incumbent)
    assert not is_suspect(of(score(0.4), recheck="passed"), wide, incumbent), "it was audited"
    more = of(printed(0.9, summaries=2), recheck="passed")
    assert is_suspect(more, None, incumbent)
    assert is_suspect(of(printed(0.9), recheck="passed"), None, incumbent, "it binds …")
    assert not is_suspect(of(score(0.9), recheck="passed"), None, incumbent, "it binds …")


def test_only_a_human_approves() -> None:
    def by(method: str, origin: str) -> Proposal:
        return Proposal.model_validate(
            {"hypothesis": "h", "by": {"method": method, "origin": origin, "replays": 7}}
        )

    assert approved_by(by("approve", "human")) == 7
    assert approved_by(by("approve", "llm")) is None
    assert approved_by(by("tell", "human")) is None


def test_a_jump_that_repeats_under_another_seed_is_kept_and_marked(tmp_path: Path) -> None:
    runs: list[tuple[float, int]] = []
    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        work_on(history, [proposal(LR=0.5)], scoring(SCORES, runs), trials=1)
        trial = history.trials[-1]
    assert trial.result is not None
    assert (trial.status, trial.result.recheck) == ("keep", "passed")
    assert "implausible" in trial.reason
    assert len({seed for rate, seed in runs if rate == 0.5}) >= 2


def test_a_self_reported_score_out_of_range_waits_while_the_night_goes_on_from_the_tip(
    tmp_path: Path,
) -> None:
    proposals = [proposal(LR=0.2), proposal(LR=0.6)]
    with study(tmp_path, verdict="sequential", baseline_repeats=3, plausible="0.5 .. 9") as history:
        tip = history.sources.text
        work_on(history, proposals, scoring(SCORES), trials=2)
        _, suspect, after = history.trials
        assert (suspect.status, after.status) == ("suspect", "keep")
        assert history.sources_at(suspect.verdict).text == tip
        assert after.against == 0
        assert "0.5 .. 9" in suspect.reason
        recorded = history.trials
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == recorded

    observation = observation_of(suspect, LOWER)
    assert observation is not None
    assert observation.value is None, "it teaches no method that the point is good"
    assert suspect.value is None
    assert near_misses([suspect]) == []
    assert noise_of([suspect], LOWER).degrees == 0
    assert luck_of([suspect], 0, after.pairs, LOWER) == (0.0,) * len(after.pairs)
    assert "0.4" not in tsv([suspect])


def test_a_full_audit_that_fails_makes_a_suspect_of_what_was_scored(tmp_path: Path) -> None:
    """Printed scores have no audit; a bench calls a score that no model has invalid."""
    runs: list[int] = []

    def script(spec: RunSpec) -> tuple[Outcome, str]:
        outcome, text = scoring(SCORES)(spec)
        if "LR = 0.5" in source_of(spec):
            runs.append(1)
            if len(runs) == 2:
                return outcome, "---\nval_bpb: 1000.0\n"
        return outcome, text

    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        work_on(history, [proposal(LR=0.5)], script, trials=1)
        trial = history.trials[-1]
    assert trial.result is not None
    assert (trial.status, trial.result.status, trial.result.recheck) == (
        "suspect",
        "scored",
        "failed",
    )
    assert len(runs) == 2


def test_greedy_keeps_a_jump_at_once_as_it_says(tmp_path: Path) -> None:
    with study(tmp_path, baseline_repeats=1) as history:
        work_on(history, [proposal(LR=0.5)], scoring(SCORES), trials=1)
        result = history.trials[-1].result
    assert result is not None
    assert (history.trials[-1].status, result.recheck, len(result.own)) == ("keep", None, 1)


def test_approval_repeats_the_edits_on_the_tip_under_seeds_that_the_suspect_never_saw(
    tmp_path: Path,
) -> None:
    with study(tmp_path, verdict="sequential", baseline_repeats=3, plausible="0.5 .. 9") as history:
        work_on(history, [proposal(LR=0.2)], scoring(SCORES), trials=1)
        suspect = history.trials[-1]
        list(loop_of(history, Approved(suspect), scoring(SCORES), trials=1).events())  # type: ignore[arg-type]
        again = history.trials[-1]
        assert suspect.result is not None and again.result is not None
        assert (suspect.status, again.status, again.number) == (
            "suspect",
            "keep",
            suspect.number + 1,
        )
        assert again.proposal.by.replays == suspect.number
        assert again.proposal.by.origin == "human"
        seeds = {score.seed for score in suspect.result.own}
        assert seeds.isdisjoint(score.seed for score in again.result.scores)
        assert history.sources_at(history.tip).text.startswith("LR = 0.2")


def test_approval_of_edits_that_no_longer_fit_says_so_and_ends(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential", baseline_repeats=3, plausible="0.5 .. 9") as history:
        work_on(history, [proposal(LR=0.2)], scoring(SCORES), trials=1)
        edit = SetConstant(name="GONE", value="1")
        suspect = history.trials[-1]
        spoilt = suspect.model_copy(
            update={"proposal": suspect.proposal.model_copy(update={"edits": (edit,)})}
        )
        with pytest.raises(UsageFault, match="no longer fit"):
            list(loop_of(history, Approved(spoilt), scoring(SCORES), trials=1).events())  # type: ignore[arg-type]
        assert history.trials[-1].status == "refused"


def test_a_rejection_is_a_note_on_the_branch_that_changes_nothing(tmp_path: Path) -> None:
    with study(tmp_path, baseline_repeats=1) as history:
        work_on(history, [proposal(LR=0.5)], scoring(SCORES), trials=1)
        before = history.trials
        source = history.sources.text
        history.reject(Rejection(number=1, because="Status: keep", at="2026-01-01T00:00:00+00:00"))
        assert (history.trials, history.sources.text) == (before, source)
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == before
        assert [(rejection.number, rejection.because) for rejection in again.rejections] == [
            (1, "Status: keep")
        ]
        assert not again.foreign_commits


EXTRA = {
    "a second summary": ("---\nval_bpb: {}\n", "---\nval_bpb: 1.9\n"),
    "a second line": ("---\nval_bpb: {}\n", "val_bpb: 1.9\n"),
    "without a rule": ("val_bpb: {}\n", "val_bpb: 1.9\n"),
    "a rule of its own": ("val_bpb: {}\n", "---\nval_bpb: 1.9\n"),
}


@pytest.mark.parametrize(("usual", "extra"), EXTRA.values(), ids=EXTRA)
def test_one_more_print_at_exit_is_a_suspect(tmp_path: Path, usual: str, extra: str) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        rate = float(read_constants(source_of(spec))["LR"])
        text = usual.format(2 + 0.0001 * seed_of(spec))
        return Finished(usage=Usage(seconds=1.0)), text + (extra if rate == 0.5 else "")

    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        work_on(history, [proposal(LR=0.5)], script, trials=1)
        trial = history.trials[-1]
    assert trial.status == "suspect"
    assert "where the incumbent prints" in trial.reason


def test_a_score_of_every_epoch_may_be_printed_more_often(tmp_path: Path) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        rate = float(read_constants(source_of(spec))["LR"])
        score = 2 - rate / 10 + 0.0001 * seed_of(spec)
        epochs = 5 if rate == 0.5 else 3
        return Finished(usage=Usage(seconds=1.0)), f"val_bpb: {score}\n" * epochs

    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        work_on(history, [proposal(LR=0.5)], script, trials=1)
        trial = history.trials[-1]
    assert trial.status == "keep"
