"""What a file says beside a constant: comments, and help texts of options."""

import ast
import io
import re
import tokenize

from agent.edit.source import Source

MAX_COMMENT = 1_000  # characters behind a constant that are read
MAX_HELP = 1_000  # characters of a help text or docstring that are read
# `[train | test]` in a help text tells people what there is; it asks for no search.
_CHOICES = re.compile(r"\[[^\[\]]*\|[^\[\]]*\]")
# What may stand between a value and the comment that is its own.
_BETWEEN = " \t\f,;)]}"


def comments_beside(source: Source, item: ast.expr | ast.stmt) -> str:
    """Return the comments inside an item that spans lines, and the one after it on its last line.

    A comment after another item on that line does not count.
    """
    start = source.offset(item.lineno, item.col_offset)
    end = source.end(item)
    stop = source.line_start((item.end_lineno or item.lineno) + 1)
    inside = _comments(source.text[start:end]) if item.end_lineno != item.lineno else ""
    tail = source.text[end : min(stop, end + MAX_COMMENT)].lstrip(_BETWEEN).strip()
    return inside + (tail if tail.startswith("#") else "")


def _comments(code: str) -> str:
    if "#" not in code:
        return ""
    comments = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                comments.append(token.string)
    except (tokenize.TokenError, SyntaxError):  # a part of a file need not end well
        pass
    return " ".join(comments)


def help_of(text: str) -> str:
    """Return a help text as one line, without brackets that list choices."""
    return " ".join(_CHOICES.sub("", text[:MAX_HELP]).split())
