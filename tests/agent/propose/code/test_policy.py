"""What a run that keeps nothing asks for: counted from the last keep, in turn, nothing twice, and the same after a resume."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.display.show import provenance
from agent.history.history import History
from agent.llm.scripted import Scripted
from agent.propose.code.code import Code, request_of, to_explore
from agent.propose.code.policy import Policy, asked_now, plateau_of
from agent.records.proposals import EXPLORATIONS, Asked, Proposal, Provenance
from agent.records.results import Result as Measured
from agent.records.results import Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.propose.example import context, pending, trial
from tests.agent.study import make_repository, project_of, proposal, settings_of, settle
from tests.e2e.researcher import git

PATIENT = Policy(patience=3)


def keep(number: int, delta: float) -> Trial:
    """A kept trial that sets DEPTH."""
    return trial(number, 1.0, f"kept {number}", DEPTH=number).model_copy(
        update={"status": "keep", "delta": delta}
    )


def dry(count: int, first: int = 1) -> list[Trial]:
    """So many discarded trials, each a little worse than the one before."""
    return [
        trial(n, 1.0 + 0.0001 * n, f"idea {n}", MATRIX_LR=0.01 + 0.001 * n)
        for n in range(first, first + count)
    ]


def with_asked(one: Trial, asked: Asked) -> Trial:
    by = one.proposal.by.model_copy(update={"asked": asked})
    return one.model_copy(update={"proposal": one.proposal.model_copy(update={"by": by})})


def waiting(asked: Asked) -> Proposal:
    return pending(DEPTH=20).model_copy(
        update={"by": Provenance(method="code", origin="llm", model="m", asked=asked)}
    )


def test_only_measured_trials_since_the_last_keep_count() -> None:
    refused, crash = trial(9, "refused"), trial(8, "crash")
    trials = [trial(0, 1.0), *dry(2), keep(3, -0.1), *dry(2, 4), refused]
    assert [one.number for one in plateau_of(trials)] == [4, 5]
    assert asked_now(trials, (), PATIENT) is None
    asked = asked_now([*trials, crash], (), PATIENT)
    assert asked is not None
    assert asked.after == 3, "a crash was measured, a refusal was not"
    assert asked_now([*trials, crash, keep(10, -0.1)], (), PATIENT) is None, "a keep ends it"


def test_the_kinds_take_turns_and_name_trials() -> None:
    start = [trial(0, 1.0), keep(1, -0.002), keep(2, -0.03)]
    found = [asked_now([*start, *dry(n, 3)], (), PATIENT) for n in range(3, 8)]
    assert [asked and (asked.kind, asked.trials) for asked in found] == [
        ("bolder", ()),
        ("combine", (3, 4)),
        ("undo", (1,)),
        ("remove", ()),
        ("bolder", ()),
    ]


def test_a_pair_and_a_change_are_asked_for_once() -> None:
    def next_of(kind: str, *before: Asked) -> Asked | None:
        trials = [trial(0, 1.0), keep(1, -0.002), keep(2, -0.03), *dry(3, 3)]
        trials += [
            with_asked(one, asked) for one, asked in zip(dry(len(before), 6), before, strict=True)
        ]
        return asked_now(trials, (), Policy(patience=1, kinds=(kind,)))  # type: ignore[arg-type]

    pair = Asked(kind="combine", trials=(4, 3), after=3)
    assert next_of("combine") == Asked(kind="combine", trials=(3, 4), after=3)
    second = next_of("combine", pair)
    assert second is not None and second.trials == (3, 5), "whichever way round it was asked for"
    first, then = Asked(kind="undo", trials=(1,), after=3), Asked(kind="undo", trials=(2,), after=4)
    undone = next_of("undo", first)
    assert undone is not None and undone.trials == (2,)
    assert next_of("undo", first, then) is None, "there is nothing left to name"


def test_what_has_nothing_to_name_is_skipped_and_what_waits_counts_as_a_turn() -> None:
    failures = [trial(0, 1.0), *(trial(n, "crash") for n in range(1, 4))]
    assert asked_now(
        failures, (), Policy(patience=2, kinds=("combine", "undo", "remove"))
    ) == Asked(kind="remove", after=3)
    assert asked_now(failures, (), Policy(patience=2, kinds=())) is None
    dried = [trial(0, 1.0), *dry(3)]
    asked = asked_now(dried, (), PATIENT)
    assert asked is not None and asked.kind == "bolder"
    other = asked_now(dried, (waiting(asked),), PATIENT)
    assert other is not None and other.kind == "combine", (
        "a proposal that waits was asked for the first already"
    )


def test_what_is_far_off_is_no_near_miss() -> None:
    far = [
        trial(0, 1.0),
        *(trial(n, 1.1, DEPTH=n + 8) for n in (1, 2, 3)),
    ]  # the baseline's two seeds differ by 0.001
    assert asked_now(far, (), Policy(patience=2, kinds=("combine",))) is None


def question(trials: list[Trial], **policy: Any) -> str:
    return request_of(replace(context(*trials), policy=Policy(patience=3, **policy))).blocks[-1]


def test_the_question_names_trials_with_their_edits() -> None:
    trials = [trial(0, 1.0), keep(1, -0.002), *dry(3, 2)]
    combine = question(trials, kinds=("combine",))
    assert "Combine these near misses" in combine
    assert combine.index("#2 discard +0.000200") < combine.index("#3 discard +0.000300")
    assert combine.count('"set_constant"') == 2
    assert "Undo this change" in question(trials, kinds=("undo",)) and "#1 keep" in question(
        trials, kinds=("undo",)
    )
    assert "Remove code" in question(trials, kinds=("remove",))
    bolder = question(trials, kinds=("bolder",))
    assert (
        "turned constants: change code instead" in bolder
        and "MATRIX_LR" in bolder.partition("about something else")[2]
    )
    assert "Nothing has been kept" not in question(trials, kinds=())


def test_a_failure_is_mended_before_anything_is_explored() -> None:
    trials = [trial(0, 1.0), *dry(3), trial(4, "crash", DEPTH=20)]
    asked = replace(context(*trials), policy=PATIENT)
    assert to_explore(asked) is None
    assert "failures are worth mending" in request_of(asked).blocks[-1]


def test_what_was_asked_is_recorded_with_the_proposal_and_shown() -> None:
    trials = [trial(0, 1.0), *dry(4)]
    answer = {
        "hypothesis": "both",
        "edits": [{"kind": "set_constant", "name": "DEPTH", "value": "12"}],
    }
    made = Code(Scripted([answer] * 9)).propose(replace(context(*trials), policy=PATIENT))
    assert made.by.asked == Asked(kind="combine", trials=(1, 2), after=4)
    assert "asked to combine #1 and #2 (4 trials without a keep)" in provenance(made.by)
    calm = Code(Scripted([answer] * 9)).propose(context(*trials))
    assert calm.by.asked is None and "asked" not in provenance(calm.by)


@pytest.mark.parametrize(
    "line", ["patience: 2", "patience: 2\nexplore: off", "patience: 2\nexplore: [remove]"]
)
def test_a_resumed_run_asks_for_the_same_as_program_md_says(tmp_path: Path, line: str) -> None:
    folder = make_repository(tmp_path)
    (folder / "program.md").write_text(f"---\n{line}\n---\n# Goal\n")
    project = project_of(folder)
    git(folder, "commit", "-qam", "brief")
    with History.create(project, settings_of(project)) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), _scored(1.0))
        for depth in (5, 6, 7):
            attempt = ledger.begin(proposal(DEPTH=depth))
            assert not isinstance(attempt, Trial)
            settle(ledger, attempt, _scored(1.0))
        asked = to_explore(ledger.context(()))
        text = request_of(ledger.context(())).blocks[-1]
    with History.open(project, "t") as history:
        again = Ledger(history, read_space).context(())
        assert to_explore(again) == asked
        assert request_of(again).blocks[-1] == text
    assert (asked and asked.kind) == {
        "patience: 2": "combine",
        "patience: 2\nexplore: off": None,
    }.get(line, "remove")


def _scored(value: float) -> Measured:
    return Measured(status="scored", scores=(Score(value=value, seed=0, kind="self-reported"),))


def test_every_kind_has_words_of_its_own() -> None:
    trials = [trial(0, 1.0), keep(1, -0.002), *dry(3, 2)]
    assert len(
        {question(trials, kinds=(kind,)).partition("of another kind.")[2] for kind in EXPLORATIONS}
    ) == len(EXPLORATIONS)
