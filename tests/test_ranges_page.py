"""The page of inferred ranges: current, and no range outside the rule of its kind."""

import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

from agent.space.infer import infer
from agent.space.ranges import Range, parse_range, written

ROOT = Path(__file__).parent.parent
WIDEST = 10_000.0  # of a range by factors: C's four decades
SHARES = ("share", "probability", "dropout", "momentum", "moment", "discount", "smoothing")


def load() -> ModuleType:
    """Return docs/ranges.py as a module."""
    spec = importlib.util.spec_from_file_location("ranges_page", ROOT / "docs" / "ranges.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RANGES = load()


def searched() -> list[tuple[object, Range, str]]:
    """Return value, range and reason of each row of the sample that is searched."""
    evidence = [row.evidence for row in RANGES.rows()]
    inferred = [(each.value, infer(each)) for each in evidence]
    return [(value, found.range, found.reason) for value, found in inferred if found.range]


def test_the_page_is_current() -> None:
    written_page = (ROOT / "docs" / "ranges.md").read_text(encoding="utf-8")
    assert written_page == RANGES.page(), "run: python docs/ranges.py"


def test_the_sample_has_a_hundred_ranges_and_sixty_constants_without() -> None:
    fixed = [row for row in RANGES.rows() if infer(row.evidence).range is None]
    assert len(searched()) >= 100
    assert len(fixed) >= 60
    assert len({(row.script, row.name) for row in RANGES.rows()}) == len(RANGES.rows())


@pytest.mark.parametrize(("value", "found", "reason"), searched())
def test_no_range_of_the_sample_leaves_its_rule(value: object, found: Range, reason: str) -> None:
    assert parse_range(written(found)) == found
    if found.choices:
        assert value in found.choices and len(found.choices) > 1
        return
    assert isinstance(value, int | float) and not isinstance(value, bool)
    assert found.low <= value <= found.high and found.low < found.high
    if any(word in reason for word in SHARES) and value <= 1:
        assert found.low >= 0 and found.high <= 1
    if found.log:
        assert found.low > 0 and found.high / found.low <= WIDEST
    if found.power_of_two:
        assert math.log2(value).is_integer() and math.log2(found.low).is_integer()
