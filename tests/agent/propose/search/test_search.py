"""The contract of every search method in METHODS, and what is particular to some."""

import json
import logging
import math
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.edit import Applied, apply
from agent.errors import UsageFault
from agent.propose import METHODS, Observation, ask
from agent.propose.search import random, tpe
from agent.propose.search.observe import key_of, observe, values_of
from agent.propose.search.suggest import Suggest
from agent.records.proposals import Configuration, Proposal
from agent.space import read_constants, read_space
from tests.agent.propose.example import DEFAULT, SOURCE, SPACE, context, pending, trial
from tests.agent.propose.search.bowl import history

# Seconds a proposal, so minutes for its contract.
SLOW = [pytest.mark.slow, pytest.mark.timeout(1800)]
MARKS = {
    "gp": SLOW,
    "smac": [
        *SLOW,
        pytest.mark.skipif(find_spec("smac") is None, reason="the extra smac is not installed"),
    ],
}
SEARCHES = [
    pytest.param(name, marks=MARKS.get(name, []))
    for name, method in METHODS.items()
    if method.is_search
]


@pytest.fixture(params=SEARCHES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def suggest(name: str) -> Suggest:
    return METHODS[name].suggest()


def configurations(trials: Sequence[Observation]) -> list[Configuration]:
    return [trial.configuration for trial in trials]


@cache
def past(name: str) -> tuple[Observation, ...]:
    """Return the first 61 trials of a method, which take a while."""
    return tuple(history(METHODS[name].suggest(), 60))


def test_it_is_a_function_of_the_history_and_the_seed(name: str, suggest: Suggest) -> None:
    trials = past(name)[:31]
    for length in (1, 12, 31):
        assert suggest(SPACE, trials[:length], 3) == suggest(SPACE, trials[:length], 3)
    assert configurations(history(suggest, 30)) == configurations(trials)

    def answers(length: int) -> set[str]:
        return {repr(suggest(SPACE, trials[:length], seed)) for seed in range(3, 8)}

    # The best place may be the same for several seeds.
    assert any(len(answers(length)) > 1 for length in (1, 12, 31))


RESUMED = """
import json, sys
from agent.propose import METHODS, Observation
from tests.agent.propose.example import SPACE
trials = [Observation(*row) for row in json.load(sys.stdin)]
lengths = [int(length) for length in sys.argv[2:]]
suggest = METHODS[sys.argv[1]].suggest()
print(json.dumps([suggest(SPACE, trials[:length], 3) for length in lengths]))
"""


def test_it_goes_on_in_another_process_where_it_was(name: str) -> None:
    trials = past(name)[:34]
    rows = json.dumps([[trial.configuration, trial.outcome] for trial in trials])
    command = [sys.executable, "-c", RESUMED, name, "33", "9", "20"]
    out = subprocess.run(
        command, input=rows, capture_output=True, text=True, check=True, timeout=600
    )
    assert json.loads(out.stdout) == [trials[place].configuration for place in (33, 9, 20)]


def test_nothing_is_suggested_twice_and_everything_is_as_it_will_run(name: str) -> None:
    proposed = configurations(past(name))
    assert len({key_of(configuration) for configuration in proposed}) == len(proposed)
    for configuration in proposed:
        assert SPACE.repair(configuration) == configuration
        assert set(configuration) == set(SPACE.names)


def test_a_batch_has_no_duplicates(name: str) -> None:
    for trials in ((), past(name)[:16]):
        proposed = ask(name, SPACE, trials, seed=5, count=8)
        keys = {key_of(configuration) for configuration in proposed}
        assert len(keys) == 8
        assert not keys & {trial.key for trial in trials}
        assert ask(name, SPACE, trials, seed=5, count=3) == proposed[:3]


def test_a_small_space_is_used_up_and_the_message_says_so(suggest: Suggest) -> None:
    space = read_space("KIND = 'a'  # [a | b | c]\nDEPTH = 2  # [1 .. 3]\n")
    trials = [Observation(space.default, 1.0)]
    for number in range(8):
        trials.append(Observation(suggest(space, trials, 0), float(number)))
    assert len({trial.key for trial in trials}) == 9
    with pytest.raises(UsageFault, match="every configuration"):
        suggest(space, trials, 0)
    with pytest.raises(UsageFault, match="no constants"):
        suggest(read_space("print(1)\n"), [], 0)


@pytest.mark.parametrize(
    "source",
    [
        "A = 1.0  # [0.1 .. 10 log]\n",
        "A = 3  # [1 .. 5]\n",
        "A = 'x'  # [x | y | z]\n",
        "A = True\nB = 48  # [16 .. 64 pow2]\n",
    ],
)
def test_spaces_of_one_kind_work(suggest: Suggest, source: str) -> None:
    space = read_space(source)
    trials = [Observation(space.default, 1.0)]
    for _ in range(2):
        trials.append(Observation(suggest(space, trials, 0), 0.5))
    many = [Observation(space.default, 1.0 + number / 10) for number in range(30)]
    assert suggest(space, many, 0) != space.default


def test_failures_alone_are_no_obstacle(suggest: Suggest) -> None:
    trials: list[Observation] = []
    for _ in range(30):
        trials.append(Observation(suggest(SPACE, trials, 1), "oom"))
    assert len({trial.key for trial in trials}) == 30


def test_scores_that_never_differ_are_no_obstacle(suggest: Suggest) -> None:
    trials = [Observation(DEFAULT, 1.0)]
    for number in range(25):
        curve = ((0.5, 3.0), (1.0, 2.0)) if number % 2 else ()
        trials.append(Observation(suggest(SPACE, trials, 1), 1.0, curve))
    assert len({trial.key for trial in trials}) == 26


def test_a_space_that_changed_since_is_no_obstacle(suggest: Suggest) -> None:
    trials = history(suggest, 25)
    wider = read_space(SOURCE.replace("WEIGHT_DECAY", "DECAY") + "DROPOUT = 0.1  # [0 .. 0.5]\n")
    configuration = suggest(wider, trials, 1)
    assert set(configuration) == set(wider.names) and "DROPOUT" in configuration
    odd = [Observation({**DEFAULT, "DEPTH": "deep", "MATRIX_LR": 1e9, "PATTERN": "XXXX"}, 1.0)] * 20
    assert SPACE.repair(suggest(SPACE, odd, 1))


def test_a_proposal_edits_the_constants_and_says_so(name: str) -> None:
    proposer = METHODS[name].build(None)
    proposal = proposer.propose(
        context(
            trial(0, 1.0), trial(1, 0.9, DEPTH=10), trial(2, "crash", DEPTH=20), trial(3, "refused")
        )
    )
    assert isinstance(proposal, Proposal)
    applied = apply(SOURCE, proposal.edits)
    assert isinstance(applied, Applied)
    changed = {
        name: value
        for name, value in read_constants(applied.source).items()
        if value != DEFAULT[name]
    }
    assert changed and name not in proposal.hypothesis, "the log has a column for the method"
    for constant, value in changed.items():
        assert f"{constant} {DEFAULT[constant]} → {value}" in proposal.rationale
    assert proposal.by.method == name
    assert proposal.by.origin == "search"
    assert proposal.by.cost is None
    assert not proposer.looks_ahead


def test_a_proposal_keeps_clear_of_the_pending_ones(name: str) -> None:
    proposer = METHODS[name].build(None)
    first = proposer.propose(context(trial(0, 1.0)))
    assert isinstance(first, Proposal)
    second = proposer.propose(context(trial(0, 1.0), pending=(first, pending(DEPTH=9))))
    assert isinstance(second, Proposal) and second.edits != first.edits


def test_optuna_is_quiet_and_its_logging_is_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("optuna.storages._in_memory")
    before = logger.level
    history(tpe.suggest, 12)
    assert capfd.readouterr() == ("", "")
    assert logger.level == before


@pytest.mark.parametrize("name", ["tpe", "cmaes", pytest.param("trust", marks=pytest.mark.slow)])
def test_methods_that_learn_beat_random_and_fail_less(name: str) -> None:
    def five_runs(suggest: Suggest) -> tuple[float, int]:
        """Return the median of the best scores, and the number of failures."""
        best = []
        failures = 0
        for seed in range(5):
            values = [trial.value for trial in history(suggest, 40, seed=seed)]
            best.append(min(value for value in values if value is not None))
            failures += values.count(None)
        return float(np.median(best)), failures

    best, failures = five_runs(METHODS[name].suggest())
    best_by_chance, failures_by_chance = five_runs(random.suggest)
    assert best < best_by_chance
    assert failures < failures_by_chance


def test_a_method_of_an_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "agent.propose.search.smac", raising=False)
    monkeypatch.setitem(sys.modules, "smac", None)
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(UsageFault, match=r"needs (smac|ConfigSpace)") as fault:
        ask("smac", SPACE, [], 0)
    assert fault.value.next_command == "pip install 'autoresearch[smac]'"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("smac") is None, reason="the extra smac is not installed")
def test_smac_writes_nothing_into_the_folder_and_failures_are_told_by_their_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from smac.runhistory import StatusType

    from agent.propose.search import smac

    monkeypatch.chdir(tmp_path)
    trials = history(random.suggest, 14)
    trials += [
        Observation({**DEFAULT, "DEPTH": 21}, "timeout"),
        Observation({**DEFAULT, "DEPTH": 10}),
    ]
    assert key_of(smac.suggest(SPACE, trials, 1)) not in {trial.key for trial in trials}
    assert not list(tmp_path.iterdir()) and capfd.readouterr() == ("", "")
    axes = smac.Axes(SPACE)
    with smac._facade(axes, 1) as facade:
        smac._tell(facade, axes, trials)
        rows = list(facade.runhistory.values())
    statuses = {"oom": StatusType.MEMORYOUT, "timeout": StatusType.TIMEOUT}
    expected = [statuses.get(str(trial.outcome), StatusType.SUCCESS) for trial in trials]
    expected[-1] = StatusType.RUNNING
    assert [row.status for row in rows] == expected
    assert StatusType.MEMORYOUT in expected
    costs = [row.cost for row in rows if row.status != StatusType.RUNNING]
    assert max(costs) == max(values_of(trials)), "a failure is never a huge number"


def test_a_library_user_gets_the_names_of_the_methods() -> None:
    with pytest.raises(UsageFault, match="random, tpe, trust"):
        ask("annealing", SPACE, [], 0)
    with pytest.raises(UsageFault, match="works on a run"):
        ask("code", SPACE, [], 0)


@pytest.mark.parametrize("outcome", [math.nan, math.inf, "exploded"])
def test_an_observation_refuses_nonsense(outcome: Any) -> None:
    with pytest.raises(ValueError, match=r"score|failure"):
        Observation(DEFAULT, outcome)


def test_the_ledger_becomes_scores_failures_curves_and_pending() -> None:
    scored = trial(1, 0.9, DEPTH=10)
    assert scored.result
    scored = scored.model_copy(
        update={"result": scored.result.model_copy(update={"curve": ((0.5, 3.0),)})}
    )
    trials = observe(
        context(
            trial(0, 1.0),
            scored,
            trial(2, "oom", DEPTH=20),
            trial(3, "refused"),
            pending=(pending(DEPTH=9),),
        )
    )
    assert [(trial.value, trial.failure, trial.pending) for trial in trials[1:]] == [
        (0.9, None, False),
        (None, "oom", False),
        (None, None, True),
    ]
    assert trials[1].curve == ((0.5, 3.0),) and trials[3].configuration == {**DEFAULT, "DEPTH": 9}
