"""Edits to the files of a whole project, whatever kinds of files they are."""

from agent.edit.files.apply import apply_edits
from agent.edit.files.difference import difference, following_renames
from agent.edit.files.fingerprint import code_lines_of, fingerprint_of
from agent.edit.files.guard import guard_files
from agent.edit.files.touched import touched_files
from agent.records.sources import Code, Sources, as_sources, split_name

__all__ = [
    "Code",
    "Sources",
    "apply_edits",
    "as_sources",
    "code_lines_of",
    "difference",
    "fingerprint_of",
    "following_renames",
    "guard_files",
    "split_name",
    "touched_files",
]
