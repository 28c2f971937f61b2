"""Before, edit, after: helpers for the tests of every kind of edit."""

import ast
from textwrap import dedent

import libcst as cst

from agent.edit import Applied, apply
from agent.records.edits import Edit, Refused


def made(before: str, *edits: Edit) -> str:
    """Return the text after the edits; both parsers must accept it."""
    result = apply(before, edits)
    assert isinstance(result, Applied), result
    ast.parse(result.source.removeprefix("\ufeff"))
    cst.parse_module(result.source)
    return result.source


def pair(before: str, edit: Edit, after: str) -> None:
    """Assert one edit on dedented texts."""
    assert made(dedent(before).lstrip("\n"), edit) == dedent(after).lstrip("\n")


def refused(before: str, *edits: Edit) -> Refused:
    """Return the refusal of edits that must be refused."""
    result = apply(dedent(before).lstrip("\n"), edits)
    assert isinstance(result, Refused), result.source
    return result
