"""A browser, for what people look at."""

from tests.agent.dashboard.conftest import browser, tab

__all__ = ["browser", "tab"]
