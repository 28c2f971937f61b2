"""Which trainings are pruned, how the ledger records them, and what the methods make of them."""

import threading
import time
from pathlib import Path

import pytest

from agent.evaluate.bench import Assignment, Bench, Plan
from agent.evaluate.slots import Slot
from agent.exchange.optuna import write_study
from agent.exchange.read import read_prior
from agent.exchange.write import tsv
from agent.judge.pruning import CHECKPOINTS, LATEST, LEAST, hopeless, passed, rivals_of
from agent.propose import METHODS, Observation
from agent.propose.search.observe import fit, observe
from agent.propose.views.tables import observation_line
from agent.records.edits import InsertDefinition
from agent.records.events import Event
from agent.records.objective import LOWER
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt, Order, Result, Role, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Cancelled, Finished, Outcome, RunSpec, Usage
from tests.agent.propose.example import DEFAULT, SPACE, context, trial
from tests.agent.study import proposal, settle, study

Curve = tuple[tuple[float, float], ...]


def falling(end: float, until: float = 1.0) -> Curve:
    """Return a straight line from 5 to `end`, as far as `until`."""
    return tuple((at / 20, 5 + (end - 5) * at / 20) for at in range(1, 21) if at / 20 <= until)


def curved(number: int, value: float, **constants: object) -> Trial:
    """Return a scored trial with a curve that ends at its score."""
    made = trial(number, value, **constants)
    assert made.result
    return made.model_copy(
        update={"result": made.result.model_copy(update={"curve": falling(value)})}
    )


def pruned(number: int, end: float, until: float, **constants: object) -> Trial:
    """Return a pruned trial whose curve would have ended at `end`."""
    result = Result(status="pruned", curve=falling(end, until), seconds=2.0, detail="pruned at 50%")
    configuration = {**DEFAULT, **constants}
    like = trial(number, 1.0, **constants)
    return Trial(
        number=number,
        status="pruned",
        proposal=like.proposal,
        reason=result.detail,
        result=result,
        changes=like.changes,
        configuration=configuration,  # type: ignore[arg-type]
    )


NIGHT = (curved(0, 1.0), *(curved(n, 1.0 + 0.1 * n, DEPTH=8 + n) for n in range(1, 6)))
MORE = proposal(DEPTH=20)


# ---------------------------------------------------------------- the rule


def test_what_is_far_above_the_median_at_a_checkpoint_is_pruned() -> None:
    rivals = [falling(1.0 + 0.1 * n) for n in range(5)]
    assert hopeless(falling(1.19), rivals) is None, "as good as the better half"
    why = hopeless(falling(3.0, 0.5), rivals)
    assert why == (
        "pruned at 50% of the budget: loss 4.3000 at 35%, "
        "where the median of 5 earlier trials is 3.6700, the best 3.6000"
    )
    assert hopeless(falling(1.39), rivals) is None, (
        "above the median by less than the best is below it"
    )
    assert hopeless(falling(1.41), rivals), "by more"
    flat = [((0.3, float(n)), (1.0, float(n))) for n in range(1, 6)]
    assert hopeless(flat[4], flat) is None, "by exactly as much"
    assert hopeless(falling(3.0, 0.3), rivals) is None, "never in the first third"
    assert hopeless((), rivals) is None and hopeless(((0.9, 9.0),), rivals) is None, (
        "nothing is known of it"
    )
    assert 0.3 < min(CHECKPOINTS) < max(CHECKPOINTS) < LATEST <= 0.9


def test_a_curve_that_crosses_late_is_pruned_late_or_not_at_all() -> None:
    rivals = [falling(1.0 + 0.1 * n) for n in range(5)]
    crossing = (*falling(1.1, 0.6), (0.65, 3.0), (1.0, 2.9))
    assert hopeless(crossing[:12], rivals) is None
    why = hopeless(crossing, rivals)
    assert why and "at 65%" in why


@pytest.mark.parametrize("count", range(LEAST))
def test_nothing_is_pruned_before_five_others_ended(count: int) -> None:
    assert hopeless(falling(4.9), [falling(1.0)] * count) is None
    assert rivals_of(NIGHT[:count], MORE) == ()


def test_only_constants_are_compared_with_constants() -> None:
    assert len(rivals_of(NIGHT, MORE)) == 6
    by = Provenance(method="code", origin="llm", model="m")
    code = Proposal(hypothesis="new", edits=(InsertDefinition(code="def f():\n    pass"),), by=by)
    assert rivals_of(NIGHT, code) == (), "what new code prints may be another loss"
    discarded = NIGHT[1].model_copy(update={"proposal": code})
    assert len(rivals_of((*NIGHT, discarded), MORE)) == 6
    kept = discarded.model_copy(update={"status": "keep"})
    assert rivals_of((*NIGHT, kept), MORE) == (), (
        "after new code was kept the comparison begins anew"
    )
    assert len(rivals_of((*NIGHT, kept, *NIGHT[1:]), MORE)) == 6
    failed = trial(9, "oom", DEPTH=20)
    assert len(rivals_of((*NIGHT, failed, pruned(10, 4.0, 0.5, DEPTH=21)), MORE)) == 7, (
        "what was pruned counts, a failure does not"
    )


def test_only_curves_of_machines_alike_and_of_the_present_data_are_rivals() -> None:
    there = []
    for made in NIGHT:
        assert made.result
        scores = [score.model_copy(update={"machine": "m"}) for score in made.result.scores]
        result = made.result.model_copy(update={"scores": tuple(scores)})
        there.append(made.model_copy(update={"result": result}))
    assert rivals_of(there, MORE, is_alike=lambda machine: machine != "m") == ()
    assert len(rivals_of(there, MORE, is_alike=lambda machine: machine == "m")) == 6
    anew = curved(6, 1.0, DEPTH=30).model_copy(update={"new_data": True})
    assert rivals_of((*NIGHT, anew), MORE) == ()
    nothing = MORE.model_copy(update={"edits": ()})
    assert rivals_of(NIGHT, nothing) == (), "a proposal that edits nothing sets no constants"


def test_checkpoints_are_passed_one_by_one() -> None:
    assert [passed(at) for at in (0.0, 0.34, 0.35, 0.99)] == [0, 0, 1, len(CHECKPOINTS)]


# ---------------------------------------------------------------- the bench


def bench_of(folder: Path, ends: list[Curve], heard: list[bool]) -> Bench:
    """Return a bench whose training prints a curve, ten points a second.

    heard: whether each training was cancelled.
    """

    class Printing:
        tier = "printing"

        def run(self, spec: RunSpec, cancel: threading.Event) -> Outcome:
            with Path(spec.log).open("w") as log:
                for at, loss in ends[0]:
                    log.write(f"step 00001 ({100 * at:.1f}%) | loss: {loss:.6f} |\n")
                    log.flush()
                    if cancel.wait(0.1):
                        heard.append(True)
                        return Cancelled(usage=Usage(seconds=0.5, peak_memory_bytes=2**20))
                log.write("---\nval_bpb: 1.5\nnum_steps: 20\n")
            heard.append(False)
            return Finished(usage=Usage(seconds=1.0, peak_memory_bytes=2**20))

        def converse(self, spec: RunSpec, cancel: threading.Event, dialogue: object) -> Outcome:
            raise NotImplementedError

    def export(commit: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "train.py").write_text("")

    plan = Plan(
        score="printed",
        train="train.py",
        data=None,
        read_only=(),
        budget=Budget(amount=60),
        memory_bytes=None,
    )
    return Bench(plan, Printing(), (Slot(number=0, cpus=(0,)),), folder, export)


def assigned(rivals: tuple[Curve, ...], run: int = 1, role: Role = "candidate") -> Assignment:
    attempt = Attempt(number=7, commit="c", parent="p", proposal=MORE)
    return Assignment(
        attempt,
        Order(commit="c", seed=0, role=role),
        Slot(number=0, cpus=(0,)),
        run,
        None,
        rivals=rivals,
    )


RIVALS = tuple(falling(1.0 + 0.1 * n) for n in range(5))


def test_a_hopeless_training_is_stopped_and_keeps_its_curve(tmp_path: Path) -> None:
    heard: list[bool] = []
    events: list[Event] = []
    result = bench_of(tmp_path, [falling(4.0)], heard).run(
        assigned(RIVALS), events.append, threading.Event()
    )
    assert result and result.status == "pruned" and heard == [True]
    assert (result.scores, result.value) == ((), None)
    assert (result.seconds, result.peak_memory_mb) == (0.5, 1.0)
    assert 0.35 <= result.curve[-1][0] < 1 and result.curve[0] == (0.05, 4.95)
    assert result.detail.startswith("pruned at") and "median of 5" in result.detail
    assert not (tmp_path / "rooms" / "0").exists()


@pytest.mark.parametrize(
    "asked",
    [
        assigned(()),
        assigned(RIVALS, run=2),
        assigned(RIVALS, role="incumbent"),
        assigned(RIVALS[:4]),
    ],
)
def test_what_is_not_to_be_pruned_trains_to_its_end(tmp_path: Path, asked: Assignment) -> None:
    heard: list[bool] = []
    result = bench_of(tmp_path, [falling(4.0)], heard).run(asked, lambda _: None, threading.Event())
    assert result and result.status == "scored" and heard == [False]


def test_a_good_training_ends_and_a_cancelled_one_is_no_result(tmp_path: Path) -> None:
    heard: list[bool] = []
    bench = bench_of(tmp_path, [falling(1.05)], heard)
    cancel = threading.Event()
    result = bench.run(assigned(RIVALS), lambda _: None, cancel)
    assert result and result.status == "scored"
    threading.Thread(target=lambda: (time.sleep(0.3), cancel.set())).start()
    assert bench.run(assigned(RIVALS), lambda _: None, cancel) is None and heard == [False, True]


# ---------------------------------------------------------------- the ledger


def rivals(ledger: Ledger, attempt: Attempt) -> tuple[Curve, ...]:
    order = Order(commit=attempt.commit, seed=0)
    return ledger.assignment(attempt, order, Slot(number=0, cpus=(0,))).rivals


def test_it_is_in_the_ledger_with_its_reason_and_no_score(tmp_path: Path) -> None:
    with study(tmp_path, baseline_repeats=1, prune="median") as history:
        ledger = Ledger(history, read_space)
        scored = Result(
            status="scored",
            scores=({"value": 1.5, "seed": 0, "kind": "self-reported"},),
            curve=falling(1.5),
        )  # type: ignore[arg-type]
        settle(ledger, ledger.begin_baseline(), scored)
        for n in range(1, 5):
            attempt = ledger.begin(proposal(DEPTH=5 + n))
            assert isinstance(attempt, Attempt) and rivals(ledger, attempt) == ()
            settle(ledger, attempt, scored)
        attempt = ledger.begin(proposal(DEPTH=12))
        assert isinstance(attempt, Attempt) and len(rivals(ledger, attempt)) == 5
        made, again = settle(
            ledger,
            attempt,
            Result(status="pruned", curve=falling(4.0, 0.5), seconds=2, detail="pruned at 50%"),
        )
        assert (made.status, made.value, made.delta, again) == ("pruned", None, None, None)
        assert made.reason == "pruned at 50%" and made.configuration["DEPTH"] == 12
        assert (
            history.sources_at(history.tip).text
            == history.sources_at(history.run.start_commit).text
        ), "nothing is kept of it"
        newest = observe(ledger.context(()))[-1]
        assert newest.pruned and newest.failure is None and not newest.pending
        assert len(tsv(history.trials).splitlines()) == 6, "no row that reads 0.000000"
        write_study(
            tmp_path / "s.db", history.run, history.trials, read_space(history.sources.text)
        )
        assert len(read_prior(str(tmp_path / "s.db"))) == 5
    with study(tmp_path / "off") as history:
        ledger = Ledger(history, read_space)
        attempt = ledger.begin_baseline()
        assert rivals(ledger, attempt) == ()


def test_pruned_is_a_result_without_a_score() -> None:
    with pytest.raises(ValueError, match="pruned"):
        Result(status="pruned", scores=({"value": 1.5, "seed": 0, "kind": "sealed"},))  # type: ignore[arg-type]


# ---------------------------------------------------------------- the methods


def test_a_pruned_trial_counts_as_its_curve_foretells_but_never_as_good() -> None:
    trials = (*NIGHT, pruned(6, 1.42, 0.5, DEPTH=20), pruned(7, 1.0, 0.5, DEPTH=21))
    worse, odd = fit(SPACE, observe(context(*trials)))[6:8]
    assert worse.value == pytest.approx(1.4) and worse.estimated and not worse.pruned
    assert odd.value == pytest.approx(1.25), "no better than the median, whatever its curve"
    assert observation_line(worse, SPACE, LOWER).endswith("taken for 1.400000 DEPTH=20")
    assert fit(SPACE, [Observation(DEFAULT, "pruned", falling(2.0, 0.5))])[0].pending, (
        "nothing to compare with"
    )


@pytest.mark.parametrize("name", ["random", "tpe", "trust", "cmaes"])
def test_every_method_proposes_something_new_after_prunings(name: str) -> None:
    hopeless_ones = [pruned(n, 4.0, 0.5, DEPTH=4 + n) for n in range(6, 16)]
    observations = list(observe(context(*NIGHT, *hopeless_ones)))
    configuration = METHODS[name].suggest()(SPACE, observations, 1)
    assert configuration not in [observation.configuration for observation in observations]
    assert METHODS[name].suggest()(SPACE, observations, 1) == configuration
