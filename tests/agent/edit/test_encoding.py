"""Only UTF-8: what is a comment to the analysis is one to Python, too."""

import ast
import warnings
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edit import apply, diff
from agent.edit.apply import Applied
from agent.edit.encoding import foreign_encoding
from agent.edit.files import Sources, apply_edits, difference
from agent.edit.files import guard_files as guard
from agent.edit.source import read
from agent.errors import ProjectFault
from agent.records.edits import AddImport, Refused, ReplaceStatements, RewriteFile, SetConstant

FOREIGN = (
    "# coding: utf-7\n",
    "# coding=utf-7\n",
    "#coding:utf7\n",
    "# -*- coding: latin-1 -*-\n",
    "# vim: set fileencoding=utf-16 :\n",
    "\n# coding: utf-7\n",
    "#!/usr/bin/env python\n# coding: utf-7\n",
    "\f# coding: utf-7\n",
    " \t# coding: utf-7\n",
    "\r# coding: utf-7\r",
    "# first\r# coding: utf-7\r",
    "# coding: ; coding: utf-7\n",
    "\ufeff# coding: utf-7\n",
    "\ufeff\n# coding: cp1252\n",
    "# coding: no-such-codec\n",
    "# coding: rot13\n",
    "# coding: unicode_escape\n",
    "# coding: raw-unicode-escape\n",
)
UTF_8 = (
    "",
    "# coding: utf-8\n",
    "# -*- coding: UTF_8 -*-\n",
    "\ufeff# coding: utf-8\n",
    "#\n#\n# coding: utf-7\n",
    "x = 1\n# coding: utf-7\n",
    "'''\n# coding: utf-7\n'''\n",
    "# a word on coding\n",
)


@pytest.mark.parametrize("head", FOREIGN)
def test_a_foreign_cookie_is_refused_in_a_file(head: str) -> None:
    source = head + "LR = 0.1\n"
    refused = read(source)
    assert isinstance(refused, Refused)
    assert refused.reason == "syntax"
    assert "encoding" in refused.where
    assert isinstance(apply(source, [SetConstant(name="LR", value="2")]), Refused)
    assert isinstance(apply("LR = 0.1\n", [RewriteFile(code=source)]), Refused)
    assert isinstance(apply("LR = 0.1\n", diff("LR = 0.1\n", source)), Refused)
    assert isinstance(guard("LR = 0.1\n", source), Refused)


@pytest.mark.parametrize("head", UTF_8)
def test_utf_8_is_read_however_it_is_declared(head: str) -> None:
    assert foreign_encoding(head + "LR = 0.1\n") is None
    assert isinstance(apply(head + "LR = 0.1\n", [SetConstant(name="LR", value="2")]), Applied)


def test_bytes_that_are_not_utf_8_are_never_replaced() -> None:
    """A script of a shell in Latin-1: an edit beside the byte keeps it, none can change it."""
    old = Sources({"run.sh": "LR=1\n# caf\udce9\nWD=1\nB=2\nC=3\n"}, "run.sh", ("run.sh",))
    beside = old.with_text(old.text.replace("C=3", "C=4"))
    assert apply_edits(old, difference(old, beside)) == beside
    for text in (old.text.replace("caf\udce9", "th\udce9"), old.text.replace("LR=1", "LR\udce9")):
        with pytest.raises(ProjectFault, match=r"run\.sh cannot be edited there: it is not UTF-8"):
            difference(old, old.with_text(text))
    assert difference(old, old.with_text("LR=1\n")) == (RewriteFile(code="LR=1\n"),)
    assert foreign_encoding("x = 1\n" * 9 + "# caf\udce9\n") is not None


def test_a_file_that_becomes_binary_is_not_deleted() -> None:
    old = Sources({"train.py": "x = 1\n", "a.yaml": "lr: 1\n"}, patterns=("*.py", "*.yaml"))
    new = replace(old, files={"train.py": "x = 1\n"}, others={"a.yaml": "it is binary"})
    for before, after in ((old, new), (new, old)):
        with pytest.raises(ProjectFault, match=r"a\.yaml cannot be edited there: it is binary"):
            difference(before, after)


def test_no_edit_brings_a_cookie_in() -> None:
    source = "# a file\nx = 1\nLR = 0.1\n"
    for edit in (
        ReplaceStatements(old="x = 1", new="# coding: utf-7\nx = 1"),
        AddImport(code="# coding: utf-7\nimport os"),
        ReplaceStatements(old="x = 1", new="x = 2  # coding: utf-7"),
    ):
        applied = apply(source, [edit])
        if isinstance(applied, Applied):
            assert foreign_encoding(applied.source) is None


@pytest.mark.parametrize(
    "text", ["x = 1\x00\n", "# \x00\nx = 1\n", "x = '\ud800'\n", "x = '\udcff'\n", "x = 1\x1a\n"]
)
def test_what_is_no_text_is_refused(text: str) -> None:
    assert isinstance(read(text), Refused)


PARTS = (
    *"\n\r\f\t #'x=1\\:",
    "\r\n",
    "\ufeff",
    "'''",
    "# coding: latin-1",
    "# coding=utf-8",
    "\f# -*- coding: cp1252 -*-",
    "# vim: fileencoding=utf-16",
    "# coding: ",
    "coding: utf-7",
    "x = 1",
    "# +AAo-y = 2 +AAo-",
    "# é",
    "\x1a",
    "\x00",
    "\x0b# coding: utf-7",
    "#!/usr/bin/python",
    "# codingcoding:utf7",
    "# coding: u8",
)


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join))
def test_what_passes_is_the_same_program_to_python(text: str) -> None:
    if foreign_encoding(text) is None and (mine := parsed(text.removeprefix("\ufeff"))):
        assert parsed(text.encode()) == mine


def parsed(code: str | bytes) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, LookupError):
        return None
