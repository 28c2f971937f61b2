"""RewriteFile: the whole new file, taken literally."""

import libcst as cst

from agent.edit.source import Source, read, refuse, too_deep
from agent.records.edits import Refused, RewriteFile


def rewrite_file(edit: RewriteFile) -> Source | Refused:
    """The new file; what stood there before need not even parse."""
    source = read(edit.code)
    if isinstance(source, Refused):
        return source
    if too_deep(source.tree, source.text):
        return refuse("syntax", "the new file is nested too deeply")
    try:
        cst.parse_module(edit.code)
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError) as error:
        return refuse("syntax", f"the new file: {type(error).__name__}")
    return source
