"""Inputs: nonsense is refused at construction, and each is one line of words."""

import pytest
from pydantic import ValidationError

from agent.records.edits import SetConstant
from agent.records.inputs import (
    Ask,
    Brief,
    Comment,
    Pause,
    Reject,
    Release,
    Remember,
    Set,
    Skip,
    Star,
    Tell,
    Try,
    Withdraw,
    is_input_id,
    words_of,
)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "it sets nothing"),
        ({"trials": 3, "lift": ("trials",)}, "a bound is set and lifted"),
        ({"lift": ("hours",), "only_down": True}, "only bounds can be lowered"),
        ({"patience": 3, "only_down": True}, "only bounds can be lowered"),
    ],
)
def test_bounds_that_contradict_each_other_are_refused(
    fields: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Set.model_validate(fields)


def test_bounds_may_be_set_lifted_and_lowered() -> None:
    assert Set(trials=3, lift=("hours",)).trials == 3
    assert Set(trials=3, max_cost=0.0, only_down=True).max_cost == 0.0


def test_a_note_writes_or_drops_something() -> None:
    with pytest.raises(ValidationError, match="neither writes nor drops"):
        Remember()
    assert Remember(drop=(1,)).text == ""


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (Tell(text="try\nwarmup"), "tell: try warmup"),
        (Withdraw(number=2), "withdraw remark 2"),
        (Try(hypothesis="h", edits=(SetConstant(name="LR", value="1"),)), "try: h"),
        (Pause(), "pause"),
        (Release(), "hold --off"),
        (Skip(number=5), "skip #5"),
        (Reject(number=5, because="no"), "reject #5"),
        (Brief(text="a\nb\n"), "brief: a program.md of 2 lines"),
        (Comment(text="a"), "note: a"),
        (Comment(text="a", number=0), "note on #0: a"),
        (Remember(text="a"), "remember: a"),
        (Remember(text="a", drop=(1, 2)), "remember (drops 1, 2): a"),
        (Star(number=3), "star on #3"),
        (Star(number=3, on=False), "no star on #3"),
        (
            Set(trials=20, hours=8.0, max_cost=0.5, patience=4, workers=2),
            "set trials 20, hours 8, max-cost 0.5, patience 4, workers 2",
        ),
        (Set(lift=("max_cost",)), "set max-cost none"),
    ],
)
def test_an_input_in_words(ask: Ask, words: str) -> None:
    assert words_of(ask) == words


@pytest.mark.parametrize(
    ("id", "valid"),
    [("a", True), ("20261129-k", True), ("a" * 64, True), ("a" * 65, False)]
    + [(text, False) for text in ("", "-a", "A", "a/b", "../a", "a.json", "a\n")],
)
def test_an_id_is_safe_as_the_name_of_a_file_and_a_ref(id: str, valid: bool) -> None:
    assert is_input_id(id) is valid
