"""What autoresearch.toml and program.md say now, against what a run recorded."""

import pytest

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.objective import stated_otherwise
from agent.project.program import FrontMatter
from agent.project.settings import RunSettings, Settings
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from tests.agent.dashboard.nights import settings

PROJECT = Project(
    root="/r", workspace="", train="fit.py", prepare=None, program=None, score="printed"
)
OBJECTIVE = Objective(metric="accuracy", direction="maximize", scale="logit")
RUN = RunSettings.model_validate({**settings().model_dump(), "objective": OBJECTIVE})


def test_what_is_left_out_or_equal_is_no_difference() -> None:
    assert stated_otherwise(RUN, PROJECT, Settings(), FrontMatter()) == []
    same = Settings(metric="accuracy", direction="maximize", scale="logit")
    assert stated_otherwise(RUN, PROJECT, same, FrontMatter(metric="accuracy")) == []
    assert stated_otherwise(settings(), PROJECT, Settings(), FrontMatter()) == []


def test_all_that_differs_is_one_note() -> None:
    now = Settings(metric="f1", scale="linear", also=("params",))
    own = Evaluator(command="python score.py")
    project = PROJECT.model_copy(update={"files": ("*.py",), "evaluate": own})
    [note] = stated_otherwise(RUN, project, now, FrontMatter(direction="minimize"))
    assert "metric: f1 here now, accuracy in this run" in note
    assert "direction: minimize here now, maximize in this run" in note
    assert "scale: linear here now, logit in this run" in note
    assert "also: params here now, none in this run" in note
    assert "files: *.py here now, none in this run" in note
    assert "evaluate: " in note and "score.py" in note


def test_another_script_is_named_and_the_recorded_one_runs() -> None:
    run = RUN.model_copy(update={"train": "src/fit.py"})
    [note] = stated_otherwise(run, PROJECT, Settings(), FrontMatter())
    assert "train: fit.py here now, src/fit.py in this run" in note
    assert PROJECT.running(run.train).train == "src/fit.py"
    assert PROJECT.running(None) is PROJECT
    for outside in ("../fit.py", "/fit.py", "a/../../fit.py"):
        with pytest.raises(ProjectFault, match="outside the repository"):
            PROJECT.running(outside)
    same = RUN.model_copy(update={"train": "fit.py"})
    assert stated_otherwise(same, PROJECT, Settings(), FrontMatter()) == []


def test_the_front_matter_wins_over_autoresearch_toml() -> None:
    now = Settings(metric="f1")
    assert stated_otherwise(RUN, PROJECT, now, FrontMatter(metric="accuracy")) == []
    limits = Settings.model_validate({"limit": "2x"}), FrontMatter.model_validate({"limit": "9s"})
    [note] = stated_otherwise(RUN, PROJECT, *limits)
    assert "limit: 9s here now, none in this run" in note
    [note] = stated_otherwise(RUN, PROJECT, limits[0], FrontMatter())
    assert "limit: 2x here now, none in this run" in note
