"""What a run asks for during a plateau: in turn, nothing twice, the same after a resume."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.display.show import provenance
from agent.history.history import History
from agent.llm.scripted import Scripted
from agent.propose.code.code import Code, request_of, to_explore
from agent.propose.code.policy import Policy, asked_now, plateau_of
from agent.records.objective import LOWER
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
    """Return a kept trial that sets DEPTH."""
    kept = trial(number, 1.0, f"kept {number}", DEPTH=number)
    return kept.model_copy(update={"status": "keep", "delta": delta})


def discarded(count: int, first: int = 1) -> list[Trial]:
    """Return discarded trials, each a little worse than the one before."""
    return [
        trial(n, 1.0 + 0.0001 * n, f"idea {n}", MATRIX_LR=0.01 + 0.001 * n)
        for n in range(first, first + count)
    ]


def with_asked(answered: Trial, asked: Asked) -> Trial:
    by = answered.proposal.by.model_copy(update={"asked": asked})
    proposal = answered.proposal.model_copy(update={"by": by})
    return answered.model_copy(update={"proposal": proposal})


def waiting(asked: Asked) -> Proposal:
    by = Provenance(method="code", origin="llm", model="m", asked=asked)
    return pending(DEPTH=20).model_copy(update={"by": by})


def test_only_measured_trials_since_the_last_keep_count() -> None:
    refused = trial(9, "refused")
    crash = trial(8, "crash")
    trials = [trial(0, 1.0), *discarded(2), keep(3, -0.1), *discarded(2, 4), refused]
    assert [measured.number for measured in plateau_of(trials)] == [4, 5]
    assert asked_now(trials, (), PATIENT, LOWER) is None
    asked = asked_now([*trials, crash], (), PATIENT, LOWER)
    assert asked is not None
    assert asked.after == 3, "a crash was measured, a refusal was not"
    assert asked_now([*trials, crash, keep(10, -0.1)], (), PATIENT, LOWER) is None, "a keep ends it"


def test_the_kinds_take_turns_and_name_trials() -> None:
    start = [trial(0, 1.0), keep(1, -0.002), keep(2, -0.03)]
    questions = [asked_now([*start, *discarded(n, 3)], (), PATIENT, LOWER) for n in range(3, 8)]
    assert [asked and (asked.kind, asked.trials) for asked in questions] == [
        ("bolder", ()),
        ("combine", (3, 4)),
        ("undo", (1,)),
        ("remove", ()),
        ("bolder", ()),
    ]


def test_a_pair_and_a_change_are_asked_for_once() -> None:
    def next_of(kind: str, *before: Asked) -> Asked | None:
        trials = [trial(0, 1.0), keep(1, -0.002), keep(2, -0.03), *discarded(3, 3)]
        answered = discarded(len(before), 6)
        trials += [with_asked(*pair) for pair in zip(answered, before, strict=True)]
        return asked_now(trials, (), Policy(patience=1, kinds=(kind,)), LOWER)  # type: ignore[arg-type]

    pair = Asked(kind="combine", trials=(4, 3), after=3)
    assert next_of("combine") == Asked(kind="combine", trials=(3, 4), after=3)
    second = next_of("combine", pair)
    assert second is not None and second.trials == (3, 5), "whichever way round it was asked for"
    first = Asked(kind="undo", trials=(1,), after=3)
    then = Asked(kind="undo", trials=(2,), after=4)
    undone = next_of("undo", first)
    assert undone is not None and undone.trials == (2,)
    assert next_of("undo", first, then) is None, "there is nothing left to name"


def test_a_kind_without_trials_is_skipped_and_a_pending_proposal_counts_as_a_turn() -> None:
    failures = [trial(0, 1.0), *(trial(n, "crash") for n in range(1, 4))]
    policy = Policy(patience=2, kinds=("combine", "undo", "remove"))
    assert asked_now(failures, (), policy, LOWER) == Asked(kind="remove", after=3)
    assert asked_now(failures, (), Policy(patience=2, kinds=()), LOWER) is None
    plateau = [trial(0, 1.0), *discarded(3)]
    asked = asked_now(plateau, (), PATIENT, LOWER)
    assert asked is not None and asked.kind == "bolder"
    other = asked_now(plateau, (waiting(asked),), PATIENT, LOWER)
    assert other is not None and other.kind == "combine", (
        "the pending proposal was asked for the first"
    )


def test_what_is_far_off_is_no_near_miss() -> None:
    # The baseline's two seeds differ by 0.001.
    far = [trial(0, 1.0), *(trial(n, 1.1, DEPTH=n + 8) for n in (1, 2, 3))]
    assert asked_now(far, (), Policy(patience=2, kinds=("combine",)), LOWER) is None


def question(trials: list[Trial], **policy: Any) -> str:
    return request_of(replace(context(*trials), policy=Policy(patience=3, **policy))).blocks[-1]


def test_the_question_names_trials_with_their_edits() -> None:
    trials = [trial(0, 1.0), keep(1, -0.002), *discarded(3, 2)]
    combine = question(trials, kinds=("combine",))
    assert "Combine these near misses" in combine
    assert combine.index("#2 discard +0.000200") < combine.index("#3 discard +0.000300")
    assert combine.count('"set_constant"') == 2
    undo = question(trials, kinds=("undo",))
    assert "Undo this change" in undo
    assert "#1 keep" in undo
    assert "Remove code" in question(trials, kinds=("remove",))
    bolder = question(trials, kinds=("bolder",))
    assert "set constants: change code instead" in bolder
    assert "MATRIX_LR" in bolder.partition("choose something else")[2]
    assert "Nothing has been kept" not in question(trials, kinds=())


def test_a_failure_is_corrected_before_anything_is_explored() -> None:
    trials = [trial(0, 1.0), *discarded(3), trial(4, "crash", DEPTH=20)]
    asked = replace(context(*trials), policy=PATIENT)
    assert to_explore(asked) is None
    assert "a failure is worth one correction" in request_of(asked).blocks[-1]


def test_what_was_asked_is_recorded_with_the_proposal_and_shown() -> None:
    trials = [trial(0, 1.0), *discarded(4)]
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
    kinds = {"patience: 2": "combine", "patience: 2\nexplore: off": None}
    assert (asked and asked.kind) == kinds.get(line, "remove")


def _scored(value: float) -> Measured:
    return Measured(status="scored", scores=(Score(value=value, seed=0, kind="self-reported"),))


def test_every_kind_has_a_request_of_its_own() -> None:
    trials = [trial(0, 1.0), keep(1, -0.002), *discarded(3, 2)]
    requests = set()
    for kind in EXPLORATIONS:
        _, _, request = question(trials, kinds=(kind,)).partition("another kind of change.")
        requests.add(request)
    assert len(requests) == len(EXPLORATIONS)
    assert "" not in requests
