"""Packages of an environment by version, and what doctor says of nodes that differ in them."""

import platform
import re
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

from agent.cli.doctor_nodes import show_nodes
from agent.evaluate.cluster import software
from agent.evaluate.cluster.examination import Demands, Examined, examine
from agent.evaluate.cluster.line import Node
from agent.evaluate.cluster.packages import differences, digest_of, packages_of
from agent.judge.machines import model_of
from tests.agent.evaluate.cluster.direct import DirectCluster, bench_on
from tests.agent.evaluate.cluster.test_odd_moments import until
from tests.agent.evaluate.cluster.test_places import Exporter


def environment(folder: Path, *packages: str) -> str:
    """Make a virtual environment with these packages, and return its interpreter."""
    place = folder / "lib/python3.11/site-packages"
    for package in packages:
        (place / package).mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return str(folder / "bin/python")


def test_packages_are_read_without_starting_anything(tmp_path: Path) -> None:
    names = ("torch-2.13.0+cpu.dist-info", "Some_Thing-1.0-py3.11.egg-info", "torch", "x.py")
    python = environment(tmp_path, *names, "autoresearch-0.1.0.dist-info")
    assert packages_of(python) == {
        "python": "3.11.7",
        "torch": "2.13.0+cpu",
        "some_thing": "1.0-py3.11",
    }
    here = packages_of(sys.executable)
    assert here["numpy"] == version("numpy") and "autoresearch" not in here


def test_an_interpreter_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert packages_of(str(tmp_path / "nowhere/bin/python")) == {}


def test_the_version_of_a_node_is_of_all_that_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {software.software()}
    for packages in (("agent",), ("sandbox",), ()):
        monkeypatch.setattr(software, "PACKAGES", packages)
        seen.add(software.software.__wrapped__())
    assert len(seen) == 4
    assert all(re.fullmatch(r"\S+ \([0-9a-f]{12}\)", version) for version in seen)


def test_differences_are_named_and_counted() -> None:
    usual = {"numpy": "2.2.0", "scipy": "1.17", "python": "3.11.7"}
    own = {"numpy": "2.1.0", "torch": "2.13.0", "python": "3.11.7"}
    assert differences(own, usual) == "numpy 2.1.0 for 2.2.0, no scipy, torch 2.13.0 beside"
    assert differences(own, own) == ""
    many = {f"package{i}": "1" for i in range(9)}
    assert differences({}, many).endswith("no package3, and 5 more")


def test_doctor_names_a_node_with_other_packages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    cluster = DirectCluster(tmp_path / "nodes", 2)
    for name, numpy in (("n0", "2.2.0"), ("n1", "2.1.0")):
        cluster.says[name] = {"packages": {"numpy": numpy}}
    examined: list[Examined] = []
    for node in cluster.alive.copy():  # one by one: they prove themselves in this one process
        cluster.alive = [node]
        examined += examine(cluster, Demands())
    show_nodes(examined)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "packages" in line] == [
        "n1: other packages than n0 (numpy 2.1.0 for 2.2.0); "
        "trials are compared on the same packages only"
    ]


def test_slots_of_a_node_with_other_packages_are_of_another_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.measures.LOOK_SECONDS", 0.02)
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    cluster = DirectCluster(tmp_path / "nodes", 1)
    cluster.says["n1"] = {"packages": {"numpy": "2.1.0"}}
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(lambda _: None, threading.Event())
    cluster.alive.append(Node("key-1", "n1", 1, 0))
    until(lambda: len(bench.slots) == 2, "the second node")
    kinds = {slot.place: model_of(slot.machine) for slot in bench.slots}
    bench.close()
    assert kinds["n0"] == platform.machine()
    assert kinds["n1"] == f"{kinds['n0']}, packages {digest_of({'numpy': '2.1.0'})}"
