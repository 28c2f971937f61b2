"""The name of a machine, and the state that it says it is in."""

import os
from pathlib import Path

import pytest

from agent.evaluate.machine import Conditions, conditions, machine_name, total_memory
from sandbox.ground.devices import Device


def shown(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_clock_and_heat_are_read_where_linux_shows_them(tmp_path: Path) -> None:
    for cpu, kilohertz in enumerate((3_000_000, 2_000_000, 900_000)):
        shown(tmp_path, f"devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq", f"{kilohertz}\n")
    for zone, thousandths in enumerate(("41000\n", "67500\n", "not now\n")):
        shown(tmp_path, f"class/thermal/thermal_zone{zone}/temp", thousandths)
    assert conditions((0, 1), (), tmp_path) == Conditions(clock=2500.0, celsius=67.5)


def test_a_machine_without_sensors_has_no_conditions(tmp_path: Path) -> None:
    assert conditions((0, 1), (), tmp_path) == Conditions()


def test_without_a_driver_a_gpu_says_nothing(tmp_path: Path) -> None:
    assert conditions((0,), (Device(index=7),), tmp_path) == Conditions()


SMI = """#!/bin/sh
case "$*" in
*=clocks.sm,temperature.gpu\\ --format=csv,noheader,nounits\\ --id=GPU-a*) echo 1410, 62;;
*--id=GPU-b*) echo "[N/A], 50";;
*--id=GPU-c*) echo "No devices were found";;
*) echo 1, 2; exit 9;;
esac
"""


def test_a_gpu_says_its_clock_and_heat_by_its_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(tmp_path, "nvidia-smi", SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    said = {
        name: conditions((0,), (Device(index=0, uuid=f"GPU-{name}"),), tmp_path) for name in "abcd"
    }
    assert said["a"] == Conditions(clock=1410.0, celsius=62.0)
    assert said["b"] == Conditions(celsius=50.0)
    assert said["c"] == said["d"] == Conditions()
    slice_of_a = Device(index=0, uuid="MIG-1", card="GPU-a")
    assert conditions((0,), (slice_of_a,), tmp_path) == said["a"], "that of its card"


def test_a_card_of_another_vendor_has_no_state_that_we_read(tmp_path: Path) -> None:
    shown(tmp_path, "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n")
    card = Device(index=0, vendor="amd")
    assert conditions((0,), (card,), tmp_path) == Conditions()


def test_a_machine_keeps_its_name() -> None:
    assert machine_name() == machine_name()
    assert len(machine_name().split()[0]) == 8


def test_memory_is_the_machines_or_what_a_container_leaves_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for ceiling, memory in ((None, whole), (1 << 20, 1 << 20), (1 << 60, whole)):
        monkeypatch.setattr("agent.evaluate.machine.memory_ceiling", lambda given=ceiling: given)
        assert total_memory() == memory
