"""Finding the research: layouts, links, what is missing, and where in a repository one stands."""

import subprocess
from pathlib import Path

import pytest

from agent.errors import NoRepository, ProjectFault, UsageFault
from agent.project.around import project_around
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from tests.agent.study import make_repository
from tests.e2e.researcher import git


def sealed(folder: Path) -> Path:
    """A repository in our own layout."""
    (folder / "workspace").mkdir(parents=True)
    for name in ("workspace/train.py", "workspace/prepare.py", "program.md"):
        (folder / name).write_text("")
    git(folder, "init", "-q")
    return folder


def test_our_layout_is_sealed_and_upstreams_is_printed(tmp_path: Path) -> None:
    ours = find_project(sealed(tmp_path / "a"), Settings())
    assert (ours.workspace, ours.train, ours.score) == ("workspace", "workspace/train.py", "sealed")
    assert (ours.prepare, ours.program) == ("workspace/prepare.py", "program.md")
    theirs = find_project(make_repository(tmp_path / "b"), Settings())
    assert (theirs.workspace, theirs.train, theirs.score) == ("", "train.py", "printed")
    assert (theirs.prepare, theirs.program, theirs.root) == (
        "prepare.py",
        "program.md",
        str(tmp_path / "b"),
    )
    assert theirs.home == tmp_path / "b" / ".autoresearch"


def test_ours_wins_where_both_are_there(tmp_path: Path) -> None:
    sealed(tmp_path)
    (tmp_path / "train.py").write_text("")
    assert find_project(tmp_path, Settings()).score == "sealed"


def test_a_project_in_a_subfolder(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    inner = tmp_path / "papers" / "one"
    inner.mkdir(parents=True)
    (inner / "train.py").write_text("")
    project = find_project(inner, Settings())
    assert (project.root, project.workspace, project.train) == (
        str(tmp_path),
        "papers/one",
        "papers/one/train.py",
    )
    assert (project.prepare, project.program) == (None, None)


def test_inside_the_workspace_it_is_no_printed_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectFault, match="workspace of the project above") as fault:
        find_project(sealed(tmp_path) / "workspace", Settings())
    assert fault.value.next_command == "cd .."


def test_settings_name_other_files(tmp_path: Path) -> None:
    home = make_repository(tmp_path)
    (home / "src").mkdir()
    for name in ("fit.py", "data.py", "brief.md"):
        (home / "src" / name).write_text("")
    named = Settings(train="src/fit.py", prepare="src/data.py", program="src/brief.md")
    project = find_project(home, named)
    assert (project.workspace, project.train, project.prepare, project.program, project.score) == (
        "",
        "src/fit.py",
        "src/data.py",
        "src/brief.md",
        "printed",
    )
    around = ("src/data.py", "src/brief.md", "src/autoresearch.toml", "autoresearch.toml")
    assert project.fixed == around and project.named == (
        "src/fit.py",
        "src/data.py",
        "src/brief.md",
    )
    assert project.edits("src/fit.py") and not project.edits("src/other.py")
    bare = project.model_copy(update={"prepare": None, "program": None})
    prepared = ("src/prepare.py", "src/program.md", "program.md", *around[2:])
    assert bare.fixed == prepared and bare.unseen == ()
    assert project.model_copy(update={"score": "sealed"}).unseen == (
        "src/data.py",
        "src/corpora.py",
    )
    assert find_project(home, Settings(train="src/fit.py", score="sealed")).score == "sealed"
    with pytest.raises(
        ProjectFault, match=r"train: Unknown file 'src/gone\.py'\. Did you mean 'src/fit"
    ):
        find_project(home, Settings(train="src/gone.py"))
    with pytest.raises(ProjectFault, match="prepare: Unknown file 'src/date"):
        find_project(home, Settings(train="src/fit.py", prepare="src/date.py"))
    with pytest.raises(ProjectFault, match="program: Unknown file 'breif") as fault:
        find_project(home, Settings(train="src/fit.py", program="breif.md"))
    assert fault.value.next_command == f"$EDITOR {home / 'autoresearch.toml'}"


def test_the_project_around_a_folder(tmp_path: Path) -> None:
    home = sealed(tmp_path / "r")
    (home / "docs" / "deep").mkdir(parents=True)
    one = home / "papers" / "one"
    one.mkdir(parents=True)
    (one / "train.py").write_text("")
    here = project_around(home)
    assert (here.folder, here.project.train) == (home, "workspace/train.py")
    for inner in ("workspace", "docs/deep", "papers"):
        assert project_around(home / inner) == here
    assert project_around(one).project.train == "papers/one/train.py"
    (home / "autoresearch.toml").write_text('train = "papers/one/train.py"\nmemory = "8GiB"\n')
    assert project_around(one).folder == home, "the settings of the file count"
    assert project_around(one).settings.memory == 8 * 2**30
    worktree = home / ".autoresearch" / "worktrees" / "t" / "docs"
    worktree.mkdir(parents=True)
    assert project_around(worktree).folder == home


def test_without_a_project_around_the_top_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").mkdir()
    with pytest.raises(ProjectFault, match=f"or train.py in {tmp_path}") as fault:
        project_around(tmp_path / "a")
    assert fault.value.next_command == "autoresearch init"


def test_a_link_is_no_train_py(tmp_path: Path) -> None:
    home = make_repository(tmp_path)
    (home / "train.py").rename(home / "real.py")
    (home / "train.py").symlink_to("real.py")
    with pytest.raises(ProjectFault, match="symbolic link") as fault:
        find_project(home, Settings())
    subprocess.run(str(fault.value.next_command), shell=True, cwd=home, check=True)
    assert find_project(home, Settings()).train == "train.py"


def test_a_folder_reached_through_a_link(tmp_path: Path) -> None:
    make_repository(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert find_project(tmp_path / "link", Settings()).root == str(tmp_path / "real")


def test_a_damaged_repository_is_not_taken_for_none(tmp_path: Path) -> None:
    """A power cut may leave an empty HEAD."""
    make_repository(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git/HEAD").write_text("")
    with pytest.raises(ProjectFault, match="is damaged") as fault:
        find_project(tmp_path / "sub", Settings())
    assert not isinstance(fault.value, NoRepository), "or init would make another one"
    subprocess.run(fault.value.next_command, shell=True, check=True)
    assert find_project(tmp_path, Settings()).root == str(tmp_path)
    with pytest.raises(NoRepository):
        find_project(tmp_path / "gone", Settings())


def test_no_train_py_and_no_repository(tmp_path: Path) -> None:
    with pytest.raises(ProjectFault, match="not in a git repository") as fault:
        find_project(tmp_path, Settings())
    assert fault.value.next_command == "autoresearch init"
    with pytest.raises(ProjectFault, match="not in a git repository"):
        find_project(tmp_path / "gone", Settings())
    git(tmp_path, "init", "-q")
    with pytest.raises(ProjectFault, match=r"no workspace/train\.py or train\.py"):
        find_project(tmp_path, Settings())
    with pytest.raises(ProjectFault, match="bare"):
        find_project(tmp_path / ".git", Settings())


def test_a_bare_repository(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "b.git")
    with pytest.raises(ProjectFault, match="bare") as fault:
        find_project(tmp_path / "b.git", Settings())
    assert "git clone" in str(fault.value.next_command)


def test_a_repository_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git's own check, asked for by its own test switch; the command to type is git's too."""
    home = make_repository(tmp_path / "r")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(ProjectFault, match="dubious ownership") as fault:
        find_project(home, Settings())
    assert str(fault.value.next_command).startswith("git config --global --add safe.directory")


def test_a_script_in_a_subfolder_brings_the_whole_project(tmp_path: Path) -> None:
    home = make_repository(tmp_path)
    inner = home / "lab"
    (inner / "scripts").mkdir(parents=True)
    (inner / "scripts/fit.py").write_text("")
    project = find_project(inner, Settings(train="scripts/fit.py"))
    assert (project.workspace, project.base) == ("lab", "lab")
    assert project.outside(project.train) == "scripts/fit.py"
    assert project.recorded_folder == "lab", "more than the folder around the script"
    whole = project.model_copy(update={"workspace": ""})
    within = project.model_copy(update={"workspace": "lab/scripts"})
    assert (whole.recorded_folder, within.recorded_folder) == (".", None)
    assert within.outside("!lab/scripts/a.py") == "!a.py"
    globs = Settings(train="scripts/fit.py", files=("scripts/*.py",))
    assert find_project(inner, globs).workspace == "lab"


def test_a_run_goes_on_with_the_folder_that_its_record_says(tmp_path: Path) -> None:
    """One that began before trials got the whole project goes on with its script's folder."""
    home = make_repository(tmp_path)
    (home / "scripts").mkdir()
    (home / "scripts/fit.py").write_text("")
    project = find_project(home, Settings(train="scripts/fit.py"))
    assert project.as_recorded(None).workspace == "scripts"
    new = Objective(metric="loss", folder=".")
    assert project.as_recorded(new).workspace == ""
    own = Evaluator(command="python e.py")
    judged = project.model_copy(update={"evaluate": own, "files": ("a.py",)})
    assert judged.as_recorded(None).evaluate is None and judged.as_recorded(None).files == ()
    both = judged.as_recorded(new.model_copy(update={"evaluate": own, "files": ("b.py",)}))
    assert (both.evaluate, both.files) == (own, ("b.py",))
    assert project.as_recorded(Objective(metric="loss", folder="scripts")).workspace == "scripts"
    with pytest.raises(ProjectFault, match=r"get the folder elsewhere, in which scripts/fit\.py"):
        project.as_recorded(Objective(metric="loss", folder="elsewhere"))


@pytest.mark.parametrize("folder", ["../..", "/etc", "a/../../b", "a\0b"])
def test_a_record_names_no_folder_outside_of_the_repository(folder: str) -> None:
    with pytest.raises(ValueError, match="not a folder inside the repository"):
        Objective(metric="loss", folder=folder)


@pytest.mark.parametrize(
    ("place", "what"),
    [("lost.py", "no file lost.py"), ("train.py:make_data", "no function make_data in train.py")],
)
def test_seeds_are_kept_only_in_places_that_are_there(
    tmp_path: Path, place: str, what: str
) -> None:
    repository = make_repository(tmp_path)
    with pytest.raises(UsageFault, match=what):
        find_project(repository, Settings(keep_seeds=(place,)))
    with (repository / "train.py").open("a") as file:
        file.write("def make_data(): ...\n")
    kept = ("train.py", "train.py:make_data")
    assert find_project(repository, Settings(keep_seeds=kept)).train == "train.py"


@pytest.mark.parametrize("name", ["train.py", "prepare.py", "program.md"])
def test_a_file_of_terabytes_is_no_code(tmp_path: Path, name: str) -> None:
    """An archive has one in a few bytes; reading it would end the machine."""
    folder = make_repository(tmp_path / "r")
    with (folder / name).open("r+b") as file:
        file.truncate(1 << 42)
    with pytest.raises(ProjectFault, match="which no code and no brief has"):
        find_project(folder, Settings())
