"""Fixtures of runs that are talked to."""

import pytest


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop look more often."""
    for module in ("hearing", "loop", "by_hand"):
        monkeypatch.setattr(f"agent.run.{module}.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("agent.run.inbox.POLL_SECONDS", 0.02)
