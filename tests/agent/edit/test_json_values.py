"""Values of JSON files on before / after pairs."""

import json

import pytest

from agent.edit.files.one import edited
from agent.edit.literal import Literal
from agent.edit.values import normalised_text, written
from agent.records.edits import Refused, RewriteFile
from tests.agent.edit.value_pairs import changed, constants, plain, refused, typed

CONFIG = """\
{
  "optim": {"lr": 3e-4, "betas": [ 0.9, 0.95 ], "weight.decay": 0},
  "name" : "a \\"run\\" \\u00e9\\/",
  "fast": true,
  "none": null,
  "stages": [{"steps": 10}, {"steps": -2E+1}],
  "empty": {}, "no": []
}
"""


def test_every_constant_has_its_path_value_and_line() -> None:
    entries = constants("json", CONFIG).values()
    assert [(entry.path, entry.value, entry.comment, entry.line) for entry in entries] == [
        ("optim.lr", 0.0003, "", 2),
        ("optim.betas[0]", 0.9, "", 2),
        ("optim.betas[1]", 0.95, "", 2),
        ('optim."weight.decay"', 0, "", 2),
        ("name", 'a "run" é/', "", 3),
        ("fast", True, "", 4),
        ("stages[0].steps", 10, "", 6),
        ("stages[1].steps", -20.0, "", 6),
    ]


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("optim.lr", "0.01", "3e-4", "0.01"),
        ("optim.betas[1]", "null", "0.95 ]", "null ]"),
        ("optim.betas", "[1]", "[ 0.9, 0.95 ]", "[1]"),
        ('optim."weight.decay"', "1", '"weight.decay": 0}', '"weight.decay": 1}'),
        ("name", '"b"', '"a \\"run\\" \\u00e9\\/"', '"b"'),
        ("none", '{"a": [1]}', "null", '{"a": [1]}'),
        ("stages[1]", "5", '{"steps": -2E+1}', "5"),
        ("stages[1].steps", "5", "-2E+1", "5"),
        ("empty", "1", "{}", "1"),
        ("no", "[\n2\n]", "[]", "[\n2\n]"),
    ],
)
def test_the_value_changes_and_nothing_else(path: str, value: str, old: str, new: str) -> None:
    assert CONFIG.count(old) == 1
    assert changed("json", CONFIG, path, value) == CONFIG.replace(old, new)


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ('{"a":1}', "a", "2", '{"a":2}'),
        ('\ufeff{"a": 1}\r\n', "a", "2", '\ufeff{"a": 2}\r\n'),
        ('\t{ "a"\t:\t1\t}\t', "a", "2", '\t{ "a"\t:\t2\t}\t'),
        ('{"é😀": "😀", "b": 1}', "b", "2", '{"é😀": "😀", "b": 2}'),
        ('{"\\u0061": 1}', "a", "2", '{"\\u0061": 2}'),
        ('{"a\\"b": 1}', '"a\\"b"', "2", '{"a\\"b": 2}'),
        ('{"": 1}', '""', "2", '{"": 2}'),
        ('{"a": "}],:", "b": "\\\\"}', "b", "1", '{"a": "}],:", "b": 1}'),
        ("[1, [2, 3]]", "[1][0]", "4", "[1, [4, 3]]"),
        ('["\u2028"]', "[0]", '"x"', '["x"]'),
    ],
)
def test_layout_stays(before: str, path: str, value: str, after: str) -> None:
    assert changed("json", before, path, value) == after


@pytest.mark.parametrize(
    "value",
    ["", "x", "'x'", "True", "NaN", "Infinity", "1 // c", "1, 2", "1 2", "[1,]", "01", "0x1"],
)
def test_what_is_no_value_is_refused(value: str) -> None:
    assert refused("json", '{"a": 1}', "a", value).reason == "syntax"


@pytest.mark.parametrize(
    "value",
    ["{a: 1}", '{"a": 1, "a": 2}', '"\n"', "1\n}", "1}", '1, "b": 2'],
)
def test_what_is_no_single_value_is_refused(value: str) -> None:
    assert refused("json", '{"a": 1}', "a", value).reason in ("syntax", "ambiguous")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "no JSON: Expecting value: line 1 column 1"),
        ('{"a": 1} / c', "no JSON: Extra data: line 1 column 10"),
        ('{"a": 1,,}', "no JSON: "),
        ('{"a": 1} /* c', "no JSON: Extra data: line 1 column 10"),
        ('{"a": 1, "a": 2}', "the key a is twice"),
        ('{"a": NaN}', "no JSON: NaN"),
        ('{"a": "\x01"}', "no JSON: Invalid control character"),
        ('{"a": ' + "9" * 10_000 + "}", "no JSON: "),
        ("\ufeff\ufeff{}", "no JSON: "),
    ],
)
def test_a_file_that_is_not_read_says_where(text: str, where: str) -> None:
    result = refused("json", text, "a", "1")
    assert result.where.startswith(where)
    assert "replace_text" in result.hint


COMMENTED = """\
{
  // for all models
  "lr": 0.1, // at most 0.3
  "url": "http://a/*b*/", /* a
    page */ "sizes": [16, 32,], "depth": 4,
}
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        ("lr", "0.2", "0.1,", "0.2,"),
        ("url", '"b // c"', '"http://a/*b*/"', '"b // c"'),
        ("sizes[1]", "64", "32,]", "64,]"),
        ("depth", "5", "4,", "5,"),
    ],
)
def test_comments_and_last_commas_stay(path: str, value: str, old: str, new: str) -> None:
    assert changed("json", COMMENTED, path, value) == COMMENTED.replace(old, new)
    assert constants("json", COMMENTED)["lr"].comment == "// at most 0.3"
    assert constants("json", COMMENTED)["lr"].above == "// for all models"


@pytest.mark.parametrize("code", ['{"a": 2,}', '{"a": 2} // c', '/* c */ {"a": 2}'])
def test_strict_json_stays_strict(code: str) -> None:
    result = edited("a.json", '{"a": 1}', [RewriteFile(code=code)])
    assert isinstance(result, Refused) and "a comma before a bracket" in result.hint
    assert edited("a.json", '{"a": 1,}', [RewriteFile(code=code)]) == code


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("1", 2, "2"),
        ("0.1", 1e-05, "1e-05"),
        ("true", False, "false"),
        ('"a"', 'é"\n', '"é\\"\\n"'),
        ('"\\u00e9"', "é😀", '"\\u00e9\\ud83d\\ude00"'),
    ],
)
def test_a_constant_is_written_like_the_old_one(old: str, value: Literal, new: str) -> None:
    before = f'{{"a": {old}}}'
    text = written("json", value, constants("json", before)["a"])
    assert text == new
    after = changed("json", before, "a", text)
    assert typed(plain("json", after)) == typed({"a": value})


@pytest.mark.parametrize("spelled", ["1e999", "-1e999", '"\\ud800"', "9" * 2000])
def test_what_cannot_be_recorded_is_no_constant(spelled: str) -> None:
    text = f'{{"a": {spelled}, "b": 1}}'
    assert plain("json", text) == {"b": 1}
    assert json.loads(changed("json", text, "a", "2")) == {"a": 2, "b": 1}


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ('{"a": 1, "b": 2}', '{ "b": 2,\n"a": 1 }', True),
        ('{"a": "x"}', '{"a": "\\u0078"}', True),
        ('{"a": 1.0}', '{"a": 10e-1}', True),
        ('{"a": 1}', '{"a": 1.0}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": null}', '{"a": "null"}', False),
        ('{"a": "int 0x1"}', '{"a": 1}', False),
        ("[1, 2]", "[2, 1]", False),
        ("[]", "{}", False),
    ],
)
def test_the_normal_form_is_what_a_file_means(one: str, two: str, same: bool) -> None:
    assert (normalised_text("json", one) == normalised_text("json", two)) is same
