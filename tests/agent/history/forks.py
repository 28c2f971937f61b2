"""A run with an attempt in flight, for the tests of branches in other hands."""

from pathlib import Path

from agent.history.history import History
from agent.records.results import Attempt, Result, Score, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import ListProposer, loop_of, project_of, proposal, study
from tests.e2e.researcher import git

FLYING = proposal(LR=0.35, hypothesis="in flight")


def scored(value: float, seed: int = 0) -> Result:
    return Result(status="scored", scores=(Score(value=value, seed=seed, kind="self-reported"),))


def begun(folder: Path) -> Attempt:
    """Make a run t: a baseline, a keep, a discard, and attempt #3 in flight, measured once."""
    with study(folder) as history:
        list(
            loop_of(history, ListProposer([proposal(LR=0.3), proposal(LR=0.9)]), trials=2).events()
        )
        attempt = Ledger(history, read_space).begin(FLYING)
        assert isinstance(attempt, Attempt)
        history.note(attempt, scored(0.5))
    return attempt


def opened(folder: Path, name: str) -> History:
    return History.open(project_of(folder), name)


def read(folder: Path, name: str) -> History:
    return History.read(project_of(folder), name)


def flights(folder: Path) -> list[str]:
    return git(folder, "for-each-ref", "--format=%(refname)", "refs/autoresearch").split()


def go_on(folder: Path, name: str, trials: int = 1, **constants: object) -> tuple[Trial, ...]:
    """Do what a resume does: what is in flight, then what a method proposes."""
    with opened(folder, name) as history:
        made = [proposal(**(constants or {"DEPTH": 6 + n})) for n in range(trials)]
        list(loop_of(history, ListProposer(made), trials=trials).events())
        check_whole(history)
        return history.trials


def check_whole(history: History) -> None:
    numbers = [trial.number for trial in history.trials]
    assert len(set(numbers)) == len(numbers), "a number has one verdict"
    attempts = [trial.attempt for trial in history.trials]
    assert len(set(attempts)) == len(attempts), "an attempt has one verdict"
    assert read(Path(history.project.root), history.tag).trials == history.trials
