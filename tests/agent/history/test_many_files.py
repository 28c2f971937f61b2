"""Runs on projects of several files that other hands change, or that die in between."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.edit.values import entries
from agent.history.history import History
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile, SetConstant
from agent.records.proposals import Proposal
from agent.records.results import Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from sandbox.ground.outcome import Finished, Outcome, RunSpec, Usage
from tests.agent.history.files import begin, modes_of, project_of, repository
from tests.agent.history.nights import scored
from tests.agent.history.test_deaths import Died, dying
from tests.agent.study import ListProposer, Script, loop_of, proposal, seed_of, settle
from tests.e2e.researcher import fsck, git

CONF = "conf/base.yaml"


def rate(value: float, file: str = CONF) -> SetConstant:
    return SetConstant(file=file, name="lr", value=str(value))


def train(spec: RunSpec) -> tuple[Outcome, str]:
    """Score the rate of whatever configuration is there: best at 0.4."""
    [path] = sorted((Path(spec.folder) / "conf").glob("*.yaml"))
    values = entries("yaml", path.read_text())
    assert isinstance(values, dict)
    score = 1 + abs(float(values["lr"].value) - 0.4) + 0.001 * seed_of(spec)
    return Finished(usage=Usage(seconds=1.0, peak_memory_bytes=2**20)), f"---\nval_bpb: {score}\n"


def work(history: History, *proposals: Proposal, script: Script = train) -> list[str]:
    """Train the proposals; return the statuses of all trials."""
    proposer = ListProposer(proposals)
    list(loop_of(history, proposer, script, trials=len(proposals)).events())
    return [trial.status for trial in history.trials]


def worktree_of(home: Path) -> Path:
    return home / ".autoresearch" / "worktrees" / "t"


def by_hand(home: Path, change: Callable[[Path], None]) -> None:
    """Change the worktree as a person would, and commit."""
    tree = worktree_of(home)
    change(tree)
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "by hand")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return repository(tmp_path / "home")


# ------------------------------------------------------------ other hands


def changes_a_file(tree: Path) -> None:
    (tree / CONF).write_text("lr: 0.2\n")


def adds_a_file(tree: Path) -> None:
    (tree / "model" / "extra.py").write_text("X = 1\n")


def deletes_a_file(tree: Path) -> None:
    (tree / "notes.txt").unlink()


def renames_a_file(tree: Path) -> None:
    (tree / "notes.txt").rename(tree / "model" / "notes.txt")


def changes_what_is_not_edited(tree: Path) -> None:
    (tree / "data.csv").write_text("3,4\n")


def adds_what_is_not_edited(tree: Path) -> None:
    (tree / "labels.csv").write_text("5\n")


def makes_a_script_executable(tree: Path) -> None:
    (tree / "run.sh").chmod(0o755)


def puts_a_link_in_place_of_a_file(tree: Path) -> None:
    (tree / "notes.txt").unlink()
    (tree / "notes.txt").symlink_to("train.py")


HANDS = [
    changes_a_file,
    adds_a_file,
    deletes_a_file,
    changes_what_is_not_edited,
    *(
        pytest.param(change, marks=pytest.mark.slow)
        for change in (
            renames_a_file,
            adds_what_is_not_edited,
            makes_a_script_executable,
            puts_a_link_in_place_of_a_file,
        )
    ),
]


@pytest.mark.parametrize("change", HANDS)
def test_a_change_by_hand_is_a_new_baseline(home: Path, change: Callable[[Path], None]) -> None:
    with begin(home) as history:
        assert work(history, proposal(rate(0.3))) == ["baseline", "keep"]
    by_hand(home, change)
    theirs = git(home, "rev-parse", "autoresearch/t")
    with History.open(project_of(home), "t") as history:
        assert len(history.foreign_commits) == 1
        statuses = work(history, proposal(rate(0.4)))
        assert statuses == ["baseline", "keep", "baseline", "keep"]
        tip = history.tip
    assert git(home, "diff", "--name-only", theirs, tip).splitlines() == [CONF]
    assert modes_of(home, theirs) == modes_of(home, tip)


@pytest.mark.parametrize("change", HANDS[1:])
def test_an_attempt_in_flight_is_tried_again(home: Path, change: Callable[[Path], None]) -> None:
    with begin(home) as history:
        work(history)
        made = Ledger(history, read_space).begin(proposal(rate(0.3)))
        assert not isinstance(made, Trial)
    by_hand(home, change)
    theirs = git(home, "rev-parse", "autoresearch/t")
    with History.open(project_of(home), "t") as history:
        list(loop_of(history, ListProposer([]), train, trials=2).events())
        kept = [trial for trial in history.trials if trial.status == "keep"]
        assert [trial.proposal.by.origin for trial in kept] == ["replay"]
        tip = history.tip
        assert history.in_flight == ()
    assert git(home, "diff", "--name-only", theirs, tip).splitlines() == [CONF]


def renames_the_configuration(tree: Path) -> None:
    (tree / CONF).rename(tree / "conf" / "main.yaml")


def replaces_the_configuration(tree: Path) -> None:
    (tree / CONF).unlink()
    (tree / "conf" / "other.yaml").write_text("lr: 0.7\nother: 1\n")


@pytest.mark.parametrize(
    ("change", "status", "file"),
    [(renames_the_configuration, "keep", "main"), (replaces_the_configuration, "refused", "base")],
    ids=["renamed", "replaced"],
)
def test_a_file_that_is_gone_when_an_attempt_is_replayed(
    home: Path, change: Callable[[Path], None], status: str, file: str
) -> None:
    """While it trains, a person takes its file away: an edit follows a rename, or is refused."""
    turns = itertools.count()

    def meanwhile(spec: RunSpec) -> tuple[Outcome, str]:
        if next(turns) == 2:  # the first run behind the two of the baseline
            by_hand(home, change)
        return train(spec)

    with begin(home) as history:
        work(history, proposal(rate(0.3)), script=meanwhile)
    with History.open(project_of(home), "t") as history:
        more = [proposal(AddFile(file=f"model/y{n}.py", code=f"Y = {n}\n")) for n in range(2)]
        list(loop_of(history, ListProposer(more), train, trials=2).events())
        assert history.in_flight == ()
        [replayed] = [trial for trial in history.trials if trial.proposal.by.origin == "replay"]
        assert replayed.status == status
        assert replayed.proposal.edits == (rate(0.3, f"conf/{file}.yaml"),)
        assert status == "keep" or "conf/other.yaml" in replayed.reason, "the nearest name"
    fsck(home)


def test_two_workers_with_overtaken_attempts(home: Path) -> None:
    """The first keep renames the file that the second attempt edits, and the third adds to."""
    project = project_of(home)
    with begin(home, workers=2) as history:
        first: list[Edit] = [
            RenameFile(file=CONF, to="conf/main.yaml"),
            rate(0.3, "conf/main.yaml"),
        ]
        second: list[Edit] = [rate(0.35)]
        third: list[Edit] = [
            AddFile(file="model/x.py", code="X = 1\n"),
            rate(0.4, "conf/main.yaml"),
        ]
        night = [proposal(*first), proposal(*second), proposal(*third)]
        list(loop_of(history, ListProposer(night), train, trials=3).events())
        assert history.in_flight == ()
        statuses = [trial.status for trial in history.trials]
        assert statuses[0] == "baseline"
        assert "keep" in statuses
        assert set(statuses) <= {"baseline", "keep", "discard", "refused", "skipped"}
        taken = [trial.proposal.edits for trial in history.trials if trial.status == "keep"]
        renamed = any(isinstance(edits[0], RenameFile) for edits in taken if edits)
        assert renamed == (CONF not in history.sources.files), "whichever worker was faster"
    assert History.read(project, "t").trials == history.trials
    fsck(home)


def test_the_record_says_what_may_be_edited(home: Path) -> None:
    """Whatever autoresearch.toml says later."""
    with begin(home) as history:
        work(history)
    (home / "autoresearch.toml").write_text('files = ["train.py"]\n')
    git(home, "commit", "-qam", "narrower")
    with History.open(project_of(home), "t") as history:
        assert work(history, proposal(rate(0.3)))[-1] == "keep"
        assert "model/net.py" in history.sources.files


def test_a_clone_goes_on(home: Path, tmp_path: Path) -> None:
    with begin(home) as history:
        work(history, proposal(RenameFile(file=CONF, to="conf/a.yaml"), rate(0.3, "conf/a.yaml")))
        recorded = history.trials
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(home), str(clone))
    with History.open(project_of(clone), "t") as history:
        assert history.trials == recorded
        assert work(history, proposal(rate(0.4, "conf/a.yaml")))[-1] == "keep"


# ------------------------------------------------------------ deaths


@pytest.mark.slow
def test_a_death_between_any_two_git_commands_loses_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each round keeps a renamed, an added and an edited file, and dies one command later."""
    project = project_of(home)
    with begin(home) as history:
        ledger = Ledger(history, read_space)
        settle(ledger, ledger.begin_baseline(), scored(1000.0))
    survived = False
    for call in range(80):
        before = History.read(project, "t").trials
        try:
            with History.open(project, "t") as history, dying(monkeypatch, call, after=True):
                _keep(history, call)
                survived = True
        except Died:
            pass
        assert History.read(project, "t").trials[: len(before)] == before
        with History.open(project, "t") as history:
            ledger = Ledger(history, read_space)
            for attempt in history.in_flight:
                settle(ledger, attempt, scored(2000.0))
            assert history.in_flight == ()
            assert history.warnings == []
            texts = {path: (history.worktree / path).read_text() for path in history.sources.files}
            assert texts == dict(history.sources.files), "the worktree has caught up"
        if survived:
            break
    assert survived
    fsck(home)


def _keep(history: History, number: int) -> None:
    """Keep a trial that is about four files."""
    files = history.sources.files
    [notes] = [path for path in files if path.endswith("notes.txt")]
    edits: list[Edit] = [
        RenameFile(file=notes, to=f"n{number}notes.txt"),
        AddFile(file=f"model/m{number}.py", code=f"X = {number}\n"),
        rate(round(0.1 + number / 1000, 4)),
    ]
    edits += [DeleteFile(file=path) for path in files if path.startswith("model/m")][:1]
    ledger = Ledger(history, read_space)
    attempt = ledger.begin(proposal(*edits))
    assert not isinstance(attempt, Trial), attempt
    best = min(trial.value for trial in history.trials if trial.value)
    settle(ledger, attempt, scored(best - 1))
