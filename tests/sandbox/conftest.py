"""`place`: every tier that this machine can run, in turn. `walled`: those of them that isolate."""

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
