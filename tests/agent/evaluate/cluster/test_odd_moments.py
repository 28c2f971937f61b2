"""What happens to places at an odd moment: twice, too late, meanwhile, or after the end."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from agent.errors import PlaceLost, SandboxFault
from agent.evaluate.bench import Assignment, Bench
from agent.evaluate.cluster.believed import Machines, check_ending, checked_slots
from agent.evaluate.cluster.examination import Demands, examine
from agent.evaluate.cluster.line import STATUS, Node, Unfit
from agent.evaluate.cluster.member import Member
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.running import Running
from agent.evaluate.cluster.software import software
from agent.evaluate.cluster.station import Station
from agent.evaluate.cluster.terms import Terms, free_name, python_of, setup_of, share_of
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import Begin, Empty, Ending, Follow, Paths, Setup, Standing
from agent.evaluate.watch import Listener
from agent.judge.machines import model_of
from agent.records.events import Event, PlaceJoined, PlaceLeft, Progress
from agent.records.results import Result, Score
from agent.records.slots import Slot
from tests.agent.evaluate.cluster.direct import DirectCluster, DirectLine, bench_on, printed_plan
from tests.agent.evaluate.cluster.test_places import Exporter, assignment

MEASURES = "agent.evaluate.cluster.measures"
PLACE = "agent.evaluate.cluster.place"
STATION = "agent.evaluate.cluster.station"


@pytest.fixture
def cluster(tmp_path: Path) -> DirectCluster:
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    return DirectCluster(tmp_path / "nodes", 1)


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def test_every_question_may_come_twice(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an answer that was lost: the station has done what it is asked for once more."""
    monkeypatch.setattr(f"{PLACE}.QUARANTINE_SECONDS", 0.0)
    monkeypatch.setattr("agent.evaluate.cluster.sending.PIECE", 300_000)
    monkeypatch.setattr(f"{STATION}.to_send", lambda paths, *_: tuple(paths))
    checkout = tmp_path / "project"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/numbers").write_text("1 2 3")
    plan = printed_plan(read_only=(str(checkout / "data"),), checkout=str(checkout))
    bench = bench_on(cluster, tmp_path / "trials", Exporter(), plan, stutters=True)
    bench.open(lambda _: None, threading.Event())
    result = bench.run(assignment(bench.slots[0]), lambda _: None, threading.Event())
    assert result is not None and result.value == 81.25
    line = cluster.lines["n0"]
    names = [name for name, _ in line.asked]
    assert {"prove", "absent", "plan", "missing", "put", "begin", "forget"} <= set(names)
    assert all(names.count(name) >= 2 for name in names)
    [place] = line.station._cache.root.glob("autoresearch-place-*")  # proved once
    assert place.stat().st_mode & 0o777 == 0o711, "a run's own user passes through it"
    bench.close()
    assert line.asked[-1] == ("close", 0) and line.state == "gone" and cluster.is_closed


def test_a_run_that_a_node_ended_itself_is_lost_and_not_called_off(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    """A node that has heard nobody for long ends its runs; the driver may be back by then."""
    bench = bench_on(cluster, tmp_path / "trials", Exporter(60.0))
    bench.open(lambda _: None, threading.Event())
    [running] = [cluster.lines["n0"].station._runs]

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            for run in running.values():
                run.cancel()

    with pytest.raises(PlaceLost, match="was not cancelled"):
        bench.run(assignment(bench.slots[0]), hear, threading.Event())
    bench.close()


def test_a_result_that_was_told_counts_though_its_node_dies_then(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    heard: list[PlaceJoined | PlaceLeft] = []
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(heard.append, threading.Event())
    [slot] = bench.slots
    line = cluster.lines["n0"]
    line.dies_at = "forget"
    result = bench.run(assignment(slot), lambda _: None, threading.Event())
    assert result is not None and result.value == 81.25
    assert PlaceLeft("n0", "its process died") in heard, "and nothing more runs there"
    assert slot not in bench.slots
    line.station.ask("close", "{}")
    bench.close()


def test_the_last_place_is_replaced_by_a_node_that_proves_itself_just_then(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for, joins once, and the session knows meanwhile that a place is looked for."""
    monkeypatch.setattr(f"{MEASURES}.LOOK_SECONDS", 0.02)
    heard: list[PlaceJoined | PlaceLeft] = []
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(heard.append, threading.Event())
    assert not bench.is_seeking
    cluster.held["n1"] = threading.Event()
    cluster.alive.append(Node("key-1", "n1", 1, 0))
    until(lambda: "n1" in cluster.started, "the second node")
    del cluster.alive[0]
    until(lambda: len(heard) == 2, "the loss of the first one")
    assert bench.slots == () and bench.is_seeking
    cluster.held["n1"].set()
    until(lambda: not bench.is_seeking, "the end of the search")
    time.sleep(0.1)
    assert [(type(event), event.place) for event in heard] == [
        (PlaceJoined, "n0"),
        (PlaceLeft, "n0"),
        (PlaceJoined, "n1"),
    ]
    assert [slot.place for slot in bench.slots] == ["n1"]
    assert cluster.started == ["n0", "n1"]
    cluster.lines["n0"].station.ask("close", "{}")
    bench.close()


def test_nodes_that_hang_keep_no_other_place_waiting(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MEASURES}.LOOK_SECONDS", 0.02)
    monkeypatch.setattr(f"{MEASURES}.LATE_SECONDS", 0.0)
    monkeypatch.setattr(f"{STATION}.WATCH_SECONDS", 0.02)
    release = threading.Event()
    cluster.alive += [Node(f"busy-{i}", f"busy-{i}", 1, 0) for i in range(50)]
    cluster.held = {f"busy-{i}": release for i in range(50)}
    bench = bench_on(cluster, tmp_path / "trials", Exporter(), patience=0.5)
    bench.open(lambda _: None, threading.Event())
    assert not cluster.lines["n0"].station._closed.wait(1.0), "it was asked all the time"
    cluster.alive = cluster.alive[:1]
    bench._closed.set()  # what is released now comes too late
    release.set()
    bench.close()


def test_a_node_that_comes_after_the_end_is_not_proved(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = threading.Event()
    cluster.held["n0"] = threading.Event()
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    threading.Timer(0.1, cancel.set).start()
    bench.open(lambda _: None, cancel)
    assert bench.slots == (), "who called the session off waits for no node"
    threading.Timer(0.1, cluster.held["n0"].set).start()
    bench.close()
    assert [name for name, _ in cluster.lines["n0"].asked] == ["close"]


def test_a_head_that_dies_right_after_the_connection_is_a_fault_with_a_next_command(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    cluster.is_cut_off = True
    with pytest.raises(PlaceLost, match="cannot be reached: its head died") as fault:
        bench_on(cluster, tmp_path, Exporter()).open(lambda _: None, threading.Event())
    assert fault.value.next_command == STATUS
    with pytest.raises(PlaceLost, match="cannot be reached: its head died"):
        examine(cluster, Demands())


def test_a_node_may_read_for_longer_than_a_question_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(paths: dict[str, str], *_: object) -> tuple[str, ...]:
        time.sleep(0.3)
        return (*paths, "/not/asked")

    monkeypatch.setattr(f"{STATION}.to_send", read)
    monkeypatch.setattr(f"{STATION}.READ_SECONDS", 0.02)
    line = DirectLine(Station(tmp_path))
    paths = Paths(digests={"/data": "d"})
    assert Place("n", line, 0.1).absent(paths) == ("/data",)
    assert len(line.asked) > 3


def standing(host: str, machine: str = "3f9a01c2 NVIDIA H100", slots: int = 1) -> Standing:
    return Standing(
        version="1",
        python="3",
        host=host,
        machine=machine,
        cores=1,
        memory_bytes=1,
        scratch="/tmp",
        free_bytes=1,
        tier="B",
        clock=0.0,
        speed=1.0,
        slots=tuple(Slot(number=i, cpus=(), machine=machine) for i in range(slots)),
    )


def test_machines_of_one_image_are_not_taken_for_one() -> None:
    machines = Machines({})
    first = standing("a")
    assert machines.name(first) == first.machine
    assert machines.name(standing("a")) == first.machine, "two places of one host"
    copy = machines.name(standing("b"))
    assert copy != first.machine and copy.partition(" ")[2] == "NVIDIA H100"
    assert machines.name(standing("b")) == copy, "and so it is called each time"
    assert machines.name(first) == first.machine, "also once it comes back"
    assert machines.name(standing("c")) not in (copy, first.machine)
    assert machines.name(standing("b", "00000000 x86_64")) == "00000000 x86_64"


def test_machines_with_other_packages_are_of_another_kind() -> None:
    driver = {"numpy": "2.2.0", "python": "3.11.9"}
    older = {**driver, "numpy": "2.1.0"}
    machines = Machines(driver)

    def kind(host: str, packages: dict[str, str]) -> str:
        said = standing(host).model_copy(update={"packages": packages})
        return model_of(machines.name(said))

    assert kind("a", driver) == "NVIDIA H100"
    assert kind("b", older) == kind("c", older) != "NVIDIA H100"
    assert kind("d", {"python": "3.11.9"}) not in (kind("a", driver), kind("b", older))


@pytest.mark.parametrize(
    "other", [{}, {"seed": 4}, {"role": "incumbent"}, {"machine": "0badcafe NVIDIA H100"}]
)
def test_an_answer_to_another_question_is_none(other: dict[str, object]) -> None:
    slot = Slot(number=0, cpus=(), machine="3f9a01c2 NVIDIA H100")
    asked = assignment(slot)
    fields = {"value": 1.0, "kind": "self-reported", "machine": slot.machine}
    ordered = {"seed": asked.order.seed, "role": asked.order.role}
    score = Score.model_validate({**fields, **ordered, **other})
    ending = Ending(result=Result(status="scored", scores=(score,)))
    if not other:
        check_ending(ending, asked, threading.Event())
        return
    with pytest.raises(Unfit, match="not of what was ordered"):
        check_ending(ending, asked, threading.Event())


def test_workers_are_shared_out_among_the_nodes() -> None:
    nodes = [Node("key-1", "a", 8, 0), Node("key-2", "a", 8, 0), Node("key-3", "g", 8, 4)]
    members = [Member(node, node.name) for node in nodes]
    assert [share_of(node, members, 4) for node in nodes] == [2, 2, 4]
    members[2].share = 3
    assert [share_of(node, members, 4) for node in nodes[:2]] == [1, 1]
    assert [share_of(node, members, None) for node in nodes] == [1, 1, 4]
    assert free_name(nodes[1], members) == "a-2"


def test_trainings_run_on_the_harnesss_interpreter_or_on_the_projects() -> None:
    plan = printed_plan(python="/env/bin/python")
    for terms, asked, here in (
        (Terms(), "", sys.executable),
        (Terms(own_python=False), "/env/bin/python", "/env/bin/python"),
    ):
        assert setup_of(terms, plan, 1, 1).python == asked
        assert python_of(terms, plan) == here


@pytest.mark.parametrize("slots", [0, 3])
def test_a_place_has_no_other_slots_than_were_asked_for(slots: int) -> None:
    with pytest.raises(Unfit, match=f"{slots} slots, where 2 were asked for"):
        checked_slots(standing("a", slots=slots), 2)
    assert len(checked_slots(standing("a", slots=2), 2)) == 2


def test_places_of_two_machines_of_one_image_train_under_two_names(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MEASURES}.LOOK_SECONDS", 0.02)
    cluster.has_hosts = True
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(lambda _: None, threading.Event())
    cluster.alive.append(Node("key-1", "n1", 1, 0))
    until(lambda: len(bench.slots) == 2, "the second node")
    slots = bench.slots
    assert len({slot.machine for slot in slots}) == 2
    for slot in slots:
        result = bench.run(assignment(slot), lambda _: None, threading.Event())
        assert result is not None and result.scores[0].machine == slot.machine
    bench.close()


class Endless:
    """A bench whose runs last until they are called off."""

    def run(self, assignment: Assignment, listen: Listener, cancel: threading.Event) -> None:
        """Wait."""
        cancel.wait(60)


def test_a_log_that_takes_anothers_place_is_told_from_its_beginning(tmp_path: Path) -> None:
    """It may even have the inode of the one before."""
    logs = tmp_path / "run" / "0007"
    logs.mkdir(parents=True)
    log = logs / "train.log"
    slot = Slot(number=0, cpus=())
    running = Running(cast(Bench, Endless()), assignment(slot), logs)
    asked = Follow(ticket="t", events=0, seconds=0.0)
    log.write_text("a first long line")
    news, pieces = running.news(asked)
    [growth] = news.logs
    assert (growth.file, growth.offset, pieces) == (1, 0, [b"a first long line"])
    asked = asked.model_copy(update={"logs": {"train.log": (growth.file, growth.size)}})
    log.write_text("a new one")
    news, pieces = running.news(asked)
    [growth] = news.logs
    assert (growth.file, growth.offset, pieces) == (2, 0, [b"a new one"])
    running.clear()


def test_a_log_that_is_longer_than_an_answer_comes_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.running.MAX_BLOB", 10)
    logs = tmp_path / "run" / "0007"
    logs.mkdir(parents=True)
    (logs / "train.log").write_text("twelve bytes")
    running = Running(cast(Bench, Endless()), assignment(Slot(number=0, cpus=())), logs)
    asked = Follow(ticket="t", events=0, seconds=0.0)
    news, pieces = running.news(asked)
    assert (pieces, news.more) == ([b"twelve byt"], True)
    news, pieces = running.news(asked.model_copy(update={"logs": {"train.log": (1, 10)}}))
    assert (pieces, news.more) == ([b"es"], False)
    running.clear()


def test_a_node_without_room_for_a_trial_is_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STATION}.LEAST_FREE_BYTES", 1 << 62)
    station = Station(tmp_path)
    with pytest.raises(SandboxFault, match="MiB left, too little for a trial"):
        station.prove(Setup(version=software(), patience=60, slots=1, cores=1))
    station.close(Empty())


def test_a_run_that_comes_before_the_plan_is_refused(tmp_path: Path) -> None:
    begin = Begin(ticket="t", assignment=assignment(Slot(number=0, cpus=())), files=Tree())
    with pytest.raises(SandboxFault, match="before its plan"):
        Station(tmp_path).begin(begin)


def test_what_a_run_prints_beyond_the_largest_log_costs_no_place(
    cluster: DirectCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{PLACE}.MAX_LOG_BYTES", 10)
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    bench.open(lambda _: None, threading.Event())
    result = bench.run(assignment(bench.slots[0]), lambda _: None, threading.Event())
    assert result is not None and result.value == 81.25
    bench.close()
