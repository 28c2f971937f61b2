"""Branches of other loops in small real repositories: adopted byte for byte, or with a reason."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.adopt import Row, Span, changed_beside, find_span, read_rows, steps_between, take_over
from agent.edit import Applied, apply
from agent.errors import HistoryFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.propose.replay import Replay
from agent.propose.views.lines import trial_line
from agent.records.edits import SetConstant
from agent.records.objective import LOWER, Objective
from agent.records.results import Claim, Trial
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import TRAIN, make_repository, project_of, settings_of
from tests.e2e.researcher import git

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
# Each is the whole train.py of one commit of the branch, in bytes.
DEEPER = TRAIN.replace("DEPTH = 4", "DEPTH = 6").encode()
MESSY = DEEPER.replace(
    b"print('trained')\n", b"def f(x):\n\treturn x   # odd \xc3\xa9\n\n\nprint('trained')   "
)
WINDOWS = MESSY.replace(b"\n", b"\r\n")
BROKEN = WINDOWS + b"\r\ndef g(:\r\n"
LATIN = b"# caf\xe9\n" + DEEPER
LAST = DEEPER.replace(b"LR = 0.1", b"LR = 0.3")


def commit(folder: Path, source: bytes, message: str, **files: str) -> str:
    """Commit `source` as train.py, and other files; return the commit's hash."""
    (folder / "train.py").write_bytes(source)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def branch(folder: Path, *states: bytes) -> list[str]:
    """Make a branch `exp` off main with a commit per state, check out main, return the commits."""
    make_repository(folder)
    git(folder, "config", "core.autocrlf", "false")
    git(folder, "switch", "-q", "-c", "exp")
    commits = []
    for number, state in enumerate(states, 1):
        commits.append(commit(folder, state, f"change {number}\n\nBecause of {number}."))
    git(folder, "switch", "-q", "main")
    return commits


def adopted(folder: Path, rows: Sequence[Row] = (), name: str | None = "exp") -> tuple[Trial, ...]:
    """Adopt the branch as the run `t`; return its trials as they are read back from git."""
    project = project_of(folder)
    plumbing = Plumbing(folder)
    span = find_span(plumbing, name, None, tuple(rows))
    fixed = Objective(metric="val_bpb", files=project.files) if project.files else None
    with History.create(
        project, settings_of(project, start_commit=span.start, objective=fixed)
    ) as history:
        list(take_over(history, steps_between(plumbing, project, span, rows)))
    return History.read(project, "t").trials


def blob(folder: Path, commit: str) -> bytes:
    """Return the bytes of train.py at a commit."""
    return Plumbing(folder).bytes("cat-file", "blob", f"{commit}:train.py")


def tsv(*lines: str) -> tuple[Row, ...]:
    """Return the rows of a results.tsv; `lines` have bars in place of tabs."""
    rows = [line.replace("|", "\t") + "\n" for line in lines]
    return read_rows(HEADER + "".join(rows), "results.tsv")


# ---------------------------------------------------------------- the branch


def test_every_commit_becomes_edits_byte_for_byte(tmp_path: Path) -> None:
    states = (DEEPER, MESSY, WINDOWS, LAST)
    commits = branch(tmp_path, *states)
    trials = adopted(tmp_path)
    assert [trial.status for trial in trials] == ["adopted"] * 4
    source = TRAIN
    for trial, theirs, state in zip(trials, commits, states, strict=True):
        applied = apply(source, trial.proposal.edits)
        assert isinstance(applied, Applied)
        source = applied.source
        assert source.encode() == state
        for name in (theirs, trial.attempt, trial.verdict):
            assert blob(tmp_path, name) == state
    assert trials[0].proposal.edits == (SetConstant(name="DEPTH", value="6"),)
    assert trials[0].proposal.hypothesis == "change 1"
    assert trials[0].proposal.rationale == "Because of 1."
    assert trials[0].proposal.by.origin == "adopted"


@pytest.mark.parametrize(("state", "why"), [(BROKEN, "syntax"), (LATIN, "UTF-8")])
def test_a_file_that_no_edits_give_is_reported_and_part_of_the_next_change(
    tmp_path: Path, state: bytes, why: str
) -> None:
    branch(tmp_path, DEEPER, state, LAST)
    trials = adopted(tmp_path)
    assert [trial.status for trial in trials] == ["adopted", "reported", "adopted"]
    assert why in trials[1].reason
    assert blob(tmp_path, trials[1].verdict) == DEEPER
    assert blob(tmp_path, trials[2].verdict) == LAST


def test_an_adopted_trial_has_no_score_and_is_no_incumbent(tmp_path: Path) -> None:
    commits = branch(tmp_path, DEEPER, LAST)
    trials = adopted(tmp_path, tsv(f"{commits[0][:7]}|0.98|60.2|keep|deeper"))
    assert [trial.value for trial in trials] == [None, None]
    assert [trial.result for trial in trials] == [None, None]
    assert trials[0].claim == Claim(
        commit=commits[0],
        verdict="keep",
        score=0.98,
        memory_gb=60.2,
        at=git(tmp_path, "log", "-1", "--format=%cI", commits[0]),
    )
    assert trials[1].claim is not None
    assert trials[1].claim.verdict is trials[1].claim.score is None, "nobody wrote one down"
    project = project_of(tmp_path)
    with History.open(project, "t") as history:
        ledger = Ledger(history, read_space)
        assert ledger.needs_baseline, (
            "an adopted state is measured before anything is judged against it"
        )
        assert history.foreign_commits == ()
        assert ledger.begin_baseline().number == 2
        assert (history.worktree / "train.py").read_bytes() == LAST


def test_an_adopted_state_may_be_tried_here(tmp_path: Path) -> None:
    branch(tmp_path, DEEPER, LAST)
    adopted(tmp_path)
    with History.open(project_of(tmp_path), "t") as history:
        back = Ledger(history, read_space).context(()).check((SetConstant(name="LR", value="0.1"),))
    assert back is None, "the state before the last change has not run on this machine"


def test_a_merge_is_one_change_and_other_files_are_left_as_they_were(tmp_path: Path) -> None:
    branch(tmp_path, DEEPER)
    git(tmp_path, "switch", "-q", "exp")
    commit(tmp_path, DEEPER, "only data", prepare="MAX_SEQ_LEN = 128\n")
    git(tmp_path, "switch", "-q", "-c", "side")
    commit(tmp_path, MESSY, "a")
    commit(tmp_path, LAST, "b")
    git(tmp_path, "switch", "-q", "exp")
    git(tmp_path, "merge", "-q", "--no-ff", "-m", "merge side", "side")
    git(tmp_path, "switch", "-q", "main")
    trials = adopted(tmp_path)
    assert [trial.proposal.hypothesis for trial in trials] == ["change 1", "merge side"]
    assert git(tmp_path, "show", "autoresearch/t:prepare.py") == "MAX_SEQ_LEN = 64"
    project = project_of(tmp_path)
    span = find_span(Plumbing(tmp_path), "exp", None, ())
    assert changed_beside(Plumbing(tmp_path), project, span) == ("prepare.py",)


# ---------------------------------------------------------------- several files


FILES = 'files = ["train.py", "model/*.py", "conf/*.yaml"]\n'


def change(folder: Path, message: str, **files: bytes | None) -> None:
    """Commit files, whose names have `__` for a slash and `_dot_` for a dot; None removes one."""
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def test_commits_that_change_several_files_become_edits_of_all_of_them(tmp_path: Path) -> None:
    make_repository(tmp_path)
    net = b"WIDTH = 8\n\n\ndef layer(x):\n    return x * WIDTH\n"
    change(
        tmp_path,
        "files",
        autoresearch_dot_toml=FILES.encode(),
        model__net_dot_py=net,
        conf__base_dot_yaml=b"optim:\n  lr: 0.1  # tuned\n",
        helper_dot_py=b"A = 1\n",
    )
    git(tmp_path, "switch", "-q", "-c", "exp")
    faster = b"optim:\n  lr: 0.2  # tuned\n"
    wider = net.replace(b"WIDTH = 8", b"WIDTH = 9").replace(b"x * WIDTH", b"x + WIDTH")
    change(tmp_path, "both", train_dot_py=DEEPER, model__net_dot_py=wider)
    change(tmp_path, "new", model__ema_dot_py=b"DECAY = 0.9\r\n", conf__base_dot_yaml=faster)
    change(tmp_path, "move", model__net_dot_py=None, model__web_dot_py=wider)
    change(tmp_path, "beside", helper_dot_py=b"A = 2\n", model__ema_dot_py=None)
    change(tmp_path, "binary", model__web_dot_py=b"\0\1", train_dot_py=LAST)
    states = git(tmp_path, "rev-list", "--reverse", "main..exp").split()
    git(tmp_path, "switch", "-q", "main")
    trials = adopted(tmp_path)
    assert [trial.status for trial in trials] == ["adopted"] * 4 + ["reported"]
    kinds = [[(edit.kind, edit.file) for edit in trial.proposal.edits] for trial in trials]
    assert ("set_constant", None) in kinds[0] and ("set_constant", "model/net.py") in kinds[0]
    assert ("add_file", "model/ema.py") in kinds[1]
    assert ("set_constant", "conf/base.yaml") in kinds[1]
    assert kinds[2:] == [[("rename_file", "model/net.py")], [("delete_file", "model/ema.py")], []]
    assert list(map(str, trials[0].touched)) == ["model/net.py: layer", "train.py"]
    assert str(trials[2].touched[0]) == "model/net.py renamed to model/web.py"
    assert "model/web.py cannot be edited there: it is binary" in trials[4].reason
    for trial, theirs in zip(trials[:3], states, strict=False):
        for path in ("train.py", "model", "conf"):
            ours = git(tmp_path, "rev-parse", f"{trial.verdict}:{path}")
            assert ours == git(tmp_path, "rev-parse", f"{theirs}:{path}"), path
    project = project_of(tmp_path)
    span = find_span(Plumbing(tmp_path), "exp", None, ())
    assert changed_beside(Plumbing(tmp_path), project, span) == ("helper.py",)


# ---------------------------------------------------------------- where it begins and ends


def test_the_start_is_where_the_branch_left_the_trunk(tmp_path: Path) -> None:
    commits = branch(tmp_path, DEEPER, LAST)
    plumbing = Plumbing(tmp_path)
    start = git(tmp_path, "rev-parse", "main")
    assert find_span(plumbing, "exp", None, ()) == Span(start, commits[1], "exp")
    git(tmp_path, "switch", "-q", "exp")
    assert find_span(plumbing, "exp", None, ()).start == start, "even if it is checked out"
    assert find_span(plumbing, "exp", commits[0], ()).start == commits[0]
    git(tmp_path, "update-ref", "refs/remotes/origin/theirs", commits[1])
    assert find_span(plumbing, "theirs", None, ()) == Span(start, commits[1], "theirs"), (
        "named as in a fresh clone"
    )
    rows = tsv(f"{commits[0]}|1.0|1|keep|baseline")
    assert find_span(plumbing, "exp", None, rows).start == commits[0], (
        "the first row is the baseline's"
    )


@pytest.mark.parametrize(
    ("name", "since"),
    [("nothing", None), ("--all", None), ("exp", "exp"), ("main", None), ("main", "exp")],
)
def test_an_invalid_span_is_refused(tmp_path: Path, name: str, since: str | None) -> None:
    branch(tmp_path, DEEPER)
    is_unknown = name in ("nothing", "--all")
    with pytest.raises(HistoryFault if is_unknown else UsageFault) as fault:
        find_span(Plumbing(tmp_path), name, since, ())
    assert fault.value.next_command


# ---------------------------------------------------------------- results.tsv


def test_rows_and_commits_are_one_experiment_each_in_their_order(tmp_path: Path) -> None:
    first, second, third = branch(tmp_path, DEEPER, MESSY, LAST)
    rows = tsv(
        "baseline|1.2|1.0|keep|baseline",
        f"{first[:7]}|1.1|1.0|keep|deeper",
        "deadbee|1.3|1.0|discard|tried and reset away",
        f"{first[:7]}|1.25|1.0|discard|never committed",
        "0badbad|0.000000|0.0|crash|boom",
        f"{third[:7]}|1.0|1.5|keep|hotter",
    )
    trials = adopted(tmp_path, rows)
    claims = [
        (trial.status, trial.claim and trial.claim.verdict, trial.claim and trial.claim.score)
        for trial in trials
    ]
    assert claims == [
        ("reported", "keep", 1.2),
        ("adopted", "keep", 1.1),
        ("reported", "discard", 1.3),
        ("reported", "discard", 1.25),
        ("reported", "crash", None),
        ("adopted", None, None),
        ("adopted", "keep", 1.0),
    ]
    assert trials[5].claim is not None
    assert trials[5].claim.commit == second
    assert "deadbee is not here" in trials[2].reason
    assert "not committed" in trials[3].reason
    assert trials[1].proposal.rationale.endswith("results.tsv: deeper")
    assert "they say discard 1.300000, self-reported" in trial_line(trials[2], LOWER)
    assert "they say" not in trials[2].reason


def test_a_results_file_alone_finds_its_branch_and_its_discards(tmp_path: Path) -> None:
    [first] = branch(tmp_path, DEEPER)
    git(tmp_path, "switch", "-q", "-c", "aside", first)
    aside = commit(tmp_path, LAST, "hotter")
    stale = commit(tmp_path, LAST + b"X = 1\n", "on top of the discard")
    git(tmp_path, "switch", "-q", "main")
    start = git(tmp_path, "rev-parse", "main")
    rows = tsv(
        f"{start[:7]}|1.2|1|keep|baseline",
        f"{first[:7]}|1.1|1|keep|deeper",
        f"{aside}|1.3|1|discard|hotter",
        f"{stale}|1.3|1|discard|more",
    )
    trials = adopted(tmp_path, rows, name=None)
    assert [trial.status for trial in trials] == ["reported", "adopted", "reported", "reported"]
    assert trials[2].proposal.edits == (SetConstant(name="LR", value="0.3"),)
    assert blob(tmp_path, trials[2].attempt) == LAST
    assert blob(tmp_path, trials[2].verdict) == DEEPER, "a discard of theirs is no state of the run"
    assert trials[3].proposal.edits == ()
    assert "another state" in trials[3].reason
    replayed = Replay("replay:t", trials)
    assert len(replayed._proposals) == 2, "what has edits can be tried here"


def test_a_row_names_commits_by_hash_only(tmp_path: Path) -> None:
    branch(tmp_path, DEEPER)
    trials = adopted(tmp_path, tsv("exp|1.0|1|discard|a name", "--all|1.0|1|discard|an option"))
    assert [trial.status for trial in trials] == ["reported", "reported", "adopted"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks the column commit"),
        ("commit\tscore\n", "lacks the column val_bpb"),
        (HEADER + "abc\t1.0\t1\tmaybe\tx\n", "line 2: the status is 'maybe'"),
        (HEADER + "\nabc\tgood\t1\tkeep\tx\n", "line 3: 'good' is no number"),
        (HEADER + "abc\n", "line 2: the status is ''"),
        (HEADER + "x" * 200_000, "is no table: field larger"),
    ],
)
def test_a_file_that_is_no_results_tsv_is_refused_by_line(text: str, reason: str) -> None:
    with pytest.raises(UsageFault, match=reason):
        read_rows(text, "results.tsv")


def test_the_scores_of_another_metric_are_in_its_column() -> None:
    text = "commit\tnet pnl\tstatus\tdescription\na\t-3.5\tkeep\tx\nb\t0\tdiscard\ty\n"
    assert [row.score for row in read_rows(text, "results.tsv", "net pnl")] == [-3.5, 0.0]
    with pytest.raises(UsageFault, match="has scores of val_bpb, and this project measures f1"):
        read_rows(HEADER, "results.tsv", "f1")
    with pytest.raises(UsageFault, match="lacks the column f1"):
        read_rows(text, "results.tsv", "f1")


def test_zeros_and_nan_are_no_scores() -> None:
    rows = tsv(
        "a|0.000000|0.0|crash|x",
        "b|nan|inf|discard|y",
        "c|0|1|keep|",
        "d|1.5|2|crash|",
    )
    assert [row.score for row in rows] == [None, None, None, None]
    assert [row.memory_gb for row in rows] == [None, None, 1.0, 2.0]
    assert rows[2].description == "(no description)"


def test_a_record_keeps_claims_and_measurements_apart(tmp_path: Path) -> None:
    branch(tmp_path, DEEPER)
    trial = adopted(tmp_path)[0]
    with pytest.raises(ValidationError):
        Trial.model_validate({**trial.model_dump(), "claim": None})
    with pytest.raises(ValidationError):
        Trial.model_validate({**trial.model_dump(), "status": "refused"})
    with pytest.raises(ValidationError):
        Claim(commit="a", verdict="crash", score=1.0)
    with pytest.raises(ValidationError):
        Claim(commit="a", score=1.0)
