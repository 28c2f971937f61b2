"""Places on a real Ray cluster on loopback: runs, losses, and what a training sees of it."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.errors import PlaceLost, UsageFault
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.ray_cluster import open_on_ray
from agent.evaluate.cluster.ray_door import refuse_open
from agent.evaluate.cluster.terms import Terms
from agent.records.events import Event, PlaceJoined, PlaceLeft, Progress
from sandbox.canary.canary import prove
from sandbox.ground.leftovers import temporary_folder
from sandbox.proof.stage import Stage
from sandbox.proof.traps import traps
from sandbox.tiers.choose import TIERS
from tests.agent.evaluate.cluster.direct import printed_plan
from tests.agent.evaluate.cluster.loopback import Loopback, loopback
from tests.agent.evaluate.cluster.test_places import Exporter, assignment

# Ray reads its variables when it is loaded, so it is not loaded here.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

MINE = ("HOME", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "AUTORESEARCH_SCRATCH")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Loopback]:
    with loopback(nodes=2) as cluster:
        yield cluster


@pytest.fixture
def driver(cluster: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let this process be a driver of the cluster, with a folder of its own."""
    tmp_path.chmod(0o755)
    use(cluster, monkeypatch)
    return tmp_path


def use(cluster: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MINE:
        monkeypatch.setenv(name, cluster.environment[name])
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def bench(address: str, folder: Path, export: object, **terms: object) -> ClusterBench:
    return open_on_ray(
        printed_plan(),
        Terms(address=address, **terms),  # type: ignore[arg-type]
        folder / "trials",
        export,  # type: ignore[arg-type]
    )


def test_both_nodes_run_and_add_little(cluster: Loopback, driver: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    opened = bench(cluster.address, driver, Exporter())
    joined: list[PlaceJoined | PlaceLeft] = []
    opened.open(joined.append, threading.Event())
    assert signal.getsignal(signal.SIGTERM) is before
    assert len(joined) == len(opened.slots) == 2
    assert len({slot.place for slot in opened.slots}) == 2
    refuse_open(cluster.address)
    refuse_open(f"ray://127.0.0.1:{cluster.client_port}")
    added: list[float] = []
    for number in range(3):
        for slot in opened.slots:
            began = time.monotonic()
            run = assignment(slot, f"c{number}")
            result = opened.run(run, lambda _: None, threading.Event())
            assert result is not None and result.value == 81.25
            added.append(time.monotonic() - began - result.seconds)
    print("added to a run:", [round(seconds, 3) for seconds in added])
    opened.close()


@pytest.mark.parametrize("tier", ["A", "B"])
def test_a_training_finds_nothing_of_the_cluster(
    cluster: Loopback, driver: Path, tier: str
) -> None:
    runner = TIERS[tier]()
    if not prove(runner, imports=()).ok:
        pytest.skip(f"tier {tier} cannot be had here")
    sockets = sorted(map(str, (cluster.home / "ray").glob("session_*/sockets/*")))
    assert len(sockets) >= 2
    target = {
        "cluster": {
            "sockets": sockets,
            "ports": [cluster.port, cluster.client_port],
            "tokens": [],
            "value": cluster.environment["RAY_AUTH_TOKEN"],
        }
    }
    with temporary_folder("hostile", driver) as home, traps(home) as targets:
        home.chmod(0o755)
        stage = Stage(runner, sys.executable, home, {**targets, **target})
        answers = stage.run("cluster.reach_cluster").answers
    assert {name for name, answer in answers.items() if answer == "reached"} == set()
    assert len(answers) > len(sockets) + 2


def test_through_the_head_a_cancelled_run_ends(cluster: Loopback, driver: Path) -> None:
    address = f"ray://127.0.0.1:{cluster.client_port}"
    opened = bench(address, driver, Exporter(60.0), workers=1)
    opened.open(lambda _: None, threading.Event())
    [slot] = opened.slots
    cancel = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            cancel.set()

    assert opened.run(assignment(slot), hear, cancel) is None
    opened.close()


def test_a_killed_station_is_a_lost_place_whose_node_joins_again(
    cluster: Loopback, driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.measures.AGAIN_SECONDS", 1.0)
    heard: list[PlaceJoined | PlaceLeft] = []
    again = threading.Event()

    def listen(event: PlaceJoined | PlaceLeft) -> None:
        heard.append(event)
        if len(heard) == 3:
            again.set()

    opened = bench(cluster.address, driver, Exporter(60.0), workers=1)
    opened.open(listen, threading.Event())
    [slot] = opened.slots

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            [pid] = stations()
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(PlaceLost, match="its process died"):
        opened.run(assignment(slot), hear, threading.Event())
    assert again.wait(120)
    assert isinstance(heard[1], PlaceLeft) and isinstance(heard[2], PlaceJoined)
    assert heard[2].slots[0].number != slot.number
    opened.close()


def stations() -> list[int]:
    """Return the processes of the doors of this machine that Ray runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::Door"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_cluster_that_asks_nobody_for_a_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback(nodes=1, mode="disabled") as open_cluster:
        use(open_cluster, monkeypatch)
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        opened = bench(open_cluster.address, tmp_path, Exporter())
        with pytest.raises(UsageFault, match="asks nobody for a token"):
            opened.open(lambda _: None, threading.Event())
        for address in (open_cluster.address, f"ray://127.0.0.1:{open_cluster.client_port}"):
            with pytest.raises(UsageFault, match="asks nobody for a token"):
                refuse_open(address)
