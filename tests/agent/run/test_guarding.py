"""Guards, checks and a target in a run with a scripted runner: what is ordered, kept and said."""

import threading
from pathlib import Path
from random import Random

import pytest

from agent.errors import ProjectFault, SandboxFault
from agent.history.history import History
from agent.propose.search.observe import observation_of
from agent.records.edits import ReplaceText
from agent.records.events import Checking, Event, Note, RunFinished
from agent.records.objective import Objective
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from sandbox.ground.outcome import Cancelled, Crashed, Finished, Outcome, RunSpec, Usage
from tests.agent.study import (
    ListProposer,
    Script,
    commit_by_hand,
    loop_of,
    make_repository,
    project_of,
    proposal,
    seed_of,
    settings_of,
    source_of,
    study,
    work_on,
)

USAGE = Usage(seconds=1.0)


def model(spec: RunSpec, cost: float = 2.0) -> tuple[Outcome, str]:
    """Score LR, which nothing else does; DEPTH costs latency and a little loss. Both are noisy."""
    constants = read_constants(source_of(spec))
    depth = int(constants["DEPTH"])
    noise = Random(f"{constants} {seed_of(spec)}")
    gain = abs(float(constants["LR"]) - 0.4)
    val_bpb = 1.0 + gain + noise.gauss(0, 0.0005)
    latency = cost * depth + noise.gauss(0, 0.1)
    loss = 0.5 + 0.01 * depth + noise.gauss(0, 0.001)
    log = (
        f"latency_ms: {latency}\nval_loss: {loss}\nparams: {depth * 10}\n---\nval_bpb: {val_bpb}\n"
    )
    return Finished(usage=USAGE), log


def checked(spec: RunSpec) -> tuple[Outcome, str]:
    """Answer checks, which fail for DEPTH 7, and train as `model` does."""
    if Path(spec.argv[0]).name != "sh":
        return model(spec)
    if "DEPTH = 7" in source_of(spec):
        return Crashed(usage=USAGE, exit_code=1), "first\n\x1b[31m2 failed, 11 passed\x1b[0m\n"
    return Finished(usage=USAGE), "13 passed\n"


def run(
    folder: Path, proposals: list[Proposal], script: Script = model, **goal: object
) -> tuple[tuple[Trial, ...], list[Event]]:
    """Return the trials and events of a run with this objective."""
    objective = Objective.model_validate({"metric": "val_bpb", **goal})
    with study(folder, verdict="sequential", baseline_repeats=3, objective=objective) as history:
        events = work_on(history, proposals, script, trials=len(proposals))
        return history.trials, events


def roles_of(trial: Trial) -> list[str]:
    assert trial.result
    return [score.role for score in trial.result.scores]


def test_a_gain_that_breaks_a_guard_is_guarded_and_says_by_how_much(tmp_path: Path) -> None:
    trials, _ = run(
        tmp_path, [proposal(LR=0.2, DEPTH=12), proposal(LR=0.2)], guards=["latency_ms <= 20"]
    )
    baseline, broken, kept = trials
    assert (broken.status, kept.status) == ("guarded", "keep")
    [found] = broken.guards
    assert found.finding == "outside"
    assert found.excess == pytest.approx(4.0, abs=0.5)
    assert "it breaks latency_ms <= 20: latency_ms 2" in broken.reason
    assert broken.delta is not None and broken.delta < 0
    assert [result.finding for result in kept.guards] == ["inside"]
    assert [result.finding for result in baseline.guards] == ["inside"]
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == trials, "it is all on the branch"


def test_a_search_method_learns_that_it_cannot_be_kept(tmp_path: Path) -> None:
    trials, _ = run(tmp_path, [proposal(LR=0.2, DEPTH=12)], guards=["latency_ms <= 20"])
    observation = observation_of(trials[-1], Objective(metric="val_bpb").sense)
    assert observation is not None and observation.outcome == "invalid"


def test_a_count_that_never_moves_is_decided_by_one_run(tmp_path: Path) -> None:
    trials, _ = run(tmp_path, [proposal(LR=0.2, DEPTH=5)], guards=["params <= 40"])
    assert trials[1].status == "guarded"
    assert roles_of(trials[1]) == ["candidate"]


def test_small_losses_do_not_add_up_from_keep_to_keep(tmp_path: Path) -> None:
    steps = [proposal(LR=0.15 + 0.05 * n, DEPTH=4 + 2 * n) for n in range(1, 5)]
    trials, _ = run(tmp_path, steps, guards=["val_loss <= baseline + 0.05"])
    statuses = [trial.status for trial in trials[1:]]
    assert statuses == ["keep", "keep", "guarded", "guarded"]


def test_losses_count_from_the_first_baseline_after_a_commit_by_hand_too(tmp_path: Path) -> None:
    goal = Objective.model_validate(
        {"metric": "val_bpb", "guards": ["val_loss <= baseline + 0.05"]}
    )
    with study(tmp_path, verdict="sequential", baseline_repeats=3, objective=goal) as history:
        work_on(history, [], model, trials=0)
        assert history.trials[0].guards == (), "a relative guard holds no baseline"
        worktree = history.worktree
    source = (worktree / "train.py").read_text()
    (worktree / "train.py").write_text(source.replace("DEPTH = 4", "DEPTH = 8"))
    commit_by_hand(worktree)
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [proposal(LR=0.2, DEPTH=11)], model, trials=1)
        statuses = [trial.status for trial in history.trials]
    assert statuses == ["baseline", "baseline", "guarded"]


def test_what_stays_undecided_is_a_discard_that_says_so(tmp_path: Path) -> None:
    trials, events = run(tmp_path, [proposal(LR=0.2)], guards=["val_loss <= baseline"])
    assert trials[1].status == "discard"
    assert "leave it undecided whether it keeps to val_loss <= baseline" in trials[1].reason
    roles = roles_of(trials[1])
    assert roles.count("candidate") == 5
    assert roles.count("reference") == 2, "the baseline has three seeds"
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("passes only about" in note for note in notes), "said after the baseline"


def test_a_baseline_that_breaks_a_limit_ends_the_run_with_the_next_step(tmp_path: Path) -> None:
    objective = Objective.model_validate({"metric": "val_bpb", "guards": ["latency_ms <= 5"]})
    with study(tmp_path, verdict="sequential", objective=objective) as history:
        with pytest.raises(ProjectFault, match="the code as it is breaks latency_ms <= 5") as fault:
            work_on(history, [proposal(LR=0.2)], model)
        assert "autoresearch start" in str(fault.value.next_command)
        assert [trial.status for trial in history.trials] == ["guarded"]
        with pytest.raises(ProjectFault, match="breaks latency_ms"):
            work_on(history, [proposal(LR=0.2)], model)


def test_a_guard_that_the_baseline_never_prints_is_an_error_with_the_nearest_line(
    tmp_path: Path,
) -> None:
    with pytest.raises(ProjectFault) as fault:
        run(tmp_path, [], guards=["latencyms <= 20"])
    assert 'the nearest line is "latency_ms: ' in str(fault.value)
    assert 'the name "latency_ms" reads' in str(fault.value)


def test_a_trial_that_drops_the_guarded_metric_has_failed(tmp_path: Path) -> None:
    def silent(spec: RunSpec) -> tuple[Outcome, str]:
        outcome, log = model(spec)
        if "LR = 0.2 " in source_of(spec):
            log = log.replace("latency_ms:", "latency:")
        return outcome, log

    trials, _ = run(tmp_path, [proposal(LR=0.2)], silent, guards=["latency_ms <= 20"])
    assert trials[1].status == "crash"
    assert "a guard needs latency_ms" in trials[1].reason


def test_greedy_decides_guards_by_one_run_too(tmp_path: Path) -> None:
    objective = Objective.model_validate(
        {"metric": "val_bpb", "guards": ["val_loss <= baseline + 0.003"]}
    )
    with study(tmp_path, objective=objective) as history:
        work_on(history, [proposal(LR=0.2), proposal(LR=0.3, DEPTH=8)], model, trials=2)
        _, kept, broken = history.trials
    assert (kept.status, broken.status) == ("keep", "guarded")
    assert roles_of(kept) == ["candidate"]


# ---------------------------------------------------------------- checks


def test_checks_run_once_for_a_would_be_keep_and_for_no_other(tmp_path: Path) -> None:
    trials, events = run(
        tmp_path,
        [proposal(LR=0.9), proposal(LR=0.2, DEPTH=7), proposal(LR=0.2)],
        checked,
        checks=["sh -c true"],
    )
    _, worse, broken, kept = trials
    assert [trial.status for trial in trials] == ["baseline", "discard", "guarded", "keep"]
    assert "the check `sh -c true` fails: 2 failed, 11 passed" in broken.reason.replace(
        "\\x1b[31m", ""
    ).replace("\\x1b[0m", "")
    assert "\x1b" not in broken.reason
    assert broken.result and broken.result.checks[0].tail.startswith("first")
    assert kept.result and [check.passed for check in kept.result.checks] == [True]
    assert worse.result and not worse.result.checks
    checks = [event.attempt.number for event in events if isinstance(event, Checking)]
    assert checks == [0, 2, 3]
    with History.read(project_of(tmp_path), "t") as again:
        assert again.trials == trials


def test_a_baseline_that_fails_its_checks_ends_the_run(tmp_path: Path) -> None:
    def failing(spec: RunSpec) -> tuple[Outcome, str]:
        if Path(spec.argv[0]).name == "sh":
            return Crashed(usage=USAGE, exit_code=1), "1 failed\n"
        return model(spec)

    with pytest.raises(ProjectFault, match="fails: 1 failed, with the code as it is") as fault:
        run(tmp_path, [], failing, checks=["sh -c false"])
    assert str(fault.value.next_command).startswith("autoresearch show 0 "), "what it printed"


def test_a_check_without_its_program_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SandboxFault, match="there is no program 'no-such-tool'"):
        run(tmp_path, [], model, checks=["no-such-tool -q"])


def test_a_check_that_was_killed_runs_again_and_no_training_does(tmp_path: Path) -> None:
    killed = threading.Event()
    trained: list[int] = []

    def mortal(spec: RunSpec) -> tuple[Outcome, str]:
        if Path(spec.argv[0]).name != "sh":
            trained.append(seed_of(spec))
            return model(spec)
        if "LR = 0.2 " in source_of(spec) and not killed.is_set():
            killed.set()
            return Cancelled(usage=USAGE), ""
        return Finished(usage=USAGE), ""

    objective = Objective.model_validate({"metric": "val_bpb", "checks": ["sh -c true"]})
    repeated = {"verdict": "sequential", "baseline_repeats": 3, "objective": objective}
    with study(tmp_path, **repeated) as history:
        loop = loop_of(history, ListProposer([proposal(LR=0.2)]), mortal, trials=1)
        for event in loop.events():
            if isinstance(event, Checking) and event.attempt.number == 1:
                loop.abort()
    before = len(trained)
    with History.open(project_of(tmp_path), "t") as history:
        work_on(history, [], mortal, trials=1)
        assert history.trials[-1].status == "keep"
    assert len(trained) == before


# ---------------------------------------------------------------- the target


def finished(events: list[Event]) -> str:
    return next(event.reason for event in events if isinstance(event, RunFinished))


def test_a_target_is_proved_under_fresh_seeds_and_ends_the_run(tmp_path: Path) -> None:
    steps = [proposal(LR=0.2), proposal(LR=0.399), proposal(LR=0.41)]
    trials, events = run(tmp_path, steps, target=1.01)
    assert [trial.status for trial in trials] == ["baseline", "keep", "keep"]
    proof = trials[-1].target
    assert proof is not None and proof.reached
    assert proof.bound is not None and proof.value < proof.bound <= 1.01
    fresh = [s.seed for s in trials[-1].result.scores if s.role == "fresh"]  # type: ignore[union-attr]
    earlier = {s.seed for trial in trials[:-1] for s in trial.result.scores}  # type: ignore[union-attr]
    assert len(fresh) >= 3
    assert not set(fresh) & earlier
    assert trials[1].target is None, "it is not near"
    assert finished(events).startswith("the target 1.01 is reached")
    with History.open(project_of(tmp_path), "t") as history:
        assert finished(work_on(history, [], model)).startswith("the target 1.01 is reached")
        assert len(history.trials) == 3


def test_one_lucky_score_does_not_reach_a_target(tmp_path: Path) -> None:
    def lucky(spec: RunSpec) -> tuple[Outcome, str]:
        rate = float(read_constants(source_of(spec))["LR"])
        score = 2.0 if rate == 0.1 else 1.0
        if seed_of(spec) > 2:
            score += 0.5
        score += 0.001 * seed_of(spec)
        return Finished(usage=USAGE), f"---\nval_bpb: {score}\n"

    trials, events = run(tmp_path, [proposal(LR=0.2)], lucky, target=1.2)
    assert trials[1].status == "keep"
    assert trials[1].target is not None and not trials[1].target.reached
    assert "the target 1.2 is not proved" in trials[1].reason
    assert finished(events) == "1 trial measured"


def test_a_baseline_beyond_the_target_ends_the_run_at_once(tmp_path: Path) -> None:
    trials, events = run(tmp_path, [proposal(LR=0.2)], target=5.0)
    assert [trial.status for trial in trials] == ["baseline"]
    assert trials[0].target is not None and trials[0].target.runs == 3
    assert "by #0" in finished(events)


def test_an_exact_score_proves_its_target_alone(tmp_path: Path) -> None:
    def exact(spec: RunSpec) -> tuple[Outcome, str]:
        rate = float(read_constants(source_of(spec))["LR"])
        return Finished(usage=USAGE), f"---\nval_bpb: {1 + abs(rate - 0.4)}\n"

    trials, events = run(tmp_path, [proposal(LR=0.39)], exact, target=1.1, noise="none")
    assert trials[1].target is not None and trials[1].target.reached
    assert set(roles_of(trials[1])) == {"candidate"}
    assert "by #1" in finished(events)
    assert "fresh" not in finished(events)


def test_a_target_without_any_noise_says_what_it_needs(tmp_path: Path) -> None:
    def still(spec: RunSpec) -> tuple[Outcome, str]:
        return Finished(usage=USAGE), "---\nval_bpb: 2.0\n"

    objective = Objective.model_validate({"metric": "val_bpb", "target": 1.5})
    with study(tmp_path, verdict="sequential", baseline_repeats=3, objective=objective) as history:
        ledger = Ledger(history, read_space)
        baseline = work_on(history, [], still, trials=0)
        assert baseline
        [trial] = history.trials
        bare = trial.model_copy(
            update={
                "result": trial.result.model_copy(  # type: ignore[union-attr]
                    update={"scores": trial.result.own}  # type: ignore[union-attr]
                )
            }
        )
        [line] = ledger.advice(bare)
    assert "the target 1.5 cannot be proved here" in line
    assert 'noise = "none"' in line


def test_no_fresh_seed_is_tried_where_no_run_repeats_another(tmp_path: Path) -> None:
    def still(spec: RunSpec) -> tuple[Outcome, str]:
        return Finished(usage=USAGE), "---\nval_bpb: 2.0\n"

    repository = make_repository(tmp_path)
    (repository / "train.py").write_text("DEPTH = 4  # [1 .. 16]\nSEED = 1\nUNUSED = 3\n")
    commit_by_hand(repository)
    project = project_of(repository)
    objective = Objective.model_validate({"metric": "val_bpb", "target": 2.5})
    settings = settings_of(project, verdict="sequential", baseline_repeats=3, objective=objective)
    shorter = ReplaceText(old="UNUSED = 3\n", new="")
    with History.create(project, settings) as history:
        work_on(history, [proposal(shorter)], still, trials=1)
        simpler = history.trials[-1]
    assert (simpler.status, simpler.target) == ("simplify", None)
    assert set(roles_of(simpler)) == {"candidate"}


# ---------------------------------------------------------------- other ways to be kept


def test_what_is_simpler_obeys_guards_too(tmp_path: Path) -> None:
    longer = "LR = 0.1  # [0.01 .. 1 log]\nDEPTH = 4  # [1 .. 16]\nSEED = 1\nUNUSED = 3\n"

    def tied(spec: RunSpec) -> tuple[Outcome, str]:
        size = len(source_of(spec).splitlines())
        text = f"latency_ms: {30 - 5 * size}\n---\nval_bpb: {1 + 0.01 * seed_of(spec)}\n"
        return Finished(usage=USAGE), text

    objective = Objective.model_validate({"metric": "val_bpb", "guards": ["latency_ms <= 12"]})
    repository = make_repository(tmp_path)
    (repository / "train.py").write_text(longer)
    commit_by_hand(repository)
    project = project_of(repository)
    settings = settings_of(project, verdict="sequential", baseline_repeats=3, objective=objective)
    shorter = proposal(ReplaceText(old="UNUSED = 3\n", new=""))
    with History.create(project, settings) as history:
        work_on(history, [shorter], tied, trials=1)
        trial = history.trials[1]
    assert trial.status == "guarded"
    assert "else it would be kept: simpler, with exactly the same score" in trial.reason


def test_two_workers_are_held_to_the_same_guards(tmp_path: Path) -> None:
    objective = Objective.model_validate(
        {"metric": "val_bpb", "guards": ["latency_ms <= 20"], "checks": ["sh -c true"]}
    )
    steps = [proposal(LR=0.2, DEPTH=4 + n % 2 * 8) for n in range(2)] + [proposal(LR=0.3, DEPTH=5)]
    with study(
        tmp_path, verdict="sequential", baseline_repeats=3, workers=2, objective=objective
    ) as history:
        work_on(history, steps, checked, trials=3)
        trials = {trial.proposal.edits: trial for trial in history.trials}
    assert trials[steps[0].edits].status in ("keep", "discard")
    assert trials[steps[1].edits].status == "guarded"
