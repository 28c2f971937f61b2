"""What start and resume decide before anything is created."""

import pytest

from agent.cli.renewal import same_data
from agent.cli.session import measured_count
from agent.errors import ProjectFault
from agent.evaluate.bench import Plan
from agent.project.data import Prepared
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Trial
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Limits


def trials(*statuses: str) -> tuple[Trial, ...]:
    """Trials with these statuses; all but a refused one were trained."""
    by = Provenance(method="random", origin="search")
    proposal = Proposal(hypothesis="h", by=by)
    made = []
    for number, status in enumerate(statuses):
        result = None if status == "refused" else {"status": status}
        made.append(
            Trial(number=number, status=status, proposal=proposal, reason="r", result=result)
        )
    return tuple(made)


def test_refused_proposals_are_not_measured() -> None:
    assert measured_count(trials("crash", "refused", "timeout")) == 2
    assert measured_count(trials("crash", "oom", "timeout", "crash")) == 4


def test_other_validation_data_is_not_mixed_into_a_run() -> None:
    same_data("t", "aaaa", Prepared(data="/d", fingerprint="aaaa"))
    with pytest.raises(ProjectFault, match="not what this run was measured on") as fault:
        same_data("t", "aaaa", Prepared(data="/d", fingerprint="bbbb"))
    assert "autoresearch start" in str(fault.value.next_command)


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
    assert limits.wall_seconds == 7.0
    assert limits.memory_bytes == 2**30
    assert limits.vram_bytes == 2**33
    assert limits.output_bytes == 2**20
    assert limits.disk_bytes == Limits(wall_seconds=1).disk_bytes
