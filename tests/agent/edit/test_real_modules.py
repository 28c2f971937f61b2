"""The difference of real modules: exact both ways, small where little differs."""

import ast
import importlib.util
import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from agent.edit import Applied, apply, diff
from agent.edit.lines import changes
from agent.edit.source import Source, read
from agent.records.edits import RewriteFile

PACKAGES = ("openai", "anthropic", "rich", "libcst", "tenacity", "git")
# Where fewer of both files' lines differ, a new file would say too much.
FEW = 0.25


def modules(package: str, least: int = 2_000, most: int = 40_000) -> list[Path]:
    """Return the modules of an installed package, of a middle size."""
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    paths = sorted(Path(spec.origin).parent.rglob("*.py"))
    return [path for path in paths if least < path.stat().st_size < most]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def share(old: str, new: str) -> float:
    """Return the share of both files' lines that differ."""
    before = old.splitlines(keepends=True)
    after = new.splitlines(keepends=True)
    differing = 0
    for change in changes(before, after):
        differing += change.last - change.first + change.stop - change.start
    return differing / (len(before) + len(after))


def check(old: str, new: str) -> None:
    """Assert that the difference is exact, and no new file where few lines differ."""
    edits = diff(old, new)
    assert apply(old, edits) == Applied(source=new)
    if any(isinstance(edit, RewriteFile) for edit in edits):
        assert share(old, new) > FEW


# ---------------------------------------------------------------- mutations

Mutation = Callable[[Source, random.Random], str]


def lines_of(source: Source) -> list[str]:
    return source.text.splitlines(keepends=True)


def one_statement(source: Source, random: random.Random) -> ast.stmt:
    return random.choice(random.choice([block for block in source.blocks if block.body]).body)


def spans(source: Source, random: random.Random) -> tuple[list[str], int, int]:
    """Return the file's lines and the range of those of one statement."""
    node = one_statement(source, random)
    return lines_of(source), node.lineno - 1, node.end_lineno or node.lineno


def deleted(source: Source, random: random.Random) -> str:
    lines, first, last = spans(source, random)
    return "".join(lines[:first] + lines[last:])


def doubled(source: Source, random: random.Random) -> str:
    lines, first, last = spans(source, random)
    return "".join(lines[:last] + lines[first:last] + lines[last:])


def swapped(source: Source, random: random.Random) -> str:
    """Let two statements of one block change places."""
    blocks = [block for block in source.blocks if len(block.body) > 1]
    if not blocks:
        return source.text
    block = random.choice(blocks)
    upper, lower = sorted(random.sample(block.body, 2), key=lambda node: node.lineno)
    lines = lines_of(source)
    a = slice(upper.lineno - 1, upper.end_lineno)
    b = slice(lower.lineno - 1, lower.end_lineno)
    between = lines[upper.end_lineno or 0 : lower.lineno - 1]
    parts = [lines[: a.start], lines[b], between, lines[a], lines[b.stop :]]
    return "".join(line for part in parts for line in part)


def commented(source: Source, random: random.Random) -> str:
    lines = lines_of(source)
    place = random.randrange(len(lines) + 1)
    return "".join([*lines[:place], "# a remark\n", *lines[place:]])


def uncommented(source: Source, random: random.Random) -> str:
    return "\n".join(re.sub(r"\s+#.*$", "", line) for line in source.text.split("\n"))


def renamed(source: Source, random: random.Random) -> str:
    names = sorted(set(re.findall(r"\b[a-z]\w{4,}\b", source.text))) or ["nothing"]
    return re.sub(rf"\b{random.choice(names)}\b", "renamed_here", source.text)


def valued(source: Source, random: random.Random) -> str:
    numbers = [match.span() for match in re.finditer(r"\b\d+\b", source.text)]
    if not numbers:
        return source.text
    start, end = random.choice(numbers)
    return source.text[:start] + "12345" + source.text[end:]


def unended(source: Source, random: random.Random) -> str:
    return source.text.rstrip("\n")


def ended(source: Source, random: random.Random) -> str:
    return source.text + "\n\n# the end"


def other_breaks(source: Source, random: random.Random) -> str:
    """Give some lines other line breaks."""
    lines = lines_of(source)
    first = random.randrange(len(lines))
    last = min(first + random.randint(1, 8), len(lines))
    changed = [line.replace("\n", "\r\n") for line in lines[first:last]]
    return "".join([*lines[:first], *changed, *lines[last:]])


def blanked(source: Source, random: random.Random) -> str:
    lines = lines_of(source)
    place = random.randrange(len(lines))
    return "".join([*lines[:place], "\n", *lines[place:]])


def wrapped(source: Source, random: random.Random) -> str:
    """Put a statement under a condition."""
    node = one_statement(source, random)
    lines = lines_of(source)
    first = node.lineno - 1
    last = node.end_lineno or node.lineno
    indent = source.indent_of(node)
    inner = [f"    {line}" if line.strip() else line for line in lines[first:last]]
    return "".join([*lines[:first], f"{indent}if True:\n", *inner, *lines[last:]])


MUTATIONS: dict[str, Mutation] = {
    function.__name__: function
    for function in (
        *(deleted, doubled, swapped, commented, uncommented, renamed, valued),
        *(unended, ended, other_breaks, blanked, wrapped),
    )
}


def mutated(text: str, names: list[str], random: random.Random) -> str:
    """Return a module after some mutations, without those that leave it unparsable."""
    for name in names:
        source = read(text)
        assert isinstance(source, Source)
        changed = read(MUTATIONS[name](source, random))
        if isinstance(changed, Source) and changed.tree.body:
            text = changed.text
    return text


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_mutation_of_a_real_module_is_small(name: str) -> None:
    random_ = random.Random(name)
    old = text_of(random_.choice(modules("rich", most=8_000)))
    new = mutated(old, [name], random_)
    check(old, new)
    check(new, old)


def test_several_mutations_come_back() -> None:
    random_ = random.Random(1)
    for _ in range(2):
        old = text_of(random_.choice(modules("libcst", most=6_000)))
        names = random_.sample(["deleted", "swapped", "valued", "blanked", "wrapped"], k=3)
        check(old, mutated(old, names, random_))


def test_modules_that_are_alike_come_back() -> None:
    paths = modules("anthropic", most=5_000)
    pairs = random.Random(2).sample(list(pairwise(paths)), 3)
    for left, right in pairs:
        check(text_of(left), text_of(right))


# ---------------------------------------------------------------- the sweep


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("package", PACKAGES)
def test_many_mutations_of_a_package_come_back(package: str) -> None:
    random_ = random.Random(package)
    paths = modules(package)
    for path in random_.sample(paths, min(15, len(paths))):
        old = text_of(path)
        if not isinstance(read(old), Source):
            continue
        for name in MUTATIONS:
            check(old, mutated(old, [name], random_))
        new = mutated(old, random_.choices(list(MUTATIONS), k=6), random_)
        check(old, new)
        check(new, old)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("package", PACKAGES)
def test_neighbours_in_a_package_come_back(package: str) -> None:
    paths = modules(package)
    pairs = list(pairwise(paths))
    for left, right in random.Random(package).sample(pairs, min(25, len(pairs))):
        old = text_of(left)
        new = text_of(right)
        if isinstance(read(old), Source) and isinstance(read(new), Source):
            check(old, new)
