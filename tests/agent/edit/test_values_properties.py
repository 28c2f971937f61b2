"""Every value of a file, set to another and back, gives the same bytes; only it changes."""

import json
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.edit.literal import Literal
from agent.edit.value_tree import MAX_TEXT, Keys, path_of
from agent.edit.values import Entry, Language, entries, language_of, written
from agent.edit.yaml_scalars import read_plain
from agent.records.edits import Refused
from tests.agent.edit.value_pairs import changed, constants, other

INSTALLED = Path(sysconfig.get_path("purelib"))
PARSERS = {"yaml": yaml.safe_load, "toml": tomllib.loads, "json": json.loads}
# Where a search changes at most this many values of one file, spread over it.
MOST = 12

KEYS = st.sampled_from(["a", "lr", "b.c", "weight-decay", "x y", "größe", "0", "😀", 'q"u', ""])
SCALARS: st.SearchStrategy[Literal] = st.one_of(
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=20),
    st.sampled_from(["on", "1e-3", "null", "a # b", "a: b", "it's", "- x", "two\nlines\n", " x "]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
DATA = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def leaves(data: Any, keys: Keys = ()) -> dict[Keys, Any]:
    """Return the scalars of constructed data by their keys."""
    found: dict[Keys, Any] = {}
    if isinstance(data, dict):
        for key, inner in data.items():
            found |= leaves(inner, (*keys, str(key)))
    elif isinstance(data, list):
        for index, inner in enumerate(data):
            found |= leaves(inner, (*keys, index))
    else:
        found[keys] = data
    return found


def by_path(data: Any) -> dict[str | None, tuple[type, Any]]:
    """Return the scalars of constructed data with their types by path."""
    return {path_of(keys): (type(value), value) for keys, value in leaves(data).items()}


def round_trip(language: Language, text: str, entry: Entry) -> None:
    """Assert that a value can be set to another one, alone, and back."""
    value = other(entry.value)
    new = changed(language, text, entry.path, written(language, value, entry))
    before = constants(language, text)
    after = constants(language, new)
    assert list(before) == list(after)
    for path, old in before.items():
        expected = value if path == entry.path else old.value
        assert (type(after[path].value), after[path].value) == (type(expected), expected)
        assert after[path].comment == old.comment
    assert changed(language, new, entry.path, entry.text) == text


def check(language: Language, text: str, most: int = MOST) -> None:
    """Assert round_trip for values all over a text."""
    found = list(constants(language, text).values())
    step = max(1, len(found) // most)
    for entry in found[::step]:
        round_trip(language, text, entry)


def only_one_differs(language: Language, text: str, path: str, value: Literal) -> None:
    """Assert with the language's own parser that `path` alone has another value."""
    entry = constants(language, text)[path]
    new = changed(language, text, path, written(language, value, entry))
    before = by_path(PARSERS[language](text))
    after = by_path(PARSERS[language](new))
    assert after == before | {path: (type(value), value)}


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(DATA, st.sampled_from([None, True, False]), st.sampled_from([None, "'", '"']), st.data())
def test_random_yaml(
    data: dict[str, Any], flow: bool | None, quotes: str | None, draw: st.DataObject
) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, default_style=quotes, allow_unicode=True)
    check("yaml", text)
    one_of_them("yaml", text, draw)


@QUICK
@given(DATA, st.sampled_from([None, 0, 2, "\t"]), st.booleans(), st.data())
def test_random_json(
    data: dict[str, Any], indent: int | str | None, ascii_only: bool, draw: st.DataObject
) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    check("json", text)
    one_of_them("json", text, draw)


@QUICK
@given(DATA, st.data())
def test_random_toml(data: dict[str, Any], draw: st.DataObject) -> None:
    text = tomlkit.dumps(data)
    assert tomllib.loads(text) == data
    check("toml", text)
    one_of_them("toml", text, draw)


def one_of_them(language: Language, text: str, draw: st.DataObject) -> None:
    """Assert only_one_differs for a constant, which gets a value of any type."""
    found = constants(language, text)
    if not found:
        return
    path = draw.draw(st.sampled_from(list(found)))
    value = draw.draw(SCALARS)
    # A tag stays, and PyYAML writes one before numbers in quotes.
    if "!!" not in text or type(value) is type(found[path].value):
        only_one_differs(language, text, path, value)


def installed_files() -> list[Path]:
    """Return the YAML, TOML and JSON files that pip has installed, without the largest."""
    found = []
    for path in sorted(INSTALLED.rglob("*")):
        if language_of(path.name) in PARSERS and path.is_file() and path.stat().st_size <= MAX_TEXT:
            found.append(path)
    return found


def text_of(path: Path) -> str:
    """Return a file's text with its line breaks."""
    return path.read_bytes().decode(errors="surrogateescape")


def same_as_the_parser(language: Language, text: str) -> None:
    """Assert that the constants are the scalars that the language's own parser constructs.

    Keys such as YAML's `on`, which PyYAML takes for true, are named as they are written.
    """
    data = PARSERS[language](text)
    parsed = by_path(data)
    if any(not isinstance(key, str) for key in data):
        return
    for path, entry in constants(language, text).items():
        if language != "yaml" or read_plain(entry.text).meaning != f"plain {entry.text}":
            assert parsed[path] == (type(entry.value), entry.value)


def check_file(path: Path, most: int) -> bool:
    """Check a file that is read; return whether it is."""
    language = language_of(path.name)
    assert language
    text = text_of(path)
    if isinstance(entries(language, text), Refused):
        return False
    check(language, text, most)
    same_as_the_parser(language, text)
    return True


def test_what_pip_installed_byte_for_byte() -> None:
    small = [path for path in installed_files() if path.stat().st_size < 12_000]
    assert sum(check_file(path, 2) for path in small) >= 3


@pytest.mark.slow
def test_all_that_pip_installed_byte_for_byte() -> None:
    assert sum(check_file(path, 60) for path in installed_files()) >= 10
