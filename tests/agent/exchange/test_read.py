"""Prior trials: read from any file, kept on the branch, told to the methods, never counted."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import pytest

from agent.errors import UsageFault
from agent.exchange.optuna import write_study
from agent.exchange.read import MAX_TRIALS, read_prior
from agent.exchange.write import flat_csv, jsonl
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.propose import METHODS, Context
from agent.propose.search.observe import observe
from agent.propose.views.prompt import ledger_text
from agent.propose.views.tables import trials_text
from agent.records.objective import LOWER
from agent.records.proposals import Proposal, Value
from agent.records.results import PriorTrial
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from tests.agent.propose.example import DEFAULT, SPACE, context, trial
from tests.agent.study import TRAIN, make_repository, project_of, settings_of

OURS = (
    trial(0, 1.0),
    trial(1, 0.9, DEPTH=10),
    trial(2, "oom", DEPTH=20),
    trial(3, "refused"),
    trial(4, 1.1, PATTERN="LLLL"),
)
OUTCOMES = [(0, 1.0005), (1, 0.9), (2, "oom"), (4, 1.1)]


def read(folder: Path, text: str, name: str = "trials.json") -> tuple[PriorTrial, ...]:
    """Return the trials of a file with this text."""
    (folder / name).write_text(text)
    return read_prior(str(folder / name))


# ---------------------------------------------------------------- files


def test_our_own_exports_come_back(tmp_path: Path) -> None:
    run = settings_of(project_of(make_repository(tmp_path / "repo")))
    write_study(tmp_path / "study.db", run, OURS, SPACE)
    for trials in (
        read(tmp_path, jsonl(OURS)),
        read(tmp_path, flat_csv(OURS), "trials.csv"),
        read_prior(str(tmp_path / "study.db")),
    ):
        assert [t.outcome for t in trials] == [outcome for _, outcome in OUTCOMES]
        assert trials[1].configuration == {**DEFAULT, "DEPTH": 10}
        assert trials[3].configuration["PATTERN"] == "LLLL"
        assert trials[3].configuration["HEAD_DIM"] == 128
    assert [t.number for t in read(tmp_path, jsonl(OURS))] == [number for number, _ in OUTCOMES]


def test_autoresearch_automl_s_table_is_read_as_it_is_published(tmp_path: Path) -> None:
    published = {
        "TPE": {
            "0": [
                {
                    "tid": 0,
                    "val_bpb": 0.993,
                    "success": True,
                    "wt": 300.1,
                    "DEPTH": 8,
                    "MATRIX_LR": 0.04,
                    "PATTERN": "SSSL",
                }
            ]
        },
        "Random": {
            "1": [
                {
                    "tid": 0,
                    "val_bpb": 100.0,
                    "success": False,
                    "wt": 30.2,
                    "DEPTH": 21,
                    "MATRIX_LR": 0.01,
                }
            ]
        },
    }
    good, failed = read(tmp_path, json.dumps(published))
    assert (good.outcome, good.configuration) == (
        0.993,
        {"DEPTH": 8, "MATRIX_LR": 0.04, "PATTERN": "SSSL"},
    )
    assert (failed.outcome, failed.configuration["DEPTH"]) == ("crash", 21)


def test_other_people_s_plain_records_are_read(tmp_path: Path) -> None:
    lines = [
        '{"params": {"lr": 0.1}, "val_bpb": 1.2}',
        '{"config": {"lr": 0.2}, "loss": -3.5, "curve": [[0.5, 2.0], [1.0, 1.5]]}',
        '{"hyperparameters": {"lr": 0.3}, "score": 0.4, "status": "FAILED"}',
        '{"params": {"lr": 0.4}, "status": "oom"}',
        '{"params": {"lr": 0.5}, "val_bpb": 0.0}',
        '{"params": {"lr": 0.6}, "loss": NaN}',
        '{"params": {"lr": 0.7}, "state": "RUNNING"}',
        '{"params": {"lr": 0.8}, "val_bpb": null}',
        '{"params": {"lr": 0.9}, "val_b',
    ]
    trials = read(tmp_path, "\n".join(lines))
    assert [t.outcome for t in trials] == [1.2, -3.5, "crash", "oom", "crash", "crash"]
    assert trials[1].curve == ((0.5, 2.0), (1.0, 1.5))
    rows = [
        "commit val_bpb memory_gb status LR PATTERN",
        "abc 0.99 44.0 keep 0.04 SSSL",
        "def 0.000000 0.0 crash 0.4 LLLL",
    ]
    kept, crashed = read(tmp_path, "\n".join(rows).replace(" ", "\t"), "results.tsv")
    assert (kept.outcome, kept.configuration) == (0.99, {"LR": 0.04, "PATTERN": "SSSL"})
    assert crashed.outcome == "crash"
    columns = "trial val_bpb note --lr conf/a.yaml:optim.betas[0] WIDTH\n1 0.9 odd 0.1 0.95 8\n"
    [named] = read(tmp_path, columns.replace(" ", "\t"), "named.tsv")
    assert named.configuration == {"--lr": 0.1, "conf/a.yaml:optim.betas[0]": 0.95, "WIDTH": 8}


def test_a_file_without_trials_is_refused_with_the_next_command(tmp_path: Path) -> None:
    for text in (
        "",
        "commit\tval_bpb\tstatus\nabc\t0.99\tkeep\n",
        "{}",
        "[1, 2]",
        "[" * 100_000,
        "\0\1\2",
    ):
        with pytest.raises(UsageFault, match="no trial") as fault:
            read(tmp_path, text)
        assert "autoresearch export" in str(fault.value.next_command)
    with pytest.raises(UsageFault, match="cannot read"):
        read_prior(str(tmp_path / "nowhere.json"))
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0 and then nothing")
    with pytest.raises(UsageFault, match="optuna storage"):
        read_prior(str(tmp_path / "torn.db"))


def test_one_of_several_studies_is_named(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 's.db'}"
    for name, direction in (("a", "minimize"), ("b", "maximize")):
        optuna.create_study(storage=storage, study_name=name, direction=direction).optimize(
            lambda t: t.suggest_float("LR", 0.1, 1) if t.number else float("nan"), n_trials=3
        )
    with pytest.raises(UsageFault, match="2 studies: a, b") as fault:
        read_prior(str(tmp_path / "s.db"))
    assert str(fault.value.next_command).endswith("s.db#a'")
    assert [type(t.outcome) for t in read_prior(f"{tmp_path / 's.db'}#a")] == [str, float, float]
    with pytest.raises(UsageFault, match="minimise"):
        read_prior(f"{tmp_path / 's.db'}#b")


def test_of_a_long_history_the_best_are_kept(tmp_path: Path) -> None:
    rows = [{"params": {"LR": n}, "val_bpb": 1 + (n * 7919 % 5000) / 1000} for n in range(5000)]
    trials = read(tmp_path, json.dumps(rows))
    assert len(trials) == MAX_TRIALS
    scores = sorted(float(t.outcome) for t in trials)
    assert scores[:200] == sorted(row["val_bpb"] for row in rows)[:200]
    numbers = [t.number for t in trials]
    assert numbers == sorted(numbers)


# ---------------------------------------------------------------- the branch


PRIOR = (
    PriorTrial(number=0, configuration={"LR": 0.1, "DEPTH": 4}, outcome=2.0),
    PriorTrial(number=1, configuration={"LR": 0.4, "DEPTH": 9}, outcome=1.5, curve=((0.5, 3.0),)),
    PriorTrial(number=2, configuration={"LR": 0.9, "DEPTH": 16}, outcome="oom"),
)


def test_a_clone_of_the_branch_has_them_and_no_tree_does(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path / "one"))
    with History.create(project, settings_of(project, warm="study.db"), PRIOR) as history:
        assert history.prior == PRIOR
        assert Ledger(history, read_space).needs_baseline and not history.trials
        files = Plumbing(Path(project.root))("ls-tree", "-r", "--name-only", history.tip).split()
        assert sorted(files) == ["prepare.py", "program.md", "train.py"]
    clone = ["git", "clone", "-q", "--branch", "autoresearch/t", "--single-branch"]
    subprocess.run([*clone, project.root, "two"], cwd=tmp_path, check=True)
    Plumbing(tmp_path / "two")("switch", "-q", "--detach")
    with History.open(project_of(tmp_path / "two"), "autoresearch/t") as cloned:
        assert cloned.prior == PRIOR
        assert Ledger(cloned, read_space).context(()).prior == PRIOR


def test_a_run_without_them_is_as_it_was(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    with History.create(project, settings_of(project)) as history:
        assert history.prior == ()
        parents = Plumbing(Path(project.root))("rev-list", "--parents", "-1", history.tip).split()
        assert len(parents) == 2


# ---------------------------------------------------------------- methods


def warm(
    *trials: object, prior: tuple[PriorTrial, ...] = PRIOR, pending: tuple[Proposal, ...] = ()
) -> Context:
    """Return what a method is given in a run with prior trials."""
    return replace(context(*trials, source=TRAIN, pending=pending), prior=prior)  # type: ignore[arg-type]


def chosen(name: str, given: Context) -> tuple[dict[str, object], Proposal]:
    """Return the constants that a method proposes, and its proposal."""
    proposal = METHODS[name].build(None).propose(given)
    assert isinstance(proposal, Proposal)
    edits = "\n".join(f"{edit.name} = {edit.value}" for edit in proposal.edits)  # type: ignore[union-attr]
    return {**read_space(TRAIN).default, **read_constants(edits)}, proposal


@pytest.mark.parametrize("name", ["random", "tpe", "trust", "cmaes", "hybrid"])
def test_the_best_prior_configuration_is_tried_first_and_once(name: str) -> None:
    baseline = trial(0, 1.0).model_copy(update={"configuration": {"LR": 0.1, "DEPTH": 4}})
    values, proposal = chosen(name, warm(baseline))
    assert values == {"LR": 0.4, "DEPTH": 9} and "prior" in proposal.rationale
    assert chosen(name, warm(baseline))[0] == values, "the same after a resume"
    waiting, _ = chosen(name, warm(baseline, pending=(proposal,)))
    assert waiting != values
    failed = trial(1, "oom").model_copy(update={"configuration": values})
    assert chosen(name, warm(baseline, failed))[0] != values


def test_prior_scores_are_offset_to_the_run_s_baseline_and_marked() -> None:
    baseline = trial(0, 1.0).model_copy(update={"configuration": {"LR": 0.1, "DEPTH": 4}})
    observations = observe(warm(baseline))
    assert [o.outcome for o in observations] == [1.0005, pytest.approx(0.5005), "oom", 1.0005]
    assert [o.prior for o in observations] == [True, True, True, False]
    assert observations[1].curve == ((0.5, 3.0),)
    assert [o.outcome for o in observe(warm())] == [2.0, 1.5, "oom"], (
        "nothing in common: as they are"
    )
    space = read_space(TRAIN)
    assert "prior 0.500500 LR=0.4 DEPTH=9" in trials_text(observations, space, LOWER, 2, 4)
    text = ledger_text(warm(baseline))
    assert "another run" in text and "LR=0.4" in text
    assert "another run" not in ledger_text(context(trial(0, 1.0)))


def grid() -> Iterator[dict[str, Value]]:
    """Yield configurations that cover the space."""
    for tenths in range(1, 10):
        for depth in range(1, 17, 3):
            yield {"LR": tenths / 10, "DEPTH": depth}


def distance(configuration: Mapping[str, Any]) -> float:
    """Return how far a configuration is from the good corner."""
    return abs(configuration["LR"] - 0.8) + 0.05 * abs(configuration["DEPTH"] - 14)


def distances(name: str, given: Context) -> list[float]:
    """Return how far a method's choice is from the good corner, under five seeds."""
    return [distance(chosen(name, replace(given, seed=seed))[0]) for seed in range(5)]


def test_the_methods_learn_from_them() -> None:
    # Only the prior trials show the good corner of the space; without them it takes long to find.
    prior = tuple(
        PriorTrial(number=n, configuration=configuration, outcome=1 + distance(configuration))
        for n, configuration in enumerate(grid())
    )
    baseline = trial(0, 1.0).model_copy(update={"configuration": {"LR": 0.1, "DEPTH": 4}})
    tried = trial(1, 1.1).model_copy(update={"configuration": {"LR": 0.8, "DEPTH": 13}})
    for name in ("tpe", "trust", "cmaes"):
        near = distances(name, warm(baseline, tried, prior=prior))
        far = distances(name, warm(baseline, tried, prior=()))
        assert median(near) < median(far), name
