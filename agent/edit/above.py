"""Comments above a constant: its own ones, and the headings of the constants around it."""

import re
from collections.abc import Sequence

MAX_LINES = 40  # lines that are searched above a constant
MAX_TEXT = 300  # the most characters that are returned
# A heading speaks of all constants below it, up to an empty line.
_HEADING = re.compile(
    r"\b(?:these|all|below|following|everything|constants|settings|values|section)\b|[-=#*~]{3}",
    re.IGNORECASE,
)
_BREAK = re.compile(r"\r\n|\r|\n")


def lines_of(text: str) -> list[str]:
    """Return the lines of a file without their ends, as ast and the readers of values count."""
    return _BREAK.split(text)


def comment_above(lines: Sequence[str], line: int, mark: str = "#") -> str:
    """Return the comment right above a line, else the heading above the lines around it; or "".

    lines: of the whole file. line: counted from 1. mark: what a line of comment begins with.
    """
    index = line - 2
    if _is_comment(lines, index, mark):
        return _block(lines, index, mark)
    own = _indent(lines, line - 1)
    for number in range(index, max(-1, index - MAX_LINES), -1):
        if number < 0 or not lines[number].strip() or _indent(lines, number) < own:
            return ""
        if _is_comment(lines, number, mark):
            heading = _block(lines, number, mark)
            speaks = _indent(lines, number) == own and _HEADING.search(heading)
            return heading if speaks else ""
    return ""


def _block(lines: Sequence[str], last: int, mark: str) -> str:
    """Return the lines of comment that end with one."""
    first = last
    while _is_comment(lines, first - 1, mark) and last - first < MAX_LINES:
        first -= 1
    return " ".join(text.strip() for text in lines[first : last + 1])[:MAX_TEXT]


def _is_comment(lines: Sequence[str], index: int, mark: str) -> bool:
    return 0 <= index < len(lines) and lines[index].lstrip().startswith(mark)


def _indent(lines: Sequence[str], index: int) -> int:
    if not 0 <= index < len(lines):
        return 0
    return len(lines[index]) - len(lines[index].lstrip())
