"""What an attempt changed stands beside what its proposer claimed, whatever file it is in."""

from typing import Any

from agent.display.claims import contradictions, recorded
from agent.display.format import Formatter
from agent.display.learnt import learnt
from agent.records.results import Change, Touched, Trial
from tests.agent.display.runs import scored

RATE = Change(name="conf/base.yaml:optim.lr", before=0.03, after=0.1)
WIDTH = Change(name="model/net.py:Config.width", before=64, after=128)
NET = Touched(file="model/net.py", definitions=("Net.loss", "Config"))
CONF = Touched(file="conf/base.yaml")


def trial(hypothesis: str = "h", **fields: Any) -> Trial:
    return scored(1, "keep", 1.0, hypothesis, -0.1).model_copy(update={"changes": (), **fields})


def test_constants_then_what_else_their_files_say() -> None:
    assert recorded(trial(changes=(RATE, WIDTH), touched=(CONF, NET))) == [
        "conf/base.yaml:optim.lr 0.03 → 0.1",
        "model/net.py:Config.width 64 → 128",
        "in model/net.py: Net.loss",
    ]
    only = NET.model_copy(update={"definitions": ("Config",)})
    assert recorded(trial(changes=(WIDTH,), touched=(only,))) == [
        "model/net.py:Config.width 64 → 128"
    ]
    assert recorded(trial(touched=(Touched(file="train.py"),))) == ["in train.py"]


def test_whole_files_and_constants_that_come_and_go() -> None:
    lines = recorded(
        trial(
            changes=(
                Change(name="model/new.py:POWER", before=None, after=2),
                Change(name="model/old.py:DEPTH", before=3, after=None),
            ),
            touched=(
                Touched(file="model/new.py", how="added"),
                Touched(file="model/old.py", how="deleted"),
                Touched(file="a.py", how="renamed", to="b.py", definitions=("f",)),
            ),
        )
    )
    assert lines == [
        "model/new.py:POWER 2, new",
        "model/old.py:DEPTH 3, deleted",
        "model/new.py added",
        "model/old.py deleted",
        "a.py renamed to b.py: f",
    ]


def test_a_lesson_names_constants_in_short_and_never_credits_one_for_code() -> None:
    alone = trial(changes=(RATE,), touched=(CONF,), configuration={RATE.name: 0.1})
    assert learnt((alone,), Formatter()) == "optim.lr 0.03 → 0.1 was better by 0.1"
    ambiguous = alone.model_copy(
        update={"configuration": {RATE.name: 0.1, "conf/small.yaml:optim.lr": 0.1}}
    )
    assert learnt((ambiguous,), Formatter()).startswith("base.yaml:optim.lr 0.03 → 0.1 was")
    beside = trial("Both", changes=(RATE,), touched=(CONF, NET))
    assert learnt((beside,), Formatter()).startswith("#1 (Both) was better")


def test_a_claim_about_a_constant_of_any_file_is_compared() -> None:
    names = {"conf/base.yaml:optim.lr": 0.1, "--warmup-steps": 30, "model/net.py:Config.width": 64}

    def of(claim: str) -> tuple[str, ...]:
        return contradictions(trial(claim, configuration=names), None)

    assert of("optim.lr 0.1, warmup steps 30 and Config.width = 64") == ()
    assert of("optim.lr = 0.3") == ("it says optim.lr 0.3, but what ran had 0.1",)
    assert of("--warmup-steps 20 to 40") == ("it says --warmup-steps 40, but what ran had 30",)
    assert of("warmup_steps of 40") == ("it says --warmup-steps 40, but what ran had 30",)
    twice = {**names, "conf/new.yaml:optim.lr": 0.3}
    assert contradictions(trial("optim.lr 0.3", configuration=twice), None) == ()
