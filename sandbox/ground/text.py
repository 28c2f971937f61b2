"""Text that untrusted code wrote, made safe to show and to store."""

from pathlib import Path

from sandbox.ground.redaction import redacted

TAIL_CHARACTERS = 4000
LINE_CHARACTERS = 300
TRACEBACK = "Traceback (most recent call last):"


def escape(text: str) -> str:
    """`text` with control, bidirectional and other invisible characters written as escapes; line ends stay."""
    return "".join(c if c == "\n" or c.isprintable() else _escaped(c) for c in text)


def one_line(text: str) -> str:
    """`text` escaped and shortened to one line of a record, without secrets."""
    line = escape(redacted(text)).replace("\n", " ")
    return line if len(line) <= LINE_CHARACTERS else line[: LINE_CHARACTERS - 1] + "…"


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
    """The end of a log as a human reads it: no secrets, nothing that moves a cursor, and not what a carriage return overwrote.

    Secrets are taken out before the text is cut, so that no half of one stays.
    """
    end = redacted(read_end(path, 4 * TAIL_CHARACTERS))
    lines = (line.rpartition("\r")[2] for line in end.replace("\r\n", "\n").split("\n"))
    return escape("\n".join(lines))[-TAIL_CHARACTERS:]


def last_words(path: Path) -> str:
    """What a log says of the end: the error that its last traceback names, else its last line with anything on it."""
    lines = tail(path).splitlines()
    starts = [i for i, line in enumerate(lines) if line.strip() == TRACEBACK]
    errors = [line for line in lines[starts[-1] + 1 :] if line[:1].strip()] if starts else []
    said = [line.strip() for line in lines if line.strip()]
    return one_line(errors[0] if errors else said[-1] if said else "")
