"""Whatever comes in, the values of a file are read or refused, and soon."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit.value_tree import MAX_DEPTH, MAX_TEXT, MAX_VALUES
from agent.edit.values import Language, entries, language_of, normalised_text, set_value
from agent.records.edits import Refused
from tests.agent.edit.value_pairs import plain, refused

LANGUAGES: tuple[Language, ...] = ("yaml", "toml", "json")
SMALL: dict[Language, str] = {"yaml": "a: 1\n", "toml": "a = 1\n", "json": '{"a": 1}'}
LONG = MAX_TEXT - 100


def bombs() -> dict[str, tuple[Language, str]]:
    """Return texts by what they would cost a reader without bounds."""
    laughs = "a0: &a0 [x, x]\n"
    for level in range(1, 60):
        laughs += f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]\n"
    nested = "".join(" " * depth + "a:\n" for depth in range(600))
    key = "a." * (LONG // 2) + "a"
    half = "a." * 60 + "b"
    return {
        "aliases of aliases": ("yaml", laughs),
        "an alias of itself": ("yaml", "a: &a [*a, 1]\n"),
        "merged maps": ("yaml", laughs.replace("[", "{<<: [").replace("]", "]}")),
        "flow lists": ("yaml", "[" * LONG),
        "closed flow lists": ("yaml", "[" * (LONG // 2) + "]" * (LONG // 2)),
        "flow maps": ("yaml", "{a: " * (LONG // 4)),
        "block maps": ("yaml", nested),
        "block lists": ("yaml", "- " * (LONG // 2)),
        "values of YAML": ("yaml", "- 1\n" * (LONG // 4)),
        "keys without values": ("yaml", "? " * (LONG // 2)),
        "a long key": ("yaml", "k" * LONG + ": 1"),
        "a long key above many": ("yaml", "k" * 1000 + ":\n" + "  - 1\n" * 9000),
        "anchors": ("yaml", "".join(f"- &a{i} 1\n" for i in range(5000))),
        "tags": ("yaml", "%TAG !a! a\n" * (LONG // 11)),
        "a long number of YAML": ("yaml", "a: " + "9" * LONG),
        "a long hexadecimal number": ("yaml", "a: 0x" + "f" * LONG),
        "a long time": ("yaml", "a: " + "1:" * (LONG // 2) + "1"),
        "blanks before a colon": ("yaml", "a: !x" + " " * (LONG - 5)),
        "comments": ("yaml", "a: &x\n" + "# x\n" * (LONG // 4) + "  - 1\n"),
        "quotes": ("yaml", "a: '" + "''" * (LONG // 2)),
        "a long dotted key": ("toml", f"{key} = 1\n"),
        "a long header": ("toml", f"[{key}]\n"),
        "long keys": ("toml", "".join(f"{half}{i} = 1\n" for i in range(500))),
        "lists of TOML": ("toml", "a = " + "[" * LONG),
        "closed lists of TOML": ("toml", "a = " + "[" * (LONG // 2) + "]" * (LONG // 2)),
        "inline tables": ("toml", "a = " + "{a = " * (LONG // 5)),
        "values of TOML": ("toml", "a = [" + "1," * (LONG // 2) + "]"),
        "tables": ("toml", "".join(f"[a{i}]\n" for i in range(LONG // 30))),
        "arrays of tables": ("toml", "[[a]]\n" * (LONG // 30)),
        "a long number of TOML": ("toml", "a = " + "9" * LONG),
        "quotes of TOML": ("toml", 'a = """' + '""x' * (LONG // 3)),
        "backslashes": ("toml", 'a = "' + "\\" * LONG),
        "blank lines": ("toml", "\n" * LONG + "="),
        "arrays": ("json", "[" * LONG),
        "closed arrays": ("json", "[" * (LONG // 2) + "]" * (LONG // 2)),
        "objects": ("json", '{"a":' * (LONG // 5)),
        "values of JSON": ("json", "[" + "1," * (LONG // 2 - 1) + "1]"),
        "equal keys": ("json", "{" + '"a":1,' * (LONG // 6) + '"a":1}'),
        "a long number of JSON": ("json", "9" * LONG),
        "a long exponent": ("json", "1e" + "9" * LONG),
        "white space": ("json", "[" + " " * LONG + "1]"),
        "comments without an end": ("json", "/* " * (LONG // 3)),
        "quotes without an end": ("json", '"\\' * (LONG // 2)),
        "commas": ("json", ", " * (LONG // 2)),
        "backslashes of JSON": ("json", '["' + "\\\\" * (LONG // 2) + '"]'),
    }


BOMBS = bombs()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_read_or_refused_within_bounds(name: str) -> None:
    language, text = BOMBS[name]
    assert isinstance(entries(language, text), dict | Refused)
    assert isinstance(set_value(language, text, "a", "1"), str | Refused)
    assert isinstance(normalised_text(language, text), str)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_no_values(name: str) -> None:
    language, bomb = BOMBS[name]
    text = SMALL[language]
    value = bomb.partition("=")[2] or bomb
    assert isinstance(set_value(language, text, "a", value), str | Refused)
    assert isinstance(set_value(language, text, bomb, "1"), Refused)


@pytest.mark.parametrize("language", LANGUAGES)
def test_too_long_files_are_refused(language: Language) -> None:
    text = "#" * (MAX_TEXT + 1)
    assert isinstance(entries(language, text), Refused)
    assert "replace_text" in refused(language, text, "a", "1").hint
    assert normalised_text(language, text) == text


def test_a_value_that_makes_a_file_too_long_is_refused() -> None:
    text = "# " + "x" * (MAX_TEXT - 10) + "\na: 1\n"
    assert isinstance(set_value("yaml", text, "a", "2"), str)
    assert refused("yaml", text, "a", "12345678").reason == "syntax"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_no_file_can_hold_is_refused(language: Language) -> None:
    text = SMALL[language]
    assert "UTF-8" in refused(language, text, "a", '"\ud800"').hint
    assert isinstance(set_value(language, text, "a", '"é😀"'), str)


def nest(language: Language, depth: int) -> str:
    lists = "[" * depth + "1" + "]" * depth
    return f"a = {lists}" if language == "toml" else lists


@pytest.mark.parametrize("language", LANGUAGES)
def test_depth_is_bounded(language: Language) -> None:
    deepest = MAX_DEPTH - (language == "toml")
    assert isinstance(entries(language, nest(language, deepest)), dict)
    assert "deep" in str(entries(language, nest(language, deepest + 1)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_number_of_values_is_bounded(language: Language) -> None:
    before = "a = " if language == "toml" else ""
    assert isinstance(entries(language, f"{before}[{'1,' * (MAX_VALUES - 2)}1]"), dict)
    assert "values" in str(entries(language, f"{before}[{'1,' * (MAX_VALUES + 2)}1]"))


def test_nothing_is_constructed() -> None:
    text = "a: !!python/object/apply:os.abort []\nb: 1\n"
    assert plain("yaml", text) == {"b": 1}
    assert set_value("yaml", text, "b", "2") == text.replace("1", "2")


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a.yaml", "yaml"),
        ("conf/base.yml", "yaml"),
        ("A.YAML", "yaml"),
        ("pyproject.toml", "toml"),
        ("a.b.json", "json"),
        ("train.py", None),
        ("yaml", None),
        ("conf.yaml/readme", None),
        ("a.yaml.txt", None),
        ("a.jsonl", None),
        ("", None),
    ],
)
def test_the_suffix_says_the_language(path: str, language: Language | None) -> None:
    assert language_of(path) == language


WORDS = """a b.c "a" ' " [ ] { } : - , = # | >- &x *x !!int ! 1 0.1 true null \\ << ? % @ é 😀"""
BLANKS = [" ", "  ", "\t", "\n", "\r\n", "\u2028", "\x85", "\ufeff", "\ud800", "\x00"]
LINES = ["a: 1\n", "a = 1\n", '{"a": 1}', "- ", " # c\n", "---\n", "[[a]]\n", "[a]\n", '"""']
PIECES = st.sampled_from([*WORDS.split(), *BLANKS, *LINES])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LANGUAGES), st.lists(PIECES, max_size=25).map("".join), PIECES)
def test_no_text_raises(language: Language, text: str, value: str) -> None:
    result = entries(language, text)
    assert isinstance(normalised_text(language, text), str)
    paths = ["a", *([] if isinstance(result, Refused) else result)]
    for path in paths:
        assert isinstance(set_value(language, text, path, value), str | Refused)
        if path in result:
            assert set_value(language, text, path, result[path].text) == text
