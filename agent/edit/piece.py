"""A piece of new code: read at any indentation, written at the file's."""

import ast
import re
from dataclasses import dataclass

import libcst as cst

from agent.edit.source import Source, parse_tree, refuse, unfit
from agent.records.edits import Refused

_WRAP = "if 1:\n"


@dataclass(frozen=True)
class Piece:
    """Statements, dedented."""

    text: str
    """With line feeds only; it ends in one unless it is empty."""
    tree: ast.Module
    module: cst.Module

    @property
    def inline(self) -> bool:
        """Whether it is one line of simple statements that fits between semicolons."""
        return (
            len(self.module.body) == 1
            and self.text.count("\n") == 1
            and "#" not in self.text
            and not _compound(self.tree)
        )

    def indented(self, indent: str, source: Source) -> str:
        """Return the code at `indent`, with the file's step of indentation and line breaks.

        Text inside strings stays as it is.
        """
        if not self.module.body:
            lines = self.text.splitlines(keepends=True)
            text = "".join(indent + line if line.strip() else line for line in lines)
        elif indent:
            text = self._in_block(indent, source.unit)
        elif self.module.default_indent == source.unit:
            text = self.text
        else:
            text = self.module.with_changes(default_indent=source.unit).code
        return text.replace("\n", source.newline)

    def _in_block(self, indent: str, unit: str) -> str:
        module = cst.ensure_type(self.module.visit(_BareBlankLines()), cst.Module)
        block = cst.IndentedBlock(body=_with_header(module), footer=module.footer, indent=indent)
        wrapper = cst.If(test=cst.Name("_"), body=block)
        wrapped = cst.Module(body=[wrapper], default_indent=unit)
        _, _, text = wrapped.code.partition("\n")
        return text


class _BareBlankLines(cst.CSTTransformer):
    """Keeps blank lines bare: libcst counts one at column 0 as indented, and would indent it."""

    def leave_EmptyLine(  # noqa: N802
        self, _: cst.EmptyLine, updated_node: cst.EmptyLine
    ) -> cst.EmptyLine:
        blank = updated_node.comment is None and not updated_node.whitespace.value
        return updated_node.with_changes(indent=False) if blank else updated_node


def read_piece(code: str, what: str) -> Piece | Refused:
    """Return the statements in `code`, at any indentation; `what` names the field in a refusal."""
    code = re.sub(r"\r\n?", "\n", code)
    if why := unfit(code):
        return refuse("syntax", f"`{what}` is {why}")
    tree = parse_tree(code)
    wrapped = False
    if isinstance(tree, Refused) and code[:1] in (" ", "\t", "\n", "#"):
        inner = parse_tree(_WRAP + code)
        wrapped = isinstance(inner, ast.Module) and len(inner.body) == 1
        tree = inner if wrapped else tree
    if isinstance(tree, Refused):
        hint = tree.hint or "whole statements are needed"
        return refuse("syntax", f"`{what}`: {tree.where}", hint)
    if why := unfit(code, tree):
        return refuse("syntax", f"`{what}` is {why}")
    try:
        return _piece(_WRAP + code if wrapped else code, wrapped)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return refuse("syntax", f"`{what}`: {type(error).__name__}")


def _piece(code: str, wrapped: bool) -> Piece:
    if code and not code.endswith("\n"):
        code += "\n"
    module = cst.parse_module(code)
    if wrapped:
        branch = cst.ensure_type(module.body[0], cst.If)
        block = cst.ensure_type(branch.body, cst.IndentedBlock)
        step = _step(block, module.default_indent)
        footer = [*block.footer, *module.footer]
        body = list(block.body)
        module = cst.Module(body=body, footer=footer, default_indent=step)  # type: ignore[arg-type]
        code = module.code
    tree = parse_tree(code)
    if isinstance(tree, Refused):
        raise RecursionError  # impossible: the same statements parsed a moment ago
    return Piece(code, tree, module)


def _step(block: cst.IndentedBlock, default: str) -> str:
    """Return the step of indentation inside a wrapped piece, whose own base is weak evidence."""
    return default if block.indent is None else "    "


def _with_header(module: cst.Module) -> list[cst.BaseStatement]:
    first, *rest = module.body
    lines = [*module.header, *first.leading_lines]
    return [first.with_changes(leading_lines=lines), *rest]


def _compound(tree: ast.Module) -> bool:
    return any(hasattr(node, "body") or hasattr(node, "cases") for node in tree.body)
