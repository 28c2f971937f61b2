"""SetConstant: another value for a constant; its comment, annotation and neighbours stay."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import libcst as cst

from agent.edit.places import default_in, lines_of, places_of
from agent.edit.source import Source, parse_tree, refuse, unfit, unknown
from agent.records.edits import Refused, SetConstant

Assignment = ast.Assign | ast.AnnAssign


@dataclass(frozen=True, order=True)
class _Splice:
    """New text in place of text[start:end]."""

    start: int
    end: int
    new: str


def set_constant(source: Source, edit: SetConstant) -> str | Refused:
    """Return the file's new text. In `A = B = 1` only A changes: `B = 1; A = 2`."""
    splice = _splice(source, edit)
    if isinstance(splice, Refused):
        return splice
    return source.splice(splice.start, splice.end, splice.new)


def set_constants(source: Source, edits: Sequence[SetConstant]) -> str | None:
    """Return the file's new text with all edits made at once, so that it is parsed once.

    None if they must be made one by one: one is refused, or two are in one statement.
    """
    splices = []
    for edit in edits:
        splice = _splice(source, edit)
        if isinstance(splice, Refused):
            return None
        splices.append(splice)
    splices.sort()
    if any(after.start < before.end for before, after in pairwise(splices)):
        return None
    text = source.text
    for splice in reversed(splices):
        text = text[: splice.start] + splice.new + text[splice.end :]
    return source.mark + text


def _splice(source: Source, edit: SetConstant) -> _Splice | Refused:
    value = _expression(edit.value)
    if isinstance(value, Refused):
        return value
    node = _assignment(source, edit.name)
    if isinstance(node, Refused):
        place = places_of(source).get(edit.name)
        return node if place is None else _in_place(source, place.value, _enclosed(value))
    if isinstance(node, ast.Assign) and any(ast.unparse(to) != edit.name for to in node.targets):
        return _in_chain(source, node, edit.name, value)
    assert node.value is not None
    old = default_in(node.value)
    return _in_place(source, old, value if old is node.value else _enclosed(value))


def _in_place(source: Source, old: ast.expr, new: cst.BaseExpression) -> _Splice:
    """Return the splice of an expression, whose parentheses stay."""
    start = source.offset(old.lineno, old.col_offset)
    return _Splice(start, source.end(old), cst.Module([]).code_for_node(new))


def _in_chain(
    source: Source, node: ast.Assign, name: str, value: cst.BaseExpression
) -> _Splice | Refused:
    start = source.start(node)
    end = source.end(node)
    statement = source.text[start:end]
    tree = parse_tree(statement)
    why = tree.where if isinstance(tree, Refused) else unfit(statement, tree)
    if why:
        return refuse("syntax", f"the assignment of {name} is {why}")
    try:
        new = _assigned(statement, name, value, source.newline)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return refuse("syntax", f"`value` of {name}: {type(error).__name__}")
    return _Splice(start, end, new)


def _assignment(source: Source, name: str) -> Assignment | Refused:
    """Return the one statement of the module that assigns `name` its value."""
    names: set[str] = set()
    nodes = []
    for node in module_statements(source):
        bound = bound_names(node)
        names |= bound
        if name in bound:
            nodes.append(node)
    if not nodes:
        return _unknown(source, name, names)
    if len(nodes) > 1:
        lines = ", ".join(str(node.lineno) for node in nodes)
        return refuse(
            "ambiguous",
            f"{name} is assigned {len(nodes)} times",
            f"on lines {lines}; use replace_statements",
        )
    if not isinstance(nodes[0], Assignment) or name not in plain_names(nodes[0]):
        hint = f"line {nodes[0].lineno} does not simply assign it; use replace_statements"
        return refuse("unknown-name", f"constant {name} has no value of its own", hint)
    return nodes[0]


def _unknown(source: Source, name: str, names: set[str]) -> Refused:
    lines = lines_of(source, name)
    if len(lines) > 1:
        hint = f"on lines {', '.join(map(str, lines))}; use replace_statements"
        return refuse("ambiguous", f"{name} has {len(lines)} values", hint)
    return unknown("constant", name, names | set(places_of(source)))


def module_statements(source: Source) -> Iterator[ast.stmt]:
    """Yield every statement in the module's own scope, also inside if, try, with and loops."""
    for block in source.blocks:
        if not block.scope:
            yield from block.body


def bound_names(node: ast.stmt) -> set[str]:
    """Return the names that an assignment of any form gives a value."""
    match node:
        case ast.Assign(targets=targets):
            names: set[str] = set()
            for target in targets:
                names |= _stored_names(target)
            return names
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def plain_names(node: ast.stmt) -> set[str]:
    """Return the names that an assignment gives its whole right-hand side: no unpacked ones."""
    match node:
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case _:
            return set()


def _stored_names(target: ast.expr) -> set[str]:
    names = [part for part in ast.walk(target) if isinstance(part, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, ast.Store)}


def _expression(text: str) -> cst.BaseExpression | Refused:
    text = text.strip()
    tree = parse_tree(text)
    if isinstance(tree, Refused):
        return refuse("syntax", f"`value`: {tree.where}", tree.hint)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr) or text.endswith(";"):
        return refuse("syntax", "`value` is not one expression", text)
    if why := unfit(text, tree):
        return refuse("syntax", f"`value` is {why}")
    try:
        return cst.parse_expression(text)
    except (cst.ParserSyntaxError, RecursionError):
        return refuse("syntax", "`value` is not one expression", text)


def _enclosed(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return a value as it may stand among others: a tuple in parentheses."""
    if not isinstance(value, cst.Tuple | cst.Yield) or value.lpar:
        return value
    return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _assigned(statement: str, name: str, value: cst.BaseExpression, newline: str) -> str:
    module = cst.parse_module(statement)
    line = cst.ensure_type(module.body[0], cst.SimpleStatementLine)
    body = _chain(cst.ensure_type(line.body[0], cst.Assign), name, value)
    written = module.with_changes(body=[line.with_changes(body=body)], default_newline=newline)
    return written.code


def _chain(node: cst.Assign, name: str, value: cst.BaseExpression) -> list[cst.BaseSmallStatement]:
    """Return `A = B = 1` as `B = 1; A = 2` for the name A."""
    others = [target for target in node.targets if not _is_name(target.target, name)]
    own = cst.Assign(targets=[cst.AssignTarget(cst.Name(name))], value=value)
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    return [node.with_changes(targets=others, semicolon=semicolon), own]


def _is_name(target: cst.BaseExpression, name: str) -> bool:
    return isinstance(target, cst.Name) and target.value == name
