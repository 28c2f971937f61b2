"""The inbox: written whole, each id once, bounded, and never through a link."""

import os
import stat
import threading
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.history.history import History
from agent.records.edits import SetConstant
from agent.records.events import Event, Heard, Note
from agent.records.inputs import (
    Admitted,
    Approve,
    Ask,
    Comment,
    Input,
    Remember,
    Skip,
    Tell,
    Try,
)
from agent.run.hearing import Hearing
from agent.run.inbox import (
    MAX_BYTES,
    MAX_WAITING,
    Inbox,
    NotSent,
    Sent,
    answer_of,
    new_input,
    send,
    wait_for_answer,
)
from agent.run.ledger import Ledger
from agent.run.sent_refs import SentRefs
from agent.space import read_space
from tests.agent.study import ListProposer, loop_of, project_of, proposal, study


def remark(text: str = "try warmup", id: str | None = None) -> Input:
    return new_input(Tell(text=text), "ada", id)


def folder_of(history: History) -> Path:
    return Path(history.project.root) / ".autoresearch" / "runs" / history.tag / "inbox"


def admit(history: History) -> list[object]:
    """Return what one look at the inbox admits."""
    return list(Hearing(Ledger(history, read_space), Inbox(history.project, history.tag)).admit())


def test_what_is_sent_is_admitted_once_and_on_record(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        asked = remark()
        assert send(history.project, history.branch, asked) == Sent(asked.id, os.getpid())
        assert answer_of(history.project, history.tag, asked.id) is None
        [admitted] = admit(history)
        assert admitted == answer_of(history.project, history.tag, asked.id)
        assert wait_for_answer(history.project, history.tag, asked.id, 0) == admitted
        assert admit(history) == []
        assert not list(folder_of(history).iterdir())
    with History.read(project_of(tmp_path), "t") as again:
        assert [entry.input for entry in again.inputs] == [asked]
        assert again.inputs[0].accepted
        assert again.foreign_commits == ()


def test_the_same_id_twice_is_one_input(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        for _ in range(2):
            send(history.project, "t", remark(id="k-1"))
        assert len(admit(history)) == 1
        assert send(history.project, "t", remark("another", id="k-1")) == Sent("k-1", os.getpid())
        assert not list(folder_of(history).iterdir()), "it was admitted before"
        assert admit(history) == []
        assert len(history.inputs) == 1


def test_a_file_left_by_a_death_after_its_commit_is_only_removed(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        asked = remark()
        send(history.project, "t", asked)
        path = folder_of(history) / f"{asked.id}.json"
        data = path.read_bytes()
        admit(history)
        path.write_bytes(data)  # killed between the commit and the removal
        tip = history.tip
        assert admit(history) == []
        assert history.tip == tip
        assert not path.exists()


def test_an_input_stays_in_the_inbox_until_it_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(history: History, admitted: Admitted) -> None:
        raise KeyboardInterrupt

    with study(tmp_path) as history:
        asked = remark()
        send(history.project, "t", asked)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(History, "admit", killed)
            admit(history)
        [admitted] = admit(history)
        assert isinstance(admitted, Admitted) and admitted.input == asked


def test_a_remark_that_quotes_a_record_is_no_answer_to_it(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        quoted = '"record": "input", "input": {"id": "k-2"'
        send(history.project, "t", remark(quoted, id="k-1"))
        assert len(admit(history)) == 1
        assert answer_of(history.project, "t", "k-1") is not None
        assert answer_of(history.project, "t", "k-2") is None


def test_nobody_waits_for_an_answer_where_no_process_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        project = history.project
    send(project, "t", remark(id="k-1"))
    monkeypatch.setattr("agent.run.inbox.time.sleep", lambda _: pytest.fail("it waits"))
    assert wait_for_answer(project, "t", "k-1", 60) is None


def test_an_inbox_is_the_users_alone(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        asked = remark()
        send(history.project, "t", asked)
        folder = folder_of(history)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / f"{asked.id}.json").stat().st_mode) == 0o600


def test_a_flood_is_refused_and_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 22
    monkeypatch.setattr("agent.run.inbox.MAX_WAITING", most)
    with study(tmp_path) as history:
        answers = [send(history.project, "t", remark(id=f"k-{n}")) for n in range(most + 2)]
        assert [isinstance(answer, NotSent) for answer in answers[-3:]] == [False, True, True]
        why = f"{most} inputs wait already, and no more are taken until they are read."
        assert answers[-1] == NotSent(why, "autoresearch status t")
        assert len(list(folder_of(history).glob("*.json"))) == most
        admitted = admit(history)
        flood = history.inputs[-1]
        assert len(admitted) == most + 1
        assert isinstance(flood.input.ask, Comment)
        assert not flood.accepted
        assert "not taken" in flood.why
        assert sum(entry.accepted for entry in history.inputs) == 20, "remarks are bounded"
        assert admit(history) == [], "a flood is recorded once"


def test_files_of_no_sender_are_bounded(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        send(history.project, "t", remark(id="aaa"))
        for number in range(3 * MAX_WAITING):
            (folder_of(history) / f"b-{number:04}.json").write_text("nonsense")
        lines = admit(history)
        assert len(lines) == MAX_WAITING + 1
        assert history.inputs[0].input.id == "aaa"
        assert not history.inputs[-1].accepted
        assert len(list(folder_of(history).glob("*.json"))) == MAX_WAITING


@pytest.mark.parametrize(
    "kind", ["link", "pipe", "twin", "folder", "torn", "other id", "long", "foreign"]
)
def test_an_input_is_read_only_from_a_plain_file_of_its_own(tmp_path: Path, kind: str) -> None:
    secret = tmp_path.parent / f"{tmp_path.name}.secret.json"
    with study(tmp_path) as history:
        asked = remark(id="k-1")
        send(history.project, "t", asked)
        path = folder_of(history) / "k-1.json"
        path.replace(secret)
        before = secret.read_bytes()
        match kind:
            case "link":
                path.symlink_to(secret)
            case "pipe":
                os.mkfifo(path)
            case "twin":
                os.link(secret, path)
            case "folder":
                path.mkdir()
            case "torn":
                path.write_bytes(before[:40])
            case "other id":
                path.write_bytes(before.replace(b'"k-1"', b'"k-2"'))
            case "foreign":
                if os.geteuid() != 0:
                    pytest.skip("only root can give a file away")
                path.write_bytes(before)
                os.chown(path, 54321, -1)
            case "long":
                path.write_bytes(before + b" " * MAX_BYTES)
        [line] = admit(history)
        assert isinstance(line, str)
        assert "k-1.json" in line
        assert not os.path.lexists(path)
        assert history.inputs == ()
        assert secret.read_bytes() == before


def test_an_inbox_that_is_a_link_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path.parent / f"{tmp_path.name}.elsewhere"
    elsewhere.mkdir()
    with study(tmp_path) as history:
        folder_of(history).symlink_to(elsewhere)
        with pytest.raises(HistoryFault, match="symbolic link"):
            send(history.project, "t", remark())
    assert not list(elsewhere.iterdir())


def test_a_secret_in_a_remark_is_not_recorded(tmp_path: Path) -> None:
    key = "sk-ant-" + "a1" * 20
    with study(tmp_path) as history:
        send(history.project, "t", remark(f"use {key}"))
        admit(history)
        ask = history.inputs[0].input.ask
        assert isinstance(ask, Tell)
        assert key not in ask.text
        assert "redacted" in ask.text


def test_a_run_without_a_branch_takes_nothing(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        answer = send(history.project, "other", remark())
    assert isinstance(answer, NotSent)
    assert "autoresearch/other" in answer.reason
    assert answer.next_command.startswith("autoresearch resume other")
    assert not (tmp_path / ".autoresearch" / "runs" / "other").exists()


def test_what_waits_is_read_when_the_run_goes_on(tmp_path: Path) -> None:
    project = None
    with study(tmp_path) as history:
        project = history.project
        list(loop_of(history, ListProposer([proposal(LR=0.2)]), trials=1, heard=True).events())
    asked = remark()
    assert send(project, "t", asked) == Sent(asked.id, None)
    proposer = ListProposer([proposal(LR=0.3)])
    with History.open(project, "t") as history:
        events: list[Event] = list(loop_of(history, proposer, trials=1, heard=True).events())
    assert [event.admitted.input for event in events if isinstance(event, Heard)] == [asked]
    assert [told.id for told in proposer.contexts[0].remarks] == [asked.id]
    assert not any(isinstance(event, Note) and "no input" in event.text for event in events)


def test_an_approval_of_what_is_not_there_is_no_trial(tmp_path: Path) -> None:
    """A branch of others may say anything."""
    at = "2026-11-29T01:00:00+00:00"
    with study(tmp_path) as history:
        asked = Input(id="k-1", ask=Approve(number=77), sent=at)
        history.admit(Admitted(input=asked, at=at, accepted=True))
        assert Ledger(history, read_space).human_proposals == ()


def test_an_input_is_whole_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync
    seen: list[tuple[list[str], bytes]] = []
    with study(tmp_path) as history:
        folder = folder_of(history)

        def watched(descriptor: int) -> None:
            [draft] = folder.iterdir()
            seen.append(([path.name for path in folder.glob("[!.]*")], draft.read_bytes()))
            assert Inbox(history.project, "t").count() == 0, "a draft is no input"
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", watched)
        asked = remark(id="k-1")
        send(history.project, "t", asked)
        assert seen == [([], (folder / "k-1.json").read_bytes())]

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(HistoryFault, match="No space left on device"):
            send(history.project, "t", remark(id="k-2"))
        assert [path.name for path in folder.iterdir()] == ["k-1.json"], "the draft is gone"


def test_what_waits_is_read_by_the_time_at_which_it_was_sent(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        inbox = Inbox(history.project, "t")
        for id, sent in (("a", "2026-11-29T03:00:00+00:00"), ("z", "2026-11-29T02:00:00+00:00")):
            asked = Input(id=id, ask=Tell(text="x"), sent=sent)
            inbox.write(id, asked.model_dump_json().encode())
        (folder_of(history) / "m.json").write_text("nonsense")
        assert [waiting.id if isinstance(waiting, Input) else "" for waiting in inbox.read()] == [
            "",
            "z",
            "a",
        ]


def test_the_inbox_is_looked_at_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_SECONDS", "REFS_SECONDS"):
        monkeypatch.setattr(f"agent.run.hearing.{name}", 60.0)
    with study(tmp_path) as history:
        hearing = Hearing(Ledger(history, read_space), Inbox(history.project, "t"))
        assert list(hearing.admit()) == []
        send(history.project, "t", remark())
        SentRefs(history.project, "t").write(remark(id="k-ref"))
        assert list(hearing.admit()) == [], "not so soon"
        assert len(list(hearing.admit(at_once=True))) == 1, "refs are looked at more seldom"


def test_a_run_records_a_bounded_number_of_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.run.hearing.MAX_INPUTS", 2)
    with study(tmp_path) as history:
        for number in range(3):
            send(history.project, "t", remark(id=f"k-{number}"))
        assert len(admit(history)) == len(history.inputs) == 2
        assert not list(folder_of(history).glob("*.json")), "the third is removed"


def test_what_cannot_be_taken_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with study(tmp_path) as history:
        project = history.project
        skip = new_input(Skip(number=0), "ada")
        assert isinstance(send(project, "t", skip), Sent), "whoever works on it answers"
        history.commit_attempt(0, proposal(), history.sources)
    for number, there in ((0, True), (1, False)):
        answer = send(project, "t", new_input(Skip(number=number), "ada"))
        assert isinstance(answer, Sent if there else NotSent)
    why = "No process works on autoresearch/t, and #1 is not in flight."
    assert answer == NotSent(why, "autoresearch status t")
    assert isinstance(send(project, "t", remark()), Sent)
    monkeypatch.setattr("agent.run.inbox.MAX_BYTES", 300)
    before = list(folder_of(history).iterdir())
    long = send(project, "t", remark("x" * 400))
    assert isinstance(long, NotSent) and "may have 300 bytes" in long.reason
    assert long.next_command.startswith("git diff")
    assert list(folder_of(history).iterdir()) == before


@pytest.mark.parametrize("ask", [Tell(text="KEY"), Comment(text="KEY"), Remember(text="KEY")])
def test_no_words_that_are_recorded_hold_a_secret(tmp_path: Path, ask: Ask) -> None:
    key = "sk-ant-" + "a1" * 20
    with study(tmp_path) as history:
        secret = ask.model_copy(update={"text": key})
        send(history.project, "t", new_input(secret, "ada"))
        edit = SetConstant(name="LR", value="0.2")
        send(history.project, "t", new_input(Try(hypothesis=key, edits=(edit,)), "ada"))
        for path in folder_of(history).iterdir():
            assert key not in path.read_text() and "redacted" in path.read_text()


def test_two_senders_at_once_lose_nothing(tmp_path: Path) -> None:
    with study(tmp_path) as history:

        def steer(name: str) -> None:
            for number in range(20):
                asked = new_input(Comment(text=f"{name} {number}"), name, f"{name}-{number}")
                assert isinstance(send(history.project, "t", asked), Sent)

        threads = [threading.Thread(target=steer, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            admit(history)
        admit(history)
        ids = [entry.input.id for entry in history.inputs]
    assert sorted(ids) == sorted(f"{name}-{n}" for name in "ab" for n in range(20))
