"""What a driver makes of a node's answers, and a node of odd questions; nothing trains."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from agent.errors import SandboxFault
from agent.evaluate.bench import Assignment, Bench
from agent.evaluate.cluster.examination import Demands, examine
from agent.evaluate.cluster.line import Gone, Node, Silent, Unfit
from agent.evaluate.cluster.place import Place
from agent.evaluate.cluster.running import Running
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.station import Station
from agent.evaluate.cluster.trees import Tree
from agent.evaluate.cluster.wire import (
    Absent,
    Empty,
    Ending,
    Follow,
    Growth,
    Hashes,
    Needs,
    News,
    Reply,
    Seen,
    Setup,
)
from agent.evaluate.watch import Listener
from agent.records.events import (
    Checking,
    Event,
    Note,
    PlaceLeft,
    Progress,
    Scoring,
    TrialStarted,
)
from agent.records.guards import Checks
from agent.records.slots import Slot
from sandbox.ground.record import Record
from tests.agent.evaluate.cluster.direct import DirectCluster, printed_plan
from tests.agent.evaluate.cluster.test_odd_moments import standing
from tests.agent.evaluate.cluster.test_places import Exporter, assignment

SLOT = Slot(number=5, cpus=(), place="n0")
Answer = Record | str | Exception | tuple[Record, list[bytes]]


class Told:
    """A line to a node that answers each question of a name with the next of these answers."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.questions: list[str] = []
        self.is_closed = False

    def ask(
        self, name: str, question: str, blobs: Sequence[bytes], seconds: float
    ) -> tuple[str, list[bytes]]:
        """Return the next answer; the last one for ever."""
        self.asked.append(name)
        self.questions.append(question)
        own = self.answers[name]
        answer = own.pop(0) if len(own) > 1 else own[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            return answer, []
        body, pieces = answer if isinstance(answer, tuple) else (answer, [])
        return Reply(body=body.model_dump_json()).model_dump_json(), pieces

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("x" * ((16 << 20) + 1), "too long to be one"),
        ((Hashes(), [bytes(4 << 20), bytes((4 << 20) + 1)]), "too long to be one"),
        ("no JSON", "makes no sense"),
        ('{"body": "{}", "more": 1}', "makes no sense"),
        ('{"body": "{}", "more": [' + "[]," * 1_000_000 + "1]}", "than 2000000 parts"),
        (Reply(body="[" + "[]," * 1_000_000 + "1]").model_dump_json(), "than 2000000 parts"),
        (Setup(version="1", patience=1, slots=1, cores=1), "makes no sense"),
        (Reply(fault="no room\x1b").model_dump_json(), r"no room\\x1b"),
    ],
)
def test_an_answer_that_is_none_makes_a_node_unfit(answer: Answer, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        Place("n0", Told(missing=[answer]), 1.0).ask("missing", Hashes(), Hashes)


def test_a_node_says_what_to_type_on_it() -> None:
    reply = Reply(fault="no room", next_command="df\n-h").model_dump_json()
    with pytest.raises(Unfit) as unfit:
        Place("n0", Told(ping=[reply]), 1.0).ping()
    assert unfit.value.next_command == "df -h"
    with pytest.raises(Unfit) as unfit:
        Place("n0", Told(ping=[Reply(fault="no room").model_dump_json()]), 1.0).ping()
    assert unfit.value.next_command is None


def test_a_question_is_repeated_until_the_patience_ends() -> None:
    place = Place("n0", Told(ping=[Silent("it is cut off")]), 0.02)
    with pytest.raises(Gone, match=r"did not answer for 0\.02 s: it is cut off"):
        place.ping()
    cancel = threading.Event()
    with pytest.raises(Gone, match=r"for 0\.02 s"):
        place.ask("ping", Empty(), Empty, cancel=cancel)
    cancel.set()
    with pytest.raises(Gone, match=r"for 0\.006 s"):
        place.ask("ping", Empty(), Empty, cancel=cancel)
    late = Place("n0", Told(ping=[Silent("lost"), Empty()]), 0.5)
    late.ping()
    assert late.is_idle


def test_a_silent_place_is_asked_anew_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=slept.append)
    monkeypatch.setattr("agent.evaluate.cluster.place.time", clock)
    for patience in (2.0, 45.0):
        Place("n0", Told(ping=[Silent("lost"), Silent("lost"), Empty()]), patience).ping()
    assert slept == [0.5, 0.5, 2.0, 2.0]


def test_the_longest_answers_are_answers() -> None:
    reply = Reply(body="{}").model_dump_json()
    padded = reply.ljust(16 << 20)
    pieces = [bytes(4 << 20), bytes(4 << 20)]
    line = Told(missing=[padded, (Hashes(), pieces)])
    place = Place("n0", line, 1.0)
    assert place.ask("missing", Hashes(), Hashes) == (Hashes(), [])
    assert place.ask("missing", Hashes(), Hashes) == (Hashes(), pieces)


def test_a_plan_names_what_was_sent_and_nothing_that_was_there(tmp_path: Path) -> None:
    line = Told(absent=[Absent(paths=("/b",))], missing=[Hashes()], plan=[Empty()])
    trees = {"/a": Tree(), "/b": Tree()}
    needs = Needs(plan=printed_plan(), has_memory_limit=False, home="/", data=Tree(), sent=trees)
    Place("n0", line, 1.0).equip(needs, Sending(tmp_path, Exporter(), None))
    assert [*Needs.model_validate_json(line.questions[-1]).sent] == ["/b"]


@pytest.mark.parametrize(
    ("ray", "authentication", "fit"),
    [("2.9", "token", True), ("2.9", "disabled", False), ("2.9", "", False), ("", "", True)],
)
def test_a_node_where_anybody_may_run_code_is_unfit(
    ray: str, authentication: str, fit: bool
) -> None:
    said = standing("a").model_copy(update={"ray": ray, "authentication": authentication})
    place = Place("n0", Told(prove=[said]), 1.0)
    setup = Setup(version="1", patience=1, slots=1, cores=1)
    if fit:
        assert place.prove(setup) == said
        return
    with pytest.raises(Unfit, match="asks nobody for a token") as unfit:
        place.prove(setup)
    assert "RAY_AUTH_MODE=token" in str(unfit.value.next_command)


SEEN = (
    Seen(kind="started"),
    Seen(kind="progress", fraction=0.5, loss=2.5),
    Seen(kind="scoring"),
    Seen(kind="checking", text="pytest -q"),
    Seen(kind="note", text="two\nlines"),
)
ENDING = Ending(checks=Checks(checks=()))


def grown(file: int, offset: int, *pieces: bytes, **more: object) -> tuple[Record, list[bytes]]:
    logs = tuple(
        Growth(log=f"train-{i}.log", file=file, offset=offset, size=len(piece))
        for i, piece in enumerate(pieces)
    )
    return News.model_validate({"logs": logs, **more}), list(pieces)


def followed(
    folder: Path,
    line: Told,
    cancel: threading.Event | None = None,
    listen: Listener = lambda _: None,
) -> tuple[Place, Ending, list[Event]]:
    """Run something at a place whose node answers so."""
    line.answers |= {"missing": [Hashes()], "begin": [Empty()], "cancel": [Empty()]}
    place = Place("n0", line, 1.0)
    heard: list[Event] = []
    (folder / "sent").mkdir()
    sending = Sending(folder / "sent", Exporter(), None)
    asked = assignment(SLOT)
    order = asked.order.model_copy(update={"texts": {"train.py": "SHIFT = 2"}})

    def hear(event: Event) -> None:
        heard.append(event)
        listen(event)

    run = Assignment(asked.attempt, order, SLOT, 1, None)
    ending = place.run(run, sending, hear, cancel or threading.Event(), folder)
    return place, ending, heard


def test_what_a_run_does_elsewhere_is_heard_here(tmp_path: Path) -> None:
    news: list[Answer] = [
        News(events=SEEN[:2]),
        grown(1, 0, b"one ", b"other", events=SEEN[2:]),
        grown(1, 4, b"two"),
        (News(logs=(Growth(log="x.log", file=1, offset=0, size=1),)), []),
        grown(2, 0, b"anew", ending=ENDING),
    ]
    line = Told(follow=news, forget=[Empty()])
    place, ending, heard = followed(tmp_path, line)
    attempt = assignment(SLOT).attempt
    assert heard == [
        TrialStarted(attempt, 5, 3, 1, "candidate", "n0"),
        Progress(7, 0.5, 2.5, 5),
        Scoring(7, 5),
        Checking(attempt, 5, "pytest -q", "n0"),
        Note("n0: two lines"),
    ]
    assert ending == ENDING and place.is_idle and not place.failed
    logs = tmp_path / "0007"
    assert (logs / "train-0.log").read_bytes() == b"anew"
    assert (logs / "train-1.log").read_bytes() == b"other"
    assert line.asked == ["missing", "begin", *["follow"] * 5, "forget"]
    assert "SHIFT" not in line.questions[1], "the files have it"
    known = [Follow.model_validate_json(question) for question in line.questions[2:-1]]
    assert [follow.events for follow in known] == [0, 2, 5, 5, 5]
    assert known[-1].logs == {"train-0.log": (1, 7), "train-1.log": (1, 5)}


def test_of_what_a_run_prints_only_so_much_comes_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.place.MAX_LOG_BYTES", 9)
    pieces = [grown(1, 0, b"one ", b"other"), grown(1, 4, b"t"), News(ending=ENDING)]
    followed(tmp_path, Told(follow=[*pieces], forget=[Empty()]))
    logs = tmp_path / "0007"
    assert (logs / "train-0.log").read_bytes() == b"one "
    assert (logs / "train-1.log").read_bytes() == b"other"


def test_a_log_that_cannot_be_written_here_is_no_fault_of_the_node(tmp_path: Path) -> None:
    log = tmp_path / "0007" / "train-0.log"

    def block(_: Event) -> None:
        log.unlink()
        log.mkdir()

    follow: list[Answer] = [grown(1, 0, b"one", events=SEEN[:1]), grown(1, 3, b"two")]
    with pytest.raises(SandboxFault, match=r"cannot write .*train-0\.log: Is a dir") as fault:
        followed(tmp_path, Told(follow=follow), listen=block)
    assert fault.value.next_command == "df -h ."


def test_a_run_that_is_called_off_is_told_once_and_a_lost_goodbye_is_kept(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    line = Told(follow=[News(), News(ending=ENDING)], forget=[Gone("it died")])
    place, ending, _ = followed(tmp_path, line, cancel)
    assert ending == ENDING and place.failed == "it died"
    assert line.asked[2:] == ["cancel", "follow", "follow", "forget"]


@pytest.mark.parametrize("second", [grown(1, 0, b"one"), grown(1, 9, b"one"), grown(2, 3, b"one")])
def test_a_piece_of_a_log_that_fits_nowhere_is_refused(
    tmp_path: Path, second: tuple[Record, list[bytes]]
) -> None:
    line = Told(follow=[grown(1, 0, b"one"), second, News(ending=ENDING)], forget=[Empty()])
    with pytest.raises(Unfit, match=r"train-0\.log is not what it was"):
        followed(tmp_path, line)


def test_a_place_is_asked_to_end_where_that_is_polite() -> None:
    for politely, asked in ((True, ["close"]), (False, [])):
        line = Told(close=[Silent("lost")])
        Place("n0", line, 1.0).close(politely)
        assert (line.asked, line.is_closed) == (asked, True)


# ---------------------------------------------------------------- a node


class Does:
    """A bench that tells of some events and then ends in one way."""

    def __init__(self, outcome: object, events: tuple[Event, ...] = ()) -> None:
        self.outcome = outcome
        self.events = events

    def run(self, _: Assignment, listen: Listener, cancel: threading.Event) -> object:
        """Tell, and end."""
        for event in self.events:
            listen(event)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    check = run


def ended(folder: Path, does: Does, checks: tuple[str, ...] = ()) -> News:
    asked = assignment(SLOT)
    order = asked.order.model_copy(update={"checks": checks})
    run = Assignment(asked.attempt, order, SLOT, 1, None)
    running = Running(cast(Bench, does), run, folder)
    running.join()
    news, _ = running.news(Follow(ticket="t", events=0, seconds=0.0))
    return news


def test_a_node_tells_how_a_run_ended_and_what_the_driver_does_not_know(tmp_path: Path) -> None:
    attempt = assignment(SLOT).attempt
    events: tuple[Event, ...] = (
        TrialStarted(attempt, 0, 3, 1, "candidate", ""),
        Progress(7, 0.5, 2.5, 0),
        Scoring(7, 0),
        Checking(attempt, 0, "pytest -q", ""),
        PlaceLeft("n0", "it is gone"),
        Note("two\nlines"),
    )
    news = ended(tmp_path, Does(None, events))
    assert news.events == (*SEEN[:4], Seen(kind="note", text="two lines"))
    assert news.ending == Ending()
    assert ended(tmp_path, Does(Checks(checks=())), ("pytest",)).ending == ENDING
    fault = ended(tmp_path, Does(SandboxFault("no\nroom", "df -h"))).ending
    assert fault == Ending(fault="no room")
    error = ended(tmp_path, Does(ValueError("odd"))).ending
    assert error == Ending(fault="ValueError: odd")


def test_a_station_answers_whatever_it_is_asked(tmp_path: Path) -> None:
    station = Station(tmp_path)
    for name, question, fault in (
        ("nothing", "{}", "KeyError: 'nothing'"),
        ("ping", "no JSON", "ValidationError: "),
        ("follow", '{"ticket": "t", "events": 0, "seconds": 0}', "a run is not known here"),
    ):
        text, pieces = station.ask(name, question)
        assert Reply.model_validate_json(text).fault.startswith(fault) and pieces == []
    for name in ("forget", "cancel"):
        text, _ = station.ask(name, '{"ticket": "t"}')
        assert Reply.model_validate_json(text) == Reply(body="{}")
    station.close(Empty())


def test_a_node_without_the_interpreter_is_examined_and_refused(tmp_path: Path) -> None:
    cluster = DirectCluster(tmp_path, 2)
    tmp_path.chmod(0o755)
    [first, second] = examine(cluster, Demands(python="/no/such python"))
    assert first.refused == "there is no /no/such python here, the interpreter of the trainings"
    assert first.fix.startswith("ls -l '/no/such python'") and first.slots == ()
    assert (second.name, second.standing) == ("n1", None)
    assert [name for name, _ in cluster.lines["n0"].asked] == ["prove", "close"]


class Dying:
    """A cluster whose first node is in use, and whose second one dies when it is spoken to."""

    def nodes(self) -> tuple[Node, ...]:
        """Return both."""
        return (Node("key-0", "n0", 1, 0), Node("key-1", "n1", 1, 0))

    def line(self, node: Node, cpus: int, gpus: int) -> Told:
        """Return the second one's."""
        if node.name == "n0":
            raise Gone("its cores are in use")
        return Told(prove=[Gone("it died")], close=[Gone("it died")])

    def close(self) -> None:
        """Do nothing."""


def test_a_node_that_dies_while_it_is_examined_is_refused() -> None:
    refused = [one.refused for one in examine(Dying(), Demands())]
    assert refused == ["its cores are in use", "it died"]
