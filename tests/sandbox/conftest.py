"""`place`: every tier that this machine can run, in turn. `walled`: those of them that isolate."""

import pytest

from tests.sandbox.tiers import ISOLATING, RUNNERS, Place, folders, why_not


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
