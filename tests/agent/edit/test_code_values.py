"""Numbers that C and its like keep by name: found, set with all else kept, and searched."""

import pytest

from agent.edit.files import Sources
from agent.edit.files.one import difference_in, edited, fingerprint_in
from agent.edit.values import entries, language_of, set_value
from agent.records.edits import Refused, SetConstant
from agent.space import read_space

KERNEL = """#include "kernel.h"
#define TILE 16  // [8 .. 128 pow2]
#define SCALE (0.5f)
#  define OFFSET -3
#define SQUARE(x) ((x) * (x))
#define OCTAL 010
#define WORD TILE
static const int WIDTH = 4;
const double RATE = 1e-3; /* [1e-4 .. 1e-2 log] */
constexpr unsigned long MANY = 99UL;
int counter = 5;
#ifdef FAST
#define UNROLL 1
#else
#define UNROLL 2
#endif
"""
RUST = "pub const TILE: usize = 32;\nlet x = 3;\nconst RATE: f64 = 0.5; // of the step\n"


def values(text: str) -> dict[str, object]:
    found = entries("code", text)
    assert not isinstance(found, Refused)
    return {name: entry.value for name, entry in found.items()}


def test_what_is_a_constant() -> None:
    assert values(KERNEL) == {
        "TILE": 16,
        "SCALE": 0.5,
        "OFFSET": -3,
        "WIDTH": 4,
        "RATE": 0.001,
        "MANY": 99,
    }
    kinds = {name: type(value) for name, value in values(f"{KERNEL}#define GAIN 2f\n").items()}
    assert {name for name, kind in kinds.items() if kind is float} == {"SCALE", "RATE", "GAIN"}
    assert values(RUST) == {"TILE": 32, "RATE": 0.5}
    assert values("package main\nconst Depth = 3\nvar other = 4\n") == {"Depth": 3}


@pytest.mark.parametrize(
    "path", ["a.c", "a.h", "b/k.cu", "x.CPP", "x.rs", "main.go", "x.jl", "x.js"]
)
def test_the_files_that_keep_them(path: str) -> None:
    assert language_of(path) == "code"


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("TILE", "64", "#define TILE 16  //", "#define TILE 64  //"),
        ("SCALE", "0.25", "(0.5f)", "(0.25f)"),
        ("MANY", "7", "99UL", "7UL"),
        ("RATE", "2e-3", "1e-3;", "2e-3;"),
    ],
)
def test_a_value_is_set_and_every_other_byte_stays(
    name: str, value: str, old: str, new: str
) -> None:
    result = set_value("code", KERNEL, name, value)
    assert result == KERNEL.replace(old, new, 1)
    assert difference_in("a.c", KERNEL, str(result)) == (SetConstant(name=name, value=value),)


@pytest.mark.parametrize("value", ["x", "8 // 9", "(8)", "", "8\n#define A 3", "1 + 2", "010"])
def test_what_is_no_number_is_refused(value: str) -> None:
    assert isinstance(set_value("code", KERNEL, "TILE", value), Refused)


def test_a_name_that_is_defined_twice_or_not_at_all_is_refused() -> None:
    for name in ("UNROLL", "OCTAL", "counter", "NOWHERE"):
        assert isinstance(set_value("code", KERNEL, name, "3"), Refused)


def test_code_around_the_numbers_counts() -> None:
    other = KERNEL.replace("counter = 5", "counter = 6")
    assert fingerprint_in("a.c", other) != fingerprint_in("a.c", KERNEL)
    assert difference_in("a.c", KERNEL, other)[0].kind == "replace_text"
    edit = SetConstant(name="TILE", value="32")
    assert edited("a.c", KERNEL, [edit]) == KERNEL.replace("TILE 16", "TILE 32")


def test_they_are_searched_by_their_comments() -> None:
    sources = Sources({"kernel.c": KERNEL}, patterns=("kernel.c",))
    space = read_space(sources)
    tile = next(parameter for parameter in space.parameters if parameter.name.endswith("TILE"))
    assert (tile.low, tile.high, tile.power_of_two) == (8, 128, True)


def test_hostile_text_is_read_quickly() -> None:
    for text in ("#define " * 30_000, "const " * 40_000, "a" * 200_000, " " * 200_000 + "x"):
        assert values(text) == {}
