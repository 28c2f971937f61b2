"""What start and resume decide before anything is created: bounds, budgets, models, data."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app, session
from agent.cli.renewal import same_data
from agent.cli.run import _budget, _caps, _left
from agent.errors import ProjectFault, UsageFault
from agent.evaluate.bench import Plan
from agent.project.data import Prepared
from agent.project.settings import Caps, RunSettings, Settings
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Limits
from tests.agent.study import make_repository, project_of, settings_of


def trials(*statuses: str) -> tuple[Trial, ...]:
    by = Provenance(method="random", origin="search")
    made = []
    for number, status in enumerate(statuses):
        result = None if status == "refused" else {"status": status}
        made.append(
            Trial(
                number=number,
                status=status,
                proposal=Proposal(hypothesis="h", by=by),
                reason="r",
                result=result,
            )
        )
    return tuple(made)


def test_resume_does_what_the_start_left_and_then_as_much_again(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    four = settings_of(project, trials=4)
    assert _left(four, trials("crash", "refused", "timeout")) == 2
    assert _left(four, trials("crash", "oom", "timeout", "crash")) == 4
    assert _left(settings_of(project), trials("crash")) is None


def test_a_budget_that_is_none_says_what_one_looks_like() -> None:
    assert str(_budget("5m")) == "300s"
    assert str(_budget("200steps")) == "200steps"
    for text in ("", "0s", "five minutes", "-3s", "1.5m"):
        with pytest.raises(UsageFault, match="5m"):
            _budget(text)


def test_other_validation_data_is_not_mixed_into_a_run(tmp_path: Path) -> None:
    same_data("t", "aaaa", Prepared(data="/d", fingerprint="aaaa"))
    with pytest.raises(ProjectFault, match="not what this run was measured on") as fault:
        same_data("t", "aaaa", Prepared(data="/d", fingerprint="bbbb"))
    assert "autoresearch start" in str(fault.value.next_command)


def test_method_and_model_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert session.choose_model(None, None) == (None, "trust")
    assert session.choose_model("none", "tpe") == (None, "tpe")
    assert session.choose_model("opus", None) == ("opus", "hybrid")
    assert session.choose_model("opus", "random") == (None, "random"), (
        "a method without a model does not get one"
    )
    assert session.choose_model("opus", "hybrid") == ("opus", "hybrid")
    assert session.choose_model("none", "hybrid") == (None, "hybrid"), "it works without one"
    with pytest.raises(UsageFault, match="needs a model"):
        session.choose_model("none", "code")
    with pytest.raises(UsageFault, match="cmaes"):
        session.choose_model(None, "gradient")


def test_limits_are_those_asked_for_and_else_the_file_s(tmp_path: Path) -> None:
    asked = _caps(memory=2**30, vram=None, disk=None, output=2**20)
    assert asked.over(Settings(memory=2**31, disk=2**32)) == Caps(
        memory=2**30, disk=2**32, output=2**20
    )
    run = settings_of(project_of(make_repository(tmp_path)), caps=asked)
    assert RunSettings.model_validate_json(run.model_dump_json()).caps == asked


def test_limits_reach_the_run() -> None:
    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=Budget(amount=1),
        memory_bytes=2**30,
        vram_bytes=2**33,
        output_bytes=2**20,
    )
    limits = plan.limits(7.0)
    assert (limits.wall_seconds, limits.memory_bytes, limits.vram_bytes, limits.output_bytes) == (
        7.0,
        2**30,
        2**33,
        2**20,
    )
    assert limits.disk_bytes == Limits(wall_seconds=1).disk_bytes


@pytest.mark.parametrize(
    ("text", "says"), [("8 parrots", "not a size"), ("8i", "not a size"), ("-1GiB", "not a size")]
)
def test_a_limit_that_is_no_size_says_what_one_looks_like(text: str, says: str) -> None:
    ran = CliRunner().invoke(app, ["start", "--memory", text])
    assert ran.exit_code == 2
    assert says in ran.output


def test_no_training_lives_on_a_kilobyte() -> None:
    with pytest.raises(UsageFault, match="--memory"):
        _caps(memory=1024, vram=None, disk=None, output=None)
