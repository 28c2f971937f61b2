"""Typed edits to train.py, and the refusal of one."""

from typing import Annotated, Literal

from pydantic import Field

from agent.records.bounded import Text
from sandbox.ground.record import Record

# ---------------------------------------------------------------- edits


class SetConstant(Record):
    """Give the module-level constant `name` the value written as the Python expression `value` (`0.8`, `2**19`, `"SSSL"`)."""

    kind: Literal["set_constant"] = "set_constant"
    name: Text
    value: Text


class ReplaceDefinition(Record):
    """Replace the function or class with the qualified name `name` (`GPT.forward`) by `code`, decorators included."""

    kind: Literal["replace_definition"] = "replace_definition"
    name: Text
    code: Text


class InsertDefinition(Record):
    """Insert the function or class in `code` behind the definition `after`, in its scope; behind the last one without it."""

    kind: Literal["insert_definition"] = "insert_definition"
    code: Text
    after: Text | None = None


class DeleteDefinition(Record):
    """Delete the function or class with the qualified name `name`."""

    kind: Literal["delete_definition"] = "delete_definition"
    name: Text


class ReplaceStatements(Record):
    """Replace the one run of whole statements that reads `old` (indentation aside) by `new`; `within` narrows to a definition."""

    kind: Literal["replace_statements"] = "replace_statements"
    old: Text
    new: Text
    within: Text | None = None


class AddImport(Record):
    """Add the import statement `code` behind the imports that the file has."""

    kind: Literal["add_import"] = "add_import"
    code: Text


class RewriteFile(Record):
    """The whole new file; differenced into the other kinds wherever they can express it."""

    kind: Literal["rewrite_file"] = "rewrite_file"
    code: Text


Edit = Annotated[
    SetConstant
    | ReplaceDefinition
    | InsertDefinition
    | DeleteDefinition
    | ReplaceStatements
    | AddImport
    | RewriteFile,
    Field(discriminator="kind"),
]

RefusalReason = Literal[
    "syntax",
    "unknown-name",
    "ambiguous",
    "no-op",
    "already-tried",
    "protected",
    "seed-only",
    "outside-file",
    "unreadable",
    "undefined-name",
    "indivisible",
]


class Refused(Record):
    """An edit list that was not applied: why, where (a name, a line, a file), and what would have been valid."""

    reason: RefusalReason
    where: Text
    hint: Text = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.where}" + (f" ({self.hint})" if self.hint else "")
