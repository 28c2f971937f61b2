"""The objective of a new run: who says what it is, and which parts do not fit each other."""

import pytest

from agent.errors import UsageFault
from agent.project.find import Project
from agent.project.flags import Flags
from agent.project.objective import objective_of
from agent.project.program import FrontMatter
from agent.project.settings import Settings
from agent.records.objective import Objective

PROJECT = Project(
    root="/r", workspace="", train="fit.py", prepare=None, program=None, score="printed"
)


NOTHING = FrontMatter()
UNTYPED = Flags()


def objective(
    settings: Settings, matter: FrontMatter = NOTHING, flags: Flags = UNTYPED
) -> Objective:
    return objective_of(PROJECT, settings, matter, flags)


def test_a_flag_comes_before_the_front_matter_and_that_before_the_settings() -> None:
    settings = Settings(metric="a", direction="maximize", also=("b",))
    matter = FrontMatter(metric="c")
    assert objective(Settings()).metric == "val_bpb"
    assert objective(settings).metric == "a"
    assert objective(settings, matter).metric == "c"
    typed = objective(settings, matter, Flags(metric="d"))
    assert (typed.metric, typed.direction, typed.also) == ("d", "maximize", ("b",))


def test_a_pattern_that_finds_nothing_is_refused() -> None:
    with pytest.raises(UsageFault, match="the pattern '\\(' is not valid"):
        objective(Settings(metric="a", pattern="("))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    ("scale", "target", "fits"),
    [
        ("linear", -5.0, True),
        ("log", 1e-9, True),
        ("log", 0.0, False),
        ("log", -1.0, False),
        ("logit", 0.95, True),
        ("logit", 1.0, False),
        ("logit", 95.0, False),
    ],
)
def test_a_target_is_on_the_scale_of_its_metric(direction, scale, target, fits) -> None:
    settings = Settings(metric="a", direction=direction, scale=scale, target=target)
    if fits:
        assert objective(settings).target == target
        return
    values = "a number above 0" if scale == "log" else "one between 0 and 1"
    with pytest.raises(UsageFault, match=f"{target:g} is not on the scale {scale}: write {values}"):
        objective(settings)
