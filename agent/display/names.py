"""Short names of constants: without the file where they stay unambiguous."""

from collections import Counter
from collections.abc import Iterable, Mapping

from agent.records.sources import split_name
from sandbox.ground.text import flat

ELLIPSIS = "…"


def short_names(names: Iterable[str]) -> Mapping[str, str]:
    """Return each whole name in short: `optim.lr`, `base.yaml:optim.lr`, or as it is.

    It is the shortest of these that none of the other names shares.
    """
    whole = list(dict.fromkeys(names))
    locals_of = {name: split_name(name)[1] for name in whole}
    with_file = {name: _without_folders(name) for name in whole}
    by_local = Counter(locals_of.values())
    by_file = Counter(with_file.values())
    short = {}
    for name in whole:
        short[name] = name
        if by_local[locals_of[name]] == 1:
            short[name] = locals_of[name]
        elif by_file[with_file[name]] == 1:
            short[name] = with_file[name]
    return short


def _without_folders(name: str) -> str:
    path, colon, local = name.partition(":")
    return f"{path.rpartition('/')[2]}:{local}" if colon else name


def cut_name(name: str, limit: int) -> str:
    """Return a name of at most `limit` characters that still ends as it ends: `…/net.py:Net`."""
    line = flat(name)
    return line if len(line) <= limit else f"{ELLIPSIS}{line[len(line) - limit + 1 :]}"
