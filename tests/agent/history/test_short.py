"""Records of many constants say what differs from the run's first trial, and come back whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import HistoryFault
from agent.git.plumbing import Plumbing
from agent.history.entries import Unknown, read_entry
from agent.history.history import History
from agent.history.messages import verdict_message
from agent.history.short import LEAST, base_of, restored, shortened
from agent.records.proposals import Configuration
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.history.nights import reopened, scored
from tests.agent.history.strategies import SETTINGS
from tests.agent.history.test_format2 import an_example, committed
from tests.agent.study import make_repository, project_of, proposal, settings_of, settle
from tests.e2e.researcher import git

MANY = {f"RATE_{number}": number / 7 for number in range(3 * LEAST)}
VALUES = st.one_of(st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["", "1"]))


def trial_with(configuration: Configuration, number: int = 5) -> Trial:
    return an_example().model_copy(update={"configuration": configuration, "number": number})


def record_in(message: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(message.rpartition("Autoresearch: ")[2])
    return record


@SETTINGS
@given(
    st.dictionaries(st.sampled_from([*MANY, "NEW", "OTHER"]), VALUES, max_size=20),
    st.sets(st.sampled_from(sorted(MANY)), max_size=20),
)
def test_constants_come_back_as_they_were(changed: Configuration, gone: set[str]) -> None:
    base = trial_with(MANY, 0)
    left = {name: value for name, value in MANY.items() if name not in gone}
    trial = trial_with({**left, **changed})
    again = read_entry(committed(verdict_message(trial, base=base)), base)
    assert isinstance(again, Trial)
    before = sorted((name, repr(value)) for name, value in trial.configuration.items())
    after = sorted((name, repr(value)) for name, value in again.configuration.items())
    assert after == before, "1, 1.0 and True are told apart"


def test_only_what_differs_is_recorded() -> None:
    base = trial_with(MANY, 0)
    whole = verdict_message(trial_with({**MANY, "RATE_3": 9.5}))
    short = verdict_message(trial_with({**MANY, "RATE_3": 9.5}), base=base)
    assert record_in(short)["configuration"] == {"RATE_3": 9.5}
    assert (record_in(short)["like"], record_in(short)["without"]) == (0, [])
    assert len(short) < len(whole) / 4


@pytest.mark.parametrize(
    "configuration",
    [
        {"LR": 0.1},
        dict(list(MANY.items())[:LEAST]),
        dict.fromkeys(MANY, -1.0),
        {f"{name}_AGAIN": value for name, value in MANY.items()},
    ],
    ids=["one", "few", "all differ", "all renamed"],
)
def test_a_record_that_would_gain_nothing_is_read_by_itself(configuration: Configuration) -> None:
    message = verdict_message(trial_with(configuration), base=trial_with(MANY, 0))
    assert read_entry(committed(message)) == read_entry(committed(message), trial_with(MANY, 0))
    assert record_in(message)["configuration"] == configuration


def test_few_constants_are_recorded_whole_and_one_more_by_what_differs() -> None:
    few = dict(list(MANY.items())[:LEAST])
    assert shortened(few, trial_with(few, 0)) == {"configuration": few}
    more = {**few, "ONE_MORE": 1}
    assert shortened(more, trial_with(more, 0)) == {"configuration": {}, "like": 0, "without": []}


def test_records_refer_to_the_first_trial_that_has_constants() -> None:
    refused = trial_with({}, 0)
    first = trial_with(MANY, 1)
    second = trial_with(MANY, 2)
    assert base_of([refused, first, second]) is first
    assert base_of([refused]) is None


def test_the_first_trial_is_read_by_itself() -> None:
    assert shortened(MANY, None) == {"configuration": MANY}
    assert restored({"configuration": MANY, "number": 3}, None)["configuration"] == MANY


@pytest.mark.parametrize(
    "fields",
    [
        {"like": 1},
        {"like": False},  # equal to 0, and no number of a trial
        {"like": "0"},
        {"like": None},
        {"without": "RATE_1"},
        {"without": {"RATE_1": 1}},
        {"configuration": ["RATE_1"]},
    ],
)
def test_a_forged_record_is_refused(fields: dict[str, Any]) -> None:
    base = trial_with(MANY, 0)
    message = verdict_message(trial_with({**MANY, "RATE_3": 9.5}), base=base)
    head, mark, _ = message.rpartition("Autoresearch: ")
    forged = f"{head}{mark}{json.dumps({**record_in(message), **fields})}\n"
    with pytest.raises(HistoryFault, match="cannot be read"):
        read_entry(committed(forged), base)


def test_without_its_first_trial_a_record_is_refused() -> None:
    message = verdict_message(trial_with({**MANY, "RATE_3": 9.5}), base=trial_with(MANY, 0))
    with pytest.raises(HistoryFault, match="first trial with constants"):
        read_entry(committed(message))


def test_a_name_of_a_newer_version_is_still_told_as_one() -> None:
    message = verdict_message(trial_with(MANY)).replace('"number"', '"newer": 1, "number"', 1)
    assert isinstance(read_entry(committed(message), trial_with(MANY, 0)), Unknown)


def test_a_run_with_many_constants_goes_on_after_it_was_read_again(tmp_path: Path) -> None:
    lines = "".join(f"{name} = {value!r}\n" for name, value in MANY.items())
    (make_repository(tmp_path) / "train.py").write_text(f"LR = 0.1\n{lines}")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "many")
    project = project_of(tmp_path)
    with History.create(project, settings_of(project)) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1.0))
        for rate in (0.2, 0.3):
            attempt = ledger.begin(proposal(LR=rate))
            settle(ledger, attempt, scored(1.0 - rate))  # type: ignore[arg-type]
        trials = history.trials
    again = reopened(tmp_path)
    assert [trial.configuration for trial in again.trials] == [t.configuration for t in trials]
    assert [trial.configuration["LR"] for trial in again.trials] == [0.1, 0.2, 0.3]
    message = Plumbing(tmp_path)("show", "-s", "--format=%B", again.tip)
    assert record_in(message)["configuration"] == {"LR": 0.3}
