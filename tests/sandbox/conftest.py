"""`place`: every tier that this machine can run. `walled`: those that isolate. `best`: one."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.sandbox.every_tier import ISOLATING, RUNNERS, Place, folders, why_not


@pytest.fixture(params=tuple(RUNNERS))
def place(request):
    yield from _place(request.param)


@pytest.fixture(params=ISOLATING)
def walled(request):
    yield from _place(request.param)


@pytest.fixture
def best():
    """The best tier that this machine can run."""
    tier = next((tier for tier in ISOLATING if why_not(tier) is None), None)
    if tier is None:
        pytest.skip("no tier runs here")
    yield from _place(tier)


def _place(tier):
    reason = why_not(tier)
    if reason:
        pytest.skip(reason)
    with folders() as home:
        yield Place(RUNNERS[tier](), home)


@pytest.fixture
def swept():
    """Remove what an attack leaves behind where nothing stands in its way.

    Hundreds of megabytes of shared memory may be among it.
    """

    def left():
        files = set()
        for folder in ("/dev/shm", "/tmp", "/var/tmp", "/run"):
            for name in ("mark-*", ".profile", ".pythonrc"):
                files |= set(Path(folder).glob(name))
        return files

    before = left()
    yield
    for file in left() - before:
        with suppress(OSError):
            file.unlink()
