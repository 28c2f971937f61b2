"""Places without Ray: real stations, sandboxes and trainings, behind real questions and answers."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import Begin
from agent.records.events import Event, PlaceJoined, PlaceLeft, Progress, TrialStarted
from agent.records.results import Attempt, Order
from agent.records.slots import Slot
from tests.agent.evaluate.cluster.direct import DirectCluster, bench_on, printed_plan
from tests.agent.study import proposal

TRAIN = """
import os, sys, time
print("step 00001 (50.0%) | loss: 2.5 |", flush=True)
print("files", sorted(os.listdir(".")), flush=True)
time.sleep(float(open("seconds").read()))
print("accuracy: 81.25")
"""


class Exporter:
    """Writes a commit's files; counts how often it is asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.commits: list[str] = []

    def __call__(self, commit: str, folder: Path) -> None:
        """Write train.py, the commit's name, and a large file that all commits share."""
        self.commits.append(commit)
        folder.mkdir()
        (folder / "train.py").write_text(TRAIN)
        (folder / "seconds").write_text(str(self.seconds))
        (folder / "commit").write_text(commit)
        (folder / "large").write_bytes(bytes(range(256)) * 4096)
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "link").symlink_to("large")


@pytest.fixture
def cluster(tmp_path: Path) -> DirectCluster:
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    return DirectCluster(tmp_path / "nodes", 1)


@pytest.fixture
def opened(cluster: DirectCluster, tmp_path: Path) -> Iterator[ClusterBench]:
    bench = bench_on(cluster, tmp_path / "trials", Exporter(1.0))
    bench.open(lambda _: None, threading.Event())
    yield bench
    bench.close()


def assignment(slot: Slot, commit: str = "c1", seed: int = 3) -> Assignment:
    attempt = Attempt(number=7, commit=commit, parent="p", proposal=proposal(LR=1))
    return Assignment(attempt, Order(commit=commit, seed=seed), slot, 1, None)


def test_a_run_comes_back_with_score_events_and_log(opened: ClusterBench, tmp_path: Path) -> None:
    [slot] = opened.slots
    events: list[Event] = []
    result = opened.run(assignment(slot), events.append, threading.Event())
    assert result is not None and result.status == "scored"
    [score] = result.scores
    assert (score.value, score.seed, score.machine) == (81.25, 3, slot.machine)
    assert [type(event) for event in events[:2]] == [TrialStarted, Progress]
    started = events[0]
    assert isinstance(started, TrialStarted)
    assert (started.place, started.slot) == ("n0", slot.number)
    [path] = (tmp_path / "trials/0007").glob("train-3-slot*.log")
    log = path.read_text()
    assert "accuracy: 81.25" in log and "'run.sh'" in log


def test_files_that_a_node_has_are_not_sent_again(
    opened: ClusterBench, cluster: DirectCluster
) -> None:
    [slot] = opened.slots
    line = cluster.lines["n0"]
    opened.run(assignment(slot), lambda _: None, threading.Event())
    first = line.bytes_sent()
    assert first > 1 << 20
    opened.run(assignment(slot, "c2"), lambda _: None, threading.Event())
    assert 0 < line.bytes_sent() - first < 100
    again = line.bytes_sent()
    opened.run(assignment(slot, "c2", 4), lambda _: None, threading.Event())
    assert line.bytes_sent() == again


def test_a_cancelled_run_ends_without_a_result(cluster: DirectCluster, tmp_path: Path) -> None:
    bench = bench_on(cluster, tmp_path / "trials", Exporter(60.0))
    bench.open(lambda _: None, threading.Event())
    cancel = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            cancel.set()

    assert bench.run(assignment(bench.slots[0]), hear, cancel) is None
    bench.close()
    assert cluster.is_closed


def test_a_place_that_dies_is_lost_and_says_so_once(cluster: DirectCluster, tmp_path: Path) -> None:
    heard: list[PlaceJoined | PlaceLeft] = []
    bench = bench_on(cluster, tmp_path / "trials", Exporter(60.0))
    bench.open(heard.append, threading.Event())
    [slot] = bench.slots
    line = cluster.lines["n0"]

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            line.state = "gone"

    with pytest.raises(PlaceLost, match="its process died"):
        bench.run(assignment(slot), hear, threading.Event())
    assert heard[:2] == [PlaceJoined("n0", (slot,)), PlaceLeft("n0", "its process died")]
    [again] = bench.slots
    assert heard[2:] == [PlaceJoined("n0", (again,))] and again.number != slot.number
    with pytest.raises(PlaceLost):
        bench.run(assignment(slot), hear, threading.Event())
    line.station.ask("close", "{}")
    bench.close()


def test_the_last_place_that_dies_is_replaced_at_once(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    cluster.alive.append(replace(cluster.alive[0], key="key-1", name="n1"))
    heard: list[PlaceJoined | PlaceLeft] = []
    bench = bench_on(cluster, tmp_path / "trials", Exporter(60.0), workers=1)
    bench.open(heard.append, threading.Event())
    [slot] = bench.slots
    line = cluster.lines[slot.place]

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            line.state = "gone"

    with pytest.raises(PlaceLost, match="its process died"):
        bench.run(assignment(slot), hear, threading.Event())
    kinds = [type(event) for event in heard]
    assert kinds == [PlaceJoined, PlaceLeft, PlaceJoined], "before the loss is told"
    assert len(bench.slots) == 1 and bench.slots[0].number != slot.number
    line.station.ask("close", "{}")
    bench.close()


def test_a_silent_place_is_asked_again_and_keeps_its_training(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    bench = bench_on(cluster, tmp_path / "trials", Exporter(3.0), patience=60.0)
    bench.open(lambda _: None, threading.Event())
    line = cluster.lines["n0"]

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            line.state = "silent"
            threading.Timer(1.0, lambda: setattr(line, "state", "up")).start()

    result = bench.run(assignment(bench.slots[0]), hear, threading.Event())
    assert result is not None and result.value == 81.25
    assert [name for name, _ in line.asked].count("begin") == 1
    bench.close()


def test_a_place_ends_its_trainings_when_nobody_asks(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    left = threading.Event()
    bench = bench_on(cluster, tmp_path / "trials", Exporter(600.0), patience=3.0)
    bench.open(lambda _: None, threading.Event())
    line = cluster.lines["n0"]
    line.station._leave = left.set

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            line.state = "silent"

    with pytest.raises(PlaceLost, match="did not answer"):
        bench.run(assignment(bench.slots[0]), hear, threading.Event())
    assert left.wait(60)
    assert not line.station._folder.exists()
    bench.close()


def test_a_closed_place_ends_its_trainings_begins_none_and_leaves(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the driver takes the end of a run just then, and its own signal is lost."""
    monkeypatch.setattr("agent.evaluate.cluster.station.LEAVE_SECONDS", 0.05)
    left = threading.Event()
    bench = bench_on(cluster, tmp_path / "trials", Exporter(600.0))
    bench.open(lambda _: None, threading.Event())
    station = cluster.lines["n0"].station
    station._leave = left.set
    trains = threading.Event()

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            trains.set()

    def run() -> None:
        with pytest.raises(PlaceLost):
            bench.run(assignment(bench.slots[0]), hear, threading.Event())

    running = threading.Thread(target=run)
    running.start()
    assert trains.wait(60)
    reply, _ = station.ask("close", "{}")
    assert '"fault":""' in reply, reply
    running.join(60)
    assert left.wait(60) and not station._folder.exists()
    begin = Begin(ticket="t", assignment=assignment(Slot(number=0, cpus=())), files=Tree())
    reply, _ = station.ask("begin", begin.model_dump_json())
    assert "this place is closed" in reply
    bench.close()


def test_a_full_disk_on_a_node_loses_the_place(cluster: DirectCluster, tmp_path: Path) -> None:
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(lambda _: None, threading.Event())
    cache = cluster.lines["n0"].station._cache
    (cache.root / "parts").rmdir()  # nothing can be written there any more
    with pytest.raises(PlaceLost, match="cannot write to"):
        bench.run(assignment(bench.slots[0]), lambda _: None, threading.Event())
    bench.close()


def test_another_version_is_refused(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.station.software", lambda: "0.0.1 (old)")
    monkeypatch.setattr("agent.evaluate.cluster.measures.GATHER_SECONDS", 0.0)
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    with pytest.raises(PlaceLost, match=r"n0: version 0\.0\.1"):
        bench.open(lambda _: None, threading.Event())
    assert cluster.is_closed


def test_what_trainings_read_is_sent_without_what_is_hidden(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = tmp_path / "project"
    (checkout / "data/secret").mkdir(parents=True)
    (checkout / "data/numbers").write_text("1 2 3")
    (checkout / "data/secret/answers").write_text("42")
    secret = str(checkout / "data/secret")
    plan = printed_plan(
        read_only=(str(checkout / "data"),), hidden=(secret,), checkout=str(checkout)
    )

    def export(commit: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "train.py").write_text(
            "import os\n"
            "print('numbers', open('data/numbers').read(), sorted(os.listdir('data')))\n"
            "print('accuracy: 50')\n"
        )

    def nothing(paths: dict[str, str], hidden: object, checkout: object) -> tuple[str, ...]:
        return tuple(paths)

    # As a node that shares no file system with the driver would say.
    monkeypatch.setattr("agent.evaluate.cluster.station.to_send", nothing)
    bench = bench_on(cluster, tmp_path / "trials", export, plan)
    bench.open(lambda _: None, threading.Event())
    shutil.rmtree(checkout)
    result = bench.run(assignment(bench.slots[0]), lambda _: None, threading.Event())
    assert result is not None and result.value == 50
    [log] = (tmp_path / "trials/0007").glob("train-3-slot*.log")
    assert "numbers 1 2 3 ['numbers']" in log.read_text()
    bench.close()


def test_a_cluster_that_comes_up_is_waited_for(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.measures.WAIT_SECONDS", 0.05)
    alive = cluster.alive
    cluster.alive = []
    threading.Timer(0.2, lambda: setattr(cluster, "alive", alive)).start()
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(lambda _: None, threading.Event())
    assert len(bench.slots) == 1
    bench.close()


def test_a_node_that_comes_later_joins(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.measures.LOOK_SECONDS", 0.05)
    joined: list[str] = []
    both = threading.Event()

    def hear(event: PlaceJoined | PlaceLeft) -> None:
        joined.append(event.place)
        if len(joined) == 2:
            both.set()

    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(hear, threading.Event())
    first = cluster.alive[0]
    cluster.alive.append(type(first)("key-9", "n0", 1, 0))
    assert both.wait(60)
    assert joined == ["n0", "n0-2"]
    assert len({slot.number for slot in bench.slots}) == 2
    bench.close()
