"""RewriteFile: the whole new file, taken literally."""

from agent.edit.source import Source, read, refuse, too_deep
from agent.records.edits import Refused, RewriteFile


def rewrite_file(edit: RewriteFile) -> Source | Refused:
    """Return the new file; the old one need not parse.

    Python's own parser decides: libcst reads only the pieces of later edits.
    """
    source = read(edit.code)
    if isinstance(source, Source) and too_deep(source.tree, source.text):
        return refuse("syntax", "the new file is nested too deeply")
    return source
