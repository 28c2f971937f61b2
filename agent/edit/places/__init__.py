"""Finds the constants of a Python file in every form, each place with a name."""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from agent.edit.places.environment import default_in, of_environment
from agent.edit.places.fields import Fields
from agent.edit.places.functions import function_places
from agent.edit.places.names import Top
from agent.edit.places.options import option_places
from agent.edit.places.place import Form, Place
from agent.edit.places.scopes import Scopes
from agent.edit.source import KEPT_TREES, MAX_KEPT, MAX_NAME, Source, file_tree
from agent.records.edits import Refused

__all__ = ["Form", "Place", "default_in", "lines_of", "places_of"]

MAX_PLACES = 2_000  # of a file; what comes after them is data


@dataclass(frozen=True)
class _Found:
    """The places of a file, in its order."""

    places: tuple[Place, ...]

    @staticmethod
    def of(source: Source) -> "_Found":
        """Return the places of a file; an expression's first one, if it has two."""
        first: dict[ast.expr, Place] = {}
        try:
            for place in _every_form(source):
                if _is_plain(place.name):
                    first.setdefault(place.value, of_environment(place))
        except RecursionError:
            return _Found(())
        return _Found(tuple(sorted(first.values(), key=_position)[:MAX_PLACES]))

    @cached_property
    def by_name(self) -> Mapping[str, Place]:
        """The places whose names are their own."""
        counts = Counter(_key(place.name) for place in self.places)
        unique = [place for place in self.places if counts[_key(place.name)] == 1]
        return MappingProxyType({place.name: place for place in unique if place.is_live})


def places_of(source: Source) -> Mapping[str, Place]:
    """Return every place whose name is its own, by name, in the order of the file.

    UPPERCASE names that the module simply assigns are not among them, but for defaults of
    environment variables: set_constant finds those.
    """
    return _found(source).by_name


def lines_of(source: Source, name: str) -> list[int]:
    """Return the lines of all places with this name."""
    return [place.value.lineno for place in _found(source).places if _key(place.name) == _key(name)]


def _key(name: str) -> str:
    """Return a key that is equal for options that set the same value: --max-lr and --max_lr."""
    return name.replace("-", "_")


def _found(source: Source) -> _Found:
    return _kept(source.text) if len(source.text) <= MAX_KEPT else _Found.of(source)


@lru_cache(maxsize=KEPT_TREES)
def _kept(text: str) -> _Found:
    tree = file_tree(text)
    return _Found(()) if isinstance(tree, Refused) else _Found.of(Source(text, "", tree))


def _position(place: Place) -> tuple[int, int]:
    return place.value.lineno, place.value.col_offset


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
        character.isalnum() or character in "_-.()[]" for character in name
    )
