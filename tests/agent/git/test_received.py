"""A received .git: nothing of it is run or believed unasked, and nothing is written through it."""

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from agent.cli.scaffold import scaffold
from agent.errors import HistoryFault, ProjectFault, UsageFault
from agent.git.plumbing import Plumbing
from agent.git.programs import Setting, heed, silencing
from agent.git.repository import repository_programs, writable
from agent.git.store import Store
from agent.history.checkout import add_worktree, export
from agent.history.history import History
from agent.history.removal import rename
from tests.agent.study import (
    ListProposer,
    change,
    loop_of,
    make_repository,
    project_of,
    proposal,
    study,
)
from tests.e2e.researcher import git


def test_a_filter_runs_only_once_the_user_agreed(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    (folder / ".gitattributes").write_text("* filter=a=b\n")
    trace = tmp_path / "trace"
    program = f"sh -c 'touch {trace}; cat' # .smudge=x"
    git(folder, "config", "filter.a=b.clean", program)
    git(folder, "config", "filter.a=b.required", "true")
    change(folder / "train.py")
    plumbing = Plumbing(folder)
    assert "train.py" in plumbing("status", "--porcelain")
    assert not trace.exists()
    heed(str(folder / ".git"), "filter.a=b.clean", program)
    plumbing("status", "--porcelain")
    assert trace.exists()


def test_what_the_user_agreed_to_in_one_repository_holds_there_alone(tmp_path: Path) -> None:
    """One process may read several: `mcp`, the dashboard, a library."""
    trace = tmp_path / "trace"
    program = f"sh -c 'touch {trace}; cat'"
    for name in ("one", "other"):
        folder = make_repository(tmp_path / name)
        (folder / ".gitattributes").write_text("* filter=x\n")
        git(folder, "config", "filter.x.clean", program)
        change(folder / "train.py")
    heed(str(tmp_path / "one" / ".git"), "filter.x.clean", program)
    Plumbing(tmp_path / "other")("status", "--porcelain")
    assert not trace.exists()
    Plumbing(tmp_path / "one")("status", "--porcelain")
    assert trace.exists()


@pytest.fixture
def large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's own Git LFS, here a script that writes down what it is told, for all repositories.

    Return what it writes.
    """
    trace = tmp_path / "trace"
    asked = f"git config lfs.url > {trace}; echo $GIT_LFS_SKIP_DOWNLOAD_ERRORS >> {trace}"
    (tmp_path / "users").write_text(f'[filter "lfs"]\n\tclean = "sh -c \'{asked}; cat\'"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "users"))
    return trace


@pytest.mark.parametrize(
    "name",
    ["lfs.extension.x.clean", "lfs.customtransfer.x.path", "lfs.storage", "remote.x.lfsurl"],
)
def test_a_users_own_git_lfs_heeds_no_settings_that_nobody_agreed_to(
    tmp_path: Path, large_files: Path, name: str
) -> None:
    """It runs what .git/config names for it, or writes where that says."""
    folder = make_repository(tmp_path / "r")
    (folder / ".gitattributes").write_text("* filter=lfs\n")
    git(folder, "config", name, "evil")
    change(folder / "train.py")
    assert [program.setting for program in repository_programs(Plumbing(folder))] == [
        Setting(name, "evil")
    ]
    assert "train.py" in Plumbing(folder)("status", "--porcelain")
    assert not large_files.exists()
    heed(str(folder / ".git"), name, "evil")
    Plumbing(folder)("status", "--porcelain")
    assert large_files.exists()


def test_a_users_own_git_lfs_asks_no_server_that_a_repository_names(
    tmp_path: Path, large_files: Path
) -> None:
    """A clone's .lfsconfig names one, which checking out a branch would ask for what is missing."""
    folder = make_repository(tmp_path / "r")
    (folder / ".gitattributes").write_text("* filter=lfs\n")
    (folder / ".lfsconfig").write_text("[lfs]\n\turl = http://evil\n")
    change(folder / "train.py")
    Plumbing(folder)("status", "--porcelain")
    assert large_files.read_text() == "none://\n1\n"


@pytest.mark.parametrize("words", [("diff", "HEAD~", "HEAD"), ("status", "--porcelain")])
@pytest.mark.parametrize("name", ["diff.external", "filter.x.clean"])
def test_git_starts_nothing_that_a_submodule_names(
    tmp_path: Path, words: tuple[str, ...], name: str
) -> None:
    """Git would enter a submodule, which has settings of its own, as .git/config says."""
    folder = make_repository(tmp_path / "r")
    inner = make_repository(folder / "inner")
    (inner / ".gitattributes").write_text("* filter=x\n")
    git(inner, "add", ".")
    git(inner, "commit", "-qm", "attributes")
    for commit in ("HEAD~", "HEAD"):
        entry = f"160000,{git(inner, 'rev-parse', commit)},inner"
        git(folder, "update-index", "--add", "--cacheinfo", entry)
        git(folder, "commit", "-qm", commit)
    git(folder, "config", "diff.submodule", "diff")
    git(folder, "config", "submodule.inner.ignore", "none")
    trace = tmp_path / "trace"
    git(inner, "config", name, f"sh -c 'touch {trace}; cat'")
    change(inner / "train.py")
    Plumbing(folder)(*words)
    assert not trace.exists()


def test_a_worktree_is_filled_without_what_settings_include_for_its_branch(tmp_path: Path) -> None:
    """They hold in a process that git starts there, and in none that was looked at before."""
    folder = make_repository(tmp_path / "r")
    (folder / ".gitattributes").write_text("* filter=x\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "attributes")
    git(folder, "branch", "autoresearch/t")
    git(folder, "config", "includeIf.onbranch:autoresearch/t.path", "more")
    program = f"sh -c 'touch {tmp_path}/trace; cat'"
    (folder / ".git" / "more").write_text(f'[filter "x"]\n\tsmudge = "{program}"\n')
    place = tmp_path / "place"
    add_worktree(Plumbing(folder), place, "autoresearch/t")
    assert not (tmp_path / "trace").exists()
    assert (place / "train.py").read_text() == (folder / "train.py").read_text()
    assert Plumbing(place)("status", "--porcelain") == ""
    Path(git(place, "rev-parse", "--git-path", "index")).unlink()  # as a kill may leave it
    (place / "train.py").unlink()
    add_worktree(Plumbing(folder), place, "autoresearch/t")
    assert (place / "train.py").exists()


def test_a_hook_that_settings_name_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git 2.54 runs it besides those of core.hooksPath."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    assert silencing([Setting("hook.x.command", "evil"), Setting("core.pager", "evil")], "/r") == {
        "GIT_CONFIG_KEY_2": "hook.x.command",
        "GIT_CONFIG_VALUE_2": "true",
        "GIT_CONFIG_COUNT": "3",
        "PYTHONSAFEPATH": "1",
    }


@pytest.mark.parametrize(
    "name",
    [
        "logs/refs/heads/autoresearch/t",
        "logs/HEAD",
        "refs/autoresearch/t",
        "objects/00",
        "objects/pack",
        "worktrees/t/HEAD",
        "COMMIT_EDITMSG",
        "config",
    ],
)
def test_git_writes_through_no_link(tmp_path: Path, name: str) -> None:
    """A reflog is appended to wherever it leads, and an archive keeps links."""
    folder = make_repository(tmp_path / "r")
    outside = tmp_path / "outside"
    path = folder / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(ProjectFault, match="symbolic link"):
        project_of(folder)


def test_commits_of_another_repository_are_not_used(tmp_path: Path) -> None:
    """A file `commondir` sends new branches to any repository of the user's."""
    victim = make_repository(tmp_path / "victim")
    folder = make_repository(tmp_path / "r")
    (folder / ".git" / "commondir").write_text(f"{victim}/.git\n")
    with pytest.raises(ProjectFault, match="another repository"):
        project_of(folder)


def test_a_file_that_names_the_repository_of_another_checkout_is_not_believed(
    tmp_path: Path,
) -> None:
    """An archive may bring a .git that leads to a repository of the user's, or to a worktree."""
    victim = make_repository(tmp_path / "victim")
    git(victim, "worktree", "add", "-q", str(tmp_path / "tree"))
    folder = make_repository(tmp_path / "r")
    (folder / ".git").rename(tmp_path / "own")
    for place in (".git", ".git/worktrees/tree"):
        (folder / ".git").write_text(f"gitdir: ../victim/{place}\n")
        with pytest.raises(ProjectFault, match="another checkout"):
            project_of(folder)


def test_a_git_folder_of_ones_own_that_lies_elsewhere_is_used(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "init", "-q", "--separate-git-dir", str(tmp_path / "apart"))
    project_of(folder)
    tree = tmp_path / "tree"
    git(folder, "worktree", "add", "-q", str(tree))
    project_of(tree)
    tree.rename(tmp_path / "moved")
    project_of(tmp_path / "moved")


@pytest.mark.parametrize(
    "name", ["logs/HEAD", "logs/refs/heads/x", "COMMIT_EDITMSG", "worktrees/x/gitdir"]
)
def test_git_writes_to_no_file_that_has_a_second_name(tmp_path: Path, name: str) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "clone", "-q", str(folder), str(tmp_path / "clone"))  # its objects are such files
    project_of(tmp_path / "clone")
    path = folder / ".git" / name
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.hardlink_to(folder / "train.py")
    with pytest.raises(ProjectFault, match="second name"):
        project_of(folder)


def test_a_folder_that_looks_like_gits_own_is_not_used(tmp_path: Path) -> None:
    """A clone brings it, with a config in which programs are named."""
    folder = make_repository(tmp_path / "r")
    inner = folder / "inner"
    git(folder, "clone", "-q", "--bare", str(folder), str(inner))
    git(inner, "config", "core.bare", "false")
    git(inner, "config", "core.worktree", "..")
    with pytest.raises(HistoryFault, match="bare repository"):
        Plumbing(inner)("rev-parse", "--show-toplevel")


def test_a_submodule_that_the_index_lacks_is_not_copied_with_its_programs(tmp_path: Path) -> None:
    library = make_repository(tmp_path / "library")
    folder = make_repository(tmp_path / "r")
    allow = ("-c", "protocol.file.allow=always")
    git(folder, *allow, "submodule", "--quiet", "add", str(library), "library")
    git(folder, "commit", "-qm", "with a library")
    git(folder / "library", "config", "filter.x.smudge", "evil")
    git(folder, "rm", "-q", "--cached", "library")
    with (
        Store(Plumbing(folder)) as store,
        pytest.raises(HistoryFault, match="index lacks"),
    ):
        export(store, "HEAD", "", tmp_path / "copy")


def test_a_submodule_that_leads_to_another_repository_is_not_copied(tmp_path: Path) -> None:
    """Its files would be shown to a training, which prints them."""
    private = make_repository(tmp_path / "private")
    folder = make_repository(tmp_path / "r")
    (folder / "library").mkdir()
    (folder / "library" / ".git").write_text("gitdir: ../../private/.git\n")
    entry = f"160000,{git(private, 'rev-parse', 'HEAD')},library"
    git(folder, "update-index", "--add", "--cacheinfo", entry)
    git(folder, "commit", "-qm", "with a library")
    with Store(Plumbing(folder)) as store, pytest.raises(HistoryFault, match="another repository"):
        export(store, "HEAD", "", tmp_path / "copy")


def test_a_rename_writes_to_no_worktree_of_another_repository(tmp_path: Path) -> None:
    """Git writes down where a worktree lies, in the repository that the worktree names."""
    victim = make_repository(tmp_path / "victim")
    git(victim, "worktree", "add", "-q", str(tmp_path / "tree"))
    place = victim / ".git" / "worktrees" / "tree"
    with study(tmp_path / "r") as history:
        worktree = history.worktree
    (worktree / ".git").write_text(f"gitdir: {place}\n")
    rename((project_of(tmp_path / "r"),), "t", "new")
    assert (place / "gitdir").read_text() == f"{tmp_path}/tree/.git\n"
    with History.open(project_of(tmp_path / "r"), "new") as history:
        assert history.worktree.is_dir()


@pytest.mark.parametrize("name", ["results.tsv", "figures/results.tsv"])
def test_a_name_that_the_user_typed_is_written_through_no_link_of_a_repository(
    tmp_path: Path, name: str
) -> None:
    """What is written holds words of the branch, which a start-up file would run."""
    folder = make_repository(tmp_path / "r")
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / Path(name).parts[0]).symlink_to(outside)
    with pytest.raises(UsageFault, match="symbolic link"):
        writable(folder / name)
    assert writable(folder / "other.tsv") == folder / "other.tsv"
    (tmp_path / "link").symlink_to(outside)
    assert writable(tmp_path / "link") == tmp_path / "link"
    (folder / "second.tsv").hardlink_to(folder / "train.py")
    with pytest.raises(UsageFault, match="second name"):
        writable(folder / "second.tsv")


def test_no_part_of_the_bundled_research_is_written_through_a_link(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    (tmp_path / "outside").mkdir()
    (folder / "new").mkdir()
    (folder / "new" / "workspace").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageFault, match="symbolic link"):
        list(scaffold(folder / "new", "cpu"))
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("report", "-o", "typed.html"),
        ("plot", "progress", "-o", "typed.svg"),
        ("export", "-o", "typed.tsv"),
        ("export", "--format", "optuna", "-o", "typed.db"),
        ("init", "typed.d", "--preset", "cpu"),
    ],
)
def test_no_command_writes_through_a_link_that_the_user_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with study(tmp_path / "r") as history:
        list(loop_of(history, ListProposer([proposal(LR=0.3)]), trials=1).events())
    name = next(word for word in words if word.startswith("typed"))
    (tmp_path / "r" / name).symlink_to(outside if name.endswith(".d") else outside / "file")
    monkeypatch.chdir(tmp_path / "r")
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, UsageFault)
    assert not list(outside.iterdir())


def forged_graph(folder: Path, child: str, parent: str) -> None:
    """Write a commit-graph in which `child` has `parent` for its first parent."""
    git(folder, "commit-graph", "write", "--reachable")
    path = folder / ".git" / "objects" / "info" / "commit-graph"
    data = bytearray(path.read_bytes())
    chunks = {bytes(data[at : at + 4]): at + 4 for at in range(8, 8 + 12 * data[6], 12)}
    starts = {name: int.from_bytes(data[at : at + 8], "big") for name, at in chunks.items()}
    names = starts[b"OIDL"]
    place = [(data.index(bytes.fromhex(name), names) - names) // 20 for name in (child, parent)]
    field = starts[b"CDAT"] + 36 * place[0] + 20
    data[field : field + 4] = place[1].to_bytes(4, "big")
    data[-20:] = hashlib.sha1(data[:-20]).digest()
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("by", ["grafts", "commit-graph", "replace"])
def test_nothing_in_git_but_commits_says_what_their_parents_are(tmp_path: Path, by: str) -> None:
    """A received .git could leave a verdict out of the ledger, or put another in."""
    folder = make_repository(tmp_path / "r")
    for message in ("second", "third"):
        git(folder, "commit", "-q", "--allow-empty", "-m", message)
    plumbing = Plumbing(folder)
    names = git(folder, "rev-list", "HEAD").split()
    if by == "grafts":
        (folder / ".git" / "info" / "grafts").write_text(f"{names[0]} {names[2]}\n")
    elif by == "replace":
        git(folder, "replace", names[1], names[2])
    else:
        forged_graph(folder, names[0], names[2])
    assert git(folder, "log", "--format=%s") != plumbing("log", "--format=%s").strip()
    assert plumbing("rev-list", "HEAD").split() == names
