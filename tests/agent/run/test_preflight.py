"""What the preflight foresees, and what it leaves to the run."""

import pytest

from agent.edit.files import Sources
from agent.records.edits import Refused
from agent.run.preflight import foresee
from agent.space import Space

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
    ],
)
def test_a_name_that_is_evaluated_must_be_defined(code: str) -> None:
    refused = foreseen("X = 1\n", f"{code}X = 1\n")
    assert refused
    assert refused.reason == "undefined-name"
    assert "Foo" in refused.where
