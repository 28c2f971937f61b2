"""What `replicate` and `ablate` leave: a mean, an interval, and a verdict in words."""

import pytest

from agent.judge.comparison import Comparison, Measurement, afterwards, replication_of
from agent.records.objective import Sense
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Pair, Trial

TRIAL = Trial(
    number=3,
    status="refused",
    reason="r",
    proposal=Proposal(hypothesis="h", by=Provenance(method="m", origin="search")),
)


def compared(*differences: float, trial: int = 3, failure: str = "") -> Comparison:
    pairs = tuple(
        Pair(seed=seed, candidate=1.0 + difference, incumbent=1.0)
        for seed, difference in enumerate(differences)
    )
    return Comparison(what=f"#{trial}", trial=trial, pairs=pairs, failure=failure)


def measured(*comparisons: Comparison, kind: str = "replicate") -> Measurement:
    return Measurement.model_validate(
        {
            "kind": kind,
            "against": "#0",
            "comparisons": comparisons,
            "machine": "m",
            "command": "c",
            "at": "2026-11-29T01:00:00+00:00",
        }
    )


def test_the_mean_has_the_interval_of_students_t() -> None:
    comparison = compared(-0.1, -0.2, -0.3)
    assert comparison.delta == pytest.approx(-0.2)
    assert comparison.interval == pytest.approx((-0.2 - 0.24841, -0.2 + 0.24841), abs=1e-4)
    assert (compared().delta, compared().interval) == (None, None)
    assert compared(-0.1).interval is None
    assert compared(-0.1, -0.2).interval is not None


@pytest.mark.parametrize(
    ("comparison", "verdict"),
    [
        (compared(failure="it crashed"), "it crashed"),
        (compared(-0.1, failure="the last seed crashed"), "the last seed crashed"),
        (compared(), "nothing was measured"),
        (compared(0.0, 0.0), "no difference at all"),
        (compared(0.0), "no difference at all"),
        (compared(-0.1), "one pair is too few"),
        (
            compared(-0.5, -0.5),
            "-0.500000 in every pair: equal differences are no independent repeats",
        ),
        (compared(-0.1, -0.11, -0.12), "better"),
        (compared(0.1, 0.11, 0.12), "worse"),
        (compared(-0.1, 0.1, 0.02), "not significant"),
        (compared(-0.1, -0.2, -0.3), "not significant"),
    ],
)
def test_the_verdict_in_words(comparison: Comparison, verdict: str) -> None:
    assert comparison.verdict == verdict
    assert str(comparison).startswith(verdict)


def test_figures_stand_beside_the_verdict() -> None:
    assert str(compared(-0.1, -0.11, -0.12)) == (
        "better: -0.110000, 95 % from -0.134841 to -0.085159 (3 pairs)"
    )
    assert str(compared(-0.1)) == "one pair is too few"
    unjudged = compared(-0.1).model_copy(update={"unjudged": "no baseline has ms"})
    assert str(unjudged) == "one pair is too few; not judged: no baseline has ms"


def test_later_measurements_of_a_trial_are_found() -> None:
    first = measured(compared(-0.1, trial=2), compared(-0.3))
    second = measured(compared(failure="crash"))
    ablation = measured(compared(-0.4), kind="ablate")
    other = measured(compared(-0.5, trial=4))
    everything = [first, second, ablation, other]
    assert first.of(2) == compared(-0.1, trial=2) and first.of(9) is None
    assert list(afterwards(everything, 3)) == [
        ("replicate", "one pair is too few, against #0"),
        ("replicate", "crash, against #0"),
        ("ablate", "one pair is too few, against #0"),
    ]
    assert replication_of(everything, TRIAL) == compared(-0.3), "the newest with pairs"
    assert replication_of([first, measured(compared(-0.2))], TRIAL) == compared(-0.2)
    assert replication_of([ablation, other], TRIAL) is None
    assert replication_of(everything, None) is None
    tested = first.model_copy(update={"split": "test"})
    assert replication_of([tested], TRIAL) is None, "the test split is another measurement"
    assert list(afterwards([tested], 2)) == [
        ("replicate", "one pair is too few, against #0, on the test split")
    ]


def test_a_score_off_the_scale_is_refused_with_the_record() -> None:
    pairs = (Pair(seed=0, candidate=-1.0, incumbent=1.0),)
    with pytest.raises(ValueError, match="a score of -1, which is not on the scale log"):
        Comparison(what="#1", trial=1, pairs=pairs, sense=Sense(scale="log"))
    assert Comparison(what="#1", trial=1, pairs=pairs).delta == -2.0
