"""Nodes of a real Ray on loopback that are not what they should be, and what becomes of a night."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cluster.night import Night, quiet
from tests.cluster.raylets import Cluster, cluster
from tests.e2e.researcher import ledger, wait_for

TRIALS = 4
ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and namespaces need root")


@pytest.fixture
def one_node() -> Iterator[Cluster]:
    """A cluster with the good node n2; each test adds the odd one, n1."""
    with cluster() as own:
        own.add("n2")
        yield own


@pytest.fixture
def night(tmp_path: Path, one_node: Cluster) -> Iterator[Night]:
    own = Night(tmp_path / "home", **one_node.environment)
    yield own
    own.close()


def whole_night(night: Night, own: Cluster) -> None:
    night.start(f"--on={own.on}", f"--trials={TRIALS}")
    assert night.end() == 0, night.account()
    night.check_whole(TRIALS)
    quiet(own)


def refused(night: Night, place: str = "n1") -> str:
    """Why a node was refused."""
    return " ".join(e["why"] for e in night.events("PlaceLeft") if e["place"] == place)


def places_of(night: Night) -> set[str]:
    return {event["place"] for event in night.events("TrialStarted")}


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Have a small disk of its own at `folder`."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "scratch", str(folder)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@needs_root
def test_a_node_without_scratch_space_is_refused_and_the_other_trains(
    night: Night, one_node: Cluster
) -> None:
    with small_disk(one_node.scratch_of("n1"), 64):
        one_node.add("n1")
        whole_night(night, one_node)
        assert "MiB left" in refused(night)
        assert places_of(night) == {"n2"}
        one_node.nodes["n1"].power_off()


@needs_root
def test_a_disk_that_fills_up_costs_a_training_and_no_trial(
    night: Night, one_node: Cluster
) -> None:
    scratch = one_node.scratch_of("n1")
    with small_disk(scratch, 1100):
        node = one_node.add("n1")
        night.start(f"--on={one_node.on}", f"--trials={TRIALS}")
        night.wait_for_training(node)
        filler = scratch / "filler"
        subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=1M"], capture_output=True)
        assert night.end() == 0, night.account()
        filler.unlink()
        night.check_whole(TRIALS)
        assert "n1" in {event["place"] for event in night.events("PlaceLeft")}
        quiet(one_node)
        node.power_off()


def test_a_node_with_another_version_is_refused_by_the_hash_of_its_files(
    night: Night, one_node: Cluster, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    for package in ("agent", "sandbox"):
        shutil.copytree(ROOT / package, copy / package)
    with (copy / "agent" / "errors.py").open("a") as file:
        file.write("# one line more\n")
    one_node.add("n1", PYTHONPATH=str(copy))
    whole_night(night, one_node)
    assert "that of the driver" in refused(night)
    assert places_of(night) == {"n2"}


OTHER_PYTHON = "/usr/bin/python3"


def test_a_node_with_another_python_does_not_join(night: Night, one_node: Cluster) -> None:
    """Ray itself refuses it: the interpreter of the system, with this one's packages."""
    version = subprocess.run(
        [OTHER_PYTHON, "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    own = sys.version.split()[0]
    if version == own or version.split(".")[:2] != own.split(".")[:2]:
        pytest.skip("there is no second Python here that could load Ray")
    packages = str(Path(str(find_spec("ray").origin)).parents[1])  # type: ignore[union-attr]
    node = one_node.add("n1", python=OTHER_PYTHON, PYTHONPATH=packages)
    assert node.process.wait(120) != 0
    assert "ersion" in (one_node.folder / "n1.out").read_text()
    whole_night(night, one_node)
    assert places_of(night) == {"n2"}


def test_a_node_of_another_class_is_never_compared_with_the_first(
    night: Night, one_node: Cluster
) -> None:
    """The class is what the kernel reports: `setarch` makes it another architecture's name."""
    one_node.add("n1", prefix=("setarch", "i686"))
    night.start(f"--on={one_node.on}", f"--trials={TRIALS}")
    assert night.end() == 0, night.account()
    classes: set[str] = set()
    for trial in night.check_whole(TRIALS):
        scores = trial["result"]["scores"] if trial["result"] else []
        kinds = {score["machine"].partition(" ")[2] for score in scores}
        classes |= kinds
        if trial["status"] != "baseline":
            assert len(kinds) <= 1, "scores of one trial are of one class"
    assert classes, night.account()
    quiet(one_node)


def test_rays_memory_monitor_costs_a_place_and_no_trial(night: Night, one_node: Cluster) -> None:
    """The threshold of n1 is below what is in use, so that the monitor ends what starts there."""
    one_node.add("n1", RAY_memory_usage_threshold="0.01", RAY_memory_monitor_refresh_ms="250")
    whole_night(night, one_node)
    assert places_of(night) <= {"n1", "n2"}
    assert "memory" in refused(night), night.account()


AHEAD = """\
import time
real = time.time
real_ns = time.time_ns
time.time = lambda: real() + 3600
time.time_ns = lambda: real_ns() + 3600 * 10**9
"""


def test_a_clock_an_hour_ahead_changes_nothing(
    night: Night, one_node: Cluster, tmp_path: Path
) -> None:
    """The clock is moved for all Python of the node, the station's too: a simulation.

    libfaketime 0.9.10 makes every wait with a limit hang in Python 3.11, which waits with
    sem_clockwait; one kernel has one time of day.
    """
    moved = tmp_path / "moved"
    moved.mkdir()
    (moved / "sitecustomize.py").write_text(AHEAD)
    one_node.add("n1", PYTHONPATH=str(moved))
    night.start(f"--on={one_node.on}", "--trials=100")
    wait_for(lambda: "n1" in places_of(night), 240, f"a training on n1:\n{one_node.logs()}")
    judged = len(night.events("Judged"))
    wait_for(lambda: len(night.events("Judged")) > judged + 2, 120, "two more verdicts")
    night.kill(signal.SIGINT)
    assert night.end() == 0, night.account()
    night.check_whole_so_far()
    for trial in ledger(night.home, "t"):
        assert trial["result"]["seconds"] < 600
    quiet(one_node)


# ------------------------------------------------------------------------------- a partition

NET = "10.123.45"


@contextmanager
def network_of_its_own(name: str) -> Iterator[tuple[str, ...]]:
    """Make a network namespace with a cable to this machine; yield the words that enter it."""
    space = f"ar-{name}"
    cable = f"ar-{name}0"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    ip("netns", "add", space)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("addr", "add", f"{NET}.1/24", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", space, "addr", "add", f"{NET}.2/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")
        yield ("ip", "netns", "exec", space)
    finally:
        ip("netns", "del", space)


@needs_root
def test_a_partition_costs_a_training_and_the_node_ends_its_own(tmp_path: Path) -> None:
    """The cable is pulled: what is sent is dropped, and nobody is told."""
    with network_of_its_own("n1") as inside, cluster(address=f"{NET}.1") as own:
        own.add("n2", address=f"{NET}.1")
        node = own.add("n1", address=f"{NET}.2", prefix=inside)
        night = Night(tmp_path / "home", **own.environment)
        try:
            night.start(f"--on={own.on}", f"--trials={TRIALS}")
            night.wait_for_training(node)
            subprocess.run(["ip", "link", "set", "ar-n10", "down"], check=True)
            assert night.end() == 0, night.account()
            night.check_whole(TRIALS)
            assert "n1" in {event["place"] for event in night.events("PlaceLeft")}
            wait_for(lambda: not node.trainings(), 120, "the node to end its own training")
            subprocess.run(["ip", "link", "set", "ar-n10", "up"], check=True)
            quiet(own)
        finally:
            night.close()
