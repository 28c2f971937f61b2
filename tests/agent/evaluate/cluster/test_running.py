"""How a node tells of a run: who asks waits for news, and hears of the end after all else."""

import threading
from pathlib import Path
from typing import cast

import pytest

from agent.evaluate.bench import Assignment, Bench
from agent.evaluate.cluster.running import Running
from agent.evaluate.cluster.wire import Ending, Follow, News
from agent.evaluate.watch import Listener
from agent.records.events import Note
from agent.records.slots import Slot
from tests.agent.evaluate.cluster.test_answers import Does
from tests.agent.evaluate.cluster.test_places import assignment


class Led:
    """A bench whose run tells something, and ends, when the test says so."""

    def __init__(self) -> None:
        self.tell = threading.Event()
        self.end = threading.Event()

    def run(self, _: Assignment, listen: Listener, cancel: threading.Event) -> None:
        """Run."""
        self.tell.wait(20)
        listen(Note("told"))
        self.end.wait(20)


def asked(events: int, seconds: float = 60.0) -> Follow:
    return Follow(ticket="t", events=events, seconds=seconds)


def test_who_asks_for_news_is_answered_when_there_are_some(tmp_path: Path) -> None:
    bench = Led()
    run = Running(cast(Bench, bench), assignment(Slot(number=0, cpus=())), tmp_path / "0007")
    assert run.news(asked(0, 0.0)) == (News(), [])
    for happens, known in ((bench.tell, 0), (bench.end, 1)):
        answers: list[News] = []

        def ask(known: int = known, answers: list[News] = answers) -> None:
            answers.append(run.news(asked(known))[0])

        question = threading.Thread(target=ask, daemon=True)
        question.start()
        question.join(0.05)
        assert question.is_alive()
        happens.set()
        question.join(10)
        [news] = answers
        assert (len(news.events), news.ending) == ((1, None) if known == 0 else (0, Ending()))


def test_the_end_is_told_after_the_last_event_and_the_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.running.MAX_EVENTS", 2)
    monkeypatch.setattr("agent.evaluate.cluster.running.MAX_BLOB", 10)
    (tmp_path / "0007").mkdir()
    (tmp_path / "0007" / "train.log").write_text("twelve bytes")
    does = Does(None, (Note("a"), Note("b"), Note("c")))
    run = Running(cast(Bench, does), assignment(Slot(number=0, cpus=())), tmp_path / "0007")
    run.join()
    news, _ = run.news(asked(2))
    assert (len(news.events), news.more, news.ending) == (1, True, None)
    whole = {"logs": {"train.log": (1, 12)}}
    news, _ = run.news(asked(0).model_copy(update=whole))
    assert ([seen.text for seen in news.events], news.ending) == (["a", "b"], None)
    news, pieces = run.news(asked(2).model_copy(update=whole))
    assert ([seen.text for seen in news.events], news.ending) == (["c"], Ending())
    assert (news.logs, news.more, pieces) == ((), False, [])
