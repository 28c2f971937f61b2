"""What a run that begins at a state of another run takes from its record, and what it does not."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from agent.errors import UsageFault
from agent.project.find import Project
from agent.project.flags import Flags, read_flags
from agent.project.inherit import inherited
from agent.project.objective import checked_objective, left_behind, objective_of, recorded
from agent.project.option import Option, Origin
from agent.project.program import FrontMatter
from agent.project.resolve import Inferred, ModelNeed, StartOptions, start_options, with_bounds
from agent.project.settings import Caps, RunSettings, Settings
from agent.project.time_options import TimeInferred
from agent.records.inputs import Set
from agent.records.objective import VAL_BPB, Objective
from sandbox.ground.budget import Budget, Limit
from tests.agent.dashboard.nights import settings

PROJECT = Project(
    root="/r", workspace="", train="fit.py", prepare=None, program=None, score="printed"
)
RECORD = Objective(metric="acc", direction="maximize", scale="logit", also=("ms",))


def parent(**changes: Any) -> RunSettings:
    """Return the record of a run that was asked for more than usual."""
    usual: Mapping[str, Any] = {
        "baseline_repeats": 7,
        "verdict": "greedy",
        "false_keeps": 2.0,
        "prune": "median",
        "caps": Caps(memory=2**30),
        "budget": Budget(amount=90),
        "trials": 9,
        "hours": 2.0,
        "max_cost": 5.0,
        "workers": 3,
        "seed": 11,
    }
    return RunSettings.model_validate({**settings().model_dump(), **usual, **changes})


def begun(record: RunSettings, inferred: Inferred | None = None, **typed: Any) -> StartOptions:
    def need_of(_: str) -> ModelNeed:
        return "optional"

    flags = read_flags("start", **typed)
    return start_options(
        flags, FrontMatter(), Settings(), inferred or Inferred(), need_of, parent=record
    )


# ---------------------------------------------------------------- the objective


def test_what_nobody_changed_is_the_other_runs() -> None:
    files = Objective(metric="loss")
    assert inherited(PROJECT, RECORD, files, files, Flags()) == RECORD


def test_what_the_files_say_otherwise_now_and_what_is_typed_is_the_new_runs() -> None:
    then = Objective(metric="loss", also=("a",))
    now = then.model_copy(update={"also": ("b",), "scale": "log"})
    objective = inherited(PROJECT, RECORD, then, now, Flags(metric="f1"))
    assert (objective.also, objective.scale) == (("b",), "log")
    assert (objective.metric, objective.direction) == ("f1", "maximize")


def test_a_limit_is_an_option_and_no_part_of_it() -> None:
    limited = RECORD.model_copy(update={"limit": "2x"})
    assert inherited(PROJECT, limited, VAL_BPB, VAL_BPB, Flags()).limit is None


def test_an_objective_whose_parts_do_not_fit_is_refused() -> None:
    sealed = PROJECT.model_copy(update={"score": "sealed"})
    with pytest.raises(UsageFault, match=r"acc \(maximize\) cannot be sealed"):
        checked_objective(sealed, {"metric": "acc", "direction": "maximize"})
    fits = {"metric": "val_bpb", "also": ("ms",), "guards": ("ms <= 3",), "target": 0.9}
    fits |= {"noise": "none"}
    assert checked_objective(sealed, fits).also == ("ms",)
    for other in ({"direction": "maximize"}, {"scale": "log"}, {"pattern": "bpb (.*)"}):
        with pytest.raises(UsageFault, match="cannot be sealed"):
            checked_objective(sealed, {"metric": "val_bpb", **other})
    with pytest.raises(UsageFault, match=r"autoresearch\.toml: guards: "):
        checked_objective(PROJECT, {"metric": "acc", "guards": ("acc >= 0.5",)})


def test_only_a_run_with_guards_checks_or_a_target_needs_a_newer_version() -> None:
    def version(**keys: Any) -> int:
        stated = Settings.model_validate({"metric": "acc", **keys})
        return objective_of(PROJECT, stated, FrontMatter(), Flags()).version

    assert version(also=("ms",)) == 1
    assert version(target=0.9) == version(guards=["ms <= 3"]) == version(checks=["true"]) == 2


def test_the_usual_objective_is_not_recorded_and_a_version_is_no_difference() -> None:
    assert recorded(VAL_BPB) is None and recorded(RECORD) == RECORD
    run = parent(objective=RECORD)
    newer = RECORD.model_copy(update={"version": 2, "target": 0.9})
    assert left_behind(run, newer) == ["target: 0.9 here now, none in this run"]


# ---------------------------------------------------------------- the options


def test_how_trials_are_run_and_judged_is_the_other_runs_unless_it_is_typed() -> None:
    options = begun(parent())
    for name, value in (
        ("baseline_repeats", 7),
        ("verdict", "greedy"),
        ("false_keeps", 2.0),
        ("prune", "median"),
        ("budget", Budget(amount=90)),
    ):
        assert getattr(options, name) == Option(value, Origin.PARENT), name
    assert options.caps == Caps(memory=2**30)
    typed = begun(parent(), baseline_repeats=2, budget="20s", memory="2GiB")
    assert typed.baseline_repeats == Option(2, Origin.FLAG)
    assert typed.budget == Option(Budget(amount=20), Origin.FLAG)
    assert typed.caps.memory == 2**31
    as_usual = begun(parent(verdict="sequential"))
    assert as_usual.verdict.origin is Origin.DEFAULT, "what is as ever needs no word"


def test_what_bounds_a_session_is_not_the_other_runs() -> None:
    options = begun(parent())
    assert (options.trials.value, options.hours.value, options.workers.value) == (None, None, 1)
    assert (options.max_cost.value, options.seed.value) == (None, 0)


def test_a_limit_of_the_other_run_comes_before_what_is_assumed() -> None:
    limited = parent(budget=None, objective=Objective(metric="acc", limit="1.3x"))
    unread = Inferred(time=TimeInferred(reads_budget=False))
    options = begun(limited, unread)
    assert (options.budget.value, options.limit.value) == (None, Limit(times=1.3))
    assert options.limit.origin is Origin.PARENT
    own = Inferred(time=TimeInferred(budget=Budget(amount=60), file="prepare.py"))
    assert begun(limited, own).budget == Option(Budget(amount=60), Origin.INFERRED)


def test_bounds_that_were_set_are_those_of_the_next_session() -> None:
    run = parent()
    later = with_bounds(run, [Set(trials=20, workers=2), Set(lift=("hours",)), Set(max_cost=0.0)])
    assert (later.trials, later.workers, later.hours, later.max_cost) == (20, 2, None, 0.0)
    again = with_bounds(run, [Set(lift=("hours",)), Set(hours=1.0)])
    assert (again.hours, again.trials) == (1.0, 9), "the last word counts"


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": None},
        {"tag": "../up"},
        {"tag": "a b"},
        {"start_commit": "HEAD"},
        {"baseline_repeats": 0},
        {"workers": 0},
        {"false_keeps": 0.1},
        {"unheard_of": 1},
    ],
)
def test_a_record_refuses_nonsense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parent(**changes)
