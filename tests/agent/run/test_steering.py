"""A run that is talked to: each input through the loop, with scripted trainings."""

from pathlib import Path

import pytest

from agent.history.history import History
from agent.judge.noise import noise_of
from agent.propose.approved import Approved
from agent.records.edits import SetConstant
from agent.records.events import (
    Event,
    Heard,
    Judged,
    Note,
    RunFinished,
    TrialStarted,
    TrialWaits,
)
from agent.records.inputs import (
    Approve,
    Brief,
    Comment,
    Go,
    Hold,
    Pause,
    Reject,
    Release,
    Set,
    Skip,
    Star,
    Tell,
    Try,
    Withdraw,
)
from agent.run.inbox import new_input, send
from agent.space import read_constants
from tests.agent.run.steered import MANY, Steered, statuses, work
from tests.agent.study import (
    ListProposer,
    loop_of,
    project_of,
    proposal,
    study,
    train,
)

pytestmark = pytest.mark.usefixtures("quick")


def set_constant(name: str, value: float) -> Try:
    return Try(hypothesis="mine", edits=(SetConstant(name=name, value=repr(value)),))


def test_a_pause_starts_nothing_and_go_goes_on(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", Pause(), Pause())
        loop = loop_of(history, ListProposer(MANY), script, 2, heard=True)
        events: list[Event] = []
        for event in loop.events():
            events.append(event)
            if isinstance(event, Judged) and event.trial.number == 1:
                assert history.in_flight == ()
                send(history.project, "t", new_input(Comment(text="still there?"), "ada"))
            if isinstance(event, Heard) and isinstance(event.admitted.input.ask, Comment):
                assert len(script.trained) == 3, "two baseline runs, and the trial in training"
                send(history.project, "t", new_input(Go(), "ada"))
        assert statuses(history) == ["baseline", "keep", "keep"]
        assert [answer.answer for answer in script.answers] == [
            "accepted: the trials in training finish, and nothing new starts",
            "refused: it is paused already",
        ]


def test_a_paused_run_is_paused_when_it_goes_on_and_stops_at_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", Pause())
        loop = loop_of(history, ListProposer(MANY), script, 3, heard=True)
        for event in loop.events():
            if isinstance(event, Judged) and event.trial.number == 1:
                loop.stop()
    with History.open(project_of(tmp_path), "t") as history:
        loop = loop_of(history, ListProposer(MANY[1:]), train, 1, heard=True)
        events = loop.events()
        first = next(events)
        assert isinstance(first, Note)
        assert "autoresearch go" in first.text
        send(history.project, "t", new_input(Go(), "ada"))
        assert isinstance(list(events)[-1], RunFinished)
        assert statuses(history) == ["baseline", "keep", "keep"]


def test_an_undecided_trial_in_a_pause_says_which_run_it_waits_for(tmp_path: Path) -> None:
    close = [proposal(LR=0.1005), *MANY]
    with study(tmp_path, verdict="sequential", baseline_repeats=2) as history:
        script = Steered(history, "LR = 0.1005", Pause())
        loop = loop_of(history, ListProposer(close), script, 3, heard=True)
        for event in loop.events():
            if isinstance(event, TrialWaits):
                assert (event.attempt.number, event.run) == (1, 2)
                loop.stop()
        assert statuses(history) == ["baseline"]
    with History.open(project_of(tmp_path), "t") as history:
        loop = loop_of(history, ListProposer(MANY), train, 1, heard=True)
        told: list[Event] = []
        for event in loop.events():
            told.append(event)
            if isinstance(event, TrialWaits):
                send(history.project, "t", new_input(Go(), "ada"))
        waits = [event for event in told if isinstance(event, TrialWaits)]
        assert [(event.attempt.number, event.run) for event in waits] == [(1, 2)]
        started = [event for event in told if isinstance(event, TrialStarted)]
        assert (started[0].attempt.number, started[0].run) == (1, 2), "and then has that very run"


def test_a_try_is_the_next_trial_and_judged_like_any_other(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", set_constant("LR", 0.4), set_constant("LR", 0.4))
        work(history, script, trials=3)
        trials = [trial for trial in history.trials if trial.status != "refused"]
        kinds = [(t.status, t.proposal.by.origin, t.proposal.hypothesis) for t in trials]
        assert kinds[1:] == [
            ("keep", "scripted", "try it"),
            ("keep", "human", "mine"),
            ("discard", "scripted", "try it"),
        ]
        first, second = script.answers
        assert trials[2].proposal.by.inputs == (first.input.id,)
        assert trials[2].proposal.rationale == "given by ada"
        assert "already-tried" in second.why


def test_a_try_that_changes_nothing_is_refused_with_the_reason(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", set_constant("NOPE", 0.4), set_constant("SEED", 3))
        work(history, script, trials=1)
        assert [answer.accepted for answer in script.answers] == [False, False]
        assert "unknown-name" in script.answers[0].why
        assert "seed-only" in script.answers[1].why
        assert sorted(statuses(history)) == ["baseline", "keep", "refused", "refused"]
        refused = [trial for trial in history.trials if trial.status == "refused"]
        assert all(trial.proposal.by.origin == "human" for trial in refused)


def test_a_try_that_was_not_begun_is_tried_on_resume_once(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work(history, Steered(history, "LR = 0.2", Pause(), set_constant("LR", 0.4)), trials=1)
    with History.open(project_of(tmp_path), "t") as history:
        assert [attempt.proposal.by.origin for attempt in history.in_flight] == ["human"]
        send(history.project, "t", new_input(Go(), "ada"))
        work(history, Steered(history, "-"), MANY[1:], trials=2)
        origins = [trial.proposal.by.origin for trial in history.trials]
        assert origins == ["baseline", "scripted", "human", "scripted"]


def test_what_is_skipped_is_no_failure_no_score_and_does_not_count(tmp_path: Path) -> None:
    with study(tmp_path, verdict="sequential", baseline_repeats=3) as history:
        script = Steered(history, "LR = 0.2", Skip(number=0), Skip(number=1), Skip(number=9))
        work(history, script, trials=1)
        noise = noise_of(history.trials, history.run.sense)
        skipped = history.trials[1]
        others = tuple(trial for trial in history.trials if trial is not skipped)
        assert noise == noise_of(others, history.run.sense)
        assert (skipped.status, skipped.result, skipped.value) == ("skipped", None, None)
        assert skipped.reason == "skipped by ada"
        assert skipped.configuration["LR"] == 0.2
        assert history.trials[2].result, "the bound of one trial is another one's"
        assert [answer.accepted for answer in script.answers] == [False, True, False]
        assert "its verdict: baseline" in script.answers[0].why


def test_a_skip_holds_after_the_process_is_killed(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", Skip(number=1))
        loop = loop_of(history, ListProposer(MANY), script, 3, heard=True)
        for event in loop.events():
            if isinstance(event, Heard):
                break  # as a killed process does: the verdict is not on the branch
        loop.abort()
        assert [attempt.number for attempt in history.in_flight] == [1]
    with History.open(project_of(tmp_path), "t") as history:
        script = Steered(history, "-")
        work(history, script, MANY[1:], trials=1)
        assert statuses(history)[:2] == ["baseline", "skipped"]
        assert not any("LR = 0.2" in source for source in script.trained)


def test_what_is_held_waits_for_approve_under_unseen_seeds(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", Hold(), Hold())
        work(history, script, trials=2)
        assert statuses(history) == ["baseline", "held", "held"]
        held = history.trials[1]
        assert held.value is None
        assert held.delta is not None
        assert read_constants(history.sources.text)["LR"] == 0.1, "the tip has its own tree"
        assert [answer.accepted for answer in script.answers] == [True, False]
        seeds = {score.seed for score in held.result.own} if held.result else set()
        loop = loop_of(history, Approved(held), train, 1)
        list(loop.events())
        approved = history.trials[-1]
        assert approved.status == "keep"
        assert approved.proposal.by.replays == held.number
        assert approved.result
        assert not seeds & {score.seed for score in approved.result.own}
        assert read_constants(history.sources.text)["LR"] == 0.2


def test_what_is_held_is_approved_or_rejected_while_it_works(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        asks = (Approve(number=1), Approve(number=1), Reject(number=1), Approve(number=0))
        script = Steered(history, "LR = 0.3", *asks)
        send(history.project, "t", new_input(Hold(), "ada"))
        work(history, script, trials=3)
        assert [t.status for t in history.trials if t.status != "refused"] == [
            "baseline",
            "held",
            "held",
            "keep",
        ]
        assert [answer.accepted for answer in script.answers] == [True, False, False, False]
        approved = history.trials[3].proposal.by
        assert (approved.replays, approved.inputs) == (1, (script.answers[0].input.id,))
        reject = Reject(number=2, because="too odd")
        script = Steered(history, "DEPTH = 6", reject, Approve(number=2))
        work(history, script, MANY[3:], trials=1)
        assert [answer.accepted for answer in script.answers] == [True, False]
    with History.read(project_of(tmp_path), "t") as again:
        assert [(entry.number, entry.because) for entry in again.rejections] == [(2, "too odd")]


def test_after_a_release_what_is_better_is_kept(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work(history, Steered(history, "LR = 0.2", Hold(), Release()), trials=1)
        assert statuses(history) == ["baseline", "keep"]


def test_bounds_change_while_it_works_and_for_the_next_session(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        script = Steered(history, "LR = 0.2", Set(trials=2, patience=7))
        events = work(history, script, trials=5)
        assert len(history.trials) == 3
        heard = next(event for event in events if isinstance(event, Heard))
        assert heard.planned == 2
        script = Steered(history, "DEPTH = 6", Set(lift=("trials",)), Set(trials=1))
        work(history, script, MANY[3:], trials=1)
        assert len(history.trials) == 4
        assert "so it ends" in script.answers[1].why


def test_an_input_during_the_last_trial_is_read(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        loop = loop_of(history, ListProposer(MANY), train, 1, heard=True)
        for event in loop.events():
            if isinstance(event, Judged) and event.trial.number == 1:
                send(history.project, "t", new_input(Set(trials=2), "ada"))
        assert [admitted.accepted for admitted in history.inputs] == [True]
        assert len(history.trials) == 3, "the new bound holds at once"


def test_a_remark_reaches_the_next_proposals_until_its_end(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        proposer = ListProposer(MANY)
        asks = (Tell(text="first"), Tell(text="second", trials=1), Withdraw(number=7))
        script = Steered(history, "LR = 0.2", *asks)
        list(loop_of(history, proposer, script, 3, heard=True).events())
        told = [[r.tell.text for r in context.remarks] for context in proposer.contexts]
        assert told == [[], ["first"], ["first"]]
        known = [trial.proposal.by.inputs for trial in history.trials]
        assert known == [(), (), (script.answers[0].input.id,), (script.answers[0].input.id,)]
        send(history.project, "t", new_input(Withdraw(number=1), "ada"))
        proposer = ListProposer(MANY[3:])
        list(loop_of(history, proposer, train, 1, heard=True).events())
        assert proposer.contexts[0].remarks == ()
        assert not script.answers[2].accepted


def test_a_brief_holds_from_the_next_proposal_and_ends_nothing(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        proposer = ListProposer(MANY)
        asks = (Brief(text="# New\n"), Brief(text="# New\n"), Brief(text="---\nnope: 1\n---\n"))
        script = Steered(history, "LR = 0.2", *asks)
        list(loop_of(history, proposer, script, 2, heard=True).events())
        assert [context.program for context in proposer.contexts] == [
            "# Goal\nLower val_bpb.\n",
            "# New\n",
        ]
        assert statuses(history) == ["baseline", "keep", "keep"]
        assert [answer.accepted for answer in script.answers] == [True, False, False]
        assert "nope" in script.answers[2].why
        assert (history.worktree / "program.md").read_text() == "# New\n"
        assert history.foreign_commits == ()


def test_notes_and_stars_are_on_record(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        asks = (Star(number=1), Comment(text="look here", number=0), Star(number=8))
        script = Steered(history, "LR = 0.2", *asks)
        work(history, script, trials=1)
        assert [answer.accepted for answer in script.answers] == [True, True, False]
