"""The values that turn one file into another."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit.value_changes import MAX_CHANGES, Changes, changes
from agent.edit.values import Language, language_of
from tests.agent.edit.value_pairs import changed

BOTH = (("a.b", "2"), ("a.d[0]", "3"))


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("a.yaml", "a: 1  # c\nb: {c: 2}\n", "a: 1  # c\nb: {c: 3}\n", (("b.c", "3"),)),
        ("a.yaml", "a: 1\nb: 2\n", "a: 3\nb: x\n", (("a", "3"), ("b", "x"))),
        ("a.yaml", "a: null\n", "a: 'x'\n", (("a", "'x'"),)),
        ("a.yaml", "a: [1, 2]  # c\n", "a: [1, 2, 3]  # c\n", (("a", "[1, 2, 3]"),)),
        ("a.yaml", "a: [1, [2]]\n", "a: [1, [3]]\n", (("a[1][0]", "3"),)),
        ("a.yaml", "a: |\n  x\n  y\n", "a: |\n  x\n  z\n", (("a", "|\n  x\n  z"),)),
        ("a.yaml", "a:\n  - 1\n", "a: [1]\n", None),
        ("a.yaml", "a:\n  - 1\n  - 2\n", "a: [1]\n", (("a", "[1]"),)),
        ("a.yaml", "a: 1\n", "a: 1\n", ()),
        ("a.yaml", "a: 1  # c\n", "a: 2  # d\n", None),
        ("a.yaml", "a: 1\n", "a: 1\nb: 2\n", None),
        ("a.yaml", "a: 1\n", "b: 1\n", None),
        ("a.yaml", "a: 1\n", "a:\n", None),
        ("a.yaml", "a: 1\n", "a: [\n", None),
        ("a.yaml", "1\n", "2\n", None),
        ("a.toml", "[a]\nb = 1 # c\nd = [1]\n", "[a]\nb = 2 # c\nd = [3]\n", BOTH),
        ("a.toml", "[a]\nb = 1\n[c]\n", "[a]\nb = 2\n[c]\n", (("a.b", "2"),)),
        ("a.toml", "[a]\nb = 1\n", "[c]\nb = 1\n", None),
        ("a.json", '{"a": {"b": 1}}', '{"a": {"b": null}}', (("a.b", "null"),)),
        ("a.json", '{"a": {"b": 1}}', '{"a": {"c": 1}}', (("a", '{"c": 1}'),)),
        ("a.json", '{"a": 1}', '{"a":  1}', None),
    ],
)
def test_pairs(name: str, old: str, new: str, found: Changes | None) -> None:
    language = language_of(name)
    assert language
    assert changes(language, old, new) == found


def test_many_values_are_another_file() -> None:
    old = "".join(f"a{number}: 1\n" for number in range(MAX_CHANGES + 1))
    new = old.replace(": 1", ": 2")
    assert changes("yaml", old, new) is None
    found = changes("yaml", old, new.replace(": 2", ": 1", 1))
    assert found and len(found) == MAX_CHANGES


SCALARS = st.sampled_from([0, 1, 0.5, True, None, "x", "y z", "on", "# a"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
DATA = st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1)


def dump(language: Language, data: Any) -> str:
    if language == "json":
        return json.dumps(data, indent=1)
    return str(yaml.safe_dump(data, sort_keys=False))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["yaml", "json"]), DATA, DATA, st.booleans())
def test_what_is_found_makes_the_new_file(
    language: Language, data: dict[str, Any], others: dict[str, Any], alike: bool
) -> None:
    after = copy.deepcopy(data)
    for key, value in others.items():
        if key in after or not alike:
            after[key] = value
    old = dump(language, data)
    new = dump(language, after)
    found = changes(language, old, new)
    if found is None:
        return
    text = old
    for path, value in found:
        text = changed(language, text, path, value)
    assert text == new
