"""What a station makes of its node, and what becomes of its runs; nothing trains."""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.errors import SandboxFault
from agent.evaluate.bench import Assignment, Bench
from agent.evaluate.cluster.cache import Cache
from agent.evaluate.cluster.running import Running
from agent.evaluate.cluster.software import software
from agent.evaluate.cluster.station import NO_ROOT, Station
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import (
    Absent,
    Begin,
    Empty,
    Needs,
    Paths,
    Piece,
    Pieces,
    Reply,
    Setup,
)
from agent.evaluate.watch import Listener
from agent.records.slots import Slot
from sandbox.ground.devices import Device
from sandbox.tiers.choose import Chosen
from sandbox.tiers.plain import Plain
from tests.agent.evaluate.cluster.direct import printed_plan
from tests.agent.evaluate.cluster.test_places import assignment

STATION = "agent.evaluate.cluster.station"
NOWHERE = "/no/such python"
SLOT = Slot(number=0, cpus=())


def setup(**changes: object) -> Setup:
    fields: dict[str, object] = {"version": software(), "patience": 60, "slots": 1, "cores": 1}
    return Setup.model_validate({**fields, **changes})


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Let each station choose tier B untried; return what was asked."""
    asked: list[tuple[object, ...]] = []

    def choose(*arguments: object) -> Chosen:
        asked.append(arguments)
        return Chosen(Plain(), "B")

    monkeypatch.setattr(f"{STATION}.choose_runner", choose)
    return asked


def test_the_scratch_space_is_as_the_node_says_or_where_temporary_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("given", "own", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("AUTORESEARCH_SCRATCH", str(tmp_path / "own"))

    def cache_of(given: Path | None) -> Path:
        station = Station(given)
        with pytest.raises(SandboxFault, match="interpreter of the trainings"):
            station.prove(setup(python=NOWHERE))
        station.close(Empty())
        return station._cache.root.parent

    assert cache_of(tmp_path / "given") == tmp_path / "given"
    assert cache_of(None) == tmp_path / "own"
    monkeypatch.delenv("AUTORESEARCH_SCRATCH")
    assert cache_of(None) == tmp_path / "temporary"


def test_others_may_read_what_a_node_makes_whoever_started_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with pytest.raises(SandboxFault):
            Station(tmp_path).prove(setup(python=NOWHERE))
    finally:
        after = os.umask(before)
    assert after == 0o022


@pytest.mark.parametrize(
    ("free", "fault"), [(1 << 30, "interpreter"), ((1 << 30) - 1, "has 1023 MiB left, too little")]
)
def test_a_node_has_room_for_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, fault: str
) -> None:
    monkeypatch.setattr(f"{STATION}._free_bytes", lambda _: free)
    with pytest.raises(SandboxFault, match=fault):
        Station(tmp_path).prove(setup(python=NOWHERE))


def test_a_station_says_what_it_stands_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choices: list[tuple[object, ...]]
) -> None:
    gpus = tuple(Device(index=i, uuid=f"GPU-{i}", model=model) for i, model in enumerate("AAB"))
    monkeypatch.setattr(f"{STATION}.this_machine", lambda: ((0, 1), gpus))
    station = Station(tmp_path)
    standing = station.prove(setup(unsafe=True, imports=("x",)))
    assert (standing.device, standing.gpus, len(standing.slots)) == ("A", gpus, 1)
    assert choices == [(True, ("x",), gpus, station._folder, sys.executable)]
    assert station.prove(setup()) is standing and len(choices) == 1
    station.close(Empty())
    monkeypatch.setattr(f"{STATION}.this_machine", lambda: ((0, 1), gpus[:2]))
    assert len(Station(tmp_path).prove(setup(slots=0)).slots) == 2, "one on each accelerator"


@pytest.mark.usefixtures("choices")
def test_long_names_of_a_node_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("a" * 150) / ("b" * 150)
    deep.mkdir(parents=True)
    (deep / "python").symlink_to(sys.executable)
    monkeypatch.setattr(f"{STATION}.socket.gethostname", lambda: "h" * 301)
    station = Station(deep)
    standing = station.prove(setup(python=str(deep / "python")))
    assert standing.host == "h" * 300
    assert standing.scratch == str(station._cache.root)[:300]
    assert standing.python.endswith("b" * 20) and len(standing.python) == 300
    station.close(Empty())


@pytest.mark.parametrize(
    ("tier", "user", "fit"), [("B", 1000, True), ("C", 0, True), ("C", 1, False)]
)
def test_only_root_runs_trainings_of_tier_c_on_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tier: str, user: int, fit: bool
) -> None:
    """Theirs is another user's uid then, which cannot connect to the cluster's sockets."""
    chosen = Chosen(Plain(), tier)
    monkeypatch.setattr(f"{STATION}.choose_runner", lambda *_: chosen)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    station = Station(tmp_path)
    station._folder = tmp_path
    if fit:
        assert station._proven(setup(), sys.executable) is chosen
        return
    with pytest.raises(SandboxFault, match="refused on a node") as fault:
        station._proven(setup(), sys.executable)
    assert fault.value.message == NO_ROOT
    assert fault.value.next_command == "sudo apt-get install bubblewrap"


def test_what_a_node_reads_it_reads_in_turn_and_leaves_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []
    is_slow = threading.Event()
    release = threading.Event()

    def read(paths: dict[str, str], *_: object) -> tuple[str, ...]:
        began.extend(paths)
        if "/slow" in paths:
            is_slow.set()
            release.wait(30)
        time.sleep(0.02)
        return tuple(paths)

    monkeypatch.setattr(f"{STATION}.to_send", read)
    station = Station(tmp_path)
    before = {*threading.enumerate()}
    assert station.absent(Paths(digests={"/quick": "d"})) == Absent(paths=("/quick",))
    [reader] = {*threading.enumerate()} - before
    assert reader.name.startswith("read")
    monkeypatch.setattr(f"{STATION}.READ_SECONDS", 0.02)
    for name in ("/slow", "/next"):
        assert station.absent(Paths(digests={name: "d"})) == Absent(more=True)
        assert is_slow.wait(30)
    assert began == ["/quick", "/slow"]
    station.close(Empty())
    assert reader.is_alive(), "nobody waits for what is still read"
    release.set()
    reader.join(5)
    assert not reader.is_alive()


def test_a_long_fault_is_cut_and_one_without_a_command_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path)
    for command, told in (("c" * 1_001, "c" * 1_000), (None, "")):

        def fail(*_: object, command: str | None = command) -> None:
            raise SandboxFault("m" * 10_001, command)

        monkeypatch.setattr(f"{STATION}.to_send", fail)
        text, _ = station.ask("absent", Paths(digests={str(command): ""}).model_dump_json())
        assert Reply.model_validate_json(text) == Reply(fault="m" * 10_000, next_command=told)


def test_a_piece_without_its_bytes_is_a_fault(tmp_path: Path) -> None:
    piece = Piece(sha="0" * 64, offset=0, size=1)
    text, _ = Station(tmp_path).ask("put", Pieces(pieces=(piece,)).model_dump_json())
    assert Reply.model_validate_json(text).fault.startswith("ValueError: zip()")


# ---------------------------------------------------------------- runs


class Lasting:
    """A bench whose runs last until they are called off, and for some seconds more."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.release = threading.Event()
        self.was_cancelled = False
        self.is_over = False

    def run(self, assignment: Assignment, listen: Listener, cancel: threading.Event) -> None:
        """Last."""
        self.was_cancelled = cancel.wait(20)
        self.release.wait(self.seconds)
        self.is_over = True


class Noted(Running):
    """A run that notes how long its end is waited for."""

    waits: list[float | None]

    def join(self, seconds: float | None = None) -> None:
        """Note, and wait."""
        self.waits = [*getattr(self, "waits", []), seconds]
        super().join(seconds)


def running(folder: Path, bench: Lasting) -> Noted:
    (folder / "0007").mkdir(parents=True)
    return Noted(cast(Bench, bench), assignment(SLOT), folder / "0007")


def test_a_run_that_is_forgotten_ends_and_leaves_nothing(tmp_path: Path) -> None:
    station = Station(tmp_path)
    bench = Lasting()
    station._runs["t"] = running(tmp_path / "home", bench)
    station.ask("forget", '{"ticket": "t"}')
    assert bench.was_cancelled and not (tmp_path / "home").exists() and not station._runs


def test_a_run_gets_a_folder_that_others_enter_and_keeps_its_data_in_the_cache(
    tmp_path: Path,
) -> None:
    station = Station(tmp_path)
    station._cache = Cache(tmp_path / "cache")
    station._folder = tmp_path
    station._chosen = Chosen(Plain(), "B")
    data = station._cache.shared(Tree())
    os.utime(data.parent, (0, 0))
    for ticket, plan in (("a", printed_plan()), ("b", printed_plan(data=str(data)))):
        station._needs = Needs(plan=plan, has_memory_limit=False, home="/")
        begin = Begin(ticket=ticket, assignment=assignment(SLOT), files=Tree())
        bench, logs = station._bench(begin)
        assert logs == tmp_path / ticket / "0007"
        assert logs.parent.stat().st_mode & 0o777 == 0o755
        assert (data.parent.stat().st_mtime > 0) is (ticket == "b")
        assert bench._export_whole is None
        bench._export("c1", tmp_path / f"files-{ticket}")
        assert (tmp_path / f"files-{ticket}").is_dir()


def test_a_place_that_closes_calls_its_runs_off_and_waits_for_all_as_long_as_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path)
    benches = [Lasting(0.05), Lasting()]
    runs = [running(tmp_path / f"home-{i}", bench) for i, bench in enumerate(benches)]
    station._runs = dict(zip("ab", runs, strict=True))
    station.close(Empty())
    assert all(bench.was_cancelled and bench.is_over for bench in benches)
    [[first], [second]] = [run.waits for run in runs]
    assert first is not None and second is not None and 0 < second < first <= 30
    monkeypatch.setattr(f"{STATION}.CLOSE_SECONDS", -1.0)
    late = Station(tmp_path)
    slow = Lasting(20)
    late._runs["c"] = run = running(tmp_path / "home-c", slow)
    late.close(Empty())
    assert run.waits == [0.0] and not slow.is_over
    slow.release.set()


def test_a_station_that_is_proved_again_watches_its_driver_once(tmp_path: Path) -> None:
    station = Station(tmp_path)
    before = {*threading.enumerate()}
    for _ in range(2):
        with pytest.raises(SandboxFault, match="is not that of the driver"):
            station.prove(setup(version="0"))
    [watcher] = {*threading.enumerate()} - before
    assert watcher.name == "watch-driver" and watcher.daemon
    station.close(Empty())


class Leaving:
    """What ends a station's process: notes whether the station had ended, and its pauses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.had_ended: list[bool] = []
        self.slept: list[float] = []
        self.left = threading.Event()
        self.station: Station | None = None
        self.others = {*threading.enumerate()}
        """A station of an earlier test may be about to leave, too."""
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=self.sleep)
        monkeypatch.setattr(f"{STATION}.time", clock)

    def sleep(self, seconds: float) -> None:
        """Note a pause of this station's."""
        if threading.current_thread() not in self.others:
            self.slept.append(seconds)

    def __call__(self) -> None:
        """Leave."""
        assert self.station is not None
        self.had_ended.append(self.station._ended.is_set())
        self.left.set()


def leaving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Station, Leaving]:
    leave = Leaving(monkeypatch)
    leave.station = Station(folder, leave=leave)
    leave.station._runs["t"] = running(folder / "home", Lasting(0.15))
    return leave.station, leave


def test_a_question_that_takes_long_is_no_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{STATION}.WATCH_SECONDS", 0.005)
    station, leave = leaving(tmp_path, monkeypatch)
    was_closed: list[bool] = []

    def slow_software() -> str:
        was_closed.append(station._closed.wait(0.1))
        return "another version"

    monkeypatch.setattr(f"{STATION}.software", slow_software)
    station.ask("prove", setup(version="0", patience=0.01).model_dump_json())
    assert was_closed == [False]
    assert leave.left.wait(60) and leave.had_ended == [True]
    assert leave.slept == [], "nobody is there who could hear an answer"


def test_a_closed_place_leaves_once_it_has_ended_and_its_last_answer_arrived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station, leave = leaving(tmp_path, monkeypatch)
    with pytest.raises(SandboxFault):
        station.prove(setup(version="0"))
    station.close(Empty())
    assert leave.left.wait(60) and leave.had_ended == [True] and leave.slept == [5.0]
