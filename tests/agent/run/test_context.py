"""What a method is shown, and what it may ask: the context of one proposal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edit.files import Sources
from agent.history.history import History
from agent.records.edits import Edit, Refused, ReplaceStatements, SetConstant
from agent.records.inputs import Admitted, Set
from agent.records.proposals import Provenance
from agent.records.results import Attempt, PriorTrial, Result, Score
from agent.run.admission import Fixed
from agent.run.inbox import new_input
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import (
    commit_by_hand,
    make_repository,
    project_of,
    proposal,
    settings_of,
    settle,
    study,
)

OTHER_DATA = "MAX_SEQ_LEN = 64\nOTHER = 1\n"
CURVE = ((0.5, 2.0), (1.0, 1.0))


def scored(value: float) -> Result:
    score = Score(value=value, seed=0, kind="sealed")
    return Result(status="scored", scores=(score,), curve=CURVE)


def judged(ledger: Ledger, result: Result, **constants: object) -> None:
    """Try constants that give a result."""
    attempt = ledger.begin(proposal(**constants))
    assert isinstance(attempt, Attempt)
    settle(ledger, attempt, result)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    """A run with a brief that says when and what to explore."""
    make_repository(tmp_path)
    brief = "---\npatience: 3\nexplore: [undo]\n---\n# Goal\nLower it.\n"
    (tmp_path / "program.md").write_text(brief)
    commit_by_hand(tmp_path)
    project = project_of(tmp_path)
    settings = settings_of(project, seed=2, warm="elsewhere", data_fingerprint="a" * 64)
    elsewhere = PriorTrial(number=70, configuration={"LR": 0.7}, outcome=1.7)
    with History.create(project, settings, [elsewhere]) as history:
        yield history


def test_the_brief_and_what_is_left_reach_the_method(history: History) -> None:
    ledger = Ledger(history, read_space, memory_mb=512.0)
    context = ledger.context((proposal(LR=0.3),), "3 trials", 1.5)
    assert context.program.strip() == "# Goal\nLower it."
    assert (context.policy.patience, context.policy.kinds) == (3, ("undo",))
    assert (context.remaining, context.dollars, context.memory_mb) == ("3 trials", 1.5, 512.0)
    assert context.pending == (proposal(LR=0.3),)
    asked = new_input(Set(patience=9), "ada")
    history.admit(Admitted(input=asked, at=asked.sent, accepted=True))
    assert ledger.context(()).policy.patience == 9, "what was set later holds"


def test_what_was_measured_on_other_data_is_a_hint_behind_other_runs(history: History) -> None:
    ledger = Ledger(history, read_space)
    settle(ledger, ledger.begin_baseline(), scored(1.0))
    judged(ledger, Result(status="crash", detail="x"), LR=0.2)
    ledger.begin(proposal(NOPE=1))
    judged(ledger, scored(1.5), LR=0.3)
    history.change_data(history.draft_prepare(OTHER_DATA), "b" * 64, "why")
    context = Ledger(history, read_space).context(())
    assert context.trials == ()
    hints = [(prior.number, prior.outcome) for prior in context.prior]
    assert hints == [(70, 1.7), (0, 1.0), (1, "crash"), (3, 1.5)]
    last = context.prior[-1]
    assert (last.configuration["LR"], last.curve) == (0.3, CURVE)
    again = Ledger(history, read_space).admit(proposal(LR=0.3))
    assert isinstance(again, Sources), "on this data it was not tried yet"


def test_no_two_proposals_of_a_run_have_one_seed(history: History, tmp_path: Path) -> None:
    ledger = Ledger(history, read_space)
    seeds = [ledger.context(()).seed, ledger.context((proposal(LR=0.3),)).seed]
    settle(ledger, ledger.begin_baseline(), scored(1.0))
    judged(ledger, scored(2.0), LR=0.2)
    seeds.append(ledger.context(()).seed)
    judged(ledger, scored(2.0), LR=0.4)
    history.change_data(history.draft_prepare(OTHER_DATA), "b" * 64, "why")
    seeds.append(Ledger(history, read_space).context(()).seed)
    assert len(set(seeds)) == len(seeds)
    with study(tmp_path / "other", seed=3) as other:
        assert Ledger(other, read_space).context(()).seed not in seeds, "nor two runs"


# ---------------------------------------------------------------- the question before a proposal


def reason(refused: Refused | None) -> str | None:
    return refused.reason if refused else None


def lr(value: float) -> list[Edit]:
    return [SetConstant(name="LR", value=str(value))]


def test_a_method_may_ask_what_would_be_refused(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space, Fixed(protected=frozenset({"DEPTH"})))
        check = ledger.context((proposal(LR=0.3),)).check
        assert check is not None
        assert reason(check(lr(0.3))) == "already-tried", "it is pending"
        assert reason(check(lr(0.1))) == "no-op"
        assert reason(check(lr(0.4))) is None
        assert reason(check([SetConstant(name="DEPTH", value="5")])) == "protected"
        asked_before = ledger.context(()).check
        assert isinstance(ledger.admit(proposal(LR=0.3)), Sources), "to ask is not to try"
        assert reason(asked_before(lr(0.3))) == "already-tried", "another writer's, in stock by now"


def test_what_is_in_flight_or_would_not_run_is_refused(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        flying = ledger.begin(proposal(LR=0.3))
        assert isinstance(flying, Attempt)
        refused = Ledger(history, read_space).admit(proposal(LR=0.3))
        assert isinstance(refused, Refused) and refused.reason == "already-tried", "after a resume"
        for name, hint in (
            ("DEPHT", "did you mean DEPTH?"),
            ("nope", "define it or import it in the same proposal"),
        ):
            undefined = ReplaceStatements(old="print('trained')", new=f"print({name})")
            refused = ledger.admit(proposal(undefined))
            assert isinstance(refused, Refused) and refused.reason == "undefined-name"
            assert refused.hint == hint


def test_only_a_humans_approval_repeats_a_trial(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        judged(ledger, scored(2.0), LR=0.3)
        for origin, number, admitted in (
            ("human", 1, True),
            ("human", 0, False),
            ("llm", 1, False),
        ):
            by = Provenance.model_validate(
                {"method": "approve", "origin": origin, "replays": number}
            )
            again = proposal(LR=0.3).model_copy(update={"by": by})
            assert isinstance(ledger.admit(again), Sources) is admitted, (origin, number)


def test_what_is_pending_is_refused_on_every_newer_tip(tmp_path: Path) -> None:
    pending = (proposal(DEPTH=6), proposal(DEPTH=7))
    with study(tmp_path) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        for rate in (0.3, 0.4):
            check = ledger.context(pending).check
            assert [reason(check(each.edits)) for each in pending] == ["already-tried"] * 2
            judged(ledger, scored(1.0 - rate), LR=rate)
        assert [trial.status for trial in history.trials] == ["baseline", "keep", "keep"]
