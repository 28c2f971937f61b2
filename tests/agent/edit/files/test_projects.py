"""Edits over real projects of several files: whatever people do, edits say it byte for byte."""

import random
from difflib import SequenceMatcher

import pytest

from agent.edit.files import Sources, apply_edits, difference, fingerprint_of, guard_files
from agent.edit.files.difference import following_renames, renamed_files
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile, RewriteFile
from agent.records.proposals import Proposal, Provenance
from tests.agent.edit.files.projects import changed, packages, project

BY = Provenance(method="list", origin="scripted")
FAST = 20
SWEEP = 1_500
FEW_LINES = 5
LONG = 60
"""Lines of a file in which a few changed ones are never most of it."""


def check(name: str, seed: int) -> bool:
    """Check one change of one installed package; say whether there was something to check."""
    old = project(name, seed)
    if old is None:
        return False
    new = changed(old, seed)
    edits = difference(old, new)
    assert apply_edits(old, _through_json(edits)) == new
    assert (edits == ()) == (old == new)
    assert {edit.file for edit in edits if edit.file} <= {*old.files, *new.files}
    assert _paths_that_changed(old, edits) == _differing(old, new)
    for edit in edits:
        if isinstance(edit, RewriteFile):
            assert not _is_small(old, new, edit), edit.file
    assert (fingerprint_of(old) == fingerprint_of(new)) or old != new
    if old.files.keys() != new.files.keys():
        refused = guard_files(old, new)
        assert refused is None or refused.reason != "seed-only", refused
    return True


def _through_json(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    proposal = Proposal(hypothesis="try it", edits=edits, by=BY)
    return Proposal.model_validate_json(proposal.model_dump_json()).edits


def _paths_that_changed(old: Sources, edits: tuple[Edit, ...]) -> set[str]:
    """The paths that edits are about; a renamed file has two."""
    paths = set()
    for edit in edits:
        paths.add(edit.file or old.main)
        if isinstance(edit, RenameFile):
            paths.add(edit.to)
    return paths


def _differing(old: Sources, new: Sources) -> set[str]:
    paths = {*old.files, *new.files}
    return {path for path in paths if old.files.get(path) != new.files.get(path)}


def _is_small(old: Sources, new: Sources, edit: RewriteFile) -> bool:
    """Whether a rewrite stands for a few changed lines of a long file."""
    path = edit.file or old.main
    names = {to: name for name, to in renamed_files(old, new).items()}
    before = old.files[names.get(path, path)].splitlines(keepends=True)
    after = new.files[path].splitlines(keepends=True)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    lines = 0
    for tag, first, last, start, stop in matcher.get_opcodes():
        if tag != "equal":
            lines += max(last - first, stop - start)
    return len(before) > LONG and lines <= FEW_LINES


def _cases(first: int, count: int) -> list[tuple[str, int]]:
    names = packages()
    return [(random.Random(seed).choice(names), seed) for seed in range(first, first + count)]


def test_a_sample_of_installed_packages() -> None:
    checked = [seed for name, seed in _cases(0, FAST) if check(name, seed)]
    assert len(checked) > FAST / 5, "enough of the sample are projects"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(10))
def test_installed_packages(part: int) -> None:
    first = 1_000 + part * SWEEP // 10
    checked = [seed for name, seed in _cases(first, SWEEP // 10) if check(name, seed)]
    assert len(checked) > SWEEP / 50


# ------------------------------------------------------------ hand-made

FILES = {
    "train.py": "LR = 0.1\n",
    "model/net.py": "".join(f"W{number} = {number}\n" for number in range(30)),
    "conf/base.yaml": "optim:\n  lr: 0.1\n  # kept\n  beta: 0.9\n",
    "notes.txt": "one\ntwo\nthree\n",
}


def tree(**changes: str | None) -> Sources:
    """The hand-made project with other texts by path; None takes a file out."""
    files = {
        **FILES,
        **{path.replace("__", "/").replace("_", "."): t for path, t in changes.items()},
    }
    there = {path: text for path, text in files.items() if text is not None}
    return Sources(there, patterns=("**/*",))


def kinds(new: Sources) -> list[str]:
    old = tree()
    edits = difference(old, new)
    assert apply_edits(old, edits) == new
    return [edit.kind for edit in edits]


def test_a_moved_file_is_renamed() -> None:
    text = FILES["model/net.py"]
    assert kinds(tree(model__net_py=None, model__deep__net_py=text)) == ["rename_file"]


def test_a_moved_and_changed_file_keeps_its_small_edit() -> None:
    text = FILES["model/net.py"].replace("W9 = 9", "W9 = 10")
    new = tree(model__net_py=None, model__deep__net_py=text)
    assert kinds(new) == ["rename_file", "set_constant"]


def test_a_file_is_renamed_if_most_of_its_lines_are_the_same() -> None:
    lines = FILES["model/net.py"].splitlines(keepends=True)
    most = "".join([*lines[:19], *(f"V{number} = 1\n" for number in range(11))])
    half = "".join([*lines[:17], *(f"V{number} = 1\n" for number in range(13))])
    assert kinds(tree(model__net_py=None, other_py=most))[0] == "rename_file"
    assert kinds(tree(model__net_py=None, other_py=half)) == ["delete_file", "add_file"]
    empty = Sources({"train.py": "", "a/__init__.py": ""}, patterns=("**",))
    moved = Sources({"train.py": "", "b/__init__.py": ""}, patterns=("**",))
    assert [edit.kind for edit in difference(empty, moved)] == ["rename_file"]


def test_edits_follow_the_files_that_were_renamed() -> None:
    new = tree(notes_txt=None, docs__notes_txt=FILES["notes.txt"])
    edits = [RewriteFile(file=file, code="") for file in (None, "notes.txt", "conf/base.yaml")]
    followed = [edit.file for edit in following_renames(edits, tree(), new)]
    assert followed == [None, "docs/notes.txt", "conf/base.yaml"]


def test_a_file_that_becomes_a_folder() -> None:
    new = tree(notes_txt=None, notes_txt__one_txt=FILES["notes.txt"])
    assert kinds(new) == ["rename_file"]


def test_a_folder_in_place_of_a_deleted_file() -> None:
    """The file goes first, else it would be in the way."""
    old = Sources({"train.py": "LR = 0.1\n", "z": "one\n"}, patterns=("**",))
    new = Sources({"train.py": "LR = 0.1\n", "z/a.txt": "quite\nanother\n"}, patterns=("**",))
    edits = difference(old, new)
    assert [edit.kind for edit in edits] == ["delete_file", "add_file"]
    assert apply_edits(old, edits) == new


def test_files_that_take_each_other_s_folders_keep_small_edits_elsewhere() -> None:
    """Neither can be renamed first; the file beside them is still edited and not rewritten."""
    one = "".join(f"a{number}\n" for number in range(20))
    two = "".join(f"b{number}\n" for number in range(20))
    main = FILES["model/net.py"]
    old = Sources({"train.py": main, "x": one, "y": two}, patterns=("**",))
    changed_main = main.replace("W3 = 3", "W3 = 4")
    new = Sources({"train.py": changed_main, "y/z": one, "x/w": two}, patterns=("**",))
    edits = difference(old, new)
    assert apply_edits(old, edits) == new
    assert "rewrite_file" not in [edit.kind for edit in edits]


def test_swapped_files() -> None:
    assert "rewrite_file" in kinds(tree(notes_txt="a: 1\n" * 9, conf__base_yaml="one: 2\n"))


def test_a_value_of_a_configuration_is_set() -> None:
    new = tree(conf__base_yaml=FILES["conf/base.yaml"].replace("0.1", "0.2"))
    assert difference(tree(), new)[0].model_dump(exclude_none=True) == {
        "kind": "set_constant",
        "file": "conf/base.yaml",
        "name": "optim.lr",
        "value": "0.2",
    }


@pytest.mark.parametrize("path", ["notes.txt", "conf/base.yaml", "model/net.py", "train.py"])
@pytest.mark.parametrize("ends", ["stripped", "windows"])
def test_ends_of_lines_and_files(path: str, ends: str) -> None:
    old = tree()
    text = FILES[path]
    other = text.rstrip("\n") if ends == "stripped" else text.replace("\n", "\r\n")
    new = old.with_file(path, other)
    assert apply_edits(old, difference(old, new)) == new
    assert apply_edits(new, difference(new, old)) == old


def test_one_refused_edit_undoes_all() -> None:
    old = tree()
    edits: list[Edit] = [
        DeleteFile(file="notes.txt"),
        AddFile(file="new.txt", code="x"),
        DeleteFile(file="nope.txt"),
    ]
    assert not isinstance(apply_edits(old, edits), Sources)
    assert old == tree(), "and the old state is as it was"


def test_a_folder_of_many_files_moves() -> None:
    """Each is renamed, whatever their number; with 1,500 of them this once took minutes."""
    names = range(1_500)
    others = {f"data/d{number}.bin": "" for number in range(10_000)}
    texts = {f"old/deep/m{number}.txt": f"{number}\n" for number in names}
    moved = {f"new/deep/m{number}.txt": f"{number}\n" for number in names}
    old = Sources({"train.py": "LR = 1\n", **texts}, patterns=("**",), others=others)
    new = Sources({"train.py": "LR = 1\n", **moved}, patterns=("**",), others=others)
    edits = difference(old, new)
    assert {edit.kind for edit in edits} == {"rename_file"}
    assert apply_edits(old, edits) == new


def test_files_that_are_alike_keep_their_names() -> None:
    old = tree(a__one_py="X = 1\n", a__two_py="X = 1\n")
    new = tree(b__one_py="X = 1\n", b__two_py="X = 1\n")
    assert [
        (edit.file, edit.to) for edit in difference(old, new) if isinstance(edit, RenameFile)
    ] == [
        ("a/one.py", "b/one.py"),
        ("a/two.py", "b/two.py"),
    ]
