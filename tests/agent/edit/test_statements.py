"""ReplaceStatements, AddImport and RewriteFile on before / after pairs."""

import pytest

from agent.records.edits import AddImport, ReplaceStatements, RewriteFile
from tests.agent.edit.pairs import made, pair, refused

CODE = """
def f(x):
    y = x+1  # add
    if y:
        z = "a"; w = 2
    return  y

def g(x):
    if x: return 1
    return  y
"""


def put(old: str, new: str, out: str, into: str, within: str | None = None) -> None:
    assert out in CODE
    assert made(CODE, ReplaceStatements(old=old, new=new, within=within)) == CODE.replace(
        out, into, 1
    )


def test_layout_comments_and_quotes_do_not_matter() -> None:
    put("y = (x + 1)", "y = x * 2", "    y = x+1  # add\n", "    y = x * 2\n")
    put("  z = 'a'\n  w = 2", "z = 1", '        z = "a"; w = 2\n', "        z = 1\n")
    put(
        "y = x + 1\nif y:\n  z = 'a'\n  w = 2\n",
        "y = 0",
        CODE[CODE.index("    y =") : CODE.index("    return  y")],
        "    y = 0\n",
    )


def test_code_that_does_not_parse_is_shown_by_its_line() -> None:
    refusal = refused(CODE, ReplaceStatements(old="y = 1\nx = (", new=""))
    assert (refusal.reason, refusal.hint) == ("syntax", "x = (")


def test_part_of_a_line() -> None:
    put("z = 'a'", "z = 'b'", '"a";', "'b';")
    put("w = 2", "w = 3", "w = 2", "w = 3")
    put(
        "w = 2",
        "for w in x:\n  pass",
        '"a"; w = 2\n',
        '"a"\n        for w in x:\n            pass\n',
    )
    put(
        "z = 'a'",
        "if x:\n  pass",
        '        z = "a"; w = 2\n',
        "        if x:\n            pass\n        w = 2\n",
    )
    put("return 1", "return 2", "if x: return 1", "if x: return 2")
    put(
        "return 1",
        "x = 1\nreturn x",
        "if x: return 1\n",
        "if x:\n        x = 1\n        return x\n",
    )
    put("return 1", "", "if x: return 1\n", "if x:\n        pass\n")


@pytest.mark.parametrize(
    ("before", "old"),
    [
        ("x = 1\n", "x = True"),
        ("x = 1\n", "x = 1.0"),
        ("f(1, 2)\n", "f(1)"),
        ("f(1)\n", "f(1, 2)"),
        ("@cached\ndef f(): pass\n", "def f(): pass"),
        ("x = a.b\n", "x = a.c"),
        ("x = 'a'\n", "x = b'a'"),
    ],
)
def test_what_only_looks_alike_is_no_match(before: str, old: str) -> None:
    answer = refused(before, ReplaceStatements(old=old, new="pass"))
    assert answer.reason == "unknown-name"


def test_within_reaches_everything_inside() -> None:
    before = "def f():\n    if x:\n        def g():\n            a()\n    return 1\na()\n"
    edit = ReplaceStatements(old="a()", new="b()", within="f")
    assert made(before, edit) == before.replace("            a()", "            b()")
    late = "try:\n    x()\nexcept E:\n    a()\nfinally:\n    b()\n"
    assert made(late, ReplaceStatements(old="a()", new="c()")) == late.replace("a()", "c()")
    assert made(late, ReplaceStatements(old="b()", new="c()")) == late.replace("b()", "c()")
    cases = "match x:\n    case 1:\n        a()\n"
    assert made(cases, ReplaceStatements(old="a()", new="c()")) == cases.replace("a()", "c()")


def test_spelling_of_a_string_is_no_difference_and_a_semicolon_goes() -> None:
    assert made("x = u'a'\n", ReplaceStatements(old="x = 'a'", new="x = 1")) == "x = 1\n"
    assert made("a(); b()\n", ReplaceStatements(old="a()", new="c();")) == "c(); b()\n"
    assert made("x = 1\n", ReplaceStatements(old="x = 1", new="")) == ""


def test_a_refusal_quotes_the_nearest_few() -> None:
    before = "".join(f"value_{letter} = 1\n" for letter in "abcde")
    hint = refused(before, ReplaceStatements(old="value = 1", new="x = 1")).hint
    assert hint.count("value_") == 3
    lines = refused("a()\nb()\na()\n", ReplaceStatements(old="a()", new="c()")).hint
    assert "lines 1, 3" in lines


def test_folded_blocks_unfold_whole() -> None:
    edit = ReplaceStatements(old="b()", new="if b:\n    c()")
    assert (
        made("if x: a(); b(); d()  # e\n", edit)
        == "if x:\n    a()\n    if b:\n        c()\n    d()  # e\n"
    )


def test_ambiguous_until_within() -> None:
    assert refused(CODE, ReplaceStatements(old="return y", new="return 0")).reason == "ambiguous"
    tail = CODE[CODE.index("def g") :]
    put("return y", "return 0", tail, tail.replace("return  y", "return 0"), within="g")


def test_no_match_names_the_nearest() -> None:
    answer = refused(CODE, ReplaceStatements(old="y = x + 2", new="y = 1"))
    assert (answer.reason, "y = x+1" in answer.hint) == ("unknown-name", True)
    assert (
        refused(CODE, ReplaceStatements(old="return y", new="", within="h")).reason
        == "unknown-name"
    )


@pytest.mark.parametrize("old", ["", "# only a comment", "if y:", "y = ", "return y)", "\x00"])
def test_old_is_whole_statements(old: str) -> None:
    assert refused(CODE, ReplaceStatements(old=old, new="pass")).reason == "syntax"


def test_new_that_does_not_parse_in_its_place() -> None:
    assert refused("x = 1\n", ReplaceStatements(old="x = 1", new="x = ")).reason == "syntax"
    assert (
        refused(
            "from __future__ import annotations\nx = 1\n", ReplaceStatements(old="x = 1", new=")")
        ).reason
        == "syntax"
    )


def test_deleting_all_of_a_block_leaves_pass() -> None:
    assert (
        made("while x:\n    y()\n", ReplaceStatements(old="y()", new="")) == "while x:\n    pass\n"
    )
    assert (
        made("while x:\n    y()\n", ReplaceStatements(old="y()", new="# later\n"))
        == "while x:\n    # later\n    pass\n"
    )
    assert made("x = 1\ny = 2", ReplaceStatements(old="y = 2", new="")) == "x = 1\n"


def test_imports_stand_with_imports() -> None:
    edit = AddImport(code="import sys")
    pair(
        '"""Doc."""\n\nimport os\n\nX = 1\n', edit, '"""Doc."""\n\nimport os\nimport sys\n\nX = 1\n'
    )
    assert made('"""Doc."""\nX = 1\n', edit) == '"""Doc."""\n\nimport sys\nX = 1\n'
    assert made('"""Doc."""', edit) == '"""Doc."""\n\nimport sys'
    assert made("", edit) == "import sys\n"
    assert (
        made("#!/bin/python\n# -*- coding: utf-8 -*-\nX = 1\n", edit)
        == "#!/bin/python\n# -*- coding: utf-8 -*-\nimport sys\nX = 1\n"
    )
    assert made("X = 1\n", edit) == "import sys\nX = 1\n"
    assert made("import os; x = '''\n'''\r\ny = 1\r\n", edit).endswith(
        "'''\r\nimport sys\ny = 1\r\n"
    )
    late = "import os\nos.environ['A'] = 'b'\nimport torch\ndef f(): pass\nimport late\n"
    assert made(late, edit) == late.replace("import torch\n", "import torch\nimport sys\n")


def test_future_imports_come_first() -> None:
    edit = AddImport(code="from __future__ import annotations")
    assert (
        made('"""Doc."""\nimport os\n', edit)
        == '"""Doc."""\n\nfrom __future__ import annotations\nimport os\n'
    )
    assert made("import os\n", edit) == "from __future__ import annotations\nimport os\n"


def test_an_import_belongs_above_the_comments_of_the_code() -> None:
    edit = AddImport(code="import sys")
    assert made("# about X\nX = 1\n", edit) == "import sys\n# about X\nX = 1\n"
    coding = "#\n# -*- coding: utf-8 -*-\nX = 1\n"
    assert made(coding, edit) == coding.replace("X = 1", "import sys\nX = 1")
    too_late = "#\n#\n# coding: utf-8\nX = 1\n"
    assert made(too_late, edit) == f"import sys\n{too_late}"
    assert made("# head\n\n# about X\nX = 1\n", edit) == (
        "# head\nimport sys\n\n# about X\nX = 1\n"
    )


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ("import os\n", "import os, sys"),
        ("import numpy as np\n", "import numpy"),
        ("from . import a\n", "from .. import a"),
        ("from .a import b\n", "from .c import b"),
        ("import a\n", "from a import a"),
    ],
)
def test_an_import_that_only_looks_alike_is_added(before: str, code: str) -> None:
    assert made(before, AddImport(code=code)) == f"{before}{code}\n"


def test_an_import_that_is_there_changes_nothing() -> None:
    before = "import os, sys\nfrom a import (b,\n  c as d)\n"
    for code in ("import sys", "from a import c as d", "import sys, os"):
        assert made(before, AddImport(code=code)) == before
    assert made(before, AddImport(code="from a import c")) != before


@pytest.mark.parametrize("code", ["x = 1", "", "import", "import a; b()", "import a\nx = 1"])
def test_only_imports_are_imports(code: str) -> None:
    assert refused("x = 1\n", AddImport(code=code)).reason == "syntax"


def test_rewrite_is_literal_and_may_mend_a_broken_file() -> None:
    new = "\ufeffx = 1\r\n\x0cy = 2"
    assert made("x = (\n", RewriteFile(code=new)) == new
    assert refused("x = 1\n", RewriteFile(code="x = (")).reason == "syntax"
