"""A stranger's repository: nothing of the user's is overwritten, and nothing is sent elsewhere."""

from pathlib import Path

from agent.git.plumbing import Plumbing
from tests.e2e.researcher import fsck, git, in_flight, miniature, statuses, type_in

START = (
    "start",
    "--model",
    "none",
    "--method",
    "random",
    "--tag",
    "t",
    "--budget",
    "1steps",
    "--baseline-repeats",
    "1",
)


def link_in_git(folder: Path, name: str, target: Path) -> None:
    """Commit a link by git's own means, and check it out, as a clone does."""
    blob = Plumbing(folder)("hash-object", "-w", "--stdin", stdin=str(target).encode()).strip()
    git(folder, "update-index", "--add", "--cacheinfo", f"120000,{blob},{name}")
    git(folder, "commit", "-qm", "a link")
    git(folder, "checkout", "-q", "--", name)


def test_a_log_that_the_repository_tracks_as_a_link_to_a_start_up_file(tmp_path: Path) -> None:
    foreign = tmp_path / "bashrc"
    foreign.write_text("export A=1\n")
    home = miniature(tmp_path / "r")
    link_in_git(home, ".autoresearch/runs/t/trials/0000/train-0.log", foreign)
    for words in (START, ("log",), ("resume", "t")):
        refused = type_in(home, *words)
        assert refused.returncode == 3, refused.stderr
        assert "tracks .autoresearch/runs/t/trials/0000/train-0.log" in refused.stderr
        assert "git rm -r --cached .autoresearch" in refused.stderr
    assert foreign.read_text() == "export A=1\n"
    git(home, "rm", "-r", "-q", "--cached", ".autoresearch")
    git(home, "commit", "-qm", "untrack")
    assert type_in(home, *START, "--trials", "1").returncode == 0, (
        "what is left there is replaced, not followed"
    )
    assert foreign.read_text() == "export A=1\n"
    assert "val_bpb" in (home / ".autoresearch/runs/t/trials/0000/train-0.log").read_text()


def test_a_record_whose_tag_leads_to_the_users_keys(tmp_path: Path) -> None:
    keys = tmp_path / ".ssh"
    keys.mkdir()
    (keys / "authorized_keys").write_text("mine\n")
    home = miniature(tmp_path / "r")
    assert type_in(home, *START, "--trials", "1").returncode == 0
    first = git(home, "rev-list", "--first-parent", "main..autoresearch/t").split()[-1]
    message = git(home, "show", "-s", "--format=%B", first)
    assert '"tag": "t"' in message
    for tag, code in (("../../../.ssh", 3), ("other", 0)):
        forged = Plumbing(home)(
            "commit-tree",
            f"{first}^{{tree}}",
            "-p",
            "main",
            "-F",
            "-",
            stdin=message.replace('"tag": "t"', f'"tag": "{tag}"').encode(),
        )
        git(home, "update-ref", "refs/heads/autoresearch/evil", forged.strip())
        resumed = type_in(home, "resume", "autoresearch/evil", "--trials", "1")
        assert resumed.returncode == code, resumed.stderr
        assert ("is no tag" in resumed.stderr) == bool(code)
    assert [path.name for path in keys.iterdir()] == ["authorized_keys"]
    assert (keys / "authorized_keys").read_text() == "mine\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".ssh", "r"]
    for folder in ("runs", "worktrees"):
        made = sorted(path.name for path in (home / ".autoresearch" / folder).iterdir())
        assert made == ["evil", "t"], "by the branch's name"


def test_a_run_renamed_forked_and_set_back(tmp_path: Path) -> None:
    home = miniature(tmp_path / "r")
    assert type_in(home, *START, "--trials", "2").returncode == 0
    git(home, "branch", "autoresearch/fork", "autoresearch/t")
    git(home, "branch", "-m", "autoresearch/t", "autoresearch/renamed")
    for name in ("fork", "renamed"):
        resumed = type_in(home, "resume", name, "--trials", "1")
        assert resumed.returncode == 0, resumed.stderr
        assert len(statuses(home, name)) == 4
    verdicts = git(home, "rev-list", "--first-parent", "autoresearch/renamed").split()
    git(home / ".autoresearch/worktrees/renamed", "reset", "-q", "--hard", verdicts[2])
    assert type_in(home, "resume", "renamed", "--trials", "1").returncode == 0
    assert len(statuses(home, "renamed")) == 3
    assert len(statuses(home, "fork")) == 4
    assert in_flight(home) == []
    fsck(home)


def test_a_branch_that_lost_its_brief_goes_on_and_says_so(tmp_path: Path) -> None:
    home = miniature(tmp_path / "r")
    assert type_in(home, *START, "--trials", "1").returncode == 0
    worktree = home / ".autoresearch/worktrees/t"
    git(worktree, "rm", "-q", "program.md")
    git(worktree, "commit", "-qm", "lost")
    resumed = type_in(home, "resume", "t", "--trials", "1")
    assert resumed.returncode == 0, resumed.stderr
    assert "has no program.md any more" in " ".join((resumed.stdout + resumed.stderr).split())
