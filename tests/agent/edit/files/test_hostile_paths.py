"""Paths and texts that a hostile or confused model writes: refused, never raised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit.files import Sources, apply_edits, fingerprint_of
from agent.edit.source import MAX_CHARACTERS
from agent.records.edits import (
    AddFile,
    AddImport,
    DeleteDefinition,
    DeleteFile,
    Edit,
    InsertDefinition,
    Refused,
    RenameFile,
    ReplaceDefinition,
    ReplaceStatements,
    ReplaceText,
    RewriteFile,
    SetConstant,
)
from agent.records.sources import MAX_FILES, MAX_GROWN

GLOBS = ("train.py", "**/*.py", "**/*.yaml", "**/*.txt", "!model/fixed.py")
FILES = {
    "train.py": "LR = 0.1\n",
    "model/net.py": "WIDTH = 4\n",
    "conf/base.yaml": "lr: 0.1\n",
    "notes.txt": "one\n",
}
OTHERS = {
    "model/fixed.py": "",
    "data": "it is a link or a submodule",
    "conf/bin.txt": "it is binary, or not UTF-8",
    "prepare.py": "it is part of how trials are measured",
    "lib/x.so": "",
}
PROJECT = Sources(FILES, patterns=GLOBS, others=OTHERS)

BAD = [
    "../x.py",
    "/x.py",
    "/etc/passwd.txt",
    "a/../../x.py",
    "a/../x.py",
    "./x.py",
    "a/./x.py",
    "a//x.py",
    "x.py/",
    "",
    ".",
    "..",
    ".git/config.txt",
    ".git/hooks/x.py",
    ".GIT/x.py",
    "model/.git/x.py",
    ".github/x.yaml",
    ".autoresearch/x.py",
    ".hidden.py",
    "git~1/x.py",
    "GIT~1.py",
    "a\0.py",
    "a\n.py",
    "a\r.py",
    "a\t.py",
    "a\\b.py",
    "C:x.py",
    "a:b.py",
    "a*.py",
    "a?.py",
    'a".py',
    "a<b>.py",
    "a|b.py",
    "a\u200bb.py",
    "a\u202eb.py",
    "a\ufeff.py",
    "a\x1b[31m.py",
    "\udc80.py",
    " x.py",
    "x.py ",
    "folder /x.py",
    "folder./x.py",
    "x.py.",
    "-rf.py",
    "--help.py",
    f"{'a' * 254}.py",
    f"{'é' * 127}.py",
    f"{'a/' * 300}x.py",
    "Train.py",
    "TRAIN.PY",
    "model/NET.py",
    "MODEL/x.py",
    "Conf/x.yaml",
    "model/fixed.py",
    "model/FIXED.py",
    "data/x.py",
    "data",
    "conf/bin.txt",
    "prepare.py",
    "PREPARE.py",
    "lib/x.so/y.py",
    "model/net.py/x.py",
    "notes.txt/x.txt",
    "model",
    "train.py",
    "model/net.py",
    "weights.pt",
    "x.sh",
]


@pytest.mark.parametrize("path", BAD)
def test_no_new_file_is_there(path: str) -> None:
    """Neither added nor renamed to."""
    for edit in (
        AddFile.model_construct(file=path, code=""),
        RenameFile.model_construct(file="conf/base.yaml", to=path),
    ):
        refused = apply_edits(PROJECT, [edit])
        assert isinstance(refused, Refused)
        assert refused.reason == "outside-file"
        assert refused.hint
        assert refused.where.isprintable()


@pytest.mark.parametrize("path", [path for path in BAD if path not in FILES])
def test_no_file_there_is_edited(path: str) -> None:
    for edit in (
        ReplaceText.model_construct(file=path, old="a", new="b"),
        RewriteFile.model_construct(file=path, code=""),
        SetConstant.model_construct(file=path, name="lr", value="1"),
        DeleteFile.model_construct(file=path),
        RenameFile.model_construct(file=path, to="new.py"),
    ):
        refused = apply_edits(PROJECT, [edit])
        assert isinstance(refused, Refused)
        assert refused.reason == "outside-file"


@pytest.mark.parametrize("path", ["café.py", "a b.py", "$(x).py", "a'b.py", "%s.py", "а.py"])
def test_odd_but_possible_paths(path: str) -> None:
    added = apply_edits(PROJECT, [AddFile(file=path, code="X = 1\n")])
    assert isinstance(added, Sources)
    composed = {"café.py": "cafe\u0301.py"}.get(path, path.upper())
    twin = apply_edits(added, [AddFile(file=composed, code="X = 1\n")])
    assert path == composed or isinstance(twin, Refused), "a twin to some systems"


@pytest.mark.parametrize("path", ["notes.txt", "conf/bin.txt"])
def test_no_file_is_put_over_another(path: str) -> None:
    for edit in (AddFile(file=path, code="x"), RenameFile(file="model/net.py", to=path)):
        refused = apply_edits(PROJECT, [edit])
        assert isinstance(refused, Refused) and f"{path} is taken" in refused.where


def test_letters_alone_may_change_by_a_rename() -> None:
    renamed = apply_edits(PROJECT, [RenameFile(file="model/net.py", to="model/Net.py")])
    assert isinstance(renamed, Sources)
    assert set(renamed.files) == {"train.py", "model/Net.py", "conf/base.yaml", "notes.txt"}


def test_train_py_stays_where_it_is() -> None:
    for edit in (DeleteFile(file="train.py"), RenameFile(file="train.py", to="x.py")):
        assert isinstance(apply_edits(PROJECT, [edit]), Refused)


def test_train_py_outside_files_is_not_edited() -> None:
    project = Sources(FILES, patterns=("conf/*.yaml",))
    for edit in (
        SetConstant(name="LR", value="1"),
        RewriteFile(code=""),
        RewriteFile(file="train.py", code=""),
    ):
        refused = apply_edits(project, [edit])
        assert isinstance(refused, Refused)
        assert refused.reason == "outside-file"
    changed = apply_edits(project, [SetConstant(file="conf/base.yaml", name="lr", value="1")])
    assert isinstance(changed, Sources)


@pytest.mark.parametrize(
    "edit",
    [
        RewriteFile(file="notes.txt", code="a\0b"),
        ReplaceText(file="notes.txt", old="one", new="\0"),
        AddFile(file="new.txt", code="a\0b"),
        RewriteFile(file="notes.txt", code="x" * (MAX_CHARACTERS + 1)),
        AddFile(file="new.txt", code="x" * (MAX_CHARACTERS + 1)),
        AddFile(file="new.yaml", code="a: [1"),
        AddFile(file="new.py", code="def"),
        RewriteFile(file="conf/base.yaml", code="a: [1"),
        ReplaceText(file="model/net.py", old="WIDTH = 4", new="WIDTH ="),
    ],
)
def test_no_edit_makes_a_file_that_is_not_read_again(edit: Edit) -> None:
    refused = apply_edits(PROJECT, [edit])
    assert isinstance(refused, Refused)
    assert refused.reason == "syntax"


def test_half_a_character_never_arrives() -> None:
    """A lone surrogate, as JSON can write it, could not be committed."""
    edit = AddFile(file="new.txt", code="a\ud800b")
    added = apply_edits(PROJECT, [edit])
    assert isinstance(added, Sources)
    added.files["new.txt"].encode()


def test_a_night_cannot_fill_the_project() -> None:
    """Files and characters have bounds that reading has, too: else no resume would read them."""
    block = "x" * (MAX_CHARACTERS - 1)
    count = MAX_GROWN // MAX_CHARACTERS + 1
    many = [AddFile(file=f"big/x{number}.txt", code=block) for number in range(count)]
    assert isinstance(apply_edits(PROJECT, many), Refused)
    room = MAX_FILES - len(FILES)
    crowd = {f"m/x{number}.txt": "" for number in range(room)}
    full = Sources({**FILES, **crowd}, patterns=GLOBS)
    assert isinstance(apply_edits(full, [AddFile(file="m/one.txt", code="")]), Refused)
    # A project that is larger already may still be edited.
    huge = PROJECT.with_file("big.txt", "x" * (MAX_GROWN + 10))
    assert isinstance(apply_edits(huge, [SetConstant(name="LR", value="1")]), Sources)


def test_later_edits_meet_what_earlier_ones_made() -> None:
    edits: list[Edit] = [
        RenameFile(file="notes.txt", to="docs/notes.txt"),
        ReplaceText(file="docs/notes.txt", old="one", new="two"),
        AddFile(file="notes.txt", code="again\n"),
        DeleteFile(file="model/net.py"),
        AddFile(file="model/net.py/__init__.py", code="WIDTH = 3\n"),
        SetConstant(file="model/net.py/__init__.py", name="WIDTH", value="5"),
    ]
    made = apply_edits(PROJECT, edits)
    assert isinstance(made, Sources)
    assert made.files["docs/notes.txt"] == "two\n"
    assert made.files["notes.txt"] == "again\n"
    assert made.files["model/net.py/__init__.py"] == "WIDTH = 5\n"


# ------------------------------------------------------------ random edits against a model

_PATHS = st.sampled_from([*FILES, *OTHERS, *BAD[:40], "new.py", "new/a.txt", "new/b.yaml", "x.txt"])
_TEXTS = st.sampled_from(
    [
        "",
        "one",
        "two\n",
        "LR = 0.1\n",
        "lr: 0.1\n",
        "WIDTH = 4\n",
        "def f():\n  return 1\n",
        "(",
        "\0",
    ]
)
_NAMES = st.sampled_from(["LR", "lr", "WIDTH", "f", "a.b[0]", "", "\0", "."])


def _edits() -> st.SearchStrategy[Edit]:
    path = st.one_of(st.none(), _PATHS)
    code = {"file": path, "code": _TEXTS}
    return st.one_of(
        st.builds(SetConstant, file=path, name=_NAMES, value=_TEXTS),
        st.builds(ReplaceDefinition, name=_NAMES, **code),
        st.builds(InsertDefinition, **code),
        st.builds(DeleteDefinition, file=path, name=_NAMES),
        st.builds(ReplaceStatements, file=path, old=_TEXTS, new=_TEXTS),
        st.builds(AddImport, **code),
        st.builds(ReplaceText, file=path, old=_TEXTS, new=_TEXTS),
        st.builds(RewriteFile, **code),
        st.builds(AddFile, file=_PATHS, code=_TEXTS),
        st.builds(DeleteFile, file=_PATHS),
        st.builds(RenameFile, file=_PATHS, to=_PATHS),
    )


def _expected(files: dict[str, str], edit: Edit) -> dict[str, str]:
    """The files after an edit that was made, where a simple model knows them."""
    after = dict(files)
    match edit:
        case AddFile(file=path, code=text):
            after[path] = text
        case DeleteFile(file=path):
            del after[path]
        case RenameFile(file=path, to=to):
            after[to] = after.pop(path)
        case RewriteFile(file=path, code=text):
            after[path or "train.py"] = text
        case ReplaceText(file=path, old=old, new=new):
            after[path or "train.py"] = after[path or "train.py"].replace(old, new)
    return after


@settings(max_examples=300, deadline=None)
@given(st.lists(_edits(), max_size=6))
def test_random_edits(edits: list[Edit]) -> None:
    current = PROJECT
    for edit in edits:
        made = apply_edits(current, [edit])
        if isinstance(made, Refused):
            assert str(made).isprintable()
            continue
        _check_paths(made)
        own = getattr(edit, "file", None) or "train.py"
        touched = {own, getattr(edit, "to", own)}
        for path in {*current.files, *made.files} - touched:
            assert made.files.get(path) == current.files.get(path), "only its own file"
        if isinstance(edit, AddFile | DeleteFile | RenameFile | RewriteFile | ReplaceText):
            assert dict(made.files) == _expected(dict(current.files), edit)
        current = made
    together = apply_edits(PROJECT, edits)
    if isinstance(together, Sources):
        assert together == current
        assert fingerprint_of(together) == fingerprint_of(current)


def _check_paths(sources: Sources) -> None:
    """No file stands where another's folder is, and none is what may not be edited."""
    for path in sources.files:
        assert path not in OTHERS
        assert path not in BAD or path in FILES
        assert not any(other.startswith(f"{path}/") for other in sources.files)
    assert sources.main in sources.files
