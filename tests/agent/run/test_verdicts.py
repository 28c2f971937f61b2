"""A verdict becomes a trial in one place, with its status, its evidence and its configuration."""

import pytest

from agent.edit.files import Sources
from agent.judge.decision import (
    Baseline,
    Discard,
    Failed,
    Guarded,
    Held,
    Keep,
    Refusal,
    Simplify,
    Skipped,
    Verdict,
)
from agent.records.guards import Guard, GuardResult
from agent.records.objective import Sense
from agent.records.results import Attempt, Change, Pair, Result, Score, Touched, Trial
from agent.records.target import TargetResult
from agent.run.verdicts import Tried, trial_of
from tests.agent.study import proposal

BEFORE = Sources.of("LR = 0.1\n")
AFTER = Sources.of("LR = 0.2\n")
ATTEMPT = Attempt(number=7, commit="c", parent="p", proposal=proposal(LR=0.2))
INCUMBENT = Trial.model_validate(
    {
        "number": 3,
        "status": "keep",
        "proposal": proposal(),
        "reason": "r",
        "estimate": 1.5,
        "result": {"status": "scored", "scores": [{"value": 2.0, "seed": 0, "kind": "sealed"}]},
    }
)
PAIRS = (Pair(seed=0, candidate=1.4, incumbent=1.5),)


def scored(**changes: object) -> Result:
    score = Score(value=1.4, seed=0, kind="sealed", cut=bool(changes.pop("cut", False)))
    return Result(status="scored", scores=(score,)).model_copy(update=changes)


INCUMBENTS_CUT = Score(value=1.5, seed=1, kind="sealed", role="incumbent", cut=True)


def recorded(verdict: Verdict, result: Result, incumbent: Trial | None = INCUMBENT) -> Trial:
    tried = Tried(result, BEFORE, AFTER, incumbent, PAIRS if incumbent else ())
    return trial_of(ATTEMPT, verdict, tried)


def test_a_keep_carries_its_figures_and_its_estimate() -> None:
    trial = recorded(Keep(reason="better", delta=-0.1, interval=(-0.2, -0.05)), scored())
    assert (trial.number, trial.status, trial.reason) == (7, "keep", "better")
    assert (trial.delta, trial.interval, trial.charge) == (-0.1, (-0.2, -0.05), None)
    assert trial.estimate == pytest.approx(1.4), "the incumbent's estimate plus delta"
    assert (trial.against, trial.pairs) == (3, PAIRS)
    assert trial.changes == (Change(name="LR", before=0.1, after=0.2),)
    assert trial.configuration == {"LR": 0.2}
    assert trial.touched == (Touched(file="train.py"),)
    assert len(trial.fingerprint) == 64
    assert trial.at.endswith("+00:00")


def test_files_are_touched_from_what_was_before_to_what_is_tried() -> None:
    more = Sources({**BEFORE.files, "net.py": "WIDTH = 4\n"}, patterns=("**",))
    tried = Tried(scored(), Sources(BEFORE.files, patterns=("**",)), more, INCUMBENT)
    trial = trial_of(ATTEMPT, Keep(reason="better", delta=-0.1), tried)
    assert trial.touched == (Touched(file="net.py", how="added"),)


def test_only_a_simplification_is_charged() -> None:
    trial = recorded(Simplify(reason="simpler", delta=0.0, charge=0.02), scored())
    assert (trial.status, trial.delta, trial.charge) == ("simplify", 0.0, 0.02)


def test_a_discard_that_compared_nothing_has_no_estimate() -> None:
    trial = recorded(Discard(reason="the incumbent failed"), scored())
    assert (trial.status, trial.delta, trial.estimate) == ("discard", None, None)


def test_a_baseline_has_no_incumbent_and_no_pairs() -> None:
    trial = recorded(Baseline(reason="2 runs"), scored(), incumbent=None)
    assert (trial.status, trial.against, trial.estimate, trial.value) == (
        "baseline",
        None,
        None,
        1.4,
    )


def test_a_refusal_has_no_figures() -> None:
    trial = trial_of(ATTEMPT, Refusal(reason="no-op"), None)
    assert (trial.status, trial.reason, trial.result) == ("refused", "no-op", None)
    assert (trial.against, trial.configuration, trial.fingerprint) == (None, {}, "")


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (scored(cut=True), "why (its training was ended at its deadline)"),
        (
            scored(recheck="passed"),
            "why; the score was implausible, and the full audit under a fresh seed found nothing",
        ),
        (scored(recheck="failed"), "why"),
        (scored().model_copy(update={"scores": (*scored().scores, INCUMBENTS_CUT)}), "why"),
    ],
)
def test_a_reason_says_what_the_runs_went_through(result: Result, reason: str) -> None:
    assert recorded(Keep(reason="why", delta=-0.1), result).reason == reason


def test_a_failure_after_a_passed_recheck_is_a_failure() -> None:
    """Its scores are gone with the failure, so nothing is left to say of them."""
    crashed = Result(status="crash", detail="boom", recheck="passed")
    trial = recorded(Failed(kind="crash", reason="boom"), crashed)
    assert (trial.status, trial.reason, trial.against) == ("crash", "boom", 3)


def test_guards_and_the_target_are_recorded_with_the_trial() -> None:
    guard = GuardResult(
        guard=Guard.model_validate("ms <= 30"), finding="inside", value=20, excess=-10, runs=1
    )
    proof = TargetResult(target=1.0, reached=True, value=0.9, bound=0.95, runs=3)
    kept = recorded(Keep(reason="r", delta=-0.1, guards=(guard,), target=proof), scored())
    assert (kept.guards, kept.target) == ((guard,), proof)
    simpler = Simplify(reason="r", delta=0.0, charge=0.1, guards=(guard,), target=proof)
    assert recorded(simpler, scored()).target == proof
    broken = recorded(
        Guarded(reason="r", delta=-0.1, interval=(-0.2, 0.0), guards=(guard,)), scored()
    )
    assert (broken.status, broken.guards, broken.delta) == ("guarded", (guard,), -0.1)
    assert broken.interval == (-0.2, 0.0)
    held = recorded(Held(reason="r", delta=-0.1, guards=(guard,)), scored())
    assert (held.guards, held.delta, held.value) == ((guard,), -0.1, None)
    first = recorded(Baseline(reason="r", guards=(guard,), target=proof), scored(), incumbent=None)
    assert (first.guards, first.target) == ((guard,), proof)


def test_an_estimate_follows_the_metrics_direction() -> None:
    higher = Sense(direction="maximize")
    verdict = Keep(reason="r", delta=-0.1)
    tried = Tried(scored(), BEFORE, AFTER, INCUMBENT, PAIRS, sense=higher)
    assert trial_of(ATTEMPT, verdict, tried).estimate == pytest.approx(1.6)
    unbelieved = INCUMBENT.model_copy(update={"status": "suspect"})
    assert recorded(verdict, scored(), unbelieved).estimate is None
    skipped = trial_of(ATTEMPT, Skipped(reason="r"), Tried(None, BEFORE, AFTER, None))
    assert (skipped.result, skipped.against, skipped.configuration) == (None, None, {"LR": 0.2})
