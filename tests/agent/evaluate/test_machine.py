"""The name of a machine, and the state that it says it is in."""

from pathlib import Path

from agent.evaluate.machine import Conditions, conditions, machine_name
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


def test_a_card_of_another_vendor_has_no_state_that_we_read(tmp_path: Path) -> None:
    shown(tmp_path, "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n")
    card = Device(index=0, vendor="amd")
    assert conditions((0,), (card,), tmp_path) == Conditions()


def test_a_machine_keeps_its_name() -> None:
    assert machine_name() == machine_name()
    assert len(machine_name().split()[0]) == 8
