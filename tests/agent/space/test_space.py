"""The search space of a file: what is searched, in which range, and how repair works."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edit import Applied, apply
from agent.errors import UsageFault
from agent.records.proposals import Configuration
from agent.space import (
    Multiple,
    Parameter,
    Space,
    constant_edits,
    read_constants,
    read_space,
)

# Laid out as the well-known H100 script, in our own words.
H100 = '''"""Trains on one accelerator."""
import os
os.environ["X"] = "1"
from prepare import MAX_SEQ_LEN, TIME_BUDGET

# Model
ASPECT_RATIO = 64       # width = depth * this
HEAD_DIM = 128
WINDOW_PATTERN = "SSSL" # sliding

# Optimisation
TOTAL_BATCH_SIZE = 2**19 # tokens a step
EMBEDDING_LR = 0.6
UNEMBEDDING_LR = 0.004
MATRIX_LR = 0.04
SCALAR_LR = 0.5
WEIGHT_DECAY = 0.2
ADAM_BETAS = (0.8, 0.95)
WARMUP_RATIO = 0.0
WARMDOWN_RATIO = 0.5
FINAL_LR_FRAC = 0.0

DEPTH = 8
DEVICE_BATCH_SIZE = 128
H100_BF16_PEAK_FLOPS = 989.5e12


def build():
    LOCAL = 3
    return LOCAL
'''
PREPARE: Configuration = {"MAX_SEQ_LEN": 2048, "TIME_BUDGET": 300}


def parameter_of(line: str, ranges: dict[str, str] | None = None) -> Parameter | None:
    space = read_space(line + "\n", ranges or {})
    return space.parameters[0] if space.parameters else None


def bounds(line: str) -> tuple[object, ...] | None:
    """Return kind, low, high, log and power_of_two of the parameter on a line."""
    p = parameter_of(line)
    return p and (p.kind, p.low, p.high, p.log, p.power_of_two)


# ---------------------------------------------------------------- ranges


def test_ranges_in_comments() -> None:
    assert bounds("A = 4  # layers; why [2 .. 12]") == ("int", 2, 12, False, False)
    assert bounds("A = 0.02  # [B, T] then [0.001 .. 0.2 log]") == (
        "float",
        0.001,
        0.2,
        True,
        False,
    )
    assert bounds("A = 2**13  # [2**11 .. 65_536 pow2]") == ("int", 2048, 65536, True, True)
    assert bounds("A = (\n    3  # [1 .. 5]\n)") == ("int", 1, 5, False, False)
    assert bounds("A: int = 3  # [1 .. 5]") == ("int", 1, 5, False, False)
    assert bounds("A = 0  # [0 .. 0.5]") == ("float", 0.0, 0.5, False, False)
    assert bounds("SEED = 3  # [1 .. 5]") == ("int", 1, 5, False, False)
    assert parameter_of("A = 3  # [fixed]") is None
    pattern = parameter_of('A = "SSSL"  # windows # [SSSL | LLLL]')
    assert pattern is not None
    assert (pattern.kind, pattern.choices, pattern.default) == (
        "categorical",
        ("SSSL", "LLLL"),
        "SSSL",
    )
    numbers = parameter_of("A = 3  # [1 | 3 | 7.5]")
    assert numbers is not None
    assert numbers.choices == (1, 3, 7.5)


def test_a_comment_belongs_to_the_statement_before_it() -> None:
    space = read_space("A = 8.0; B = 2  # [1 .. 3]\n")
    assert [(p.name, p.low, p.high) for p in space.parameters] == [("A", 2.0, 32.0), ("B", 1, 3)]
    assert bounds("A = '# [1 .. 2]'") is None


@pytest.mark.parametrize(
    "bracket",
    [
        "[4 .. 1]",
        "[a .. b]",
        "[1 ..]",
        "[..]",
        "[]",
        "[-1 .. 8 log]",
        "[3 .. 3.5 pow2]",
        "[1 .. 2 .. 3]",
    ],
)
def test_a_bracket_that_is_no_range_is_ignored(bracket: str) -> None:
    assert bounds(f"A = 5  # {bracket}") == bounds("A = 5")


def test_settings_override_comments_and_are_checked() -> None:
    parameter = parameter_of("A = 4  # [2 .. 12]", {"A": "1 .. 100 log", "GONE": "1 .. 2"})
    assert parameter is not None
    assert (parameter.low, parameter.high, parameter.log) == (1, 100, True)
    assert parameter_of("A = 4", {"A": "fixed"}) is None
    with pytest.raises(UsageFault, match=r"range of A: not a range: '1 to 2'.*write") as caught:
        parameter_of("A = 4", {"A": "1 to 2"})
    assert caught.value.next_command


def test_the_default_widens_its_range() -> None:
    assert bounds("A = 40  # [1 .. 12]") == ("int", 1, 40, False, False)
    assert bounds("A = 0.0  # [0.1 .. 1 log]") == ("float", 0.0, 1.0, False, False)
    other = parameter_of('A = "X"  # [S | L]')
    assert other is not None
    assert other.choices == ("X", "S", "L")


# ---------------------------------------------------------------- files never seen


def test_inference_is_sane() -> None:
    assert bounds("STEP_SIZE = 0.01") == ("float", 0.001, 0.1, True, False)
    assert bounds("MY_RATIO = 0.3") == ("float", 0.0, 1.0, False, False)
    assert bounds("DROPOUT = 0.0") == ("float", 0.0, 0.5, False, False)
    assert bounds("MUON_MOMENTUM = 0.95") == ("float", 0.8, 0.99, False, False)
    assert bounds("Z_LOSS = 0.0") == ("float", 0.0, 0.3, False, False)
    assert bounds("SHIFT = -2.0") == ("float", -8.0, -0.5, False, False)
    heads = parameter_of("N_HEADS = 6")
    assert heads is not None
    assert heads.choices == (1, 2, 3, 6)
    width = parameter_of("WIDTH = 384")
    assert width is not None
    assert width.choices == (192, 288, 384, 576, 768)
    assert bounds("RANK = 64") == ("int", 16, 256, True, True)
    flag = parameter_of("USE_BIAS = True")
    assert flag is not None
    assert (flag.kind, flag.choices) == ("categorical", (False, True))


@pytest.mark.parametrize(
    "line",
    [
        "SEED = 42",
        "RANDOM_SEED = 1",
        "EVAL_STEPS = 10",
        "DATA_PATH = 'x'",
        "VERBOSE = True",
        "LOG_EVERY = 10",
        "OPTIMIZER = 'adam'",
        "SHAPE = (1, 2)",
        "LAST = -1",
        "OFF = 0",
        "PEAK_FLOPS = 1e12",
        "_private = 3",
        "X = f()",
        "MAX_SEQ_LEN = 1024",
    ],
)
def test_what_is_not_searched(line: str) -> None:
    assert parameter_of(line) is None


def test_odd_magnitudes_do_not_break() -> None:
    for text in ("1e308", "5e-324", "-1e308", "10**400", "-0.0", "2**1000", "1e-300"):
        for space in (read_space(f"A = {text}\n"), read_space(f"A = {text}  # [1 .. 2]\n")):
            assert space.repair(space.default) == space.default


# ---------------------------------------------------------------- the well-known script


def test_the_fourteen_constants_are_known() -> None:
    space = read_space(H100, constants=PREPARE)
    assert set(space.names) == {
        "DEPTH",
        "ASPECT_RATIO",
        "HEAD_DIM",
        "DEVICE_BATCH_SIZE",
        "TOTAL_BATCH_SIZE",
        "EMBEDDING_LR",
        "UNEMBEDDING_LR",
        "MATRIX_LR",
        "SCALAR_LR",
        "WEIGHT_DECAY",
        "WARMUP_RATIO",
        "WARMDOWN_RATIO",
        "FINAL_LR_FRAC",
        "WINDOW_PATTERN",
    }
    by_name = {parameter.name: parameter for parameter in space.parameters}
    assert (by_name["DEPTH"].low, by_name["DEPTH"].high) == (4, 24)
    assert (by_name["TOTAL_BATCH_SIZE"].low, by_name["TOTAL_BATCH_SIZE"].power_of_two) == (
        65536,
        True,
    )
    assert by_name["WARMUP_RATIO"].high == 0.3
    assert space.constraints == (Multiple(name="TOTAL_BATCH_SIZE", of=("DEVICE_BATCH_SIZE", 2048)),)
    assert space.repair(space.default) == space.default


def test_a_smaller_machine_has_its_own_ranges() -> None:
    small = (
        H100.replace("2**19", "2**12")
        .replace("DEVICE_BATCH_SIZE = 128", "DEVICE_BATCH_SIZE = 8")
        .replace("DEPTH = 8", "DEPTH = 2")
    )
    space = read_space(small, constants={"MAX_SEQ_LEN": 256})
    by_name = {parameter.name: parameter for parameter in space.parameters}
    total = by_name["TOTAL_BATCH_SIZE"]
    device = by_name["DEVICE_BATCH_SIZE"]
    depth = by_name["DEPTH"]
    assert (total.low, total.high, total.power_of_two) == (1024, 16384, True)
    assert (device.low, device.high, device.power_of_two) == (2, 32, True)
    assert (depth.low, depth.high) == (1, 4)


def test_a_file_that_does_not_keep_the_constraint_does_not_have_it() -> None:
    assert read_space(H100, constants={"MAX_SEQ_LEN": 1000}).constraints == ()
    with_range = H100.replace("2**19", "2**19  # [65536 .. 2**21 pow2]")
    assert read_space(with_range, constants=PREPARE).constraints != ()


def test_repair_moves_the_batch_first_and_the_rows_only_if_needed() -> None:
    space = read_space(H100, constants=PREPARE)
    wanted = space.default | {
        "DEVICE_BATCH_SIZE": 100,
        "TOTAL_BATCH_SIZE": 70_000,
        "EMBEDDING_LR": 0.123456,
        "DEPTH": 99,
    }
    repaired = space.repair(wanted)
    assert repaired["DEVICE_BATCH_SIZE"] == 128
    assert repaired["TOTAL_BATCH_SIZE"] == 262144
    assert repaired["EMBEDDING_LR"] == 0.1235
    assert repaired["DEPTH"] == 24
    tight = Space(
        parameters=(
            Parameter(name="T", kind="int", low=64, high=256, default=64),
            Parameter(name="D", kind="int", low=1, high=64, default=4),
        ),
        constraints=(Multiple(name="T", of=("D", 10)),),
    )
    assert tight.repair({"T": 64, "D": 4}) == {"T": 80, "D": 4}
    assert tight.repair({"T": 250, "D": 60}) == {"T": 250, "D": 25}


def test_repair_fills_drops_and_coerces() -> None:
    space = read_space(
        'A = 4  # [2 .. 12]\nB = "S"  # [S | L]\nC = 0.5  # [0.1 .. 1]\nUSE_D = True\n'
    )
    assert space.repair({}) == space.default == {"A": 4, "B": "S", "C": 0.5, "USE_D": True}
    assert space.repair({"A": "x", "B": "Q", "C": "0.25", "USE_D": "False", "Z": 1}) == {
        "A": 4,
        "B": "S",
        "C": 0.25,
        "USE_D": False,
    }  # type: ignore[dict-item]
    assert space.repair({"A": 1e400, "C": -1e400}) == {"A": 4, "B": "S", "C": 0.5, "USE_D": True}
    assert space.repair({"A": 10**400, "C": math.nan}) == {
        "A": 12,
        "B": "S",
        "C": 0.5,
        "USE_D": True,
    }


numbers = st.one_of(st.integers(-(10**7), 10**7), st.floats(), st.text(max_size=3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(read_space(H100, constants=PREPARE).names), numbers))
def test_repair_gives_a_valid_configuration_and_is_idempotent(wanted: Configuration) -> None:
    space = read_space(H100, constants=PREPARE)
    repaired = space.repair(wanted)
    assert space.repair(repaired) == repaired
    assert tuple(repaired) == space.names
    rows = int(repaired["DEVICE_BATCH_SIZE"])
    assert int(repaired["TOTAL_BATCH_SIZE"]) % (2048 * rows) == 0
    for parameter in space.parameters:
        value = repaired[parameter.name]
        if parameter.kind == "categorical":
            assert value in parameter.choices
        else:
            assert parameter.low <= value <= parameter.high  # type: ignore[operator]
            assert type(value) is type(parameter.default)
            assert not parameter.power_of_two or value & (value - 1) == 0  # type: ignore[operator]
    result = apply(H100, constant_edits(H100, repaired))
    assert isinstance(result, Applied)
    assert {name: read_constants(result.source)[name] for name in repaired} == repaired


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 60),
    st.integers(1, 12),
    st.integers(0, 12),
    st.integers(1, 9),
    st.integers(0, 99),
    st.integers(0, 30),
)
def test_repair_finds_a_fit_whenever_there_is_one(
    low: int, more: int, few: int, extra: int, by: int, total: int, rows: int
) -> None:
    space = Space(
        parameters=(
            Parameter(name="D", kind="int", low=few, high=few + extra, default=few),
            Parameter(name="T", kind="int", low=low, high=low + more, default=low),
        ),
        constraints=(Multiple(name="T", of=("D", by)),),
    )
    repaired = space.repair({"T": total, "D": rows})
    pairs = product(range(low, low + more + 1), range(few, few + extra + 1))
    possible = any(total % (rows * by) == 0 for total, rows in pairs)
    assert (repaired["T"] % (repaired["D"] * by) == 0) == possible  # type: ignore[operator]
    assert space.repair(repaired) == repaired


def test_parameters_refuse_nonsense() -> None:
    for nonsense in (
        {"kind": "int", "low": 1, "high": 2, "default": 3},
        {"kind": "float", "default": 0.5},
        {"kind": "float", "low": 0.0, "high": 1.0, "log": True, "default": 0.5},
        {"kind": "categorical", "choices": ("a",), "default": "b"},
        {"kind": "int", "low": 0, "high": 2, "default": True},
    ):
        with pytest.raises(ValueError, match="A"):
            Parameter(name="A", **nonsense)  # type: ignore[arg-type]
    half = Parameter(name="A", kind="float", low=0, high=1, default=0.5)
    with pytest.raises(ValueError, match="share"):
        Space(parameters=(half, half))


HEADS = """n_embd = 512
n_head = 8
width = n_embd // n_head
assert n_embd % n_head == 0
"""


def test_a_width_stays_a_multiple_of_the_heads_that_divide_it() -> None:
    space = read_space(HEADS)
    assert space.constraints == (Multiple(name="n_embd", of=("n_head",)),)
    for width, heads in product((128, 300, 500, 1024), range(2, 17)):
        repaired = space.repair({"n_embd": width, "n_head": heads})
        assert repaired["n_embd"] % repaired["n_head"] == 0  # type: ignore[operator]


@pytest.mark.parametrize(
    "text",
    [
        HEADS.replace("8", "7"),  # the file itself does not keep to it
        HEADS.replace("n_head = 8", "n_head = 8  # [2 .. 16]"),  # the owner's ranges stay his
        HEADS.replace("n_embd", "N_EMBD", 1),
    ],
)
def test_a_division_that_is_none_of_the_search_is_no_constraint(text: str) -> None:
    constraints = read_space(text).constraints
    assert constraints == () or "N_EMBD" in text


def test_a_width_beside_a_height_is_the_shape_of_an_image() -> None:
    image = "CONFIG = {'width': 608, 'height': 608, 'lr': 0.1}\n"
    assert read_space(image).names == ("CONFIG.lr",)
    assert read_space("CONFIG = {'width': 608, 'lr': 0.1}\n").names == ("CONFIG.width", "CONFIG.lr")


def test_a_name_that_says_nothing_is_searched_only_where_no_name_says_anything() -> None:
    assert [p.name for p in read_space("QUOKKA = 4.0\nWOMBAT = 6\n").parameters] == [
        "QUOKKA",
        "WOMBAT",
    ]
    for told in ("LR = 0.1", "EPOCHS = 3", "USE_CUDA = True"):
        names = [p.name for p in read_space(f"QUOKKA = 4.0\n{told}\n").parameters]
        assert "QUOKKA" not in names
    stated = read_space("QUOKKA = 4.0  # [1 .. 9]\nEPOCHS = 3\n")
    assert [p.name for p in stated.parameters] == ["QUOKKA"]
