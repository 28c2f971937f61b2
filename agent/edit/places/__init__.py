"""Where a Python file keeps its constants: every form, each place with its name."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from agent.edit.places.fields import Fields
from agent.edit.places.functions import function_places
from agent.edit.places.names import Top
from agent.edit.places.options import option_places
from agent.edit.places.place import Form, Place
from agent.edit.places.scopes import Scopes
from agent.edit.source import KEPT_TREES, MAX_KEPT, MAX_NAME, Source, file_tree
from agent.records.edits import Refused

__all__ = ["Form", "Place", "lines_of", "places_of"]


def places_of(source: Source) -> Mapping[str, Place]:
    """Return every place whose name is its own, by name, in the order of the file.

    UPPERCASE names of the module are not among them: set_constant finds those by itself.
    """
    return _unique(_all_of(source))


def lines_of(source: Source, name: str) -> list[int]:
    """Return the lines of all places with this name."""
    return [place.value.lineno for place in _all_of(source) if _key(place.name) == _key(name)]


def _unique(places: tuple[Place, ...]) -> Mapping[str, Place]:
    counts = Counter(_key(place.name) for place in places)
    return MappingProxyType(
        {place.name: place for place in places if counts[_key(place.name)] == 1}
    )


def _key(name: str) -> str:
    """Return what two options that set the same value have in common: --max-lr and --max_lr."""
    return name.replace("-", "_")


def _all_of(source: Source) -> tuple[Place, ...]:
    if len(source.text) <= MAX_KEPT:
        return _kept(source.text)
    return _found(source)


@lru_cache(maxsize=KEPT_TREES)
def _kept(text: str) -> tuple[Place, ...]:
    tree = file_tree(text)
    return () if isinstance(tree, Refused) else _found(Source(text, "", tree))


def _found(source: Source) -> tuple[Place, ...]:
    try:
        places = [place for place in _every_form(source) if _is_plain(place.name)]
    except RecursionError:
        return ()
    return tuple(sorted(places, key=lambda place: (place.value.lineno, place.value.col_offset)))


def _every_form(source: Source) -> Iterator[Place]:
    scopes = Scopes(source.tree)
    yield from Top(scopes, scopes.module, source.tree.body, "", uppercase=False).places()
    for block in source.blocks:
        if block.scope:
            continue
        for statement in block.body:
            if isinstance(statement, ast.ClassDef):
                yield from Fields(scopes, statement).places()
    yield from option_places(source)
    yield from function_places(source, scopes)


def _is_plain(name: str) -> bool:
    """Return whether a name can stand in settings, records and tables as it is."""
    return len(name) <= MAX_NAME and all(
        character.isalnum() or character in "_-.()" for character in name
    )
