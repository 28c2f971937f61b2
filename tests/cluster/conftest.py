"""Every test of this folder needs a real cluster: `make test-cluster` runs them."""

from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them where Ray is not installed."""
    missing = find_spec("ray") is None or find_spec("grpc") is None  # of ray[client]
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(600))
            if missing:
                item.add_marker(pytest.mark.skip(reason="pip install 'autoresearch[cluster]'"))
