"""The nodes of a session: who is waited for, tried again, lost, or left alone; nothing trains."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.errors import PlaceLost
from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.line import NO_NODE, STATUS, Gone, Node, Silent
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.member import Member
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.cluster.wire import Absent, Empty, Hashes, News
from agent.records.events import REFUSED, PlaceJoined, PlaceLeft
from agent.records.slots import Slot
from tests.agent.evaluate.cluster.direct import printed_plan
from tests.agent.evaluate.cluster.test_answers import ENDING, SLOT, Told
from tests.agent.evaluate.cluster.test_odd_moments import standing, until
from tests.agent.evaluate.cluster.test_places import Exporter, assignment

MEASURES = "agent.evaluate.cluster.measures"
N0 = Node("key-0", "n0", 1, 0)
N1 = Node("key-1", "n1", 1, 0)
Heard = list[PlaceJoined | PlaceLeft]


def able() -> Told:
    """Return a line to a node that proves itself, and whose runs end at once."""
    return Told(
        prove=[standing("a")],
        absent=[Absent()],
        plan=[Empty()],
        missing=[Hashes()],
        begin=[Empty()],
        follow=[News(ending=ENDING)],
        forget=[Empty()],
        ping=[Empty()],
        close=[Empty()],
    )


class Listed:
    """A cluster of these nodes, in use but for those with a line."""

    def __init__(self, *nodes: Node, **lines: Told) -> None:
        self.alive = list(nodes)
        self.lines = lines
        self.fault: Exception = Gone("its cores are in use")
        self.looks = 0
        self.given: list[tuple[str, int, int]] = []
        self.held: dict[str, threading.Event] = {}
        self.is_cut_off = False
        self.is_closed = False

    def nodes(self) -> tuple[Node, ...]:
        """Return all."""
        self.looks += 1
        if self.is_cut_off:
            raise Gone("its head died")
        return tuple(self.alive)

    def line(self, node: Node, cpus: int, gpus: int) -> Told:
        """Return a node's line, once nothing holds the node."""
        self.given.append((node.name, cpus, gpus))
        if node.name in self.held:
            self.held[node.name].wait(20)
        if node.name not in self.lines:
            raise self.fault
        return self.lines[node.name]

    def close(self) -> None:
        """Note that it was left."""
        self.is_closed = True


def bench_of(cluster: Listed, folder: Path, workers: int | None = None) -> ClusterBench:
    terms = Terms(patience=1.0, workers=workers)
    return ClusterBench(printed_plan(), terms, lambda: cluster, folder, Exporter())


@contextmanager
def session(
    cluster: Listed, folder: Path, workers: int | None = None
) -> Iterator[tuple[ClusterBench, Heard]]:
    """Open a bench on a cluster, and close it."""
    heard: Heard = []
    bench = bench_of(cluster, folder, workers)
    bench.open(heard.append, threading.Event())
    try:
        yield bench, heard
    finally:
        for held in cluster.held.values():
            held.set()
        bench.close()


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("LOOK", 0.005), ("WAIT", 0.01), ("GATHER", 0.0)):
        monkeypatch.setattr(f"{MEASURES}.{name}_SECONDS", seconds)


def later(cluster: Listed, name: str) -> None:
    """Hold a node for a moment."""
    cluster.held[name] = threading.Event()
    threading.Timer(0.1, cluster.held[name].set).start()


def test_a_session_looks_once_and_leaves_no_thread_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MEASURES}.LOOK_SECONDS", 60.0)
    cluster = Listed(N0, n0=able())
    before = {*threading.enumerate()}
    folder = tmp_path / "deep" / "trials"
    with session(cluster, folder) as (bench, heard):
        own = {*threading.enumerate()} - before
        assert {thread.name.partition("_")[0] for thread in own} == {"join", "watch-nodes"}
        assert all(thread.daemon for thread in own if thread.name == "watch-nodes")
        assert [path.name[:18] for path in folder.iterdir()] == ["autoresearch-sent-"]
        assert cluster.looks == 1 and heard == [PlaceJoined("n0", bench.slots)]
    for thread in own:
        thread.join(5)
        assert not thread.is_alive()
    assert bench.slots == () and not [*folder.iterdir()] and cluster.is_closed
    with session(cluster, folder):
        pass


def test_a_session_without_a_node_says_what_shows_them(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    cluster = Listed()
    bench = bench_of(cluster, tmp_path)
    bench.open(lambda _: None, cancel)
    bench.close()
    assert cluster.looks == 1, "who called the session off waits for no node"
    bench._cancel.clear()
    assert (bench._nobody().message, bench._nobody().next_command) == (NO_NODE, STATUS)
    bench._members["key-0"] = Member(N0, "n0", refused="it is old")
    assert bench._nobody().message.endswith("\n  n0: it is old")
    assert bench._nobody().next_command == "autoresearch doctor"


@pytest.mark.usefixtures("_hasty")
def test_a_node_that_is_slow_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Listed(N0, N1, n0=able(), n1=able())
    later(cluster, "n1")
    with session(cluster, tmp_path) as (bench, _):
        assert len(bench.slots) == 2
    monkeypatch.setattr(f"{MEASURES}.LATE_SECONDS", 0.03)
    cluster = Listed(N0, n0=able())
    later(cluster, "n0")
    with session(cluster, tmp_path) as (bench, _):
        assert len(bench.slots) == 1, "as long as it takes, for the first one"
    cluster = Listed(N0, N1, n0=able(), n1=able())
    cluster.held["n1"] = threading.Event()
    with session(cluster, tmp_path) as (bench, _):
        assert len(bench.slots) == 1, "and not for ever, for another one"


def test_an_error_that_nobody_expected_ends_the_opening(tmp_path: Path) -> None:
    heard: Heard = []
    cluster = Listed(N0)
    cluster.fault = ValueError("odd")
    with pytest.raises(ValueError, match="odd"):
        bench_of(cluster, tmp_path).open(heard.append, threading.Event())
    assert heard == [PlaceLeft("n0", f"{REFUSED}ValueError: odd")] and cluster.is_closed


def test_a_node_is_tried_again_after_longer_and_longer_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MEASURES}.time", SimpleNamespace(monotonic=lambda: 0.0))
    heard: Heard = []
    bench = bench_of(Listed(), tmp_path)
    bench._listen = heard.append
    member = Member(N0, "n0", share=1)
    pauses: list[float] = []
    for why in ("it is old", "it is old", "it is full", *["it is full"] * 5):
        bench._refuse(member, why)
        pauses.append(member.again_at)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3840, 3840]
    assert (member.share, member.refused) == (0, "it is full")
    assert heard == [
        PlaceLeft("n0", f"{REFUSED}it is old"),
        PlaceLeft("n0", f"{REFUSED}it is full"),
    ]
    line = able()
    lost = Member(N1, "n1", Place("n1", line, 1.0), (SLOT,), share=1)
    bench._places["n1"] = Member(N1, "n1")  # who has its name by now
    bench._lose(lost, "it died")
    assert (lost.again_at, lost.tries, lost.share, lost.slots) == (60, 1, 0, ())
    assert line.is_closed and line.asked == [], "it would not answer"
    assert heard[2:] == [PlaceLeft("n1", "it died")] and "n1" in bench._places
    bench._lose(lost, "it died")
    assert len(heard) == 3


@pytest.mark.usefixtures("_hasty")
def test_a_refused_node_is_left_alone_for_its_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Listed(N0, N1, n0=able())
    with session(cluster, tmp_path) as (bench, heard):
        until(lambda: cluster.looks > 5, "some looks")
        assert [name for name, _, _ in cluster.given].count("n1") == 1
        cluster.lines["n1"] = able()
        bench._members["key-1"].again_at = 0.0
        until(lambda: len(bench.slots) == 2, "the second try")
        assert [event.place for event in heard].count("n1") == 2


def test_what_a_node_is_asked_for_is_its_share(tmp_path: Path) -> None:
    nodes = Node("a", "large", 8, 4), Node("b", "odd", 1, 4), Node("c", "plain", 6, 0)
    cluster = Listed(*nodes)
    heard: Heard = []
    bench = bench_of(cluster, tmp_path, workers=2)
    bench._cluster = cluster
    bench._listen = heard.append
    for node in nodes:
        bench._new_nodes()
        bench._join(node)  # each is refused then, and gives its share back
    assert cluster.given == [("large", 4, 2), ("odd", 1, 2), ("plain", 6, 0)]
    bench._members["a"].share = 2
    now = time.monotonic()
    bench._join(nodes[2])
    assert len(cluster.given) == 3 and bench._members["c"].again_at > now, "none is left for it"


def test_nothing_joins_once_a_session_is_over_or_has_a_place(tmp_path: Path) -> None:
    cluster = Listed(N0)
    bench = bench_of(cluster, tmp_path)
    bench._cluster = cluster
    bench._new_nodes()
    cluster.alive.append(N1)  # not seen yet
    bench._replace()
    assert [name for name, _, _ in cluster.given] == ["n0"]
    for prevent in (bench._cancel, bench._closed):
        prevent.set()
        bench._replace()
        prevent.clear()
    bench._places["n9"] = Member(N1, "n9")
    bench._replace()
    bench._closed.set()
    bench._join(N0)
    bench._join(N1)
    assert [name for name, _, _ in cluster.given] == ["n0"]


class Unanswered(Told):
    """A line to a node that proves itself until the line is closed."""

    def __init__(self) -> None:
        super().__init__(close=[Silent("it is over")])
        self.begun = threading.Event()
        self.over = threading.Event()

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Wait, if that is the question."""
        if name != "prove":
            return super().ask(name, question, blobs, seconds)
        self.begun.set()
        self.asked.append("prove" if self.over.wait(20) else "in vain")
        raise Gone("its process ended")

    def close(self) -> None:
        """End the proof."""
        self.over.set()


@pytest.mark.usefixtures("_hasty")
def test_a_node_that_proves_itself_at_the_end_is_ended(tmp_path: Path) -> None:
    line = Unanswered()
    cluster = Listed(N0, n0=able())
    with session(cluster, tmp_path):
        cluster.lines["n1"] = line
        cluster.alive.append(N1)
        assert line.begun.wait(20)
    assert line.asked == ["prove", "close"], "asked once, after it ended"


def test_a_node_that_has_proved_itself_too_late_is_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    equip = Place.equip

    def joined(then: Callable[[ClusterBench, Listed], object]) -> Heard:
        heard: Heard = []
        cluster = Listed(N0, n0=able())
        bench = bench_of(cluster, tmp_path)

        def equip_late(place: Place, *others: object) -> None:
            equip(place, *others)  # type: ignore[arg-type]
            then(bench, cluster)

        monkeypatch.setattr(Place, "equip", equip_late)
        cancel = threading.Event()
        cancel.set()
        bench.open(heard.append, cancel)
        bench._joining.shutdown()
        assert bench.slots == () and cluster.lines["n0"].is_closed
        bench.close()
        return heard

    assert joined(lambda bench, _: bench._closed.set()) == [
        PlaceLeft("n0", f"{REFUSED}the session is over")
    ]

    def leave(bench: ClusterBench, cluster: Listed) -> None:
        cluster.alive.clear()
        bench._new_nodes()

    assert joined(leave) == [PlaceLeft("n0", f"{REFUSED}its node is gone")]


@pytest.mark.usefixtures("_hasty")
def test_a_cluster_that_is_cut_off_loses_its_places_and_may_come_back(tmp_path: Path) -> None:
    cluster = Listed(N0, n0=able())
    with session(cluster, tmp_path) as (bench, heard):
        cluster.is_cut_off = True
        until(lambda: len(heard) == 2, "the loss")
        assert heard[1] == PlaceLeft("n0", "the cluster cannot be reached: its head died")
        assert bench.slots == ()
        cluster.lines["n1"] = able()
        cluster.alive.append(N1)
        cluster.is_cut_off = False
        until(lambda: len(bench.slots) == 1, "another node")


@pytest.mark.usefixtures("_hasty")
def test_an_idle_place_that_dies_is_noticed_and_a_busy_one_is_not_asked(tmp_path: Path) -> None:
    line = able()
    with session(Listed(N0, n0=line), tmp_path) as (bench, heard):
        line.answers["ping"] = [Gone("its process died")]
        until(lambda: len(heard) > 1, "the loss")
        assert heard[1] == PlaceLeft("n0", "its process died")
        other = able()
        place = Place("n1", other, 1.0)
        for runs, asked in ((1, []), (0, ["ping"])):
            place._runs = runs
            bench._ping(Member(N1, "n1", place))
            assert other.asked == asked
        bench._ping(Member(N1, "n1"))


def test_a_place_is_pinged_by_one_thread(tmp_path: Path) -> None:
    line = able()
    place = Place("n0", line, 1.0)
    with place._pinging:
        place.ping()
    assert line.asked == []
    place.ping()
    place.ping()
    assert line.asked == ["ping", "ping"]


def checked(slot: Slot) -> Assignment:
    """Return an order of a check at a slot."""
    asked = assignment(slot)
    order = asked.order.model_copy(update={"checks": ("pytest",)})
    return Assignment(asked.attempt, order, slot, 1, None)


def test_checks_are_run_at_the_place_of_the_slot_and_nowhere_else(tmp_path: Path) -> None:
    with session(Listed(N0, n0=able()), tmp_path) as (bench, _):
        [slot] = bench.slots
        run = checked(slot)
        assert bench.check(run, lambda _: None, threading.Event()) == ENDING.checks
        for other in ({"place": "n9"}, {"number": slot.number + 1}):
            gone = checked(slot.model_copy(update=other))
            with pytest.raises(PlaceLost, match="is gone") as lost:
                bench.check(gone, lambda _: None, threading.Event())
            assert lost.value.next_command == "autoresearch resume"
