"""Values of TOML files on before / after pairs."""

import tomllib

import pytest

from agent.edit.literal import Literal
from agent.edit.values import normalised_text, written
from tests.agent.edit.value_pairs import changed, constants, plain, refused, typed

CONFIG = """\
# how it is trained
title = "a run"  # a name
fast = true
[optim]  # the optimizer
lr = 3e-4  # [1e-5 .. 1 log]
"weight.decay" = 0.1
betas = [ 0.9, 0.95 ]   # of Adam
sizes = [
  64,  # the first
  32   # the last
]
schedule.warmup = 1_000
schedule.kind = 'cosine'
extra = { dropout = 0.1, heads = [{ width = 8 }] }
[[stages]]
steps = 10
[[stages]]
steps = 20
[stages.data]
mix = +0.5
[a."b.c"]
note = '''
two
lines'''
on = 1979-05-27 07:32:00  # a date
mask = 0xFF
"""


def test_every_constant_has_its_path_value_comment_and_line() -> None:
    entries = constants("toml", CONFIG).values()
    assert [(entry.path, entry.value, entry.comment, entry.line) for entry in entries] == [
        ("title", "a run", "# a name", 2),
        ("fast", True, "", 3),
        ("optim.lr", 0.0003, "# [1e-5 .. 1 log]", 5),
        ('optim."weight.decay"', 0.1, "", 6),
        ("optim.betas[0]", 0.9, "", 7),
        ("optim.betas[1]", 0.95, "", 7),
        ("optim.sizes[0]", 64, "# the first", 9),
        ("optim.sizes[1]", 32, "# the last", 10),
        ("optim.schedule.warmup", 1000, "", 12),
        ("optim.schedule.kind", "cosine", "", 13),
        ("optim.extra.dropout", 0.1, "", 14),
        ("optim.extra.heads[0].width", 8, "", 14),
        ("stages[0].steps", 10, "", 16),
        ("stages[1].steps", 20, "", 18),
        ("stages[1].data.mix", 0.5, "", 20),
        ('a."b.c".note', "two\nlines", "", 22),
        ('a."b.c".mask', 255, "", 26),
    ]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("title", "'b'", '"a run"  #', "'b'  #"),
        ("fast", "false", "true", "false"),
        ("optim.lr", "0.01", "3e-4  #", "0.01  #"),
        ('optim."weight.decay"', "0", '"weight.decay" = 0.1', '"weight.decay" = 0'),
        ("optim.betas[1]", "0.99", "0.95 ]", "0.99 ]"),
        ("optim.betas", "[0.8]", "[ 0.9, 0.95 ]   #", "[0.8]   #"),
        ("optim.betas", "[\n  1, # one\n]", "[ 0.9, 0.95 ]   #", "[\n  1, # one\n]   #"),
        ("optim.sizes[1]", "16", "32   #", "16   #"),
        ("optim.schedule.warmup", "5", "1_000", "5"),
        ("optim.schedule.kind", '"""x"""', "'cosine'", '"""x"""'),
        ("optim.extra.heads[0].width", "{ a = 1 }", "width = 8", "width = { a = 1 }"),
        ("optim.extra", "1", "{ dropout = 0.1, heads = [{ width = 8 }] }", "1"),
        ("stages[1].steps", "30", "steps = 20", "steps = 30"),
        ("stages[1].data.mix", "1979-05-27", "+0.5", "1979-05-27"),
        ('a."b.c".note', '"one"', "'''\ntwo\nlines'''", '"one"'),
        ('a."b.c".on', "07:32:00", "1979-05-27 07:32:00  #", "07:32:00  #"),
        ('a."b.c".mask', "0b1", "0xFF", "0b1"),
    ],
)
def test_the_value_changes_and_nothing_else(path: str, value: str, old: str, new: str) -> None:
    assert CONFIG.count(old) == 1
    assert changed("toml", CONFIG, path, value) == CONFIG.replace(old, new)


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a=1", "a", "2", "a=2"),
        ("\ta\t=\t1\t# tab\n", "a", "2", "\ta\t=\t2\t# tab\n"),
        ("a = 1\r\nb = [\r\n 2\r\n]\r\n", "b[0]", "3", "a = 1\r\nb = [\r\n 3\r\n]\r\n"),
        ("\ufeffa = 1\n", "a", "2", "\ufeffa = 2\n"),
        ("a = 'é😀' # 😀\nb = '😀'\n", "b", "'y'", "a = 'é😀' # 😀\nb = 'y'\n"),
        ("a . b = 1\n", "a.b", "2", "a . b = 2\n"),
        ("'a' . \"b\" = 1\n", "a.b", "2", "'a' . \"b\" = 2\n"),
        ('"\\u0061" = 1\n', "a", "2", '"\\u0061" = 2\n'),
        ('"" = 1\n', '""', "2", '"" = 2\n'),
        ("[ a . b ]\nc = 1\n", "a.b.c", "2", "[ a . b ]\nc = 2\n"),
        ("[a.b]\nc = 1\n[d]\n[a]\ne = 2\n", "a.e", "3", "[a.b]\nc = 1\n[d]\n[a]\ne = 3\n"),
        ("[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n", "a.b[0].c", "3", "[[a.b]]\nc = 3\n[[a.b]]\nc = 2\n"),
        ("[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n", "a[0].b[1].c", "3", None),
        ('a = """x"y""z"""""\nb = 1\n', "b", "2", 'a = """x"y""z"""""\nb = 2\n'),
        ('a = """"""\nb = 1\n', "a", "2", "a = 2\nb = 1\n"),
        ("a = '''\n'x''y'''''\nb = 1\n", "b", "2", "a = '''\n'x''y'''''\nb = 2\n"),
        ('a = "\\"]#" # c\n', "a", "2", "a = 2 # c\n"),
        ('a = ["]", "#", 1]\n', "a[2]", "2", 'a = ["]", "#", 2]\n'),
        ("a = [[1, 2], [3]]\n", "a[1][0]", "4", "a = [[1, 2], [4]]\n"),
        ("a = []\nb = {}\n", "b", "{ c = 1 }", "a = []\nb = { c = 1 }\n"),
        ("3.14 = 1\n", "3.14", "2", "3.14 = 2\n"),
        ("a = 1979-05-27T07:32:00Z # c\n", "a", "2", "a = 2 # c\n"),
        ("a = inf\nb = -nan\n", "b", "1", "a = inf\nb = 1\n"),
    ],
)
def test_layout_stays(before: str, path: str, value: str, after: str | None) -> None:
    if after is None:
        after = before.replace("2", "3")
    assert changed("toml", before, path, value) == after


@pytest.mark.parametrize(
    "value",
    ["", "x", "1 # c", "1\nb = 2", "1, 2", "[1", "yes", "1__0", "{ a = 1, a = 2 }", "nan nan"],
)
def test_what_is_no_single_value_is_refused(value: str) -> None:
    assert refused("toml", "a = 1\n", "a", value).reason == "syntax"


@pytest.mark.parametrize("path", ["optim", "stages", "stages[0]", "optim.schedule", "a"])
def test_a_table_with_a_header_is_no_value(path: str) -> None:
    result = refused("toml", CONFIG, path, "1")
    assert result.reason == "unknown-name" and "replace_text" in result.hint


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a = \n", "line 1: no TOML"),
        ("a = 1\n[b\n", "line 2: no TOML"),
        ("a = 1\na = 2\n", "no TOML: Cannot overwrite a value"),
        ("[a]\n[a]\n", "no TOML: Cannot declare"),
        ("a = 1 b = 2\n", "line 1: no TOML"),
        ("a = [1\n", "line 2: no TOML"),
        ('a = "x\n', "line 1: no TOML"),
        ("a = 1\rb = 2\n", "line 1: no TOML"),
        ("a = 01\n", "no TOML"),
        ("a = {b = 1,\n", "line 2: no TOML"),
        ("a = \x00\n", "no TOML"),
        ("a = " + "9" * 10_000 + "\n", "no TOML"),
    ],
)
def test_a_file_that_is_not_read_says_where(text: str, where: str) -> None:
    result = refused("toml", text, "a", "1")
    assert result.where.startswith(where)
    assert "replace_text" in result.hint


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("1", 2, "2"),
        ("0.1", 1e-05, "1e-05"),
        ("0.1", 3.0, "3.0"),
        ("true", False, "false"),
        ('"a"', 'b"\\\n😀\x7f', '"b\\"\\\\\\n😀\\u007f"'),
        ("'a'", "b\\c", "'b\\c'"),
        ("'a'", "it's", '"it\'s"'),
        ('"""a"""', "b", '"b"'),
    ],
)
def test_a_constant_is_written_like_the_old_one(old: str, value: Literal, new: str) -> None:
    before = f"a = {old}  # c\n"
    text = written("toml", value, constants("toml", before)["a"])
    assert text == new
    after = changed("toml", before, "a", text)
    assert typed(plain("toml", after)) == typed({"a": value})
    assert after == f"a = {new}  # c\n"


@pytest.mark.parametrize("spelled", ["inf", "-inf", "nan", "1e999", "07:32:00", "0x" + "f" * 9999])
def test_what_is_no_finite_number_is_no_constant(spelled: str) -> None:
    text = f"a = {spelled}\nb = 1\n"
    assert plain("toml", text) == {"b": 1}
    assert tomllib.loads(changed("toml", text, "a", "2")) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("a = 1\n", "a=1 # one\n", True),
        ("a = 'x'\n", 'a = "\\u0078"\n', True),
        ("a.b = 1\n", "[a]\nb = 1\n", True),
        ("a = 1\nb = 2\n", "b = 2\na = 1\n", True),
        ("a = 1_0\n", "a = 0xA\n", True),
        ("a = [1, 2]\n", "a = [\n 1,\n 2,\n]\n", True),
        ("a = 1\n", "a = 1.0\n", False),
        ("a = 1\n", "a = true\n", False),
        ("a = [1, 2]\n", "a = [2, 1]\n", False),
        ("a = 07:32:00\n", "a = '07:32:00'\n", False),
    ],
)
def test_the_normal_form_is_what_a_file_means(one: str, two: str, same: bool) -> None:
    assert (normalised_text("toml", one) == normalised_text("toml", two)) is same
