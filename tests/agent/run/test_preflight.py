"""What the preflight foresees, and what it leaves to the run."""

import sys

import pytest

from agent.edit.files import Sources, apply_edits
from agent.records.edits import DeleteFile, Edit, Refused, ReplaceText, SetConstant
from agent.run.preflight import foresee
from agent.space import Space, read_space
from agent.space.space import Multiple

FROM_3_12 = pytest.mark.skipif(sys.version_info < (3, 12), reason="its syntax is younger")
FUTURE = "from __future__ import annotations\n"


def foreseen(old: str, new: str) -> Refused | None:
    return foresee(Sources.of(old), Sources.of(new), (), Space())


@pytest.mark.parametrize(
    "code",
    [
        f"{FUTURE}def f(x: Any) -> Foo: return x\n",
        f"{FUTURE}class C:\n    x: Foo = 1\n",
        f"{FUTURE}async def f(*rest: list[Foo]) -> dict[str, Bar]: return rest\n",
        "def f(x: 'jaxtyping.Float'): return x\n",
        "def f(x: 'list[Foo]') -> 'Bar': return x\n",
        "def f(x):\n    y: Foo = x\n    return y\n",
        "def f(x):\n    x.y: Foo = 1\n    x[0]: Foo = 1\n",
        "async def f(x):\n    for y in x:\n        z: dict[Foo, Bar] = y\n",
        "x: 'Foo' = 1\n",
        "class C:\n    x: 'Foo' = 1\n",
        f"{FUTURE}x: Foo = 1\n",
        f"{FUTURE}class C:\n    def f(self, x: Foo[Bar], /, *y: Foo, z: Foo, **k: Foo): pass\n",
        f"{FUTURE}from dataclasses import dataclass\n@dataclass\nclass C:\n    x: Foo = 1\n",
        "from typing import cast\nx = cast('Foo', 1)\n",
        "import typing\nx = typing.cast('list[Foo]', 1)\n",
        "from typing import TypeVar\nT = TypeVar('T', bound='Foo')\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x = Foo\n",
        "import typing\nif typing.TYPE_CHECKING:\n    class C(Foo): pass\n",
        "from typing import Literal\ndef f(x: Literal['Foo']): pass\n",
        "x = []  # type: list[Foo]\n",
        "def f(x):\n    # type: (Foo) -> Bar\n    return x\n",
        pytest.param("type Row = list[Foo]\ndef f[T: Bar](x: T): pass\n", marks=FROM_3_12),
    ],
)
def test_a_name_in_an_annotation_that_is_never_evaluated_may_be_undefined(code: str) -> None:
    assert foreseen("X = 1\n", f"{code}X = 1\n") is None


@pytest.mark.parametrize(
    "code",
    [
        "def f(x: Foo): return x\n",
        "class C:\n    x: Foo = 1\n",
        "x: Foo = 1\n",
        f"{FUTURE}def f(x: int = Foo): return x\n",
        f"{FUTURE}def f(x: int): return Foo\n",
        "def f(x: 'list[int]', y=Foo): return x\n",
        "def f() -> Foo: pass\n",
        "def f(*x: Foo): pass\n",
        f"{FUTURE}@Foo\ndef f(x: int): pass\n",
        f"{FUTURE}class C(Foo): pass\n",
        f"{FUTURE}class C:\n    x: int = Foo\n",
        f"{FUTURE}def f(x):\n    y: int = Foo\n",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    x: Foo = 1\n",
        "def f():\n    class C:\n        x: Foo = 1\n",
        "from typing import cast\nx = cast(Foo, 1)\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    x = Foo\n",
        "from typing import TYPE_CHECKING\nif not TYPE_CHECKING:\n    x = Foo\n",
        "x = f'{Foo}'\n",
        "x = f'a {1} b {Foo} c'\n",
    ],
)
def test_a_name_that_is_evaluated_must_be_defined(code: str) -> None:
    refused = foreseen("X = 1\n", f"{code}X = 1\n")
    assert refused
    assert refused.reason == "undefined-name"
    assert "Foo" in refused.where


@pytest.mark.parametrize(
    "code",
    [
        "exec(open('configurator.py').read())\nprint(Foo)\n",
        "globals()['Foo'] = 1\nprint(Foo)\n",
        "globals().update(Foo=1)\nprint(Foo)\n",
        "import builtins\nbuiltins.Foo = 1\nprint(Foo)\n",
    ],
)
def test_a_name_may_come_from_where_no_linter_looks(code: str) -> None:
    assert foreseen("X = 1\n", f"{code}X = 1\n") is None
    assert foreseen("X = 1\n", "x = globals()\nprint(Foo)\n")


def test_a_name_undefined_in_code_is_refused_though_its_annotation_passes() -> None:
    code = f"{FUTURE}def f(x: Foo): return Foo\n"
    refused = foreseen("X = 1\n", code)
    assert refused
    assert refused.reason == "undefined-name"


def test_a_name_that_was_undefined_before_is_not_refused() -> None:
    assert foreseen("print(Foo)\n", "print(Foo)\nX = 1\n") is None


WIDTHS = "DIM = 256  # [64 .. 512]\nHEADS = 4  # [2 .. 16]\nprint(DIM // HEADS)\n"
DIVIDES = Multiple(name="DIM", of=("HEADS",))


def after(sources: Sources, *edits: Edit) -> Refused | None:
    """Return what is foreseen of these edits."""
    new = apply_edits(sources, edits)
    assert isinstance(new, Sources)
    space = read_space(sources)
    if "DIM" in space.names:
        space = space.model_copy(update={"constraints": (DIVIDES,)})
    return foresee(sources, new, edits, space)


def test_constants_that_do_not_divide_are_foreseen_unless_the_code_changes_too() -> None:
    sources = Sources.of(WIDTHS)
    heads = SetConstant(name="HEADS", value="3")
    refused = after(sources, heads)
    assert refused and refused.reason == "indivisible"
    assert refused.where == "DIM = 256 is no multiple of HEADS = 3"
    assert refused.hint == "DIM = 255 would do"
    assert after(sources, SetConstant(name="HEADS", value="8")) is None
    lifted = ReplaceText(old="DIM // HEADS", new="DIM / HEADS")
    assert after(sources, heads, lifted) is None


def test_an_import_that_is_lost_is_foreseen() -> None:
    files = {"train.py": "import conf\n", "conf.py": "LR = 0.1\n"}
    refused = after(Sources(files, patterns=("**",)), DeleteFile(file="conf.py"))
    assert refused and refused.reason == "undefined-name"
    assert "imports conf, and conf.py is gone" in refused.where


def test_the_file_of_an_undefined_name_is_told() -> None:
    files = {"train.py": "import conf\n", "conf.py": "LR = 0.1\n"}
    edit = ReplaceText(file="conf.py", old="0.1", new="0.1 * nope")
    refused = after(Sources(files, patterns=("**",)), edit)
    assert refused and refused.reason == "undefined-name"
    assert "conf.py" in refused.where
