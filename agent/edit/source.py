"""A Python file cut into statements with their exact places in the text: ast says where things stand, libcst writes what is new.

Reading a whole file into libcst and back costs eight times ast.parse, and it loses form feeds and lone carriage returns. So edits
splice text at the places that ast gives, every byte outside the splice stays as it is, and only the new pieces go through libcst.
"""

import ast
import difflib
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

from agent.edit.encoding import foreign_encoding
from agent.records.edits import RefusalReason, Refused

MAX_CHARACTERS = 2**20  # no train.py is larger; parsing more costs gigabytes
MAX_DEPTH = 150  # of a piece's tree; libcst recurses natively, and a native stack that overflows takes the process along
MAX_NAME = 200  # characters of a name that is compared with others
MAX_SAID = 300  # characters of a refusal's `where` and `hint`

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Compound = (
    Definition
    | ast.If
    | ast.For
    | ast.AsyncFor
    | ast.While
    | ast.With
    | ast.AsyncWith
    | ast.Try
    | ast.TryStar
    | ast.Match
)

_BREAK = re.compile(r"\r\n|\r|\n")
_FILTERS = threading.Lock()
# From 3.12 on an f-string is several tokens; its end is one a string.
_STRINGS = frozenset({tokenize.STRING, getattr(tokenize, "FSTRING_END", tokenize.STRING)})


def refuse(reason: RefusalReason, where: str, hint: str = "") -> Refused:
    """A refusal whose texts, which may quote anything, are short and printable as UTF-8."""
    return Refused(reason=reason, where=_sayable(where), hint=_sayable(hint))


def _sayable(text: str) -> str:
    text = text[:MAX_SAID].encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def unknown(what: str, name: str, valid: Iterable[str]) -> Refused:
    """`name` is not in the file; the hint has the nearest names that are."""
    names = sorted(name for name in set(valid) if len(name) <= MAX_NAME)
    near = difflib.get_close_matches(name[:MAX_NAME], names, n=3, cutoff=0.5) or names[:8]
    return refuse(
        "unknown-name",
        f"{what} {name}",
        f"there are: {', '.join(near)}" if near else f"the file has no {what}",
    )


def parse_tree(text: str) -> ast.Module | Refused:
    """ast.parse that refuses instead of raising, whatever the text, and prints no warnings."""
    if len(text) > MAX_CHARACTERS:
        return refuse("syntax", "the whole text", f"longer than {MAX_CHARACTERS} characters")
    try:
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        line = (error.text or "").strip()
        return refuse("syntax", f"line {error.lineno}: {error.msg}", line)
    except (ValueError, RecursionError, MemoryError) as error:
        return refuse("syntax", str(error) or "nested too deeply")


def too_deep(tree: ast.AST, text: str) -> bool:
    """Whether the tree of `text` is nested deeper than MAX_DEPTH, here or in libcst; does not recurse itself.

    What ast holds side by side, libcst nests: `a and b and c`, `for` behind `for`, `a.b.c` of an import, strings in a row.
    """
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        if any(_nested_by_libcst(node) > MAX_DEPTH for node in level):
            return True
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return _strings_in_a_row(text) > MAX_DEPTH
    return True


def _nested_by_libcst(node: ast.AST) -> int:
    match node:
        case ast.BoolOp(values=parts):
            return len(parts)
        case ast.ListComp(generators=parts) | ast.SetComp(generators=parts):
            return len(parts)
        case ast.GeneratorExp(generators=parts) | ast.DictComp(generators=parts):
            return len(parts)
        case ast.alias(name=name) | ast.ImportFrom(module=str(name)):
            return name.count(".")
    return 0


def _strings_in_a_row(text: str) -> int:
    """The longest run of string literals that follow each other."""
    if text.count('"') + text.count("'") <= 2 * MAX_DEPTH:
        return 0
    longest = run = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in _STRINGS:
                run += 1
                longest = max(longest, run)
            elif token.type not in (tokenize.NL, tokenize.COMMENT):
                run = 0
    except (tokenize.TokenError, SyntaxError):
        return MAX_DEPTH + 1
    return longest


@dataclass(frozen=True)
class Place:
    """A definition: its qualified name, its node, the block that it stands in, and that block's scope ("" is the module)."""

    name: str
    node: Definition
    block: "Block"


@dataclass(frozen=True)
class Block:
    """A list of statements that follow each other, the statement that owns them (None: the module) and the scope they are in."""

    scope: str
    owner: ast.AST | None
    body: list[ast.stmt]


class Source:
    """A file that parses. `text` is without a byte-order mark, which is kept in `mark`. Lines count from 1, as in ast."""

    def __init__(self, text: str, mark: str, tree: ast.Module) -> None:
        self.text, self.mark, self.tree = text, mark, tree

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    @cached_property
    def newline(self) -> str:
        """The line break that the file uses first."""
        found = _BREAK.search(self.text)
        return found[0] if found else "\n"

    @cached_property
    def unit(self) -> str:
        """One step of indentation, as the first indented block has it."""
        for block in self.blocks:
            if (
                isinstance(block.owner, ast.AST)
                and block.body
                and not self.shares_line(block.body[0])
            ):
                inner, outer = self.indent_of(block.body[0]), self.indent_of(block.owner)
                if inner.startswith(outer) and inner != outer:
                    return inner[len(outer) :]
        return "    "

    @cached_property
    def blocks(self) -> list[Block]:
        """Every block, outer ones first."""
        return list(_blocks(Block("", None, self.tree.body)))

    @cached_property
    def definitions(self) -> list[Place]:
        """Every function and class, at any depth, in the order of `blocks`."""
        return [
            Place(_join(block.scope, node.name), node, block)
            for block in self.blocks
            for node in block.body
            if is_definition(node)
        ]

    def find(self, name: str) -> Place | Refused:
        """The one definition with this qualified name; Python's own `f.<locals>.g` is understood as `f.g`."""
        found = [place for place in self.definitions if place.name == name.replace(".<locals>", "")]
        if not found:
            return unknown("definition", name, (place.name for place in self.definitions))
        if len(found) > 1:
            lines = ", ".join(str(first_line(place.node)) for place in found)
            return refuse(
                "ambiguous",
                f"{name} is defined {len(found)} times",
                f"on lines {lines}; use replace_statements",
            )
        return found[0]

    def offset(self, line: int, column: int) -> int:
        """The index in `text` of ast's (line, column in UTF-8 bytes)."""
        start = self._starts[line - 1]
        piece = self.text[start : start + column]
        return start + (column if piece.isascii() else len(piece.encode()[:column].decode()))

    def line_start(self, line: int) -> int:
        """The index of the first character of `line`; one past the last line is the end of the text."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def start(self, node: ast.stmt) -> int:
        """The index of the node's first character, decorators included."""
        if is_definition(node) and node.decorator_list:
            start = self.line_start(first_line(node))
            return start + len(self.text[start:]) - len(self.text[start:].lstrip(" \t\f"))
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """The index behind the node's last character."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def lines(self, first: int, last: int) -> str:
        """The lines from `first` to `last`, both included, with their breaks."""
        return self.text[self.line_start(first) : self.line_start(last + 1)]

    def indent_of(self, node: ast.AST) -> str:
        """The white space in front of the first statement on the node's line."""
        start = self.line_start(node.lineno)  # type: ignore[attr-defined]
        line = self.text[start : start + 1000]
        return line[: len(line) - len(line.lstrip(" \t\f"))].rpartition("\f")[2]

    def shares_line(self, node: ast.stmt) -> bool:
        """Whether other code stands in front of the node on its line: `if x: node` or `a = 1; node`."""
        start = self.start(node)
        return bool(self.text[self.line_start(first_line(node)) : start].strip(" \t\f"))

    def splice(self, start: int, end: int, new: str) -> str:
        """The file's whole text with text[start:end] replaced."""
        return self.mark + self.text[:start] + new + self.text[end:]


def read(text: str) -> Source | Refused:
    """Parse a file; `syntax` where it does not parse, or where Python would decode it in another way than it is decoded here."""
    if len(text) <= MAX_CHARACTERS and (fault := foreign_encoding(text)):
        return refuse(
            "syntax",
            f"the file's encoding: {fault}",
            "write the file in UTF-8, without a coding comment",
        )
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    tree = parse_tree(text[len(mark) :])
    if isinstance(tree, Refused):
        return tree
    source = Source(text[len(mark) :], mark, tree)
    try:
        source.blocks  # noqa: B018 - kept by the source; whoever asks later does not recurse
    except RecursionError:
        return refuse("syntax", "the file is nested too deeply")
    return source


def is_definition(node: ast.AST) -> TypeGuard[Definition]:
    """Whether the node is a function or a class."""
    return isinstance(node, Definition)


def first_line(node: ast.stmt) -> int:
    """The line on which the statement begins, decorators included."""
    decorators = node.decorator_list if is_definition(node) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _join(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for node in block.body:
        if isinstance(node, Compound):
            scope = _join(block.scope, node.name) if is_definition(node) else block.scope
            for inner in bodies(node):
                yield from _blocks(Block(scope, node, inner))


def bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statement lists directly inside a compound statement."""
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(node, field, None)
        if inner and isinstance(inner, list):
            yield inner
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body
