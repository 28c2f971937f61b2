"""Sessions that lose places, gain places and are killed: no attempt is lost, and none is doubled.

Each session is a process; `die` ends it as kill -9 does, in the middle of a training. The next one
goes on from what git has.
"""

import os
import threading
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.errors import NoneLeft, PlaceLost, ProjectFault
from agent.evaluate.bench import Assignment
from agent.history.history import History
from agent.propose import Context
from agent.records.losses import MOST_LOSSES
from agent.records.proposals import Proposal
from tests.agent.history.nights import reopened
from tests.agent.run.nodes import Nodes, bench_of, loop_over
from tests.agent.study import make_repository, project_of, proposal, settings_of, val_bpb
from tests.e2e.forked import server
from tests.e2e.researcher import fsck

TRIALS = 4
RATES = (0.2, 0.05, 0.06, 0.3, *(round(0.5 + 0.01 * step, 2) for step in range(40)))
"""Some are kept, most are discarded."""
STEPS = ("train", "lose", "silent", "join", "back", "die")
"""What happens to a training: nothing, its place is lost (and the engine may say nothing), another
joins, its own comes back at once, or the process dies."""

APART = {"a": "aa00aa00 x86_64", "b": "bb00bb00 x86_64"}
"""In a run whose verdicts need pairs, places are on different machines."""


class NextRate:
    """Proposes the first rate that the ledger does not know."""

    name = "next"
    looks_ahead = False

    def propose(self, context: Context) -> Proposal:
        """Return it as a proposal."""
        tried = [trial.proposal for trial in context.trials] + list(context.pending)
        edits = chain.from_iterable(each.edits for each in tried)
        known = {edit.model_dump_json() for edit in edits}
        for rate in RATES:
            new = proposal(LR=rate)
            if new.edits[0].model_dump_json() not in known:
                return new
        raise NoneLeft("every rate was tried")


def session(folder: str, steps: tuple[str, ...]) -> None:
    """Work on the run until it has its trials; each training does the next step."""
    left = iter(steps)
    lock = threading.Lock()
    joined = iter(range(100))

    def decide(nodes: Nodes, assignment: Assignment) -> None:
        place = assignment.slot.place
        with lock:
            step = next(left, "train")
        match step:
            case "die":
                os._exit(9)
            case "lose" | "silent":
                nodes.kill(place, says_so=step == "lose")
            case "join":
                nodes.join(f"late-{next(joined)}")
            case "back":
                nodes.kill(place)
                nodes.join(place)

    with History.open(project_of(Path(folder)), "t") as history:
        done = sum(t.result is not None and t.status != "baseline" for t in history.trials)
        apart = APART if history.run.verdict == "sequential" else {}
        nodes = Nodes(bench_of(history), {"a": 2, "b": 1}, decide, apart)
        loop = loop_over(history, nodes, NextRate(), max(0, TRIALS - done))
        try:
            for _ in loop.events():
                pass
        except PlaceLost:
            os._exit(4)
        except ProjectFault:  # the baseline itself takes its machines down
            os._exit(3)
    os._exit(0)


def in_a_process(folder: Path, steps: tuple[str, ...]) -> int:
    """Return how a session ended."""
    process = server().Process(target=session, args=(str(folder), steps))
    process.start()
    process.join(120)
    code = process.exitcode
    assert code is not None, "it hangs"
    return code


def check(before: History, after: History) -> None:
    """What was recorded stays; every number is one attempt's, with one verdict at most."""
    assert after.trials[: len(before.trials)] == before.trials
    numbers = [trial.number for trial in after.trials] + [a.number for a in after.in_flight]
    assert sorted(numbers) == list(range(len(numbers)))
    for attempt in before.in_flight:
        if attempt not in after.in_flight:
            [trial] = [trial for trial in after.trials if trial.attempt == attempt.commit]
            losses = trial.losses
            result = trial.result
        else:
            losses = after.losses(attempt)
            result = after.measured(attempt)
        known = before.losses(attempt)
        assert losses[: len(known)] == known, "a loss is never forgotten"
        measured = before.measured(attempt)
        if measured and result and result.status == "scored":
            assert result.scores[: len(measured.scores)] == measured.scores
    for trial in after.trials:
        faults = [loss for loss in trial.losses if loss.own]
        assert (trial.status == "crash") == (len(faults) >= MOST_LOSSES)
        own = trial.result.own if trial.result else ()
        assert len({(score.seed, score.machine) for score in own}) == len(own)
        text = after.sources_at(trial.attempt).text
        assert all(abs(s.value - val_bpb(text) - s.seed * 0.001) < 1e-9 for s in own)


def survives(folder: Path, sessions: list[tuple[str, ...]], verdict: str = "greedy") -> None:
    """Play the sessions on a new run, and one more in which nothing happens."""
    project = project_of(make_repository(folder))
    with History.create(project, settings_of(project, verdict=verdict)):
        pass
    for steps in sessions:
        before = reopened(folder)
        code = in_a_process(folder, steps)
        assert code in ((0, 3, 4, 9) if "die" in steps else (0, 3, 4))
        check(before, reopened(folder))
    before = reopened(folder)
    assert in_a_process(folder, ()) == 0
    after = reopened(folder)
    check(before, after)
    measured = [t for t in after.trials if t.result is not None and t.status != "baseline"]
    assert len(measured) >= TRIALS
    fsck(folder)


@pytest.mark.slow
def test_a_loss_and_a_death_lose_no_attempt(tmp_path: Path) -> None:
    survives(tmp_path, [("train", "train", "lose", "join", "die")])


@pytest.mark.slow
def test_machines_apart_lose_no_attempt(tmp_path: Path) -> None:
    steps = (*["train"] * 7, "lose", "join", "train", "back", "silent", "join", "die")
    survives(tmp_path, [steps, steps], "sequential")


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.lists(st.sampled_from(STEPS), max_size=9).map(tuple), max_size=3),
    st.sampled_from(["greedy", "sequential"]),
)
@example([("train", "lose", "lose")], "greedy")
def test_no_attempt_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, sessions: list[tuple[str, ...]], verdict: str
) -> None:
    survives(tmp_path_factory.mktemp("night"), sessions, verdict)
