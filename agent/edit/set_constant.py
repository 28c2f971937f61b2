"""SetConstant: give a module-level name another value; its comment, its annotation and its neighbours stay."""

import ast
from collections.abc import Iterator

import libcst as cst

from agent.edit.source import Source, parse_tree, refuse, too_deep, unknown
from agent.records.edits import Refused, SetConstant

Assignment = ast.Assign | ast.AnnAssign


def set_constant(source: Source, edit: SetConstant) -> str | Refused:
    """The file's new text. Of `A = B = 1` only A changes: it becomes `B = 1; A = 2`."""
    value = _expression(edit.value)
    if isinstance(value, Refused):
        return value
    found = [node for node in module_statements(source) if edit.name in bound_names(node)]
    if not found:
        return unknown(
            "constant",
            edit.name,
            (name for node in module_statements(source) for name in bound_names(node)),
        )
    if len(found) > 1:
        lines = ", ".join(str(node.lineno) for node in found)
        return refuse(
            "ambiguous",
            f"{edit.name} is assigned {len(found)} times",
            f"on lines {lines}; use replace_statements",
        )
    node = found[0]
    if not isinstance(node, Assignment) or edit.name not in plain_names(node):
        hint = f"line {node.lineno} does not simply assign it; use replace_statements"
        return refuse("unknown-name", f"constant {edit.name} has no value of its own", hint)
    start, end = source.start(node), source.end(node)
    statement = source.text[start:end]
    if isinstance(tree := parse_tree(statement), Refused) or too_deep(tree, statement):
        return refuse("syntax", f"the assignment of {edit.name} is nested too deeply")
    try:
        new = _assigned(statement, edit.name, value, source.newline)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return refuse("syntax", f"`value` of {edit.name}: {type(error).__name__}")
    return source.splice(start, end, new)


def module_statements(source: Source) -> Iterator[ast.stmt]:
    """Every statement that runs in the module's own scope, those inside if, try, with and loops too."""
    for block in source.blocks:
        if not block.scope:
            yield from block.body


def bound_names(node: ast.stmt) -> set[str]:
    """The names that an assignment of any form gives a value."""
    match node:
        case ast.Assign(targets=targets):
            return {
                part.id
                for target in targets
                for part in ast.walk(target)
                if isinstance(part, ast.Name) and _stored(part)
            }
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def plain_names(node: ast.stmt) -> set[str]:
    """The names that an assignment gives exactly its right-hand side: not those unpacked, nor those only declared."""
    match node:
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case _:
            return set()


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _expression(text: str) -> cst.BaseExpression | Refused:
    text = text.strip()
    tree = parse_tree(text)
    if isinstance(tree, Refused):
        return refuse("syntax", f"`value`: {tree.where}", tree.hint)
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr) or text.endswith(";"):
        return refuse("syntax", "`value` is not one expression", text)
    if too_deep(tree, text):
        return refuse("syntax", "`value` is nested too deeply")
    try:
        return cst.parse_expression(text)
    except (cst.ParserSyntaxError, RecursionError):
        return refuse("syntax", "`value` is not one expression", text)


def _assigned(statement: str, name: str, value: cst.BaseExpression, newline: str) -> str:
    module = cst.parse_module(statement)
    line = cst.ensure_type(module.body[0], cst.SimpleStatementLine)
    node = line.body[0]
    if isinstance(node, cst.Assign):
        body = _chain(node, name, value)
    else:
        old = cst.ensure_type(node, cst.AnnAssign)
        assert old.value is not None
        body = [old.with_changes(value=_in_parentheses(old.value, value))]
    written = module.with_changes(body=[line.with_changes(body=body)], default_newline=newline)
    return written.code


def _chain(node: cst.Assign, name: str, value: cst.BaseExpression) -> list[cst.BaseSmallStatement]:
    others = [
        t for t in node.targets if not (isinstance(t.target, cst.Name) and t.target.value == name)
    ]
    if not others:
        return [node.with_changes(value=_in_parentheses(node.value, value))]
    own = cst.Assign(targets=[cst.AssignTarget(cst.Name(name))], value=value)
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    return [node.with_changes(targets=others, semicolon=semicolon), own]


def _in_parentheses(old: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
    """`new` inside the parentheses of `old`, with the comments in them; a tuple's are its own, and go with it."""
    if isinstance(old, cst.Tuple) or not old.lpar:
        return new
    return new.with_changes(lpar=[*old.lpar, *new.lpar], rpar=[*new.rpar, *old.rpar])
