"""A Python file as statements with exact places: ast finds them, libcst writes new code.

Reading a whole file into libcst and back costs eight times ast.parse, and it loses form feeds and
lone carriage returns. So edits splice text at the places that ast gives, every byte outside the
splice stays as it is, and only the new pieces go through libcst.
"""

import ast
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeGuard

from agent.edit.encoding import foreign_encoding
from agent.edit.newer_syntax import hint_of_newer, newer_than_this, this_python
from agent.errors import near_names
from agent.records.edits import RefusalReason, Refused
from agent.records.sources import MAX_CHARACTERS
from sandbox.ground.text import is_piled, one_line

# Of a piece's tree: libcst recurses natively, and an overflow of the native stack ends the process.
MAX_DEPTH = 150
# Words and signs of a Python file: a tree takes a kilobyte for each, and a megabyte of program
# has fewer, one of `a=1;` a million.
MAX_WORDS = 300_000
# Of a piece: libcst takes 50 µs and three kilobytes for each.
MAX_PIECE = 50_000
MAX_NAME = 200  # characters of a name that is listed
MAX_NEAR = 3  # names that a refusal suggests
MAX_LISTED = 8  # names that it lists if none is near
# Trees of whole files are kept for the next who asks: the tip, a new file, and some of the edits in
# between. Those of larger files take 100 MB and more each, and are parsed anew.
KEPT_TREES = 8
MAX_KEPT = 2**18  # characters
MAX_TEXT = 300  # the most characters of a refusal's `where` and `hint`

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
_WORD = re.compile(r"\w+|[^\w\s]")
_FILTERS = threading.Lock()
# From 3.12 on an f-string is several tokens; its end is one a string.
_STRINGS = frozenset({tokenize.STRING, getattr(tokenize, "FSTRING_END", tokenize.STRING)})


def refuse(reason: RefusalReason, where: str, hint: str = "") -> Refused:
    """Return a refusal whose texts, which may quote anything, are each one short printable line."""
    return Refused(reason=reason, where=one_line(where, MAX_TEXT), hint=one_line(hint, MAX_TEXT))


def unknown(what: str, name: str, valid: Iterable[str]) -> Refused:
    """Return the refusal of a name that the file lacks; the hint has the nearest names."""
    names = sorted(other for other in set(valid) if len(other) <= MAX_NAME)
    near = near_names(name, names, MAX_NEAR, 0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif names:
        hint = f"the file has: {', '.join(names[:MAX_LISTED])}"
    else:
        hint = f"the file has no {what}"
    return refuse("unknown-name", f"{what} {name}", hint)


def parse_tree(text: str) -> ast.Module | Refused:
    """Return the tree of a text; like ast.parse, but it refuses instead of raising or warning."""
    if len(text) > MAX_CHARACTERS:
        return refuse("syntax", "the whole text", f"longer than {MAX_CHARACTERS} characters")
    if is_piled(text):
        return refuse("syntax", "the whole text", "a name with hundreds of combining marks")
    if _has_more_words(text, MAX_WORDS):
        return refuse("syntax", "the whole text", f"it has more than {MAX_WORDS} words and signs")
    try:
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return _refused_syntax(error)
    except (ValueError, RecursionError, MemoryError) as error:
        return refuse("syntax", str(error) or "nested too deeply")


def _has_more_words(text: str, most: int) -> bool:
    return len(text) > most and sum(1 for _ in _WORD.finditer(text)) > most


def _refused_syntax(error: SyntaxError) -> Refused:
    line = (error.text or "").strip()
    where = f"line {error.lineno}: {error.msg}"
    newer = newer_than_this(line)
    if not newer:
        return refuse("syntax", where, line)
    why = f"{newer} may read it, and {this_python()} runs autoresearch"
    return refuse("syntax", f"{where}: {why}", hint_of_newer())


def file_tree(text: str) -> ast.Module | Refused:
    """Return the tree of a whole file as parse_tree does; it is shared, so nobody may change it.

    text: without a byte-order mark.
    """
    return _kept_tree(text) if len(text) <= MAX_KEPT else parse_tree(text)


@lru_cache(maxsize=KEPT_TREES)
def _kept_tree(text: str) -> ast.Module | Refused:
    return parse_tree(text)


def unfit(text: str, tree: ast.AST | None = None) -> str:
    """Return why a piece, of which this is the tree, cannot go through libcst; "" if it can.

    tree: None where it is not known yet.
    """
    if _has_more_words(text, MAX_PIECE):
        return f"longer than {MAX_PIECE} words and signs: rewrite the whole file"
    return "nested too deeply" if tree and too_deep(tree, text) else ""


def too_deep(tree: ast.AST, text: str) -> bool:
    """Return whether the tree of `text` is nested deeper than MAX_DEPTH, here or in libcst.

    Does not recurse itself. What ast holds side by side, libcst nests: `a and b and c`, `for` after
    `for`, `a.b.c` of an import, strings in a row.
    """
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        if any(_nested_by_libcst(node) > MAX_DEPTH for node in level):
            return True
        children: list[ast.AST] = []
        for node in level:
            children += ast.iter_child_nodes(node)
        level = children
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
    """Return the length of the longest run of string literals that follow each other."""
    if text.count('"') + text.count("'") <= 2 * MAX_DEPTH:
        return 0
    longest = 0
    run = 0
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
    """A definition."""

    name: str
    """Its qualified name."""
    node: Definition
    block: "Block"
    """The block that it is in."""


@dataclass(frozen=True)
class Block:
    """A list of statements that follow each other."""

    scope: str
    """The qualified name of the definition around; "" is the module."""
    owner: ast.AST | None
    """The compound statement that has the block; None is the module."""
    body: list[ast.stmt]


class Source:
    """A file that parses. Lines count from 1, as in ast."""

    def __init__(self, text: str, mark: str, tree: ast.Module) -> None:
        self.text = text
        """The file without its byte-order mark."""
        self.mark = mark
        """The byte-order mark, or ""."""
        self.tree = tree

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _BREAK.finditer(self.text))]

    @cached_property
    def _is_ascii(self) -> bool:
        return self.text.isascii()

    @cached_property
    def newline(self) -> str:
        """The line break that the file uses first."""
        first = _BREAK.search(self.text)
        return first[0] if first else "\n"

    @cached_property
    def unit(self) -> str:
        """One step of indentation, as in the first indented block."""
        for block in self.blocks:
            if block.owner is None or not block.body or self.shares_line(block.body[0]):
                continue
            inner = self.indent_of(block.body[0])
            outer = self.indent_of(block.owner)
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
        places = []
        for block in self.blocks:
            for node in block.body:
                if is_definition(node):
                    places.append(Place(_join(block.scope, node.name), node, block))
        return places

    def find(self, name: str) -> Place | Refused:
        """Return the one definition with this qualified name; `f.<locals>.g` means `f.g`."""
        qualified = name.replace(".<locals>", "")
        places = [place for place in self.definitions if place.name == qualified]
        if not places:
            return unknown("definition", name, (place.name for place in self.definitions))
        if len(places) > 1:
            lines = ", ".join(str(first_line(place.node)) for place in places)
            return refuse(
                "ambiguous",
                f"{name} is defined {len(places)} times",
                f"on lines {lines}; use replace_statements",
            )
        return places[0]

    def offset(self, line: int, column: int) -> int:
        """Return the index in `text` of ast's (line, column in UTF-8 bytes)."""
        start = self._starts[line - 1]
        if self._is_ascii:
            return start + column
        piece = self.text[start : start + column]
        if piece.isascii():
            return start + column
        return start + len(piece.encode()[:column].decode())

    def line_start(self, line: int) -> int:
        """Return the index of the first character of `line`; after the last, the text's end."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def start(self, node: ast.stmt) -> int:
        """Return the index of the node's first character, decorators included."""
        if is_definition(node) and node.decorator_list:
            line = self.line_start(first_line(node))
            return len(self.text) - len(self.text[line:].lstrip(" \t\f"))
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Return the index after the node's last character."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def text_of(self, node: ast.expr) -> str:
        """Return an expression as the file writes it."""
        return self.text[self.offset(node.lineno, node.col_offset) : self.end(node)]

    def lines(self, first: int, last: int) -> str:
        """Return the lines from `first` to `last`, both included, with their breaks."""
        return self.text[self.line_start(first) : self.line_start(last + 1)]

    def indent_of(self, node: ast.AST) -> str:
        """Return the white space before the first statement on the node's line."""
        start = self.line_start(node.lineno)  # type: ignore[attr-defined]
        line = self.text[start : start + 1000]
        return line[: len(line) - len(line.lstrip(" \t\f"))].rpartition("\f")[2]

    def shares_line(self, node: ast.stmt) -> bool:
        """Return whether other code precedes the node on its line: `if x: node`, `a = 1; node`."""
        start = self.start(node)
        return bool(self.text[self.line_start(first_line(node)) : start].strip(" \t\f"))

    def splice(self, start: int, end: int, new: str) -> str:
        """Return the file's whole text with text[start:end] replaced."""
        return self.mark + self.text[:start] + new + self.text[end:]


def read(text: str) -> Source | Refused:
    """Return a file as a Source; `syntax` if it does not parse or is not in UTF-8.

    It is shared, as its tree is.
    """
    return _kept_source(text) if len(text) <= MAX_KEPT else _new_source(text)


@lru_cache(maxsize=KEPT_TREES)
def _kept_source(text: str) -> Source | Refused:
    return _new_source(text)


def _new_source(text: str) -> Source | Refused:
    fault = foreign_encoding(text) if len(text) <= MAX_CHARACTERS else None
    if fault:
        return refuse(
            "syntax",
            f"the file's encoding: {fault}",
            "write the file in UTF-8, without a coding comment",
        )
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    tree = file_tree(text[len(mark) :])
    if isinstance(tree, Refused):
        return tree
    source = Source(text[len(mark) :], mark, tree)
    try:
        source.blocks  # noqa: B018 - cached, so that nobody recurses later
    except RecursionError:
        return refuse("syntax", "the file is nested too deeply")
    return source


def is_definition(node: ast.AST) -> TypeGuard[Definition]:
    """Return whether the node is a function or a class."""
    return isinstance(node, Definition)


def is_docstring(node: ast.stmt) -> bool:
    """Return whether the statement is a text alone, as a docstring is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def first_line(node: ast.stmt) -> int:
    """Return the line on which the statement begins, decorators included."""
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
    """Yield the statement lists directly inside a compound statement."""
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(node, field, None)
        if inner and isinstance(inner, list):
            yield inner
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body
