"""Values of YAML files on before / after pairs."""

from typing import Any

import pytest
import yaml

from agent.edit.literal import Literal
from agent.edit.values import normalised_text, written
from tests.agent.edit.value_pairs import changed, constants, pair, plain, refused, typed

CONFIG = """\
# how it is trained
optim:  # the optimizer
  lr: 3e-4  # [1e-5 .. 1 log]
  'weight.decay': 0.1
  betas: [0.9, 0.95]   # of Adam
  name: "adam"  # [adam | sgd]
  layers:
    - 64
    - 32  # the last

  note: |  # kept
    two
    lines

  seed:
fast: yes
model: {width: 8, act: relu}
"""


def test_every_constant_has_its_path_value_comment_and_line() -> None:
    entries = constants("yaml", CONFIG).values()
    assert [(entry.path, entry.value, entry.comment, entry.line) for entry in entries] == [
        ("optim.lr", 0.0003, "# [1e-5 .. 1 log]", 3),
        ('optim."weight.decay"', 0.1, "", 4),
        ("optim.betas[0]", 0.9, "", 5),
        ("optim.betas[1]", 0.95, "", 5),
        ("optim.name", "adam", "# [adam | sgd]", 6),
        ("optim.layers[0]", 64, "", 8),
        ("optim.layers[1]", 32, "# the last", 9),
        ("optim.note", "two\nlines\n", "# kept", 11),
        ("fast", True, "", 16),
        ("model.width", 8, "", 17),
        ("model.act", "relu", "", 17),
    ]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("optim.lr", "0.01", "lr: 3e-4  #", "lr: 0.01  #"),
        ("optim.lr", "null", "lr: 3e-4  #", "lr: null  #"),
        ('optim."weight.decay"', "0", "'weight.decay': 0.1\n", "'weight.decay': 0\n"),
        ("optim.betas[1]", "0.99", "0.95]", "0.99]"),
        ("optim.betas[1]", "[1, 2]", "0.95]", "[1, 2]]"),
        ("optim.betas", "[0.8]", "[0.9, 0.95]   #", "[0.8]   #"),
        ("optim.betas", "[\n 1,\n 2]", "[0.9, 0.95]   #", "[\n 1,\n 2]   #"),
        ("optim.name", "sgd", '"adam"', "sgd"),
        ("optim.name", "'sg # d'", '"adam"', "'sg # d'"),
        ("optim.layers[1]", "{a: 1}", "- 32", "- {a: 1}"),
        ("optim.layers", "[1]", "layers:\n    - 64\n    - 32  #", "layers: [1]  #"),
        ("optim.note", '"one"', "|  # kept\n    two\n    lines\n", '"one"  # kept\n'),
        ("optim.note", "|\n    other", "  # kept\n    two\n    lines", "  # kept\n    other"),
        ("optim.seed", "1", "seed:\n", "seed: 1\n"),
        ("fast", "no", "yes", "no"),
        ("model.width", "16", "width: 8,", "width: 16,"),
        ("model.act", "gelu", "relu}", "gelu}"),
        ("model.act", '"a, b"', "relu}", '"a, b"}'),
        ("model", "5", "{width: 8, act: relu}", "5"),
    ],
)
def test_the_value_changes_and_nothing_else(path: str, value: str, old: str, new: str) -> None:
    assert CONFIG.count(old) == 1
    assert changed("yaml", CONFIG, path, value) == CONFIG.replace(old, new)


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: 1", "a", "2", "a: 2"),
        ("a:   1   \n", "a", "2", "a:   2   \n"),
        ("a: 1\r\nb: 2\r\n", "b", "3", "a: 1\r\nb: 3\r\n"),
        ("\ufeffa: 1\n", "a", "2", "\ufeffa: 2\n"),
        ("a: é😀  # 😀\nb: 😀x\n", "b", "y", "a: é😀  # 😀\nb: y\n"),
        ("# 😀\u2028# x\nb: 1\n", "b", "2", "# 😀\u2028# x\nb: 2\n"),
        ("a:\t1\t# tab\n", "a", "2", "a:\t2\t# tab\n"),
        ("---\na: 1\n...\n", "a", "2", "---\na: 2\n...\n"),
        ("%YAML 1.1\n---\na: 1\n", "a", "2", "%YAML 1.1\n---\na: 2\n"),
        ("- 1\n- 2\n", "[1]", "3", "- 1\n- 3\n"),
        ("- - 1\n  - 2\n", "[0]", "[3]", "- [3]\n"),
        ("- a: 1\n  b: 2\n- c: 3\n", "[0]", "4", "- 4\n- c: 3\n"),
        ("a:\n- 1\n- 2\nb: 3\n", "a", "[4]", "a: [4]\nb: 3\n"),
        ("a:  # first\n  # second\n  - 1\n# b\nb: 2\n", "a", "[3]", None),
        ("a: 'it''s'\n", "a", "'so'", "a: 'so'\n"),
        ("a: one\n  two\nb: 1\n", "a", "three", "a: three\nb: 1\n"),
        ('a: "one\n  two"\nb: 1\n', "a", "three", "a: three\nb: 1\n"),
        ("a: >-\n  x\n  y\n\n\n# end\nb: 1\n", "a", "z", "a: z\n\n\n# end\nb: 1\n"),
        ("a: |+\n  x\n\nb: 1\n", "a", "z", "a: z\n\nb: 1\n"),
        ("a: 1  # c\nb: 2\n", "a", "|\n  x", "a: |  # c\n  x\nb: 2\n"),
        ("a: [1, 2,]\n", "a[1]", "3", "a: [1, 3,]\n"),
        ("a: [\n  1,  # one\n  2  # two\n]\n", "a[0]", "3", "a: [\n  3,  # one\n  2  # two\n]\n"),
        ("a: {b: [{c: 1}]}\n", "a.b[0].c", "2", "a: {b: [{c: 2}]}\n"),
        ("? a\n: 1\n", "a", "2", "? a\n: 2\n"),
        ('"a": 1\n', "a", "2", '"a": 2\n'),
        ('{"a":1}\n', "a", "2", '{"a":2}\n'),
        ("1: x\n", "1", "y", "1: y\n"),
        ("a.b: 1\n", '"a.b"', "2", "a.b: 2\n"),
        ("'a\"b': 1\n", '"a\\"b"', "2", "'a\"b': 2\n"),
        ("a b: {c: 1}\n", '"a b".c', "2", "a b: {c: 2}\n"),
        ("größe: 1\n", "größe", "2", "größe: 2\n"),
        ("a: http://x#y\n", "a", "http://z#y", "a: http://z#y\n"),
    ],
)
def test_layout_stays(before: str, path: str, value: str, after: str | None) -> None:
    if after is None:
        after = "a: [3]  # first\n  # second\n# b\nb: 2\n"
    assert changed("yaml", before, path, value) == after


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: &x 1\nb: *x\n", "a", "2", "a: &x 2\nb: *x\n"),
        ("a: &x 1\nb: *x\n", "b", "2", "a: &x 1\nb: 2\n"),
        ("a: &x\n  c: 1\nb: *x\n", "a.c", "2", "a: &x\n  c: 2\nb: *x\n"),
        ("a: &x\n  c: 1\nb: *x\n", "a", "{d: 2}", "a: &x {d: 2}\nb: *x\n"),
        ("a: &x  # first\n  - 1\nb: *x\n", "a", "[2]", "a: &x [2]  # first\nb: *x\n"),
        ("a: &x\n  &y b: 1\n", "a.b", "2", "a: &x\n  &y b: 2\n"),
        (
            "a: &x {c: 1}\nb:\n  <<: *x\n  d: 3\n",
            "b.d",
            "4",
            "a: &x {c: 1}\nb:\n  <<: *x\n  d: 4\n",
        ),
        ("a: !!float 1\n", "a", "2", "a: !!float 2\n"),
        ("a: &x !!int 1 # c\n", "a", "2", "a: &x !!int 2 # c\n"),
        ("a: !!int &x 1 # c\n", "a", "2", "a: !!int &x 2 # c\n"),
        ("a: !mine 1\n", "a", "text", "a: !mine text\n"),
        ("a: !mine {b: 1}\n", "a.b", "2", "a: !mine {b: 2}\n"),
        ("a: !mine {b: 1}\n", "a", "[2]", "a: !mine [2]\n"),
        ("a: !mine\n", "a", "2", "a: !mine 2\n"),
        ("a: ! 1\n", "a", "2", "a: ! 2\n"),
    ],
)
def test_anchors_and_tags_stay(before: str, path: str, value: str, after: str) -> None:
    pair("yaml", before, path, value, after)


@pytest.mark.parametrize(
    ("before", "path", "value"),
    [
        ("a: 1\n", "a", ""),
        ("a: 1\n", "a", "2  # two"),
        ("a: 1\n", "a", "# two"),
        ("a: 1\n", "a", "&x 2"),
        ("a: 1\n", "a", "[&x 2]"),
        ("a: &x 1\nb: 2\n", "b", "*x"),
        ("a: 1\n", "a", "b: 2"),
        ("a: 1\n", "a", "2\nb: 3"),
        ("a: 1\n", "a", "- 2"),
        ("a: 1\n", "a", "--- 2"),
        ("a: 1\n", "a", "2\n---\n3"),
        ("a: 1\n", "a", "[2"),
        ("a: 1\n", "a", "{a: 1, a: 2}"),
        ("a: {b: 1}\n", "a.b", "2, c: 3"),
        ("a: {b: 1}\n", "a.b", "x, y"),
        ("a: [1]\n", "a[0]", "x]"),
        ("a: 1\n", "a", "|\nno indent"),
        ("a: !!int 1\n", "a", "one"),
        ("a: !!int 1\n", "a", "!!float 1"),
        ("a: {b: &x 1}\nc: *x\n", "a", "2"),
        ("a: &x 1\nb: {c: &y 2}\nd: &z 3\ne: *z\n", "b", "4"),
    ],
)
def test_what_is_no_single_value_there_is_refused(before: str, path: str, value: str) -> None:
    assert refused("yaml", before, path, value).reason == "syntax"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: 1\n---\nb: 2\n", "line 2: a second document"),
        ("a: [1\n", "line 2: no YAML"),
        ("a: 1\n b: 2\n", "line 2: no YAML"),
        ("[a, b]: 1\n", "line 1: a key that is no scalar"),
        ("a: &x 1\n*x : 2\n", "line 2: a key that is an alias"),
        ("a: *x\n", "line 1: no anchor x"),
        ("a: &x 1\nb: &x 2\n", "line 2: the anchor x is there twice"),
        ("a: 1\nb: {c: 1, c: 2}\n", "line 2: the key c is twice in one map"),
        ("a: 1\n'a': 2\n", "line 2: the key a is twice in one map"),
        ("a: \x00\n", "no YAML"),
        ("a: \udc80\n", "no YAML"),
    ],
)
def test_a_file_that_is_not_read_says_where(text: str, where: str) -> None:
    result = refused("yaml", text, "a", "1")
    assert result.where.startswith(where)
    assert "replace_text" in result.hint


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("+1", 1),
        ("0", 0),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1.0", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1.5e+3", 1500.0),
        ("1.5e3", 1500.0),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("1_0.5", 10.5),
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("off", False),
        ("No", False),
        ("tRUE", "tRUE"),
        ("y", "y"),
        ("text", "text"),
        ("'1'", "1"),
        ('"1e-3"', "1e-3"),
        ("'true'", "true"),
        ("'null'", "null"),
        ("''", ""),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("!!float 1e-3", 0.001),
        ("!!int 12", 12),
        ("!!bool on", True),
        ("1.2.3", "1.2.3"),
        ("1-2", "1-2"),
        ("a:b", "a:b"),
        ("3 * 4", "3 * 4"),
    ],
)
def test_scalars_are_read_as_most_readers_do(spelled: str, value: Literal) -> None:
    assert typed(plain("yaml", f"a: {spelled}\n")) == typed({"a": value})


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        "~",
        "null",
        ".inf",
        "-.INF",
        ".nan",
        "1e999",
        "1.0e+999",
        "9" * 2000,
        "9" * 5000,
        "0x" + "f" * 2000,
        "010",
        "0o17",
        "0b11",
        "1:30",
        "190:20:30.15",
        "2001-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "=",
        "${lr}",
        '"${oc.env:HOME}/x"',
        "???",
        "!mine 1",
        "! 12",
        "!!int x",
        "!!binary aGk=",
        "!!null ''",
    ],
)
def test_what_depends_on_the_reader_or_is_no_number_is_no_constant(spelled: str) -> None:
    text = f"a: {spelled}\nb: 1\n"
    assert plain("yaml", text) == {"b": 1}
    assert plain("yaml", changed("yaml", "a: 0\nb: 1\n", "b", "2")) == {"a": 0, "b": 2}


@pytest.mark.parametrize("spelled", [".inf", "010", "2001-01-01", "${lr}", "null"])
def test_what_is_no_constant_can_be_set(spelled: str) -> None:
    assert changed("yaml", f"a: {spelled} # c\n", "a", "5") == "a: 5 # c\n"


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("1", 2, "2"),
        ("0.1", 1e-05, "1.0e-05"),
        ("0.1", 1e22, "1.0e+22"),
        ("0.1", -2.5e-07, "-2.5e-07"),
        ("0.1", 3.0, "3.0"),
        ("true", False, "false"),
        ("True", False, "False"),
        ("TRUE", False, "FALSE"),
        ("yes", False, "no"),
        ("Off", True, "On"),
        ("1", True, "true"),
        ("a", "b", "b"),
        ("a", "b/c.yaml", "b/c.yaml"),
        ("a", "true", '"true"'),
        ("a", "off", '"off"'),
        ("a", "null", '"null"'),
        ("a", "1e-3", '"1e-3"'),
        ("a", "", '""'),
        ("a", "b: c", '"b: c"'),
        ("a", "b # c", '"b # c"'),
        ("a", "- b", '"- b"'),
        ("a", "é\n😀\u2028\x07", '"é\\n😀\\u2028\\u0007"'),
        ("'a'", "it's", "'it''s'"),
        ("'a'", "b\nc", '"b\\nc"'),
        ('"a"', "b", '"b"'),
        ('"a"', 'b"\\', '"b\\"\\\\"'),
    ],
)
def test_a_constant_is_written_like_the_old_one(old: str, value: Literal, new: str) -> None:
    before = f"a: {old}  # c\n"
    text = written("yaml", value, constants("yaml", before)["a"])
    assert text == new
    after = changed("yaml", before, "a", text)
    assert typed(plain("yaml", after)) == typed({"a": value})
    assert yaml.safe_load(after) == {"a": value}


def test_a_wrong_path_gets_the_nearest_ones() -> None:
    result = refused("yaml", CONFIG, "optim.betas.0", "1")
    assert result.reason == "unknown-name"
    assert "optim.betas[0]" in result.hint and "replace_text" in result.hint
    assert "optim.lr" in refused("yaml", CONFIG, "lr", "1").hint
    for path in ("", ".", "[0]", "optim.", "optim.lr.x", "x" * 10_000):
        assert refused("yaml", CONFIG, path, "1").reason == "unknown-name"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a: 1\n", "a:    1  # one\n"),
        ("a: 1\nb: 2\n", "b: 2\na: 1\n"),
        ("a: x\n", "'a': \"x\"\n"),
        ("a: [1, 2]\n", "a:\n- 1\n- 2\n"),
        ("a: {b: 1}\n", "a:\n  b: 1\n"),
        ("a: 0.10\n", "a: 0.1\n"),
        ("a: null\n", "a:\n"),
        ("a: true\n", "a: True\n"),
        ("a: &x 1\nb: *x\n", "a: &y 1\nb: *y\n"),
        ("a: |\n  x\n", 'a: "x\\n"\n'),
        ("a: 1\n", "\ufeffa: 1\r\n"),
    ],
)
def test_texts_that_mean_the_same_have_one_normal_form(one: str, two: str) -> None:
    assert normalised_text("yaml", one) == normalised_text("yaml", two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("a: 1\n", "a: 2\n"),
        ("a: 1\n", "a: 1.0\n"),
        ("a: 1\n", "a: '1'\n"),
        ("a: 1\n", "a: true\n"),
        ("a: 1e-3\n", "a: 0.001\n"),
        ("a: yes\n", "a: true\n"),
        ("a: 010\n", "a: 8\n"),
        ("1: a\n", "'1': a\n"),
        ("a: [1, 2]\n", "a: [2, 1]\n"),
        ("a: &x 1\nb: *x\n", "a: 1\nb: 1\n"),
        ("a: !x 1\n", "a: 1\n"),
        ("a: !x [1]\n", "a: [1]\n"),
        ("a: []\n", "a: {}\n"),
        ("<<: {a: 1}\n", "'<<': {a: 1}\n"),
        ("a: [\n", "a: [ \n"),
    ],
)
def test_texts_that_may_mean_something_else_differ(one: str, two: str) -> None:
    assert normalised_text("yaml", one) != normalised_text("yaml", two)


def test_without_libyaml_the_places_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.edit import yaml_values

    texts = [CONFIG, "a: é😀\r\nb: 😀\r\n", "{a: 1, b, c: }\n", "a: &x !!int 3 # c\n"]
    fast: list[Any] = [yaml_values.read_yaml(text) for text in texts]
    monkeypatch.setattr(yaml_values, "_LOADER", yaml.SafeLoader)
    slow: list[Any] = [yaml_values.read_yaml(text) for text in texts]
    for one, two in zip(fast, slow, strict=True):
        assert one.tree == two.tree
        assert [item for item in one.items if item.value] == [i for i in two.items if i.value]


@pytest.mark.parametrize("value", ["0\xa0", "\xa0", "\u2003x"])
def test_a_space_that_is_none_to_yaml_is_a_part_of_the_value(value: str) -> None:
    assert changed("yaml", "a: 1\n", "a", f" {value} \n") == f"a: {value}\n"
