"""The constants of a file: read, compared, and written as edits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit import Applied, apply
from agent.records.edits import SetConstant
from agent.records.proposals import Configuration, Value
from agent.records.results import Change
from agent.space import changes, constant_edits, read_constants


def test_literal_constants_are_read_and_others_are_not() -> None:
    source = "A = 2**19; B = -1.5\nC: str = 'x'  # [a]\nD = True\nE = (1, 2)\n"
    source += (
        "F = A * 2\ng = 3\nprint(A)\n_H = 4\nI = 1\nI = 2\nJ = 1e999\nK = 10**10**10\nL = M = 7\n"
    )
    assert read_constants(source) == {"A": 524288, "B": -1.5, "C": "x", "D": True, "L": 7, "M": 7}
    assert read_constants("A = (") == {}


def test_edits_are_only_what_differs_written_as_people_write() -> None:
    source = 'A = 2**19\nB = 0.5\nC = "SSSL"\nD = False\nE = 64\nF = 2**3\n'
    values: Configuration = {"A": 2**20, "B": 1e-05, "C": "it's", "D": True, "E": 128, "F": 7}
    edits = constant_edits(source, values)
    assert [edit.value for edit in edits] == ["2**20", "1e-05", '"it\'s"', "True", "128", "7"]
    result = apply(source, edits)
    assert isinstance(result, Applied)
    assert read_constants(result.source) == values
    assert constant_edits(result.source, values) == ()
    assert constant_edits(source, {"Z": 1}) == (SetConstant(name="Z", value="1"),)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8")),
    )
)
def test_every_value_comes_back_as_it_was_written(value: Value) -> None:
    result = apply("A = 1\n", constant_edits("A = 1\n", {"A": value}))
    assert isinstance(result, Applied), result
    back = read_constants(result.source)["A"]
    assert back == value
    assert isinstance(back, bool) == isinstance(value, bool)


def test_changes_between_files() -> None:
    old = "A = 1\nB = 2\nC = 2**3\nT = 1\n"
    new = "C = 8\nA = 5\nD = 'x'\nT = True\n"
    assert changes(old, new) == (
        Change(name="A", before=1, after=5),
        Change(name="D", before=None, after="x"),
        Change(name="T", before=1, after=True),
        Change(name="B", before=2, after=None),
    )
    assert changes(old, old) == ()
