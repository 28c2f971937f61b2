"""Who writes the proposals of a session, from its options."""

import pytest

from agent.cli.choices import build_staff
from agent.errors import UsageFault
from agent.project.flags import read_flags
from agent.project.program import FrontMatter
from agent.project.resolve import Inferred, StartOptions, start_options
from agent.project.settings import Settings
from agent.propose import find_method


def options(**typed: object) -> StartOptions:
    return start_options(
        read_flags("start", **typed),
        FrontMatter(),
        Settings(),
        Inferred(),
        lambda name: find_method(name, typed=True).model,
    )


def test_a_model_is_helped_and_several_write_where_the_method_can() -> None:
    staff = build_staff(find_method("code"), "opus", options(model="opus", method="code"))
    assert staff.writers is None and staff.filler and staff.filler.name == "trust"
    four = options(model="opus", method="hybrid", writers="4", fill="random")
    staff = build_staff(find_method("hybrid"), "opus", four)
    assert staff.writers == 4 and staff.filler and staff.filler.name == "random"
    one = options(model="opus", method="llambo", writers="4", fill="none")
    staff = build_staff(find_method("llambo"), "opus", one)
    assert staff.writers == 1 and staff.filler is None


@pytest.mark.parametrize(
    ("method", "model"), [("trust", None), ("hybrid", None), ("hybrid", "replay:autoresearch/t")]
)
def test_without_a_model_nothing_is_waited_for(method: str, model: str | None) -> None:
    staff = build_staff(find_method(method), model, options(method=method, model=model or "none"))
    assert staff.writers == 1 and staff.filler is None


@pytest.mark.parametrize("fill", ["code", "hybrid", "centaur"])
def test_only_a_search_method_fills_in(fill: str) -> None:
    with pytest.raises(UsageFault, match="no search method"):
        build_staff(find_method("code"), "opus", options(model="opus", fill=fill))


def test_an_unknown_method_is_named_with_what_may_be_meant() -> None:
    with pytest.raises(UsageFault, match="Did you mean 'trust'"):
        build_staff(find_method("code"), "opus", options(model="opus", fill="trsut"))
