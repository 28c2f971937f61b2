"""Before, edit, after: what the tests of every verb are written in."""

import ast
from textwrap import dedent

import libcst as cst

from agent.edit import Applied, apply
from agent.records.edits import Edit, Refused


def made(before: str, *edits: Edit) -> str:
    """The text after the edits, which must apply and must parse twice."""
    result = apply(before, edits)
    assert isinstance(result, Applied), result
    ast.parse(result.source.removeprefix("\ufeff"))
    cst.parse_module(result.source)
    return result.source


def pair(before: str, edit: Edit, after: str) -> None:
    """Assert one edit on dedented texts."""
    assert made(dedent(before).lstrip("\n"), edit) == dedent(after).lstrip("\n")


def refused(before: str, *edits: Edit) -> Refused:
    """The refusal that the edits must meet."""
    result = apply(dedent(before).lstrip("\n"), edits)
    assert isinstance(result, Refused), result.source
    return result
