"""What is known of each constant beside its value, and every constant of real files set."""

import ast
import random
import site
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from agent.edit import Applied, apply, diff
from agent.edit.source import Source, read
from agent.records.edits import SetConstant
from agent.records.proposals import Value
from agent.space import constant_edits, read_constants
from agent.space.constants import Constant, find_constants
from agent.space.read import read_space

PACKAGES = Path(site.getsitepackages()[0])


def constants_of(code: str) -> dict[str, Constant]:
    source = read(dedent(code))
    assert isinstance(source, Source)
    return dict(find_constants(source))


CODE = """
    LR: float = 0.1  # [0.01 .. 1 log]
    @dataclass
    class Config:
        depth: Annotated[int, Meta(3)] = 4  # [1 .. 8]
        opt: Literal["adam", "sgd"] = "adam"
        beta: float | None = field(
            default=0.9,  # share
            metadata={"help": "of the mean"},
        )
        width: int = 64
        '''Units in a layer [16 .. 128 pow2].'''
    parser.add_argument("--wd", type=float, default=0.1, help="decay [1e-4 .. 1 log]")  # said
    parser.add_argument("--sched", default="cosine", choices=["cosine", "linear"], help="[x | y]")
    CONFIG = {"drop": 0.1, "mix": 0.2,  # [0 .. 0.5]
              "a": 1}  # last
    def main(
        eta: float = 0.3,  # [0.1 .. 1]
        gamma=0.99, rho=0.5): ...
"""


@pytest.mark.parametrize(
    ("name", "form", "comment", "stated_type", "choices"),
    [
        ("LR", "module", "# [0.01 .. 1 log]", "float", ()),
        ("Config.depth", "field", "# [1 .. 8]", "int", ()),
        ("Config.opt", "field", "", "Literal[]", ("adam", "sgd")),
        ("Config.beta", "field", "of the mean # share", "float | None", ()),
        ("Config.width", "field", "Units in a layer [16 .. 128 pow2].", "int", ()),
        ("--wd", "argument", "decay [1e-4 .. 1 log] # said", "float", ()),
        ("--sched", "argument", "", "", ("cosine", "linear")),
        ("CONFIG.drop", "dictionary", "", "", ()),
        ("CONFIG.mix", "dictionary", "# [0 .. 0.5]", "", ()),
        ("CONFIG.a", "dictionary", "# last", "", ()),
        ("main.eta", "parameter", "# [0.1 .. 1]", "float", ()),
        ("main.gamma", "parameter", "", "", ()),
    ],
)
def test_what_a_file_says_of_a_constant(
    name: str, form: str, comment: str, stated_type: str, choices: tuple[Value, ...]
) -> None:
    constant = constants_of(CODE)[name]
    told = (constant.form, constant.comment, constant.stated_type, constant.choices)
    assert told == (form, comment, stated_type, choices)


def test_ranges_are_read_beside_every_form() -> None:
    space = read_space(dedent(CODE))
    bounds = {p.name: (p.low, p.high) for p in space.parameters if p.kind != "categorical"}
    assert bounds["Config.depth"] == (1, 8)
    assert bounds["Config.width"] == (16, 128)
    assert bounds["--wd"] == (1e-4, 1)
    assert bounds["CONFIG.mix"] == (0, 0.5)
    assert bounds["main.eta"] == (0.1, 1)


def test_constants_come_in_the_order_of_the_file() -> None:
    lines = [constant.expression.lineno for constant in constants_of(CODE).values()]
    assert lines == sorted(lines)


# ---------------------------------------------------------------- differences


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LR", "0.2"),
        ("Config.depth", "6"),
        ("Config.beta", "0.95"),
        ("--wd", "0.01"),
        ("--sched", '"linear"'),
        ("CONFIG.mix", "0.3"),
        ("main.gamma", "0.9"),
    ],
)
def test_a_difference_of_one_constant_is_set_constant(name: str, value: str) -> None:
    old = dedent(CODE)
    edit = SetConstant(name=name, value=value)
    result = apply(old, [edit])
    assert isinstance(result, Applied)
    assert diff(old, result.source) == (edit,)


def test_constants_of_one_statement_differ_together() -> None:
    old = dedent(CODE)
    new = old.replace('"drop": 0.1', '"drop": 0.4').replace('"a": 1', '"a": 2')
    edits = (SetConstant(name="CONFIG.drop", value="0.4"), SetConstant(name="CONFIG.a", value="2"))
    assert diff(old, new) == edits
    commented = new.replace("# last", "# new")
    assert apply(old, diff(old, commented)) == Applied(source=commented)


# ---------------------------------------------------------------- real files


def modules(*folders: str) -> list[Path]:
    """Return files of what is installed, or of some packages."""
    paths = [path for folder in folders for path in (PACKAGES / folder).rglob("*.py")]
    return sorted(path for path in paths if 500 < path.stat().st_size < 60_000)


def another(value: Value) -> Value:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 7
    return value + "#'\n" if isinstance(value, str) else value * 3 + 0.125


def check(path: Path, most: int = 10) -> int:
    """Set some constants of a file alone, and all at once; return how many the file has."""
    text = path.read_bytes().decode()
    source = read(text)
    if not isinstance(source, Source):
        return 0
    constants = find_constants(source)
    before = {name: constant.value for name, constant in constants.items()}
    for constant in list(constants.values())[:most]:
        value = another(constant.value)
        edits = constant_edits(text, {constant.name: value})
        after = made(path, text, edits)
        assert read_constants(after) == {**before, constant.name: value}, (path, constant.name)
        if not in_chain(constant):
            node = constant.expression
            start = source.offset(node.lineno, node.col_offset)
            assert after == source.splice(start, source.end(node), edits[0].value), path
    values = {name: another(value) for name, value in before.items()}
    assert read_constants(made(path, text, constant_edits(text, values))) == values, path
    return len(constants)


def made(path: Path, text: str, edits: Sequence[SetConstant]) -> str:
    result = apply(text, edits)
    assert isinstance(result, Applied), (path, result)
    return result.source


def in_chain(constant: Constant) -> bool:
    """Return whether another name gets the same value: `A = B = 1` becomes `B = 1; A = 2`."""
    statement = constant.statement
    return isinstance(statement, ast.Assign) and len(statement.targets) > 1


def test_constants_of_real_files_are_set_one_by_one_and_together() -> None:
    paths = modules("pip", "mypy", "rich", "optuna", "PIL")
    assert sum(check(path, 3) for path in random.Random(4).sample(paths, 40)) >= 40


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_constants_of_all_that_is_installed() -> None:
    paths = random.Random(5).sample(modules("."), 1_500)
    assert sum(check(path) for path in paths) >= 1_000
