"""Where a run begins that is started at a state of another run, and what governs it."""

import json
import shutil
from pathlib import Path

import pytest

from agent.cli.origin import CHECKOUT, RUN, Origin, find_origin
from agent.errors import HistoryFault, ProjectFault, UsageFault
from agent.history.history import History
from agent.history.lineage import parent_text
from agent.project.find import find_project
from agent.project.flags import Flags
from agent.project.settings import FILE, RunSettings, Settings, read_settings
from agent.records.lineage import Parent
from agent.records.objective import Objective
from tests.agent.cli.night import TRAIN, git, make_repository, output_of, proposal, run, settle
from tests.agent.cli.night import settings as usual

TOML = 'score = "printed"\nmetric = "acc"\n'
DEEPER = TRAIN.replace("DEPTH = 4", "DEPTH = 5")


def record(folder: Path, tag: str = "t") -> RunSettings:
    """The record of a run for which another metric was typed than the settings name."""
    objective = Objective(metric="typed", direction="maximize")
    update = {"tag": tag, "objective": objective, "baseline_repeats": 7, "verdict": "greedy"}
    return usual(folder).model_copy(update=update)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run `t`: every kind of trial, and #7 in flight."""
    folder = make_repository(tmp_path_factory.mktemp("night") / "r")
    (folder / FILE).write_text(TOML)
    (folder / "program.md").write_text("---\nbudget: 7steps\n---\nBe bold.\n")
    commit(folder)
    with History.create(find_project(folder, read_settings(folder)), record(folder)) as history:
        settle(history, "baseline", "train.py as it is", TRAIN, 0.5)
        settle(history, "keep", "deeper", DEEPER, 0.6)
        settle(history, "crash", "too deep", DEEPER.replace("DEPTH = 5", "DEPTH = 16"))
        settle(history, "refused", "misspelt", history.sources.text)
        settle(history, "discard", "hotter", DEEPER.replace("LR = 0.1", "LR = 0.9"), 0.4)
        settle(history, "suspect", "too good", DEEPER.replace("LR = 0.1", "LR = 0.8"), 0.9)
        settle(history, "held", "waits", DEEPER.replace("LR = 0.1", "LR = 0.7"), 0.7)
        colder = history.sources.with_text(DEEPER.replace("LR = 0.1", "LR = 0.01"))
        history.commit_attempt(history.next_number, proposal("colder"), colder)
    return folder


@pytest.fixture
def home(night: Path, tmp_path: Path) -> Path:
    """That repository, to be changed."""
    return shutil.copytree(night, tmp_path / "r", ignore=shutil.ignore_patterns(".autoresearch"))


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "more")


def origin(folder: Path, name: str, governs: str | None = None, **flags: str) -> Origin:
    return find_origin(folder, Flags(**flags), name, governs)


def said(at: Origin) -> str:
    return "\n".join(f"{row.name}: {row.text}" for row in at.rows)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("t#0", TRAIN),
        ("t#1", DEEPER),
        ("t#2", DEEPER.replace("DEPTH = 5", "DEPTH = 16")),
        ("t#4", DEEPER.replace("LR = 0.1", "LR = 0.9")),
        ("t#5", DEEPER.replace("LR = 0.1", "LR = 0.8")),
        ("t#6", DEEPER.replace("LR = 0.1", "LR = 0.7")),
        ("t#7", DEEPER.replace("LR = 0.1", "LR = 0.01")),
        ("autoresearch/t#4", DEEPER.replace("LR = 0.1", "LR = 0.9")),
        ("t", DEEPER),
    ],
)
def test_a_state_has_the_files_of_its_trial(home: Path, name: str, source: str) -> None:
    at = origin(home, name)
    assert git(home, "show", f"{at.settle()}:train.py") == source
    number = int(name.partition("#")[2]) if "#" in name else None
    first = git(home, "log", "--format=%H", "--grep", '"record": "run"', "autoresearch/t").strip()
    assert at.parent == Parent(tag="t", trial=number, first=first)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t#3", "#3 of autoresearch/t has no files of its own: its edits were refused."),
        ("t#99", "It has #0 to #7; did you mean #7?"),
        ("t#x", "'t#x' is not RUN#N"),
        ("#3", "'#3' is not RUN#N"),
        ("t#", "'t#' is not RUN#N"),
    ],
)
def test_a_state_that_is_none_says_why(home: Path, name: str, message: str) -> None:
    with pytest.raises(UsageFault) as caught:
        origin(home, name)
    assert message in caught.value.message


def test_a_run_that_is_not_there_gets_the_nearest_name(home: Path) -> None:
    git(home, "branch", "-m", "autoresearch/t", "autoresearch/nov24")
    with pytest.raises(HistoryFault, match="Did you mean 'nov24'"):
        origin(home, "nov23#1")


def test_the_record_of_the_other_run_governs_where_nothing_changed(home: Path) -> None:
    at = origin(home, "t#4")
    assert at.objective == Objective(metric="typed", direction="maximize")
    options = at.options(Flags(model="none"))
    assert options.baseline_repeats.value == 7
    assert options.verdict.value == "greedy"
    assert str(options.budget.value) == "7steps"
    assert "from: t#4 (discard): hotter" in said(at)
    assert "this folder's autoresearch.toml says the same; measured as in t" in said(at)


def test_the_budget_is_the_other_runs_where_nobody_says_another(home: Path) -> None:
    (home / "program.md").write_text("Be bold.\n")
    options = origin(home, "t#4").options(Flags(model="none", budget="3steps"))
    assert str(options.budget.value) == "3steps"
    git(home, "rm", "-q", "--cached", "program.md")
    commit(home)
    tree = git(home, "rev-parse", "HEAD^{tree}").strip()
    tip = git(home, "rev-parse", "autoresearch/t").strip()
    by_hand = git(home, "commit-tree", tree, "-p", tip, "-m", "no brief").strip()
    git(home, "update-ref", "refs/heads/autoresearch/t", by_hand)
    options = origin(home, "t").options(Flags(model="none"))
    assert str(options.budget.value) == "20s"


def test_a_limit_is_the_other_runs_where_nobody_says_another(home: Path) -> None:
    git(home, "rm", "-q", "program.md")
    commit(home)
    limited = record(home, "u").goal.model_copy(update={"limit": "1.3x"})
    update = {"objective": limited, "budget": None}
    with History.create(
        find_project(home, read_settings(home)), record(home, "u").model_copy(update=update)
    ) as history:
        settle(history, "baseline", "as it is", TRAIN, 0.5)
    at = origin(home, "u#0")
    assert "measured as in u" in said(at)
    options = at.options(Flags(model="none"))
    assert (options.budget.value, str(options.limit.value)) == (None, "1.3x")
    typed = at.options(Flags(model="none", budget="3steps"))
    assert (str(typed.budget.value), typed.limit.value) == ("3steps", None)
    assert at.objective.limit is None, "the options bring it"


def test_settings_of_this_folder_govern_where_they_differ(home: Path) -> None:
    (home / FILE).write_text(TOML.replace("acc", "f1") + 'also = ["loss"]\n')
    at = origin(home, "t#4")
    assert at.objective == Objective(metric="f1", direction="maximize", also=("loss",))
    assert "it differs from that of t#4, and so it governs" in said(at)
    assert "another objective: metric: f1, typed in t, also: loss, none in t" in said(at)
    assert at.rows[1].change == "--settings run"


def test_a_setting_that_is_taken_out_is_back_to_its_default(home: Path) -> None:
    (home / FILE).write_text('score = "printed"\n')
    assert origin(home, "t#4").objective.metric == "val_bpb"


def test_a_flag_says_whose_settings_govern(home: Path) -> None:
    (home / FILE).write_text(TOML.replace("acc", "f1"))
    theirs = origin(home, "t#4", RUN)
    assert theirs.objective.metric == "typed"
    assert "as typed, though this folder's differ; measured as in t" in said(theirs)
    mine = origin(home, "t#4", CHECKOUT)
    assert mine.objective == Objective(metric="f1")
    assert "this folder's autoresearch.toml: as typed" in said(mine)
    (home / FILE).unlink()
    with pytest.raises(UsageFault, match=r"There is no autoresearch\.toml"):
        origin(home, "t#4", CHECKOUT)
    assert "this folder has no autoresearch.toml" in said(origin(home, "t#4"))
    with pytest.raises(UsageFault, match="--settings is about the run of --from"):
        find_origin(home, Flags(), None, RUN)


def test_settings_that_were_changed_on_the_branch_govern_from_there_on(home: Path) -> None:
    (home / FILE).write_text(TOML.replace("acc", "f1"))
    commit(home)
    tree = git(home, "rev-parse", "HEAD^{tree}").strip()
    tip = git(home, "rev-parse", "autoresearch/t").strip()
    by_hand = git(home, "commit-tree", tree, "-p", tip, "-m", "another metric").strip()
    git(home, "update-ref", "refs/heads/autoresearch/t", by_hand)
    assert origin(home, "t").objective.metric == "f1"
    assert origin(home, "t#4", RUN).objective.metric == "typed"


def test_what_is_typed_comes_before_all(home: Path) -> None:
    at = origin(home, "t#4", metric="f2", direction="minimize")
    assert at.objective == Objective(metric="f2", direction="minimize")


def test_the_brief_of_the_state_counts_and_another_one_here_is_named(home: Path) -> None:
    assert "brief" not in said(origin(home, "t#4"))
    (home / "program.md").write_text("---\nbudget: 9steps\n---\nBe careful.\n")
    at = origin(home, "t#4")
    assert str(at.front_matter.budget) == "7steps"
    assert "brief: that of t#4; this folder's program.md is another one" in said(at)


def test_a_state_without_the_file_that_is_edited_here_is_refused(home: Path) -> None:
    (home / "fit.py").write_text("print('acc: 1')\n")
    (home / FILE).write_text(TOML + 'train = "fit.py"\n')
    with pytest.raises(ProjectFault, match=r"t#4 has no fit\.py"):
        origin(home, "t#4")


def test_settings_of_the_state_that_make_no_sense_are_named(home: Path) -> None:
    (home / FILE).write_text("nonsense = 1\n")
    commit(home)
    with History.create(find_project(home, Settings()), record(home, "u")) as history:
        settle(history, "baseline", "as it is", TRAIN, 0.5)
    (home / FILE).write_text(TOML)
    assert origin(home, "u#0").objective.metric == "acc"
    with pytest.raises(UsageFault, match=r"autoresearch\.toml of u#0: Unknown setting"):
        origin(home, "u#0", RUN)


def test_it_works_in_a_subfolder_of_a_dirty_checkout(home: Path) -> None:
    (home / "train.py").write_text("LR = 7\n")
    below = home / "notes"
    below.mkdir()
    assert origin(below, "t#4").settle() == origin(home, "t#4").settle()


# ---------------------------------------------------------------- parents


@pytest.fixture
def child(home: Path) -> Path:
    """The repository with a run `u` that began at t#4."""
    at = origin(home, "t#4")
    update = {"start_commit": at.settle(), "parent": at.parent}
    begun = record(home, "u").model_copy(update=update)
    with History.create(at.place.project, begun) as history:
        settle(history, "baseline", "as it is", history.sources.text, 0.5)
    return home


def test_runs_know_their_parents(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(child)
    assert "u    t#4" in output_of("list")
    assert "from    t#4\n" in output_of("status", "u")
    assert "from: t#4\n" in output_of("log", "u")
    assert "from  " not in output_of("status", "t")


@pytest.mark.slow
def test_reports_name_the_parent(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(child)
    assert "It began at t&#35;<!-- -->4." in output_of("report", "u", "--markdown")
    page = output_of("report", "u", "--output", "-")
    assert "<dt>began at</dt><dd>t#4" in page and "--from t#4" in page


def test_a_parent_is_found_by_its_new_name_or_said_to_be_gone(
    child: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(child)
    project = find_project(child, read_settings(child))
    with History.read(project, "u") as history:
        begun = history.run
    git(child, "branch", "-m", "autoresearch/t", "autoresearch/old")
    assert parent_text(project, begun) == "t#4, which is called old now"
    assert "t#4, now old" in output_of("list")
    git(child, "update-ref", "-d", "refs/heads/autoresearch/old")
    state = begun.start_commit[:12]
    assert parent_text(project, begun) == f"t#4, whose branch is not here; its state is {state}"
    assert "t#4, not here" in output_of("list")
    [line] = json.loads(output_of("list", "--json"))
    assert (line["parent"], line["parent_now"]) == ("t#4", None)


def test_a_clone_of_the_child_alone_brings_the_parent_back(child: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--single-branch", "-b", "autoresearch/u", str(child), "clone")
    clone = tmp_path / "clone"
    with pytest.raises(HistoryFault, match="autoresearch/u began at t#4") as caught:
        origin(clone, "t#1")
    command = caught.value.next_command or ""
    git(clone, *command.partition("#")[0].split()[1:])
    assert git(clone, "show", f"{origin(clone, 't#1').settle()}:train.py") == DEEPER


def test_the_clean_branch_of_a_child_is_off_the_users_own_commit(
    child: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(child)
    project = find_project(child, read_settings(child))
    with History.open(project, "u") as history:
        before = history.sources.text
        settle(history, "keep", "deepest", before.replace("DEPTH = 5", "DEPTH = 9"), 0.8)
    assert run("finalize", "--branch", "u", "--to", "clean").exit_code == 0
    subjects = git(child, "log", "--format=%s", "clean").splitlines()
    assert subjects == ["deepest", "Begin at t#4", "more", "start"]
    assert git(child, "show", "clean:train.py") == before.replace("DEPTH = 5", "DEPTH = 9")
