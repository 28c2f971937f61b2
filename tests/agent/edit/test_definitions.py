"""ReplaceDefinition, InsertDefinition and DeleteDefinition on before / after pairs."""

import pytest

from agent.records.edits import DeleteDefinition, InsertDefinition, ReplaceDefinition
from tests.agent.edit.pairs import made, pair, refused

MODEL = '''
import torch

@decorated
class C:  # a class
    """Doc."""

    # why m is here
    @property
    def m(self):
        return 1  # one

    def n(self): return 2

def f(x):
    def g():
        pass
    return g

if torch:
    def h():
        return 1
else:
    def k():
        return 2
'''


def replaced(name: str, code: str, old: str, new: str) -> None:
    assert old in MODEL
    assert made(MODEL, ReplaceDefinition(name=name, code=code)) == MODEL.replace(old, new)


def test_a_method_with_its_decorators() -> None:
    old = "    @property\n    def m(self):\n        return 1  # one\n"
    replaced("C.m", "def m(self):\n    return 5\n", old, "    def m(self):\n        return 5\n")


def test_code_may_come_at_any_indentation_and_step() -> None:
    old, new = (
        "    def n(self): return 2\n",
        "    def n(self):\n        if self:\n            return 2\n",
    )
    for code in (
        "def n(self):\n  if self:\n    return 2",
        "        def n(self):\n            if self:\n                return 2\n",
    ):
        replaced("C.n", code, old, new)


def test_nested_and_conditional_definitions() -> None:
    replaced("f.g", "def g(): return 3", "    def g():\n        pass\n", "    def g(): return 3\n")
    replaced(
        "f.<locals>.g",
        "def g(): return 3",
        "    def g():\n        pass\n",
        "    def g(): return 3\n",
    )
    replaced(
        "h",
        "def h():\n    return 9",
        "    def h():\n        return 1\n",
        "    def h():\n        return 9\n",
    )
    replaced(
        "k", "async def k(): ...", "    def k():\n        return 2\n", "    async def k(): ...\n"
    )


def test_strings_keep_their_inside_when_code_moves() -> None:
    code = 'def n(self):\n    return """\nflush\n  left\n"""\n'
    replaced(
        "C.n",
        code,
        "    def n(self): return 2\n",
        '    def n(self):\n        return """\nflush\n  left\n"""\n',
    )


def test_comments_above_the_code_go_with_it() -> None:
    new = "    # new\n    def n(self):\n        # inside\n        return 2\n"
    replaced(
        "C.n",
        "# new\ndef n(self):\n    # inside\n    return 2\n",
        "    def n(self): return 2\n",
        new,
    )


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
def test_inserted_code_takes_the_line_breaks_of_the_file(newline: str) -> None:
    before = f"def f():{newline}\treturn 1{newline}{newline}x = 1{newline}"
    after = f"def f():{newline}\tif 1:{newline}\t\treturn 2{newline}{newline}x = 1{newline}"
    edit = ReplaceDefinition(name="f", code="def f():\n    if 1:\n        return 2\n")
    if newline == "\r":  # libcst cannot read a file of lone carriage returns back; Python can
        from agent.edit import Applied, apply

        result = apply(before, [edit])
        assert isinstance(result, Applied)
        assert result.source == after
    else:
        assert made(before, edit) == after


def test_no_final_newline_stays_none() -> None:
    assert (
        made("x = 1\ndef f(): pass", ReplaceDefinition(name="f", code="def f(): return 1\n"))
        == "x = 1\ndef f(): return 1"
    )
    assert (
        made("def f(): pass", InsertDefinition(code="def g(): pass", after="f"))
        == "def f(): pass\n\n\ndef g(): pass"
    )


def test_form_feeds_around_stay() -> None:
    before = "x = 1\n\x0c\ndef f():\n    pass\n"
    before += "\x0c\nclass C:\n    def a(self): pass\n\x0c\n    def b(self): pass\n"
    after = before.replace("def b(self): pass", "def b(self): return 1")
    assert made(before, ReplaceDefinition(name="C.b", code="def b(self): return 1")) == after


@pytest.mark.parametrize(
    "code", ["x = 1", "", "def f(): pass\ndef g(): pass", "def f(:", "# only a comment"]
)
def test_code_is_exactly_one_definition(code: str) -> None:
    assert refused(MODEL, ReplaceDefinition(name="f", code=code)).reason == "syntax"


def test_a_refusal_says_what_the_code_is_instead() -> None:
    for code, what in (("x = 1\nf()", "Assign, Expr"), ("", "empty")):
        where = refused(MODEL, ReplaceDefinition(name="f", code=code)).where
        assert where.endswith(f": {what}")


def test_names_unknown_and_ambiguous() -> None:
    answer = refused(MODEL, DeleteDefinition(name="C.mm"))
    assert (answer.reason, "C.m" in answer.hint) == ("unknown-name", True)
    twice = "def f(): pass\nif 1:\n    def f(): pass\n"
    for edit in (
        DeleteDefinition(name="f"),
        ReplaceDefinition(name="f", code="def f(): ..."),
        InsertDefinition(code="def g(): ...", after="f"),
    ):
        assert refused(twice, edit).reason == "ambiguous"


def test_insert_in_a_class_and_at_the_end() -> None:
    pair(
        """
        class C:
            def a(self):
                pass

            def c(self):
                pass

        run()
        """,
        InsertDefinition(code="@staticmethod\ndef b():\n    return 1\n", after="C.a"),
        """
        class C:
            def a(self):
                pass

            @staticmethod
            def b():
                return 1

            def c(self):
                pass

        run()
        """,
    )
    pair(
        "def a():\n    pass\n\n\na()\n",
        InsertDefinition(code="def b(): pass"),
        "def a():\n    pass\n\n\ndef b(): pass\n\n\na()\n",
    )


def test_insert_before_goes_above_the_comments_of_a_definition() -> None:
    pair(
        "X = 1\n# of b,\n# twice\ndef b(): pass\n",
        InsertDefinition(code="def a(): pass", before="b"),
        "X = 1\ndef a(): pass\n\n\n# of b,\n# twice\ndef b(): pass\n",
    )
    unknown = refused("def b(): pass\n", InsertDefinition(code="def a(): pass", before="bb"))
    assert (unknown.reason, unknown.hint) == ("unknown-name", "did you mean b?")


def test_insert_without_definitions_goes_behind_imports_and_constants() -> None:
    made_text = made(
        '"""Doc."""\nimport os\nA = 1  # one\nprint(A)\n', InsertDefinition(code="def f(): pass\n")
    )
    assert made_text == '"""Doc."""\nimport os\nA = 1  # one\n\n\ndef f(): pass\n\n\nprint(A)\n'
    assert made("", InsertDefinition(code="def f(): pass")) == "def f(): pass\n"
    assert (
        made("print(1)\n", InsertDefinition(code="def f(): pass"))
        == "def f(): pass\n\n\nprint(1)\n"
    )
    assert (
        made("# only this", InsertDefinition(code="def f(): pass"))
        == "# only this\ndef f(): pass\n"
    )


def test_insert_goes_behind_the_last_definition() -> None:
    before = "def a(): pass\n\n\nX = 1\n\n\ndef b(): pass\n\n\na()\n"
    after = before.replace("def b(): pass\n", "def b(): pass\n\n\ndef c(): pass\n")
    assert made(before, InsertDefinition(code="def c(): pass")) == after
    assert made("A = 1\n", InsertDefinition(code="def f(): pass")) == ("A = 1\n\n\ndef f(): pass\n")


def test_blank_lines_of_the_code_are_as_it_says() -> None:
    before = "def a(): pass\n"
    assert made(before, InsertDefinition(code="\ndef b(): pass", after="a")) == (
        "def a(): pass\n\ndef b(): pass\n"
    )


def test_an_overload_may_repeat_a_name() -> None:
    before = "def f(): pass\n"
    code = "@overload\ndef f(): ..."
    assert made(before, InsertDefinition(code=code)) == f"{before}\n\n{code}\n"


def test_definitions_in_blocks_of_a_class_have_its_name() -> None:
    before = "class C:\n    if x:\n        def m(self): pass\n    y = 1\n"
    edit = ReplaceDefinition(name="C.m", code="def m(self): return 1")
    assert made(before, edit) == before.replace("pass", "return 1")
    late = "try:\n    pass\nexcept E:\n    def h(): pass\nfinally:\n    def k(): pass\n"
    for name in "hk":
        code = f"def {name}(): return 1"
        assert made(late, ReplaceDefinition(name=name, code=code)) == late.replace(
            f"def {name}(): pass", code
        )


def test_delete_the_only_definition_of_a_file() -> None:
    assert made("def f(): pass\n", DeleteDefinition(name="f")) == ""
    assert made("x = 1\n\n\ndef f(): pass\n", DeleteDefinition(name="f")) == "x = 1\n"


def test_an_edit_whose_result_does_not_parse_says_which_edit() -> None:
    before = "def f():\n    global x\n    x = 1\n"
    answer = refused(before, ReplaceDefinition(name="f", code="def f(): return (yield"))
    assert answer.reason == "syntax"


def test_insert_what_is_there_is_ambiguous() -> None:
    assert refused(MODEL, InsertDefinition(code="def f(): pass", after="C")).reason == "ambiguous"


def test_delete_takes_the_comments_above_and_leaves_pass() -> None:
    comment = "\n    # why m is here\n    @property\n    def m(self):\n        return 1  # one\n"
    assert made(MODEL, DeleteDefinition(name="C.m")) == MODEL.replace(comment, "")
    assert made(MODEL, DeleteDefinition(name="h")) == MODEL.replace(
        "    def h():\n        return 1\n", "    pass\n"
    )
    assert (
        made("class C:\n\tdef f(self):\n\t\tpass", DeleteDefinition(name="C.f"))
        == "class C:\n\tpass"
    )
    assert (
        made("# kept\n\n# gone\ndef f(): pass\nx = 1\n", DeleteDefinition(name="f"))
        == "# kept\n\nx = 1\n"
    )


def test_a_name_that_is_taken_is_not_defined_again_in_front_of_another() -> None:
    taken = refused(
        "def f(): pass\ndef g(): pass\n", InsertDefinition(code="def g(): return 1", before="f")
    )
    assert (taken.reason, taken.where) == ("ambiguous", "g is already defined there")
