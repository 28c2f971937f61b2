"""The store: what commands that stay read and write is what git reads and writes."""

import hashlib
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import HistoryFault
from agent.git.endless import Entry
from agent.git.plumbing import Plumbing, scratch_index
from agent.git.store import Store
from tests.agent.study import make_repository
from tests.e2e.researcher import fsck, git

FILES = {
    "train.py": b"LR = 0.1\n",
    "a.b": b"before the folder a\n",
    "a/deep/er/x.py": b"X = 1\n",
    "a/y.py": b"\0\xff\n",
    "a-b": b"",
    "n\u00e9\u2028\n '\".py": b"odd\n",
}


@pytest.fixture(params=["sha1", pytest.param("sha256", marks=pytest.mark.slow)])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A repository with one commit of FILES, one of them executable and one a link."""
    home = tmp_path / "r"
    subprocess.run(["git", "init", "-q", f"--object-format={request.param}", home], check=True)
    for path, data in FILES.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(data)
    (home / "a" / "y.py").chmod(0o755)
    (home / "link").symlink_to("train.py")
    git(home, "add", ".")
    git(home, "-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "start")
    return home


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store(Plumbing(home)) as store:
        yield store


def processes() -> set[str]:
    """Return the git processes that this one has started and that are alive."""
    path = Path(f"/proc/{os.getpid()}/task")
    children = " ".join((task / "children").read_text() for task in path.iterdir()).split()
    return {pid for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "git"}


def test_files_are_those_that_git_lists(home: Path, store: Store) -> None:
    for folder in ("", "a", "a/deep"):
        listing = Plumbing(home)("ls-tree", "-r", "-z", "--full-tree", "HEAD", "--", folder or ".")
        wanted = []
        for line in listing.split("\0")[:-1]:
            head, _, path = line.partition("\t")
            mode, _, name = head.split()
            wanted.append((mode, name, path))
        assert list(store.files("HEAD", folder)) == wanted
    assert {path: store.file("HEAD", path) for path in FILES} == FILES
    assert store.file("HEAD", "link") == b"train.py"
    for nothing in ("a", "nope", "a/nope", "train.py/x", "a/deep/er/x.py/y"):
        assert store.file("HEAD", nothing) is None
    assert list(store.files("HEAD", "nope")) == []


def by_index(git_: Plumbing, folder: Path, changes: dict[str, bytes | None]) -> str:
    """Return the tree that git's own index makes of a commit and changes."""
    with scratch_index(folder) as index:
        git_("read-tree", "HEAD", index=index)
        for path, data in changes.items():
            if data is None:
                git_("update-index", "--force-remove", "--", path, index=index)
        for path, data in changes.items():
            if data is not None:
                blob = git_("hash-object", "-w", "--no-filters", "--stdin", stdin=data).strip()
                line = f"100644 {blob}\t{path}\0".encode()
                git_("update-index", "-z", "--index-info", stdin=line, index=index)
        return git_("write-tree", index=index).strip()


@pytest.mark.parametrize(
    "changes",
    [
        {"train.py": b"LR = 0.2\n"},
        {"a/deep/er/x.py": None},
        {"a/deep/er/x.py": None, "a/deep": b"a file where the folder was\n"},
        {"a.b": None, "a.b/inner/z": b"a folder where the file was\n"},
        {"new/in/new.py": b"", "a/deep/z.py": b"Z\n", "a0": b"behind the folder a\n"},
        {"nope.py": None, "nope/at/all": None},
        dict.fromkeys([*FILES, "link"]),
        {},
    ],
)
def test_a_tree_with_changes_is_the_one_of_gits_index(
    home: Path, tmp_path: Path, store: Store, changes: dict[str, bytes | None]
) -> None:
    entries = {
        path: None if data is None else Entry("100644", store.blob(data))
        for path, data in changes.items()
    }
    tree = store.tree_with("HEAD", entries)
    assert tree == by_index(Plumbing(home), tmp_path, changes)
    for folder in ("", "a", "nope"):
        options = ("diff-tree", "-r", "-z", "--name-only", "HEAD", tree, "--", folder or ".")
        listed = Plumbing(home)(*options).split("\0")[:-1]
        assert sorted(store.changed("HEAD", tree, folder)) == sorted(set(listed))
    commit = store.commit(tree, [store.git("rev-parse", "HEAD").strip()], "what\n\n\u00e9\n")
    store.move([f"create refs/autoresearch/t/1 {commit}"])
    assert git(home, "show", "-s", "--format=%B", commit).strip() == "what\n\n\u00e9"
    who = git(home, "show", "-s", "--format=%an %ae %cn %ce", commit).strip()
    assert who == "autoresearch autoresearch@localhost autoresearch autoresearch@localhost"
    assert abs(int(git(home, "show", "-s", "--format=%ct", commit)) - commit_time(home)) < 3600
    fsck(home)


def commit_time(home: Path) -> int:
    return int(git(home, "show", "-s", "--format=%ct", "HEAD"))


@pytest.mark.parametrize("path", [".git/config", "a/.GIT/x", "a//b", "../x", "./x", "a/..", ""])
def test_a_path_that_no_tree_may_have_is_a_fault(store: Store, path: str) -> None:
    with pytest.raises(HistoryFault, match="no file can be at"):
        store.tree_with("HEAD", {path: Entry("100644", store.blob(b""))})


def test_what_others_do_to_the_repository_is_seen(home: Path, store: Store) -> None:
    assert store.file("HEAD", "train.py") == b"LR = 0.1\n"
    (home / "train.py").write_bytes(b"LR = 0.5\n")
    git(home, "-c", "user.name=h", "-c", "user.email=h@h", "commit", "-qam", "by hand")
    assert store.file("HEAD", "train.py") == b"LR = 0.5\n", "a name is looked up each time"
    before = git(home, "rev-parse", "HEAD^").strip()
    git(home, "gc", "-q")
    assert store.file(before, "a/y.py") == FILES["a/y.py"], "objects have moved into a pack"
    blob = store.blob(b"written after the packing\n")
    assert git(home, "cat-file", "blob", blob) == "written after the packing"


def test_a_fault_says_what_git_said_and_the_next_question_is_answered(
    home: Path, store: Store
) -> None:
    head = git(home, "rev-parse", "HEAD").strip()
    store.move([f"create refs/autoresearch/t/1 {head}"])
    with pytest.raises(HistoryFault, match=r"git update-ref failed: .*cannot lock ref"):
        store.move([f"create refs/autoresearch/t/2 {head}", f"create refs/autoresearch/t/1 {head}"])
    refs = git(home, "for-each-ref", "--format=%(refname)", "refs/autoresearch").split()
    assert refs == ["refs/autoresearch/t/1"], "none of the steps was made"
    store.move([f"delete refs/autoresearch/t/1 {head}"])
    with pytest.raises(HistoryFault, match="cannot read the tree of"):
        store.tree_of("0" * len(head))
    with pytest.raises(HistoryFault, match="not a name"):
        store.tree_of("HEAD\nHEAD")
    with pytest.raises(HistoryFault, match="NUL"):
        store.commit(store.tree_of(head), [head], "a\0b")


def test_a_lock_that_was_left_is_named(home: Path, store: Store) -> None:
    head = git(home, "rev-parse", "HEAD").strip()
    (home / ".git" / "packed-refs.lock").write_text("")
    git_folder = home / ".git" / "refs" / "autoresearch" / "t"
    git_folder.mkdir(parents=True)
    (git_folder / "1.lock").write_text("")
    with pytest.raises(HistoryFault) as fault:
        store.move([f"create refs/autoresearch/t/1 {head}"])
    assert fault.value.next_command.startswith("rm ")


def test_a_command_that_was_killed_is_started_again(home: Path, store: Store) -> None:
    store.blob(b"one\n")
    store.tree_of("HEAD")
    for pid in processes():
        os.kill(int(pid), signal.SIGKILL)
    with pytest.raises(HistoryFault):
        store.blob(b"two\n")
    assert git(home, "cat-file", "blob", store.blob(b"two\n")) == "two"
    with pytest.raises(HistoryFault):
        store.tree_of("HEAD")
    assert store.tree_of("HEAD") == git(home, "rev-parse", "HEAD^{tree}").strip()


def test_threads_get_their_own_answers(home: Path, store: Store) -> None:
    wrong: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            data = f"{number} {turn}\n".encode() * (1 + number * 500)
            if git_hash(data, store) != store.blob(data):
                wrong.append(f"{number} {turn}")
            if store.file("HEAD", "a/y.py") != FILES["a/y.py"]:
                wrong.append(f"{number} {turn} read")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def git_hash(data: bytes, store: Store) -> str:
    kind = "sha1" if len(store.tree_of("HEAD")) == 40 else "sha256"
    whole = f"blob {len(data)}\0".encode() + data
    return hashlib.new(kind, whole, usedforsecurity=False).hexdigest()


def test_nothing_runs_before_it_is_asked_or_after_it_is_closed(home: Path) -> None:
    before = processes()
    with Store(Plumbing(home)) as store:
        assert processes() == before
        store.blob(b"x")
        store.tree_of("HEAD")
        assert len(processes() - before) == 2
    assert processes() == before
    assert store.tree_of("HEAD"), "it may be asked again"
    del store
    assert processes() == before, "and ends with the object"


def test_without_git_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_repository(tmp_path / "r")
    monkeypatch.setenv("PATH", str(tmp_path))
    with Store(Plumbing(home)) as store, pytest.raises(HistoryFault, match="not installed"):
        store.tree_of("HEAD")


def test_a_full_disk_is_a_fault(home: Path) -> None:
    """A limit of the size of files stands for it."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from agent.errors import HistoryFault\n"
        "from agent.git.plumbing import Plumbing\n"
        "from agent.git.store import Store\n"
        "with Store(Plumbing(Path(sys.argv[1]))) as store:\n"
        "    store.blob(b'small')\n"
        "    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "    try:\n"
        "        store.blob(b'x' * 5000)\n"
        "    except HistoryFault as fault:\n"
        "        print(fault.message, fault.next_command)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True
    )
    assert "cannot write a file" in done.stdout
    assert "ulimit -f" in done.stdout


def test_its_commands_end_with_a_harness_that_is_killed(home: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from agent.git.plumbing import Plumbing\n"
        "from agent.git.store import Store\n"
        "store = Store(Plumbing(Path(sys.argv[1])))\n"
        "store.blob(b'x')\n"
        "store.tree_of('HEAD')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script, str(home)], **pipes) as harness:  # type: ignore[call-overload]
        assert harness.stdout.readline() == b"ready\n"
        children = Path(f"/proc/{harness.pid}/task/{harness.pid}/children").read_text().split()
        descriptors = [os.pidfd_open(int(pid)) for pid in children]
        assert len(descriptors) == 2
        harness.kill()
        for descriptor in descriptors:
            assert select.select([descriptor], [], [], 30)[0], "it ends by itself"
            os.close(descriptor)
