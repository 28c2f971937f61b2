"""Splits a command into its words, and tells which constants its words decide."""

import re
import shlex

_OPTION = re.compile(r"(--[A-Za-z][\w\-]*)(?:=.*)?", re.DOTALL)
_OVERRIDE = re.compile(r"\+{0,2}([A-Za-z_][\w.]*)=.*", re.DOTALL)


def split_command(command: str | None) -> tuple[str, ...]:
    """Return the words of a command, as a shell splits them. Raise ValueError for a stray quote."""
    return tuple(shlex.split(command or ""))


def inner_command(command: str) -> str:
    """Return COMMAND of `sh -c COMMAND`; any other command as it is. Raise as split_command."""
    words = split_command(command)
    return words[2] if words[:2] == ("sh", "-c") and len(words) == 3 else command


def names_given(command: str | None) -> tuple[str, ...]:
    """Return the names that a command gives a value: `--lr 0.1`, `optim.lr=0.1`, `env LR=0.1`.

    What the files say for them has no effect. Also of a command that a shell is given as one word.
    """
    names: dict[str, None] = {}
    for word in split_command(command):
        try:
            inner = shlex.split(word) if re.search(r"\s", word) else [word]
        except ValueError:
            inner = []
        for part in inner:
            match = _OPTION.fullmatch(part) or _OVERRIDE.fullmatch(part)
            if match:
                names[match[1]] = None
    return tuple(names)
