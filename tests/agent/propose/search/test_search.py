"""The contract of every search method, and what is particular to each: run over the rows of METHODS."""

import json
import logging
import math
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from agent.edit import Applied, apply
from agent.errors import UsageFault
from agent.propose import METHODS, Observation, ask
from agent.propose.search import cmaes, random, tpe
from agent.propose.search.observe import key_of, observe
from agent.propose.search.suggest import Suggest
from agent.records.proposals import Configuration, Proposal
from agent.space import Space, read_constants, read_space
from tests.agent.propose.example import DEFAULT, SOURCE, SPACE, context, pending, trial

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
    if method.proposer is None
]


@pytest.fixture(params=SEARCHES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def suggest(name: str) -> Suggest:
    return METHODS[name].suggest()


def loss(configuration: Configuration) -> float | Literal["oom"]:
    """Best at MATRIX_LR 0.02 and DEPTH 12; too deep fails."""
    depth, rate = float(configuration["DEPTH"]), float(configuration["MATRIX_LR"])
    return "oom" if depth > 18 else 1.0 + 0.02 * abs(depth - 12) + 0.1 * abs(math.log(rate / 0.02))


def history(suggest: Suggest, count: int, space: Space = SPACE, seed: int = 3) -> list[Observation]:
    """The baseline and `count` suggestions with what became of them."""
    seen = [Observation(space.default, loss(space.default))]
    for _ in range(count):
        configuration = suggest(space, seen, seed)
        seen.append(Observation(configuration, loss(configuration)))
    return seen


def test_it_is_a_function_of_the_history_and_the_seed(suggest: Suggest) -> None:
    seen = history(suggest, 30)
    for length in (1, 12, 31):
        first, again = suggest(SPACE, seen[:length], 3), suggest(SPACE, list(seen[:length]), 3)
        assert first == again
    assert [o.configuration for o in history(suggest, 30)] == [o.configuration for o in seen]
    # The best place may be the same one for several seeds.
    assert any(
        len({repr(suggest(SPACE, seen[:length], seed)) for seed in range(3, 8)}) > 1
        for length in (1, 12, 31)
    )


RESUMED = """
import json, sys
from agent.propose import METHODS, Observation
from tests.agent.propose.example import SPACE
told = [Observation(*row) for row in json.load(sys.stdin)]
lengths = [int(length) for length in sys.argv[2:]]
print(json.dumps([METHODS[sys.argv[1]].suggest()(SPACE, told[:length], 3) for length in lengths]))
"""


def test_it_goes_on_in_another_process_where_it_was(name: str, suggest: Suggest) -> None:
    seen = history(suggest, 33)
    told = json.dumps([[o.configuration, o.outcome] for o in seen])
    command = [sys.executable, "-c", RESUMED, name, "33", "9", "20"]
    out = subprocess.run(
        command, input=told, capture_output=True, text=True, check=True, timeout=600
    )
    assert json.loads(out.stdout) == [seen[length].configuration for length in (33, 9, 20)]


def test_nothing_is_suggested_twice_and_everything_is_as_it_will_run(suggest: Suggest) -> None:
    seen = [observation.configuration for observation in history(suggest, 60)]
    assert len({key_of(configuration) for configuration in seen}) == len(seen)
    for configuration in seen:
        assert SPACE.repair(configuration) == configuration
        assert set(configuration) == set(SPACE.names)


def test_a_batch_has_no_duplicates(name: str, suggest: Suggest) -> None:
    for seen in ([], history(suggest, 15)):
        proposed = ask(name, SPACE, seen, seed=5, count=8)
        assert len({key_of(configuration) for configuration in proposed}) == 8
        assert not {key_of(configuration) for configuration in proposed} & {
            observation.key for observation in seen
        }
        assert ask(name, SPACE, seen, seed=5, count=3) == proposed[:3]


def test_a_small_space_is_used_up_and_then_said_to_be(suggest: Suggest) -> None:
    space = read_space("KIND = 'a'  # [a | b | c]\nDEPTH = 2  # [1 .. 3]\n")
    seen = [Observation(space.default, 1.0)]
    for number in range(8):
        seen.append(Observation(suggest(space, seen, 0), float(number)))
    assert len({observation.key for observation in seen}) == 9
    with pytest.raises(UsageFault, match="every configuration"):
        suggest(space, seen, 0)
    with pytest.raises(UsageFault, match="no constants"):
        suggest(read_space("x = 1\n"), [], 0)


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
    seen = [Observation(space.default, 1.0)]
    for _ in range(2):
        seen.append(Observation(suggest(space, seen, 0), 0.5))
    many = [Observation(space.default, 1.0 + number / 10) for number in range(30)]
    assert suggest(space, many, 0) != space.default


def test_failures_alone_are_no_obstacle(suggest: Suggest) -> None:
    seen: list[Observation] = []
    for _ in range(30):
        seen.append(Observation(suggest(SPACE, seen, 1), "oom"))
    assert len({observation.key for observation in seen}) == 30


def test_scores_that_never_differ_are_no_obstacle(suggest: Suggest) -> None:
    seen = [Observation(DEFAULT, 1.0)]
    for number in range(25):
        seen.append(
            Observation(
                suggest(SPACE, seen, 1), 1.0, curve=((0.5, 3.0), (1.0, 2.0)) if number % 2 else ()
            )
        )
    assert len({observation.key for observation in seen}) == 26


def test_a_space_that_changed_since_is_no_obstacle(suggest: Suggest) -> None:
    seen = history(suggest, 25)
    wider = read_space(SOURCE.replace("WEIGHT_DECAY", "DECAY") + "DROPOUT = 0.1  # [0 .. 0.5]\n")
    configuration = suggest(wider, seen, 1)
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
    assert changed and proposal.hypothesis.startswith(f"{name}: ")
    told = proposal.rationale or proposal.hypothesis
    for constant, value in changed.items():
        assert f"{constant} {DEFAULT[constant]} → {value}" in told
    assert (proposal.by.method, proposal.by.origin, proposal.by.cost) == (name, "search", None)
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


def test_cmaes_starts_near_the_constants_as_they_stand() -> None:
    near = [cmaes.suggest(SPACE, [Observation(DEFAULT, 1.0)], seed) for seed in range(40)]
    assert all(abs(int(configuration["DEPTH"]) - 8) <= 8 for configuration in near)
    assert sum(configuration["PATTERN"] == "SSSL" for configuration in near) > 20
    assert (
        0.03
        < float(np.median([float(configuration["MATRIX_LR"]) for configuration in near]))
        < 0.055
    )


def test_cmaes_ranks_failures_behind_successes_and_is_blind_to_how_bad_a_score_is() -> None:
    seen = history(random.suggest, 40)
    assert any(o.value is None for o in seen), "the history has a failure to learn from"
    worst = max(o.value for o in seen if o.value is not None)
    stretched = [o if o.value is None else replace(o, outcome=math.exp(o.value * 5)) for o in seen]
    assert cmaes.suggest(SPACE, stretched, 7) == cmaes.suggest(SPACE, seen, 7), "ranks alone count"
    good = [replace(o, outcome=worst - 1) if o.value is None else o for o in seen]
    assert cmaes.suggest(SPACE, good, 7) != cmaes.suggest(SPACE, seen, 7), "a failure is no success"


@pytest.mark.parametrize("name", ["tpe", "cmaes", "trust"])
def test_methods_that_learn_beat_random_and_fail_less(name: str) -> None:
    def best(suggest: Suggest) -> tuple[float, int]:
        runs = [history(suggest, 40, seed=seed) for seed in range(5)]
        scores = [min(o.value for o in run if o.value is not None) for run in runs]
        return float(np.median(scores)), sum(o.value is None for run in runs for o in run)

    (ours, failed), (chance, failed_by_chance) = best(METHODS[name].suggest()), best(random.suggest)
    assert ours < chance
    assert failed < failed_by_chance


def test_the_example_of_the_documentation_works(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[4] / "docs" / "library.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    tried: list[dict[str, Any]] = []

    def train(**constants: Any) -> float | str:
        tried.append(constants)
        return "oom" if constants["DEPTH"] > 20 else abs(math.log(constants["LR"] / 0.02))

    exec(code, {"train": train})
    best = float(capsys.readouterr().out.split()[0])
    assert len(tried) == 21 and best < 0.5 * math.log(2), "half way from 0.04 to 0.02"


def test_a_method_of_an_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "agent.propose.search.smac", raising=False)
    monkeypatch.setitem(sys.modules, "smac", None)
    monkeypatch.setitem(sys.modules, "ConfigSpace", None)
    with pytest.raises(UsageFault, match="smac needs") as fault:
        ask("smac", SPACE, [], 0)
    assert fault.value.next_command == "pip install 'smac>=2.4,<3'"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("smac") is None, reason="the extra smac is not installed")
def test_smac_writes_nothing_where_it_runs_and_is_told_failures_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from smac.runhistory import StatusType

    from agent.propose.search import smac

    monkeypatch.chdir(tmp_path)
    seen = history(random.suggest, 14)
    seen += [
        Observation({**DEFAULT, "DEPTH": 21}, "timeout"),
        Observation({**DEFAULT, "DEPTH": 10}),
    ]
    assert key_of(smac.suggest(SPACE, seen, 1)) not in {observation.key for observation in seen}
    assert not list(tmp_path.iterdir()) and capfd.readouterr() == ("", "")
    axes = smac.Axes(SPACE)
    with smac._facade(axes, 1) as facade:
        smac._tell(facade, axes, seen)
        told = [value.status for value in facade.runhistory.values()]
        costs = [
            value.cost for value in facade.runhistory.values() if value.status != StatusType.RUNNING
        ]
    failed = {"oom": StatusType.MEMORYOUT, "timeout": StatusType.TIMEOUT}
    expected = [
        StatusType.RUNNING if o.pending else failed[o.failure] if o.failure else StatusType.SUCCESS
        for o in seen
    ]
    assert told == expected and StatusType.MEMORYOUT in told
    assert max(costs) == max(o.value for o in seen if o.value is not None), (
        "a failure is never a huge number"
    )


def test_a_library_user_is_told_what_there_is() -> None:
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
    seen = observe(
        context(
            trial(0, 1.0),
            scored,
            trial(2, "oom", DEPTH=20),
            trial(3, "refused"),
            pending=(pending(DEPTH=9),),
        )
    )
    assert [(o.value, o.failure, o.pending) for o in seen[1:]] == [
        (0.9, None, False),
        (None, "oom", False),
        (None, None, True),
    ]
    assert seen[1].curve == ((0.5, 3.0),) and seen[3].configuration == {**DEFAULT, "DEPTH": 9}
