"""Text that untrusted code wrote, made safe to show and to store."""

import unicodedata
from pathlib import Path

TAIL_CHARACTERS = 4000


def escape(text: str) -> str:
    """`text` with control, bidirectional and other invisible characters written as escapes; line ends stay."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in _UNSAFE else _escaped(c) for c in text)


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def read_end(path: Path, size: int) -> str:
    """The last `size` bytes of a file as text; nothing where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - size))
            return file.read(size).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def tail(path: Path) -> str:
    """The end of a log as a human reads it: what a carriage return overwrote is gone, and nothing moves a cursor."""
    lines = (line.rpartition("\r")[2] for line in read_end(path, 4 * TAIL_CHARACTERS).replace("\r\n", "\n").split("\n"))
    return escape("\n".join(lines))[-TAIL_CHARACTERS:]


def last_words(path: Path) -> str:
    """The last line of a log that says something: of a traceback, the error."""
    lines = [line.strip() for line in tail(path).splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
