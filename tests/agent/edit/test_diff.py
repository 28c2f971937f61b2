"""diff finds the smallest edits, and applying them gives the new file back, byte for byte."""

import ast
import random
import sysconfig
from pathlib import Path

import libcst as cst
import pytest

from agent.edit import Applied, apply, diff
from agent.edit.source import Source, read
from agent.records.edits import Edit, InsertDefinition, RewriteFile, SetConstant

LIBRARY = Path(sysconfig.get_paths()["stdlib"])

BASE = '''"""Doc."""

import math
import os

# Model.
DEPTH = 4  # layers
LR = 0.1; WD = 0.2
SHAPE = (
    1,
    2,
)


class Net:
    """Doc."""

    def __init__(self, n):
        self.n = n
        self.m = 2 * n

    # why
    def forward(self, x):
        y = x * self.n
        for i in range(3):
            y = y + i
            y = y * 2
        if y:
            return y
        return -y


def train(steps):
    for step in range(steps):
        print(step)
    return steps


if __name__ == "__main__":
    train(10)
    print("done")
'''


def edits(*changes: tuple[str, str], base: str = BASE) -> tuple[Edit, ...]:
    """Return the diff after textual changes, verified by applying it."""
    new = base
    for old, put in changes:
        assert old in new
        new = new.replace(old, put, 1)
    smallest = diff(base, new)
    assert apply(base, smallest) == Applied(source=new)
    return smallest


def summary(*changes: tuple[str, str]) -> list[str]:
    """Return the edits of the diff by kind and place."""
    lines = []
    for edit in edits(*changes):
        place = getattr(edit, "name", None) or getattr(edit, "within", None) or ""
        lines.append(f"{edit.kind} {place}".strip())
    return lines


def test_nothing_is_no_edit() -> None:
    assert diff(BASE, BASE) == ()


def test_each_kind_is_found() -> None:
    assert edits(("DEPTH = 4", "DEPTH = 6"), ("WD = 0.2", "WD = 0.3")) == (
        SetConstant(name="DEPTH", value="6"),
        SetConstant(name="WD", value="0.3"),
    )
    assert summary(("    1,\n    2,\n", "    3,\n")) == ["set_constant SHAPE"]
    assert summary(("y = x * self.n", "y = x / self.n")) == ["replace_statements Net.forward"]
    assert summary(("y = y * 2", "y = y * 3")) == ["replace_statements Net.forward"]
    assert summary(
        ("        print(step)\n    return steps\n", "        print(-step)\n    return -steps\n")
    ) == ["replace_definition train"]
    assert summary(("def train(steps):", "def train(steps, more=1):")) == [
        "replace_definition train"
    ]
    assert summary(("import os\n", "import os\nimport sys\n")) == ["add_import"]
    assert summary(("def train", "def helper():\n    return 1\n\n\ndef train")) == [
        "insert_definition"
    ]
    first = "    def first(self):\n        return 1\n\n"
    assert edits(("    def __init__", f"{first}    def __init__")) == (
        InsertDefinition(code="def first(self):\n    return 1\n", before="Net.__init__"),
    )
    assert summary(("    # why\n", "    def extra(self):\n        pass\n\n    # why\n")) == [
        "insert_definition"
    ]
    start = BASE.index("\n\ndef train")
    assert summary((BASE[start : BASE.index("\n\nif __name__")], "")) == ["delete_definition train"]
    assert summary(("    train(10)", "    train(20)")) == ["replace_statements"]


def test_neighbours_that_became_others_are_one_edit() -> None:
    neighbours = "DEPTH = 4  # layers\nLR = 0.1; WD = 0.2\n"
    assert summary((neighbours, "WIDTH = 3\nRATE = 1\n")) == ["replace_statements"]
    assert summary((neighbours, "")) == ["replace_text"]


def test_comments_and_blank_lines_are_edits_too() -> None:
    assert summary(("# layers", "# more layers")) == ["replace_statements"]
    assert summary(("# why\n", "# because\n")) == ["replace_text"]
    assert summary(("# Model.\n", "\n# The model.\n\n")) == ["replace_statements"]


FUNCTIONS = "".join(f"\n\ndef f{i}(x):\n    y = x\n    return y + {i}\n" for i in range(30))
A = "def a():\n    return 1\n"
B = "def b():\n    return 2\n"
LONG = "def long(x):\n" + "".join(f"    x{i} = f({i})\n" for i in range(30)) + "    return x\n"


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        pytest.param(
            f"# a\nimport os\n{FUNCTIONS}\n\nX = 1\n",
            f"# b\nimport os\n{FUNCTIONS}\n\nX = 2\n",
            ["replace_text", "set_constant"],
            id="a comment at the head and a constant",
        ),
        pytest.param(
            f"import os\n{FUNCTIONS}\n\nX = 1",
            f"import os\n{FUNCTIONS}\n\nX = 2\n",
            ["replace_text", "set_constant"],
            id="a constant and a line break at the end",
        ),
        pytest.param(
            f"{A}\n\n{B}{FUNCTIONS}",
            f"{B}\n\n{A}{FUNCTIONS}",
            ["delete_definition", "insert_definition"],
            id="two functions at the top change places",
        ),
        pytest.param(
            f"class C:\n    def a(self):\n        return 1\n\n    def b(self):\n        x = 2\n"
            f"{FUNCTIONS}",
            f"class C:\n    def b(self):\n        x = 2\n\n    def a(self):\n        return 1\n"
            f"{FUNCTIONS}",
            ["delete_definition", "insert_definition"],
            id="two methods change places",
        ),
        pytest.param(
            f"{A}\n\n{LONG}{FUNCTIONS}",
            f"{LONG.replace('long', 'other')}{FUNCTIONS}",
            ["delete_definition", "replace_text"],
            id="a function goes and the next gets another name",
        ),
        pytest.param(
            f"{LONG}{FUNCTIONS}",
            f"{A}\n\n{LONG.replace('long', 'other')}\n\n{B}{FUNCTIONS}",
            ["replace_text", "replace_text"],
            id="functions come around one that gets another name",
        ),
        pytest.param(
            f"x = 1\n{FUNCTIONS}\n# y = 2\n",
            f"x = 1\n{FUNCTIONS}\ny = 2\n",
            ["replace_text"],
            id="a comment at the end becomes code",
        ),
        pytest.param(
            f'"""Doc."""\n{FUNCTIONS}',
            f'#!/usr/bin/env python\n"""Doc."""\n{FUNCTIONS}',
            ["replace_text"],
            id="a first line",
        ),
        pytest.param(
            f"import os{FUNCTIONS}# end\n",
            f"import os{FUNCTIONS}# end\n# of the file",
            ["replace_text"],
            id="comments at the end",
        ),
    ],
)
def test_a_small_difference_is_no_rewrite(old: str, new: str, kinds: list[str]) -> None:
    smallest = diff(old, new)
    assert apply(old, smallest) == Applied(source=new)
    assert [edit.kind for edit in smallest] == kinds
    longest = max(len(edit.model_dump_json()) for edit in smallest)
    assert longest < 300
    back = diff(new, old)
    assert apply(new, back) == Applied(source=old)
    assert "rewrite_file" not in [edit.kind for edit in back]


def test_most_of_a_file_is_a_rewrite() -> None:
    new = "".join(f"y{i} = {i}\n" for i in range(100))
    assert [edit.kind for edit in diff("# head\n" + BASE, new)] == ["rewrite_file"]


def test_many_at_once_stay_small() -> None:
    lines = summary(
        ("DEPTH = 4", "DEPTH = 5"),
        ("import os\n", ""),
        ("print(step)", "print(steps)"),
        ("self.m = 2 * n", "self.m = n"),
    )
    assert len(lines) == 4
    assert "rewrite_file" not in lines


def test_what_no_kind_expresses_is_a_rewrite() -> None:
    assert [e.kind for e in diff(BASE, BASE.replace("\n", "\r\n"))] == ["rewrite_file"]
    assert [e.kind for e in diff("x = (", BASE)] == ["rewrite_file"]


def test_many_statements_are_not_tried_one_by_one() -> None:
    """Each attempt parses the whole file."""
    doc = "x" * 900
    new = BASE + "".join(f'\n\ndef f{n}(x):\n    """{doc}"""\n' for n in range(900))
    edits = diff(BASE, new)
    assert len(edits) == 1
    assert apply(BASE, edits) == Applied(source=new)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_breaks(newline: str) -> None:
    base = BASE.replace("\n", newline)
    new = base.replace("DEPTH = 4", "DEPTH = 5").replace("x * self.n", "x")
    smallest = diff(base, new)
    assert apply(base, smallest) == Applied(source=new)
    if newline == "\r\n":
        assert [edit.kind for edit in smallest] == ["set_constant", "replace_statements"]


# ---------------------------------------------------------------- real files


def modules(limit: int) -> list[Path]:
    paths = sorted(p for p in LIBRARY.glob("*.py") if 1_000 < p.stat().st_size < limit)
    paths += sorted(p for p in (LIBRARY / "json").glob("*.py")) + sorted(
        (LIBRARY / "email").glob("*.py")
    )
    return paths


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def mutated(source: Source, random: random.Random) -> str:
    """Return the file with lines, statements and values changed at random; it still parses."""
    text = source.text
    for _ in range(random.randint(1, 4)):
        parsed = read(text)
        assert isinstance(parsed, Source)
        block = random.choice(parsed.blocks)
        node = random.choice(block.body)
        other = random.choice(random.choice(parsed.blocks).body)
        start = parsed.line_start(node.lineno)
        end = parsed.line_start((node.end_lineno or 0) + 1)
        indent = parsed.indent_of(node)
        change = random.choice(["delete", "comment", "double", "insert", "swap", "value"])
        new = {
            "delete": "",
            "comment": f"{indent}# a remark\n\n" + text[start:end],
            "double": text[start:end] * 2,
            "insert": text[start:end] + f"\n{indent}def fresh(self):\n{indent}    return 1\n",
            "swap": parsed.lines(other.lineno, other.end_lineno or 0),
            "value": text[start:end].replace("1", "2").replace("self", "this"),
        }[change]
        attempt = text[:start] + new + text[end:]
        if isinstance(read(attempt), Source):
            text = attempt
    return text


def check_roundtrip(path: Path, rounds: int) -> tuple[int, int]:
    """Return how many rounds changed the file, and how many needed a whole rewrite."""
    random_ = random.Random(path.name)
    source = read(text_of(path))
    assert isinstance(source, Source)
    changed = 0
    rewrites = 0
    for _ in range(rounds):
        new = mutated(source, random_)
        smallest = diff(source.text, new)
        assert apply(source.text, smallest) == Applied(source=new), path
        changed += new != source.text
        rewrites += any(isinstance(edit, RewriteFile) for edit in smallest)
    return changed, rewrites


def test_the_library_changed_at_random_comes_back() -> None:
    totals = [check_roundtrip(path, 2) for path in random.Random(7).sample(modules(20_000), 12)]
    changed, rewrites = (sum(column) for column in zip(*totals, strict=True))
    assert changed >= 15
    assert rewrites <= changed / 20


def check_constants(path: Path) -> int:
    """Set each simple constant of a real file: only its value changes, and the file parses."""
    text = text_of(path)
    done = 0
    tree = ast.parse(text)
    for node in tree.body[:200]:
        if (
            isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
        ):
            result = apply(text, [SetConstant(name=node.targets[0].id, value="12345 + 54321")])
            if isinstance(result, Applied):
                before, _, after = result.source.partition("12345 + 54321")
                assert text.startswith(before)
                assert text.endswith(after)
                done += 1
                if done == 1:
                    cst.parse_module(result.source)
    return done


def test_constants_of_the_library() -> None:
    assert sum(check_constants(path) for path in random.Random(3).sample(modules(15_000), 15)) >= 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_library() -> None:
    totals = [check_roundtrip(path, 3) for path in modules(120_000)]
    changed, rewrites = (sum(column) for column in zip(*totals, strict=True))
    assert rewrites <= changed / 20
    assert sum(check_constants(path) for path in modules(60_000)) >= 200
