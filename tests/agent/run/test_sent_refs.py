"""Inputs that another machine pushed as refs: read once, removed, and no way to spend more."""

from pathlib import Path

import pytest

from agent.git.plumbing import Plumbing
from agent.records.inputs import Ask, Set
from agent.run.inbox import Torn, new_input, send
from agent.run.sent_refs import SentRefs
from tests.agent.run.test_inbox import admit, remark
from tests.agent.study import study


def test_the_bound_on_cost_is_not_raised_by_who_may_push(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        refs = SentRefs(history.project, history.tag)
        asks: tuple[Ask, ...] = (Set(max_cost=9.0), Set(lift=("max_cost",)), Set(hours=2.0))
        for number, ask in enumerate(asks):
            refs.write(new_input(ask, "afar", f"k-{number}"))
        refs.write(remark(id="k-9"))
        refs.write(remark("again", id="k-9"))
        admit(history)
        assert [(e.input.id, e.accepted) for e in history.inputs] == [
            ("k-0", False),
            ("k-1", False),
            ("k-2", True),
            ("k-9", True),
        ]
        assert refs.read() == []
        send(history.project, "t", new_input(Set(max_cost=9.0), "ada"))
        admit(history)
        assert history.inputs[-1].accepted


def test_a_ref_that_holds_no_input_is_removed(tmp_path: Path) -> None:
    git = Plumbing(tmp_path)
    with study(tmp_path) as history:
        tree = git("rev-parse", "HEAD^{tree}").strip()
        for name, what in (("k-1", "HEAD"), ("k-2", tree)):
            git("update-ref", f"refs/autoresearch/t/inbox/{name}", what)
        lines = admit(history)
        assert len(lines) == 2
        assert lines[1] == "k-2 in the inbox is no input: it is no commit"
        assert history.inputs == ()
        assert SentRefs(history.project, history.tag).read() == []


def test_a_ref_that_moved_or_is_too_large_or_has_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git = Plumbing(tmp_path)
    with study(tmp_path) as history:
        refs = SentRefs(history.project, "t")
        first = refs.write(remark(id="k-1"))
        [asked] = refs.read()
        git("update-ref", first, "HEAD")
        refs.remove(asked)
        assert git("rev-parse", first) == git("rev-parse", "HEAD"), "another one came meanwhile"
        git("update-ref", "-d", first)
        reference = refs.write(remark(id="k-2"))
        git("update-ref", reference.replace("k-2", "k-3"), git("rev-parse", reference).strip())
        torn = [waiting for waiting in refs.read() if isinstance(waiting, Torn)]
        assert [(waiting.name, waiting.reason) for waiting in torn] == [
            ("k-3", "its name is not its id")
        ]
        monkeypatch.setattr("agent.run.sent_refs.MAX_BYTES", 10)
        assert all(isinstance(waiting, Torn) for waiting in refs.read())
