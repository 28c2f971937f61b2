"""Whatever comes in, apply answers: it never raises, crashes the process or applies half."""

import ast
import subprocess
import sys
import time

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit import Applied, apply, diff, fingerprint
from agent.edit.files import guard_files as guard
from agent.edit.source import MAX_PIECE, MAX_WORDS, parse_tree
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    Refused,
    ReplaceDefinition,
    ReplaceStatements,
    RewriteFile,
    SetConstant,
)
from tests.timing import seconds

BASE = "import os\nA = 1  # one\n\n\ndef f(x):\n    return x\n\n\nclass C:\n    def m(self): pass\n"
HOSTILE = {
    "nul": "A\x00 = 1",
    "surrogate": "A = '\ud800'",
    "10 MB of brackets": "(" * 10_000_000,
    "10 MB of statements": "x=1\n" * 2_500_000,
    "minus signs": "A = " + "-" * 5000 + "1",
    "nots": "A = " + "not " * 900 + "1",
    "sums": "A = " + "+".join("1" * 5000),
    "attributes": "A = a" + ".b" * 900,
    "calls": "A = a" + "()" * 900,
    "elifs": "if x: pass\n" + "elif x: pass\n" * 900,
    "indents": "".join(" " * i + "if x:\n" for i in range(99)) + " " * 99 + "pass\n",
    "huge number": "A = " + "9" * 10_000,
    "odd characters": "A = 1\u2028B = 2\x85\x1c",
    "nothing": "",
}
# Of two texts that are far too long one is enough for every day.
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if name == "10 MB of brackets" else name
    for name in HOSTILE
]


def edits_of(text: str) -> list[Edit]:
    return [
        SetConstant(name="A", value=text),
        ReplaceDefinition(name="f", code=text),
        ReplaceDefinition(name="C.m", code="def m(self):\n  " + text),
        InsertDefinition(code=text, after="C.m"),
        ReplaceStatements(old=text, new="pass"),
        ReplaceStatements(old="return x", new=text),
        AddImport(code=text),
        RewriteFile(code=text),
    ]


def unchecked(text: str) -> list[Edit]:
    """Return edits_of, also for texts that the records refuse."""
    texts = {
        "name": text,
        "value": text,
        "code": text,
        "old": text,
        "new": text,
        "after": text,
        "within": text,
    }
    kinds: list[type[Edit]] = [
        SetConstant,
        ReplaceDefinition,
        InsertDefinition,
        DeleteDefinition,
        ReplaceStatements,
        AddImport,
        RewriteFile,
    ]
    return [
        kind.model_construct(**{k: v for k, v in texts.items() if k in kind.model_fields})
        for kind in kinds
    ]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_text_is_refused_or_applied_in_time(name: str) -> None:
    text = HOSTILE[name]
    before = time.monotonic()
    edits = unchecked(text) if "\ud800" in text else edits_of(text) + unchecked(text)
    for edit in edits:
        result = apply(BASE, [edit])
        assert isinstance(result, Refused) or ast.parse(result.source)
    for edit in edits_of("1"):
        assert isinstance(apply(text, [edit]), Refused | Applied)
    assert time.monotonic() - before < 60


@pytest.mark.parametrize("name", NAMES)
def test_guard_fingerprint_and_diff_take_it_too(name: str) -> None:
    text = HOSTILE[name]
    assert len(fingerprint(text)) == 64
    refused = guard(BASE, text, protected=["f"])
    assert refused is not None or text == ""
    if "\ud800" not in text:
        for edits in (diff(BASE, text), diff(text, BASE)):
            assert edits
    assert apply(text, [RewriteFile(code=BASE)]) == Applied(source=BASE)


@pytest.mark.parametrize(
    ("start", "term", "terms"), [("x = y", " * -1", 400), ("x = y", " + y", 800)]
)
def test_long_sums_take_no_longer_to_hash_than_short_ones(
    start: str, term: str, terms: int
) -> None:
    long = f"{start}{term * terms}\n"
    short = f"{start}{term * 10}\n"
    assert fingerprint(long * 20) != fingerprint(long * 19 + long.rstrip() + " + 1\n")
    assert seconds(fingerprint, long * 20) < 15 * seconds(fingerprint, short * 2 * terms)


@pytest.mark.parametrize(
    "text",
    [
        "not " * 160 + "x",
        " and ".join(["x"] * 160),
        "[x " + "for x in y " * 160 + "]",
        "(x " + "for x in y " * 160 + ")",
        "'a' " * 310,
    ],
)
def test_what_is_nested_too_deeply_is_refused_as_that(text: str) -> None:
    set_to = SetConstant(name="A", value=text)
    for edit in (set_to, RewriteFile(code=text), ReplaceStatements(old="A = 1", new=text)):
        answer = apply(BASE, [edit])
        assert isinstance(answer, Refused) and "nested too deeply" in answer.where


def test_what_is_too_long_for_an_edit_of_a_piece_is_refused_as_that() -> None:
    text = "[" + "1," * (MAX_PIECE // 2) + "]"
    for edit in (SetConstant(name="A", value=text), ReplaceStatements(old="A = 1", new=text)):
        answer = apply(BASE, [edit])
        assert isinstance(answer, Refused) and "rewrite the whole file" in answer.where
    whole = BASE.replace("A = 1", f"A = {text}")
    answer = apply(BASE, [RewriteFile(code=whole)])
    assert isinstance(answer, Applied) and answer.source == whole


def test_brackets_are_a_syntax_refusal() -> None:
    for edit in edits_of("(" * 10_000_000):
        answer = apply(BASE, [edit])
        assert isinstance(answer, Refused)
        assert answer.reason == "syntax"
        assert len(str(answer)) < 1000


SURVIVOR = """
import threading
from agent.edit import apply
from agent.records.edits import ReplaceStatements, RewriteFile, SetConstant

TEXTS = [
    "(" * 100_000,
    "[" * 190 + "]" * 190,
    "lambda: " * 3000 + "1",
    "-" * 20_000 + "1",
    "a" + "[0" * 180 + "]" * 180,
]

def work():
    for text in TEXTS:
        for edit in (
            SetConstant(name="A", value=text),
            RewriteFile(code=text),
            ReplaceStatements(old="A = 1", new=text),
        ):
            print(type(apply("A = 1\\n", [edit])).__name__)

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def test_the_process_survives_what_kills_libcst_alone() -> None:
    """libcst's native parser overflows its stack on deep nesting; shown in another process."""
    run = subprocess.run(
        [sys.executable, "-c", SURVIVOR], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 15


def test_all_or_nothing() -> None:
    good = SetConstant(name="A", value="2")
    bad = SetConstant(name="B", value="2")
    assert isinstance(apply(BASE, [good, bad]), Refused)
    assert isinstance(apply(BASE, [good, RewriteFile(code="(")]), Refused)
    assert isinstance(apply("A = (", [good]), Refused)
    assert apply(BASE, []) == Applied(source=BASE)


SHARDS = st.sampled_from(
    [
        *(
            "A",
            " = ",
            "1",
            "\n",
            "    ",
            "\t",
            "def f(x):",
            "pass",
            ";",
            "#",
            '"""',
            "'",
            "(",
            ")",
            "[",
            "]",
            "\\\n",
            "\r\n",
            "\r",
            "\x0c",
        ),
        *(
            "if x:",
            "else:",
            "class C:",
            "return x",
            "@d\n",
            "import os",
            ",",
            ":",
            "é",
            "\ufeff",
            "async ",
            "lambda: ",
            "*",
            "\x00",
        ),
        *("f'{", "}'"),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SHARDS, max_size=14).map("".join), st.lists(SHARDS, max_size=14).map("".join))
def test_shards_of_python(old: str, new: str) -> None:
    for edit in (*edits_of(new), *unchecked(new)):
        result = apply(BASE, [edit])
        if isinstance(result, Applied):
            ast.parse(result.source.removeprefix("\ufeff"))
    for edit in edits_of("1"):
        apply(old, [edit])
    result = apply(old, diff(old, new))
    assert isinstance(result, Refused) or result.source == new


def test_results_parse_in_libcst_too() -> None:
    applied = [apply(BASE, [edit]) for edit in edits_of("def f(x):\n\treturn x  # é")]
    sources = [result.source for result in applied if isinstance(result, Applied)]
    assert len(sources) > 2
    for source in sources:
        cst.parse_module(source)


def test_a_name_of_piled_marks_is_refused_before_python_normalises_it():
    piled = parse_tree("x = 1\na" + "\u0301\u0327" * 300 + " = 2\n")
    assert isinstance(piled, Refused) and "combining marks" in piled.hint
    assert not isinstance(parse_tree("e\u0301 = '" + "━" * 600 + "'\n"), Refused)


def test_a_dense_megabyte_is_no_tree_and_a_long_program_is_one() -> None:
    """Python's own parser takes a gigabyte for `a=1;` a million times."""
    for piece in ("a=1;", "1,", "-", "f(1)\n", "é "):
        dense = parse_tree(piece * (MAX_WORDS // len(piece) * 2 + 1))
        assert isinstance(dense, Refused) and "words and signs" in dense.hint
    line = "learning_rate = 0.001  # of the outer loop\n"
    assert not isinstance(parse_tree(line * (2 * MAX_WORDS // len(line))), Refused)
