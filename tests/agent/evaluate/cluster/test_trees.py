"""Trees and caches: what is made of a folder elsewhere is what the folder was, and nothing else."""

import errno
import hashlib
import os
import shlex
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.errors import SandboxFault
from agent.evaluate.bench import Plan
from agent.evaluate.cluster.cache import Cache
from agent.evaluate.cluster.cores import claim
from agent.evaluate.cluster.localised import localised, to_send
from agent.evaluate.cluster.sending import Sending
from agent.evaluate.cluster.trees import Leaf, Link, Tree, make_tree, read_tree
from agent.evaluate.cluster.wire import Needs
from agent.evaluate.machine import total_memory
from agent.records.results import Order
from sandbox.score.evaluator.evaluation import Evaluation
from tests.agent.evaluate.cluster.direct import printed_plan

ODD = os.fsdecode(b"caf\xe9 \n.txt")


def folder_with_everything(place: Path) -> Path:
    (place / "sub/deep").mkdir(parents=True)
    (place / "empty").mkdir()
    (place / "sub/a.py").write_text("print(1)\n")
    (place / "sub/deep" / ODD).write_bytes(b"\x00\xff")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "run.sh").chmod(0o755)
    (place / "nothing").touch()
    (place / "link").symlink_to("sub/a.py")
    (place / "linked folder").symlink_to("sub")
    (place / "dangling").symlink_to("/nowhere/at all")
    return place


def listing(place: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = (path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return found


def sent(sending: Sending, cache: Cache, tree: Tree) -> None:
    for pieces, contents in sending.pieces(cache.missing(tree.hashes)):
        for piece, content in zip(pieces, contents, strict=True):
            cache.put(piece.sha, piece.offset, content, piece.size)


@pytest.mark.parametrize("shared", [False, True])
def test_a_folder_arrives_as_it_was(tmp_path: Path, shared: bool) -> None:
    source = folder_with_everything(tmp_path / "source")
    sending = Sending(tmp_path, lambda *_: None, None)
    cache = Cache(tmp_path / "cache")
    tree = sending.folder(str(source))
    # It crosses as JSON.
    tree = Tree.model_validate_json(tree.model_dump_json())
    assert len(list(sending.pieces(tree.hashes))) == 1, "small files cross together"
    sent(sending, cache, tree)
    target = tmp_path / "target"
    if shared:
        target = cache.shared(tree)
        assert cache.shared(tree) == target
    else:
        cache.make(tree, target)
    assert listing(target) == listing(source)
    assert cache.missing(tree.hashes) == []
    [leaf] = [leaf for leaf in tree.leaves if leaf.path == "sub/a.py"]
    assert (target / leaf.path).samefile(cache.file(leaf.sha)) is shared


def test_a_large_file_arrives_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.sending.PIECE", 1000)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/large").write_bytes(os.urandom(4321))
    sending = Sending(tmp_path, lambda *_: None, None)
    cache = Cache(tmp_path / "cache")
    tree = sending.folder(str(tmp_path / "source"))
    assert len(list(sending.pieces(tree.hashes))) == 5
    sent(sending, cache, tree)
    arrived = cache.file(tree.hashes[0])
    assert arrived.read_bytes() == (tmp_path / "source/large").read_bytes()
    assert arrived.stat().st_mode & 0o777 == 0o644, "a run's own user reads it"


def test_of_many_commits_the_newest_lists_of_files_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.evaluate.cluster.sending.KEPT_TREES", 2)
    written: list[str] = []

    def export(commit: str, folder: Path) -> None:
        written.append(commit)
        folder.mkdir()
        (folder / "a.py").write_text(commit)

    sending = Sending(tmp_path, export, None)
    for commit in ("1", "2", "3", "2", "3", "1"):
        tree = sending.commit(Order(commit=commit, seed=0))
        assert tree.hashes == (hashlib.sha256(commit.encode()).hexdigest(),)
    assert written == ["1", "2", "3", "1"]


def test_one_file_and_hidden_paths(tmp_path: Path) -> None:
    source = folder_with_everything(tmp_path / "source")
    tree, _ = read_tree(source, (str(source / "sub"),))
    assert [leaf.path for leaf in tree.leaves] == ["nothing", "run.sh"]
    single, _ = read_tree(source / "run.sh")
    assert [leaf.path for leaf in single.leaves] == ["."]
    make_tree(single, tmp_path / "new/deep/run.sh", lambda _: source / "run.sh")
    assert listing(tmp_path / "new") == {
        "deep": "folder",
        "deep/run.sh": (b"#!/bin/sh\n", True),
    }


def test_content_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with pytest.raises(SandboxFault, match="came with another content"):
        cache.put("0" * 64, 0, b"something", 9)
    assert cache.missing(["0" * 64]) == ["0" * 64]
    assert not [*(tmp_path / "cache/parts").iterdir()]


def test_a_piece_that_a_full_disk_has_no_room_for_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        cache.put("0" * 64, 0, b"something", 9)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_piece_that_is_written_bit_by_bit_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: pwrite(file, data[:4], at))
    sha = hashlib.sha256(b"in several bits").hexdigest()
    cache.put(sha, 0, b"in several", 15)
    cache.put(sha, 10, b" bits", 15)
    assert cache.file(sha).read_bytes() == b"in several bits"


def test_what_was_sent_lies_in_a_checkout_and_a_home_of_the_node(tmp_path: Path) -> None:
    judged = Evaluation(script="e.py", hidden=("/home/me/p/more",), test=("/home/me/p/set",))

    def here(*paths: str, stated: bool = True) -> Plan:
        hidden = ("/home/me/data/val", "/home/me/other")
        plan = printed_plan(
            read_only=(*paths, "/opt/there"),
            checkout="/home/me/p",
            hidden=hidden,
            evaluation=judged,
            memory_bytes=7,
        )
        sent = dict.fromkeys(paths, Tree())
        needs = Needs(plan=plan, has_memory_limit=stated, home="/home/me", sent=sent)
        found = localised(needs, Cache(tmp_path / "cache"), tmp_path / "place", 2)
        assert found.sent == {} and str(tmp_path / "cache") in found.plan.hidden
        return found.plan

    home = str(tmp_path / "place/home")
    checkout = str(tmp_path / "place/checkout")
    both = here("/home/me/p/more", "/home/me/data")
    assert both.read_only == (f"{checkout}/more", f"{home}/data", "/opt/there")
    assert (both.checkout, both.home) == (checkout, home)
    assert f"{home}/data/val" in both.hidden and f"{home}/other" not in both.hidden
    assert both.evaluation == judged.model_copy(update={"hidden": (f"{checkout}/more",)})
    assert both.memory_bytes == 7
    assert here(stated=False).memory_bytes == int(total_memory() * 0.8 / 2)
    inside = here("/home/me/p/set")
    assert (inside.checkout, inside.home) == (checkout, None)
    assert inside.evaluation and inside.evaluation.test == (f"{checkout}/set",)
    none = here()
    assert (none.read_only, none.checkout, none.home) == (("/opt/there",), "/home/me/p", None)
    with pytest.raises(SandboxFault, match="/data/set, which trainings read, is not here"):
        here("/data/set")


def test_a_sent_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("no folder")
    needs = Needs(
        plan=printed_plan(),
        has_memory_limit=True,
        home="/home/me",
        sent={"/home/me/a": Tree(folders=("b",))},
    )
    with pytest.raises(SandboxFault, match=r"cannot make .*home/a") as fault:
        localised(needs, Cache(tmp_path / "cache"), tmp_path / "place", 1)
    assert fault.value.next_command == "df -h"


def test_what_was_sent_takes_its_room_on_the_disk_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    sha = hashlib.sha256(b"x").hexdigest()
    cache.put(sha, 0, b"x", 1)
    tree = Tree(leaves=(Leaf(path="f", sha=sha, size=1),))
    needs = Needs(plan=printed_plan(), has_memory_limit=True, home="/me", sent={"/me/a": tree})
    localised(needs, cache, tmp_path / "place", 1)
    assert (tmp_path / "place/home/a/f").samefile(cache.file(sha))


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../up", "a/../../b", "a//b", "./a", "a\0b"])
def test_no_path_leads_out_of_a_tree(path: str) -> None:
    with pytest.raises(ValidationError):
        Leaf(path=path, sha="0" * 64, size=0)
    with pytest.raises(ValidationError):
        Link(path=path, target="x")
    with pytest.raises(ValidationError):
        Tree(folders=(path,))


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """A link and a file below it cannot both be: the folder is not there yet."""
    cache = Cache(tmp_path / "cache")
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("x")
    sending = Sending(tmp_path, lambda *_: None, None)
    [leaf] = sending.folder(str(source)).leaves
    sent(sending, cache, Tree(leaves=(leaf,)))
    (tmp_path / "outside").mkdir()
    tree = Tree(
        leaves=(leaf.model_copy(update={"path": "out/f"}),),
        links=(Link(path="out", target=str(tmp_path / "outside")),),
    )
    with pytest.raises(SandboxFault):
        cache.make(tree, tmp_path / "target")
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_cache_shows_a_run_only_what_is_shared(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Cache(tmp_path / "cache")
        (tmp_path / "cache/files").chmod(0o777)
        shared = Cache(tmp_path / "cache").shared(Tree())
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "cache").iterdir()}
    assert modes == {"files": 0o700, "trees": 0o711, "parts": 0o700}
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o711
    assert shared.parent.stat().st_mode & 0o777 == 0o755


def test_a_cache_that_cannot_be_made_or_lacks_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SandboxFault, match="cannot make the cache") as fault:
        Cache(tmp_path / "file/cache")
    assert fault.value.next_command == f"df -h {tmp_path}/file"
    cache = Cache(tmp_path / "cache")
    tree = Tree(leaves=(Leaf(path="a", sha="0" * 64, size=1, executable=False),))
    for make in (cache.shared, lambda tree: cache.make(tree, tmp_path / "made")):
        with pytest.raises(SandboxFault, match="cannot make /"):
            make(tree)
    assert not list((tmp_path / "cache/parts").iterdir()) + list(
        (tmp_path / "cache/trees").iterdir()
    )


def test_only_what_a_node_has_otherwise_is_sent_and_a_checkout_as_a_whole(tmp_path: Path) -> None:
    for name in ("home/a", "home/b", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x").write_text(name)
    a, b, elsewhere = (str(tmp_path / name) for name in ("home/a", "home/b", "elsewhere"))
    here = {path: read_tree(Path(path))[0].digest for path in (a, b, elsewhere)}
    home = str(tmp_path / "home")
    assert to_send(here, (), home) == ()
    assert to_send({**here, a: "other"}, (), home) == (a, b)
    assert to_send({**here, a: "other"}, (), None) == (a,)
    assert to_send({**here, elsewhere: "other"}, (), home) == (elsewhere,)
    os.mkfifo(tmp_path / "home/a/pipe")
    assert to_send({a: "", elsewhere: here[elsewhere]}, (), None) == (), "it is no folder of files"
    assert to_send({str(tmp_path / "gone"): "d"}, (), None) == (str(tmp_path / "gone"),)


def test_a_cache_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SandboxFault, match="belongs to somebody else"):
        Cache(tmp_path / "cache")


def test_what_nobody_used_for_long_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    (tmp_path / "source").mkdir()
    for name in ("old", "new"):
        (tmp_path / "source" / name).write_text(name)
    sending = Sending(tmp_path, lambda *_: None, None)
    tree = sending.folder(str(tmp_path / "source"))
    sent(sending, cache, tree)
    days = {leaf.sha: 8 if leaf.path == "old" else 6 for leaf in tree.leaves}
    for sha, count in days.items():
        then = time.time() - count * 24 * 3600
        os.utime(cache.file(sha), (then, then))
    old = [sha for sha, count in days.items() if count == 8]
    assert Cache(tmp_path / "cache").missing(tree.hashes) == old


def test_what_a_run_uses_is_kept_however_long_it_lasts(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    (tmp_path / "source").mkdir()
    (tmp_path / "source/data").write_text("1 2 3")
    sending = Sending(tmp_path, lambda *_: None, None)
    tree = sending.folder(str(tmp_path / "source"))
    sent(sending, cache, tree)
    shared = cache.shared(tree)
    os.utime(shared.parent, (0, 0))
    cache.keep(shared)
    Cache(tmp_path / "cache")
    assert (shared / "data").read_text() == "1 2 3"
    os.utime(shared.parent, (0, 0))
    Cache(tmp_path / "cache")
    assert not shared.exists()


def test_a_piece_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    content = b"first" + b"second"
    sha = hashlib.sha256(content).hexdigest()
    for offset, piece in ((0, b"first"), (0, b"first"), (5, b"second"), (5, b"second")):
        cache.put(sha, offset, piece, len(content))
    cache.put(sha, 0, b"first", len(content))
    assert cache.file(sha).read_bytes() == content
    assert list((tmp_path / "cache/parts").iterdir()) == []


def test_what_cannot_be_sent_is_named_with_a_command_that_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "with a space; and more"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(SandboxFault) as fault:
        read_tree(folder)
    assert shlex.split(fault.value.next_command or "") == ["ls", "-l", str(folder / "pipe")]
    (folder / "pipe").unlink()
    monkeypatch.setattr("agent.evaluate.cluster.trees.MAX_FILES", 2)
    for name in "abc":
        (folder / name).touch()
    with pytest.raises(SandboxFault, match="more than 2 files") as fault:
        read_tree(folder)
    assert str(folder) in shlex.split(fault.value.next_command or "")


def test_a_file_that_is_gone_before_it_is_sent_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("1 2 3")
    sending = Sending(tmp_path, lambda *_: None, None)
    tree = sending.folder(str(tmp_path / "data"))
    (tmp_path / "data").unlink()
    with pytest.raises(SandboxFault, match=r"cannot read .*data, which trials elsewhere need"):
        list(sending.pieces(tree.hashes))


def test_two_places_of_a_node_take_different_cores(tmp_path: Path) -> None:
    with ExitStack() as first, ExitStack() as second:
        assert claim((3, 4, 5), 2, tmp_path, first) == (3, 4)
        assert claim((3, 4, 5), 1, tmp_path, second) == (5,)
        assert claim((3, 4, 5), 1, tmp_path, second) == (3,)
        first.close()
        assert claim((5, 4), 1, tmp_path, second) == (4,), "it was given back"
        assert claim((3,), 0, tmp_path, second) == (3,), "one core at least"
        assert claim((7, 8), 1, tmp_path / "gone", second) == (7,), "no lock can be made there"
