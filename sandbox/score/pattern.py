"""The owner's regular expression, in an engine whose time is linear in the text (RE2).

Python's `re` backtracks: a run that prints `aaaa…` could keep it busy for years. There is no second
engine; where RE2 is not installed, a pattern is an error that says so.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_PATTERN = 1000
GROUP = "value"
MISSING = (
    "a pattern needs the package google-re2, which is not installed here: "
    'pip install "google-re2>=1.1"'
)


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern. It never matches across lines, and `^` and `$` are a line's ends."""

    regex: Any
    group: int

    @staticmethod
    @lru_cache
    def compile(text: str) -> "Pattern":
        """Return the pattern; raise ValueError where it is none, or has not one group."""
        try:
            import re2
        except ImportError:
            raise ValueError(MISSING) from None
        if len(text) > MAX_PATTERN:
            raise ValueError(f"the pattern has {len(text)} characters; {MAX_PATTERN} are allowed")
        options = re2.Options()
        options.log_errors = False
        options.never_nl = True
        try:
            re2.compile(text, options)  # alone, as its owner wrote it, for what an error says
            regex = re2.compile(f"(?m:{text})", options)
        except (re2.error, UnicodeEncodeError) as error:
            raise ValueError(f"the pattern {text!a} is not valid: {_reason(error)}") from None
        named = regex.groupindex.get(GROUP)
        if named is None and regex.groups != 1:
            raise ValueError(
                f"the pattern {text!a} has {regex.groups} groups; "
                "put parentheses around the number, or name its group: (?P<value>…)"
            )
        return Pattern(regex, named or 1)

    def last(self, line: str) -> str | None:
        """Return what the group holds in the last match in a line, or None."""
        value = None
        for match in self.regex.finditer(line):
            value = match[self.group]
        return value

    def is_in(self, text: str) -> bool:
        """Return whether any line of a text matches."""
        return self.regex.search(text) is not None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
