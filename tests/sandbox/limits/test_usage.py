"""What a run takes of the machine, noted while it runs: real runs, and a trace that stays small."""

import csv
from pathlib import Path

import pytest

from sandbox.ground import nvml
from sandbox.ground.devices import Device
from sandbox.limits.usage import COLUMNS, LEAST, MOST, SUFFIX, Usage
from sandbox.tiers.plain import Plain
from tests.sandbox.every_tier import Place, folders

BUSY = """
import time
block = bytearray(64 << 20)
until = time.monotonic() + 4.5
while time.monotonic() < until:
    sum(range(1000))
"""


def rows_of(path: Path) -> list[dict[str, str]]:
    """Return the rows of a trace."""
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_a_busy_run_is_noted_beside_its_log() -> None:
    with folders() as home:
        place = Place(Plain(), home)
        log = Path(place.spec(BUSY).log)
        place.run(BUSY)
        rows = rows_of(log.with_suffix(SUFFIX))
    assert len(rows) >= LEAST
    assert max(float(row["memory_mb"]) for row in rows) > 60
    assert max(float(row["cores"]) for row in rows[1:]) > 0
    assert {row["gpu_percent"] for row in rows} == {""}


def test_a_short_run_leaves_no_trace() -> None:
    with folders() as home:
        place = Place(Plain(), home)
        log = Path(place.spec("print('ran')").log)
        place.run("print('ran')")
        assert log.exists() and not log.with_suffix(SUFFIX).exists()


def test_a_long_run_is_noted_in_a_bounded_number_of_rows(tmp_path: Path) -> None:
    usage = Usage((), list, lambda: 1 << 20)
    for second in range(100_000):
        usage.note(float(second))
    usage.write(str(tmp_path / "train-0.log"))
    rows = rows_of(tmp_path / f"train-0{SUFFIX}")
    assert MOST // 2 - 1 <= len(rows) <= MOST
    times = [float(row["seconds"]) for row in rows]
    assert times == sorted(times) and times[-1] > 99_000 and times[0] < 1_000
    assert tuple(rows[0]) == COLUMNS


def test_a_trace_is_written_through_no_link_and_its_failure_is_no_fault(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / f"train-0{SUFFIX}").symlink_to(target)
    usage = Usage((), list, lambda: 0)
    for second in range(1, 9):
        usage.note(float(second))
    usage.write(str(tmp_path / "train-0.log"))
    usage.write(str(tmp_path / "gone" / "train-0.log"))
    assert target.read_text() == "mine"


def test_gpus_are_noted_where_the_driver_says_something(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {"0": nvml.State(80, 1 << 30, 61), "1": nvml.State(40, 1 << 30, 70)}
    monkeypatch.setattr(nvml, "state", lambda name: states.get(name, nvml.State()))
    usage = Usage((Device(index=0), Device(index=1)), list, lambda: 0)
    usage.note(1.0)
    assert usage.rows[0][3:] == (60.0, 2048.0, 70)
    silent = Usage((Device(index=7),), list, lambda: 0)
    silent.note(1.0)
    assert silent.rows[0][3:] == (None, None, None)
