"""The command that was typed, for an error that asks to type it again with a change."""

import shlex
import sys
from collections.abc import Sequence


def again(flags: str = "") -> str:
    """Return the command that was typed, with these flags added."""
    return _command(sys.argv[1:], flags)


def instead(option: str, flags: str) -> str:
    """Return the command that was typed, with these flags in place of an option and its values."""
    words = []
    previous = ""
    for word in sys.argv[1:]:
        if option not in (word, previous) and not word.startswith(f"{option}="):
            words.append(word)
        previous = word
    return _command(words, flags)


def _command(words: Sequence[str], flags: str) -> str:
    """Return a command line, with the flags before a `--` that ends the options."""
    end = words.index("--") if "--" in words else len(words)
    parts = (shlex.join(["autoresearch", *words[:end]]), flags, shlex.join(words[end:]))
    return " ".join(filter(None, parts))
