"""The options of a run: their order of precedence, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageFault
from agent.project.flags import EXAMPLES, Flags, read_flags
from agent.project.option import Option, Origin
from agent.project.program import FrontMatter, read_program
from agent.project.resolve import (
    DEFAULT_MAX_COST,
    Inferred,
    ModelNeed,
    StartOptions,
    recorded_caps,
    resume_options,
    start_options,
    trials_left,
)
from agent.project.settings import Caps, RunSettings, Settings
from agent.project.time_options import DEFAULT_BUDGET, TimeInferred
from agent.propose import find_method
from agent.records.objective import Objective
from sandbox.ground.budget import Budget, Limit
from tests.agent.study import make_repository, project_of, settings_of


def need_of(name: str) -> ModelNeed:
    return find_method(name, typed=True).model


def started(
    front_matter: FrontMatter | None = None,
    settings: Settings | None = None,
    inferred: Inferred | None = None,
    **typed: Any,
) -> StartOptions:
    """The options of a start with these flags."""
    return start_options(
        read_flags("start", **typed),
        front_matter or FrontMatter(),
        settings or Settings(),
        inferred or Inferred(),
        need_of,
    )


@pytest.fixture
def record(tmp_path: Path) -> RunSettings:
    """What a run with some bounds and one limit was asked for."""
    project = project_of(make_repository(tmp_path))
    caps = Caps(memory=2**30)
    return settings_of(project, trials=9, hours=2.0, max_cost=5.0, workers=3, caps=caps)


# ---------------------------------------------------------------- precedence


@pytest.mark.parametrize(("name", "flag", "file"), [("trials", 3, 5), ("hours", 1.5, 4.0)])
def test_a_flag_goes_before_the_front_matter_and_that_before_nothing(
    name: str, flag: float, file: float
) -> None:
    front_matter = FrontMatter(**{name: file})
    assert getattr(started(front_matter, **{name: flag}), name) == Option(flag, Origin.FLAG)
    assert getattr(started(front_matter), name) == Option(file, Origin.FRONT_MATTER)
    assert getattr(started(), name) == Option(None, Origin.DEFAULT)


def test_a_max_cost_of_zero_is_no_missing_value() -> None:
    assert started(FrontMatter(max_cost=20), max_cost=0).max_cost == Option(0, Origin.FLAG)
    assert started(FrontMatter(max_cost=0)).max_cost == Option(0, Origin.FRONT_MATTER)


def test_the_plausible_range_of_the_front_matter_goes_before_that_of_the_settings() -> None:
    front_matter = FrontMatter.model_validate({"plausible": "0.5 .. 9"})
    settings = Settings.model_validate({"plausible": "1 .. 2"})
    assert str(started(front_matter, settings).plausible.value) == "0.5 .. 9"
    assert started(settings=settings).plausible.origin is Origin.SETTINGS


def test_a_limit_comes_from_the_flag_else_from_the_settings() -> None:
    options = started(settings=Settings(memory=2**31, disk=2**32), memory="1GiB", output=2**20)
    assert options.caps == Caps(memory=2**30, disk=2**32, output=2**20)
    assert options.disk.origin is Origin.SETTINGS


def test_only_typed_limits_are_recorded() -> None:
    options = started(settings=Settings(disk=2**32), memory="1GiB")
    run = options.record(tag="t", start_commit="0" * 40, score="printed", data_fingerprint=None)
    assert run.caps == Caps(memory=2**30)
    assert RunSettings.model_validate_json(run.model_dump_json()) == run


def test_a_limit_of_time_is_recorded_with_the_objective() -> None:
    basics: dict[str, Any] = {"tag": "t", "start_commit": "0" * 40, "data_fingerprint": None}
    own = Objective(metric="a", direction="maximize")
    run = started(limit="1.5x").record(**basics, score="printed", objective=own)
    assert run.objective == own.model_copy(update={"limit": "1.5x"})
    sealed = started(inferred=Inferred(time=TimeInferred(sealed=True)))
    assert sealed.record(**basics, score="sealed").objective is None


def test_what_is_typed_is_recorded() -> None:
    typed = {
        "model": "opus",
        "method": "code",
        "trials": 3,
        "hours": 1.5,
        "max_cost": 2.0,
        "workers": 2,
        "seed": 7,
        "baseline_repeats": 4,
        "verdict": "greedy",
        "false_keeps": 1.0,
        "prune": "median",
    }
    options = started(**typed)
    run = options.record(
        tag="t", start_commit="0" * 40, score="printed", data_fingerprint="f", warm="study.db"
    )
    assert run.model_dump(include=set(typed)) == typed
    assert (run.data_fingerprint, run.warm) == ("f", "study.db")


def test_the_budget_is_typed_or_written_or_five_minutes() -> None:
    front_matter = FrontMatter.model_validate({"budget": "10m"})
    assert started(front_matter, budget="20s").budget == Option(Budget(amount=20), Origin.FLAG)
    assert started(front_matter).budget == Option(Budget(amount=600), Origin.FRONT_MATTER)
    assert started().budget == Option(DEFAULT_BUDGET, Origin.DEFAULT)


UNREAD = Inferred(time=TimeInferred(reads_budget=False))


def test_trainings_that_read_no_budget_have_a_limit() -> None:
    usual = Option(Limit(times=1.1), Origin.INFERRED)
    assert (started(inferred=UNREAD).budget.value, started(inferred=UNREAD).limit) == (None, usual)
    typed = started(inferred=UNREAD, budget="2s")
    assert (typed.budget, typed.limit) == (Option(None, Origin.FLAG), usual)
    steps = started(inferred=UNREAD, budget="1steps")
    assert (steps.budget.value, steps.limit.value) == (Budget(amount=1, unit="steps"), None)


def test_the_first_place_that_states_a_time_counts() -> None:
    front_matter = FrontMatter.model_validate({"budget": "10m"})
    settings = Settings.model_validate({"limit": "2x"})
    limited = started(front_matter, settings, limit="90s")
    assert (limited.budget.value, limited.limit) == (None, Option(Limit(duration=90), Origin.FLAG))
    assert started(front_matter, settings).budget.value == Budget(amount=600)
    assert started(settings=settings).limit == Option(Limit(times=2), Origin.SETTINGS)
    with pytest.raises(UsageFault, match=r"A budget \(600s\) and a limit \(2x\) are given"):
        started(FrontMatter.model_validate({"budget": "10m", "limit": "2x"}))


def test_a_budget_has_a_limit_beside_it_unless_the_score_is_sealed() -> None:
    assert started(budget="20s").limit == Option(Limit(times=1.1), Origin.DEFAULT)
    sealed = Inferred(time=TimeInferred(sealed=True))
    assert started(inferred=sealed, budget="20s").limit.value is None


def test_a_time_budget_of_prepare_py_cannot_be_overruled() -> None:
    own = Inferred(time=TimeInferred(budget=Budget(amount=60), file="prepare.py"))
    assert started(inferred=own).budget == Option(Budget(amount=60), Origin.INFERRED)
    assert started(inferred=own).limit == Option(None, Origin.DEFAULT)
    assert started(inferred=own, budget="1m").budget.value == Budget(amount=60)
    with pytest.raises(UsageFault, match=r"TIME_BUDGET in prepare\.py \(60s\)"):
        started(inferred=own, budget="5m")


def test_a_line_names_what_no_flag_set() -> None:
    front_matter = FrontMatter.model_validate({"budget": "10m", "max_cost": 20})
    options = started(front_matter, Settings(memory=2**33), Inferred(model="opus"), trials=3)
    assert list(options.lines()) == [
        "from the front matter of program.md: max_cost $20.00, budget 600s",
        "from autoresearch.toml: memory 8 GiB",
        "inferred: model opus",
    ]
    assert list(started(trials=3).lines()) == []
    blind = Settings.model_validate({"look": {"on": False}})
    assert list(started(settings=blind).lines()) == ["from autoresearch.toml: look off"]
    assert list(started(settings=blind, look=True).lines()) == []
    assert list(started(inferred=UNREAD).lines()) == ["inferred: limit 1.1x"]


# ---------------------------------------------------------------- method and model


@pytest.mark.parametrize(
    ("typed", "inferred", "model", "method"),
    [
        ({}, None, None, "trust"),
        ({}, "opus", "opus", "hybrid"),
        ({"model": "none"}, "opus", None, "trust"),
        ({"model": "none", "method": "random"}, None, None, "random"),
        ({"model": "opus", "method": "random"}, None, None, "random"),
        ({"model": "opus", "method": "code"}, None, "opus", "code"),
        ({"model": "none", "method": "hybrid"}, None, None, "hybrid"),
    ],
)
def test_method_and_model_fit_together(
    typed: dict[str, str], inferred: str | None, model: str | None, method: str
) -> None:
    options = started(inferred=Inferred(model=inferred), **typed)
    assert (options.model.value, options.method.value) == (model, method)


def test_a_method_that_needs_a_model_says_so() -> None:
    with pytest.raises(UsageFault, match="'code' needs a model"):
        started(model="none", method="code")


def test_an_unknown_method_is_answered_with_the_closest_one() -> None:
    with pytest.raises(UsageFault, match=r"Unknown method 'trsut'\. Did you mean 'trust'\?"):
        started(method="trsut")


# ---------------------------------------------------------------- nothing may be spent


@pytest.mark.parametrize("model", ["none", "scripted:replies.jsonl", "replay:autoresearch/t"])
def test_with_a_max_cost_of_zero_free_models_work(model: str) -> None:
    assert started(model=model, max_cost=0).max_cost.value == 0


@pytest.mark.parametrize("model", ["opus", "local", "claude-code"])
def test_with_a_max_cost_of_zero_other_models_are_refused(model: str, record: RunSettings) -> None:
    with pytest.raises(UsageFault, match="--max-cost 0 allows no question") as fault:
        started(model=model, method="hybrid", max_cost=0)
    assert fault.value.next_command == "autoresearch start --max-cost 10"
    with pytest.raises(UsageFault, match="--max-cost 0"):
        started(FrontMatter(max_cost=0), model=model, method="hybrid")
    asks = record.model_copy(update={"model": model})
    with pytest.raises(UsageFault, match="--max-cost 0") as fault:
        resume_options(Flags(max_cost=0), asks, Settings(), 0)
    assert fault.value.next_command == "autoresearch resume --max-cost 10"


def test_with_a_max_cost_of_zero_no_model_is_inferred() -> None:
    options = started(inferred=Inferred(model="opus"), max_cost=0)
    assert options.model == Option(None, Origin.DEFAULT)
    assert options.method.value == "trust"


# ---------------------------------------------------------------- who writes


def test_who_writes_is_recorded_and_may_be_changed_by_a_resume() -> None:
    usual = started(model="opus")
    assert (usual.writers.value, usual.fill.value, usual.effort.value) == ("auto", "trust", None)
    typed = started(model="opus", writers="3", fill="none", effort="high")
    run = typed.record(tag="t", start_commit="0" * 40, score="printed", data_fingerprint=None)
    assert (run.writers, run.fill, run.effort) == (3, "none", "high")
    later = resume_options(Flags(writers="auto"), run, Settings(), 0)
    assert later.writers == Option("auto", Origin.FLAG)
    assert (later.fill.value, later.effort.value) == ("none", "high")


def test_a_run_of_an_older_version_keeps_its_one_writer(record: RunSettings) -> None:
    later = resume_options(Flags(), record, Settings(), 0)
    assert (later.writers.value, later.fill.value, later.effort.value) == (1, "none", None)


# ---------------------------------------------------------------- the default bound on cost


@pytest.mark.parametrize("model", ["opus", "gpt-5", "claude-code", "lab:large"])
def test_a_paid_model_without_a_bound_gets_one_which_is_recorded(model: str) -> None:
    options = started(model=model, method="hybrid")
    assert options.max_cost == Option(DEFAULT_MAX_COST, Origin.DEFAULT)
    run = options.record(tag="t", start_commit="0" * 40, score="printed", data_fingerprint=None)
    later = resume_options(Flags(), run, Settings(), 0)
    assert later.max_cost == Option(DEFAULT_MAX_COST, Origin.RECORD)


@pytest.mark.parametrize("model", ["none", "scripted:replies.jsonl", "replay:autoresearch/t"])
def test_a_free_model_needs_no_bound(model: str) -> None:
    assert started(model=model).max_cost.value is None


def test_whoever_sends_no_bill_needs_no_bound_nor_does_a_method_that_asks_nobody() -> None:
    assert started(model="local", inferred=Inferred(bills=False)).max_cost.value is None
    assert started(model="opus", method="random").max_cost.value is None


def test_a_bound_that_somebody_wrote_goes_before_the_default() -> None:
    assert started(FrontMatter(max_cost=3), model="opus").max_cost.value == 3
    assert started(model="opus", max_cost="7.5").max_cost == Option(7.5, Origin.FLAG)


def test_none_lifts_every_bound(record: RunSettings) -> None:
    lifted: Option[float | None] = Option(None, Origin.FLAG)
    assert started(model="opus", max_cost="none").max_cost == lifted
    assert started(FrontMatter(max_cost=3), model="opus", max_cost="none").max_cost == lifted
    assert resume_options(Flags(max_cost="none"), record, Settings(), 0).max_cost == lifted


# ---------------------------------------------------------------- flags


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trials", 0, "--trials 0: must be greater than or equal to 1"),
        ("trials", -1, "--trials -1: must be greater than or equal to 1"),
        ("hours", 0.0, "--hours 0.0: must be greater than 0"),
        ("hours", float("nan"), "--hours nan: must be a finite number"),
        ("hours", float("inf"), "--hours inf: must be a finite number"),
        ("hours", 1e300, "--hours 1e+300: must be less than or equal to"),
        ("max_cost", -0.01, "--max-cost -0.01: must be greater than or equal to 0"),
        ("max_cost", "lots", "--max-cost lots: must be a number"),
        ("max_cost", "nan", "--max-cost nan: must be a finite number"),
        ("workers", 0, "--workers 0: must be"),
        ("workers", 10**6, "--workers 1000000: must be"),
        ("writers", "65", "--writers 65: must be"),
        ("writers", "some", "--writers some: must be"),
        ("effort", "hard", "--effort hard: Unknown value 'hard'."),
        ("seed", 2**70, "--seed"),
        ("baseline_repeats", 0, "--baseline-repeats 0: must be"),
        ("false_keeps", 0.1, "--false-keeps 0.1: must be"),
        ("false_keeps", 26.0, "--false-keeps 26.0: must be"),
        ("memory", "8 parrots", "--memory 8 parrots: not a size"),
        ("memory", "8i", "--memory 8i: not a size"),
        ("memory", "1k", "--memory 1k: must be greater than"),
        ("disk", "-1GiB", "--disk -1GiB: not a size"),
        ("output", "0", "--output 0: must be greater than 0"),
        ("budget", "", "--budget : not a budget"),
        ("budget", "0s", "not a budget"),
        ("budget", "five minutes", "write 5m, 20s, 1h or 200steps"),
        ("budget", "-3s", "not a budget"),
        ("budget", "1.5m", "not a budget"),
        ("budget", "9x" * 5_000, "9…' (write 5m"),
        ("budget", "9" * 20 + "s", "--budget"),
        ("limit", "0.5x", "not a limit"),
        ("limit", "", "not a limit"),
        ("limit", "200steps", "write 1.1x"),
        ("limit", "9" * 20 + "x", "--limit"),
        ("model", "m" * 5000, "--model"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(UsageFault) as fault:
        read_flags("start", **{name: value})
    assert message in fault.value.message
    flag = f"--{name.replace('_', '-')}"
    assert str(fault.value.next_command).startswith(f"autoresearch start {flag} ")


def test_the_suggested_flags_make_sense() -> None:
    assert read_flags("start", **EXAMPLES).trials == 20


@pytest.mark.parametrize("line", ["trials: 0", "hours: 0", "max_cost: -1", "hours: 1e300"])
def test_the_front_matter_refuses_the_same(line: str) -> None:
    with pytest.raises(UsageFault, match=line.partition(":")[0]):
        read_program(f"---\n{line}\n---\n# Goal\n")


# ---------------------------------------------------------------- resume


def test_a_resume_goes_by_its_flags_else_by_the_record(record: RunSettings) -> None:
    options = resume_options(Flags(), record, Settings(), 4)
    assert options.trials == Option(5, Origin.RECORD)
    assert options.hours == Option(2.0, Origin.RECORD)
    assert options.max_cost == Option(5.0, Origin.RECORD)
    assert options.workers == Option(3, Origin.RECORD)
    typed = Flags(trials=1, hours=1, max_cost=0, workers=1)
    options = resume_options(typed, record, Settings(), 4)
    values = (options.trials, options.hours, options.max_cost, options.workers)
    assert [option.value for option in values] == [1, 1, 0, 1]
    assert {option.origin for option in values} == {Origin.FLAG}


def test_limits_of_a_resume_are_typed_or_recorded_or_of_the_settings(record: RunSettings) -> None:
    settings = Settings(memory=2**31, disk=2**32)
    assert recorded_caps(record, settings) == Caps(memory=2**30, disk=2**32)
    options = resume_options(Flags(memory=2**29), record, settings, 0)
    assert options.caps == Caps(memory=2**29, disk=2**32)


@pytest.mark.parametrize(
    ("planned", "measured", "left"), [(4, 2, 2), (4, 4, 4), (4, 7, 4), (None, 1, None)]
)
def test_a_resume_does_what_the_start_left_and_then_as_much_again(
    planned: int | None, measured: int, left: int | None
) -> None:
    assert trials_left(planned, measured) == left
