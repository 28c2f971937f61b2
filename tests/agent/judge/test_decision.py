"""The judge's decisions are one closed union: a rerun, or a verdict that a trial's status names."""

from typing import get_args

import pytest

from agent.judge.decision import (
    MOVED_ON,
    TRIED_AGAIN,
    Discard,
    Judgement,
    Keep,
    Refusal,
    Rerun,
    Simplify,
    Verdict,
    overtaken,
)
from agent.records.results import Status


def kinds_of(verdict: type) -> set[str]:
    kinds: set[str] = set()
    for part in get_args(verdict.model_fields["kind"].annotation):  # type: ignore[attr-defined]
        kinds |= set(get_args(part)) or {part}
    return kinds


def test_every_verdict_is_a_status_of_its_own() -> None:
    kinds: list[str] = []
    for verdict in get_args(Verdict):
        kinds += kinds_of(verdict)
    assert set(kinds) <= set(get_args(Status)) - {"adopted", "reported"}, "claims are not judged"
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        (Rerun(reason="why"), Discard(reason=f"why; {MOVED_ON}, so it is not run again")),
        (Discard(reason="why", delta=0.1), Discard(reason="why", delta=0.1)),
        (
            Keep(reason="why", delta=-0.1, interval=(-0.2, -0.05)),
            Discard(
                reason=f"why, but {TRIED_AGAIN}", delta=-0.1, interval=(-0.2, -0.05), retry=True
            ),
        ),
        (
            Simplify(reason="why", delta=0.0, charge=0.1),
            Discard(reason=f"why, but {TRIED_AGAIN}", delta=0.0, retry=True),
        ),
    ],
)
def test_only_a_decided_gain_on_a_state_that_is_not_the_tip_is_tried_again(
    judgement: Judgement, verdict: Discard
) -> None:
    assert overtaken(judgement) == verdict


def test_nothing_is_tried_again_unless_a_verdict_says_so() -> None:
    assert not Discard(reason="why").retry and not Refusal(reason="why").retry


def test_what_no_trial_has_overtaken_is_tried_again_undecided() -> None:
    assert overtaken(Rerun(reason="why"), True) == Discard(reason=f"why; {TRIED_AGAIN}", retry=True)
