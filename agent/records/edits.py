"""Typed edits to the files of a project, and the refusal of one."""

from typing import Annotated, Literal

from pydantic import Field

from agent.records.bounded import Text
from sandbox.ground.record import Record

MAX_PROPOSED = 100
"""The most edits in one proposal of a model or an agent. Each edit parses the whole file again."""


class _FileEdit(Record):
    """An edit to one file."""

    file: Text | None = Field(default=None, exclude_if=lambda file: file is None)
    """The file's path in the project; None for train.py."""


class SetConstant(_FileEdit):
    """Set the constant `name` to `value`, as the file writes it: `0.8`, `"SSSL"`."""

    kind: Literal["set_constant"] = "set_constant"
    name: Text
    value: Text


class ReplaceDefinition(_FileEdit):
    """Replace the function or class `name` (`GPT.forward`) by `code`, decorators included."""

    kind: Literal["replace_definition"] = "replace_definition"
    name: Text
    code: Text


class InsertDefinition(_FileEdit):
    """Insert the function or class in `code` after the definition `after`, or after the last."""

    kind: Literal["insert_definition"] = "insert_definition"
    code: Text
    after: Text | None = None
    before: Text | None = Field(default=None, exclude_if=lambda before: before is None)
    """The definition that comes next, in place of `after`."""


class DeleteDefinition(_FileEdit):
    """Delete the function or class with the qualified name `name`."""

    kind: Literal["delete_definition"] = "delete_definition"
    name: Text


class ReplaceStatements(_FileEdit):
    """Replace the statements that read `old` (indentation aside) by `new`, within `within`."""

    kind: Literal["replace_statements"] = "replace_statements"
    old: Text
    new: Text
    within: Text | None = None
    """The definition that holds them; None if they are unique in the file."""


class AddImport(_FileEdit):
    """Add the import statement `code` behind the imports that the file has."""

    kind: Literal["add_import"] = "add_import"
    code: Text


class ReplaceText(_FileEdit):
    """Replace the passage `old`, which is in the file exactly once, by `new`."""

    kind: Literal["replace_text"] = "replace_text"
    old: Text
    new: Text


class RewriteFile(_FileEdit):
    """Write the whole file anew; it is recorded as smaller edits where they express it."""

    kind: Literal["rewrite_file"] = "rewrite_file"
    code: Text


class AddFile(Record):
    """Add a new file with the content `code`."""

    kind: Literal["add_file"] = "add_file"
    file: Text
    code: Text


class DeleteFile(Record):
    """Delete a file."""

    kind: Literal["delete_file"] = "delete_file"
    file: Text


class RenameFile(Record):
    """Give a file the new path `to`, its content unchanged."""

    kind: Literal["rename_file"] = "rename_file"
    file: Text
    to: Text


Edit = Annotated[
    SetConstant
    | ReplaceDefinition
    | InsertDefinition
    | DeleteDefinition
    | ReplaceStatements
    | AddImport
    | ReplaceText
    | RewriteFile
    | AddFile
    | DeleteFile
    | RenameFile,
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
    """The reason why a list of edits was not applied."""

    reason: RefusalReason
    where: Text
    """A name, a line or a file."""
    hint: Text = ""
    """What would have been valid."""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.reason}: {self.where}{hint}"
