"""A small train.py and contexts on it, for the tests of the methods."""

from typing import Any

from agent.edit.files import Sources
from agent.propose import Context
from agent.records.edits import SetConstant
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.records.results import Change, Result, Score, Trial
from agent.space import constant_edits, read_space

SOURCE = """import math

DEPTH = 8  # [4 .. 24]
HEAD_DIM = 128  # [64 .. 256 pow2]
BATCH = 2**16  # [4096 .. 1048576 pow2]
MATRIX_LR = 0.04  # [0.005 .. 0.2 log]
WEIGHT_DECAY = 0.2  # [0 .. 0.5]
PATTERN = "SSSL"  # [SSSL | LLLL | SSSS]


def width():
    return DEPTH * HEAD_DIM


def train():
    return math.sqrt(width())
"""
SPACE = read_space(SOURCE)
DEFAULT = SPACE.default
LLM = Provenance(method="code", origin="llm", model="m")


def trial(number: int, value: float | str, hypothesis: str = "an idea", **constants: Any) -> Trial:
    """Return a trial of the constants with its score, or the status of its failure.

    Trial 0 is the baseline.
    """
    configuration: Configuration = {**DEFAULT, **constants}
    proposal = Proposal(hypothesis=hypothesis, edits=constant_edits(SOURCE, configuration), by=LLM)
    changes = tuple(
        Change(name=name, before=DEFAULT.get(name), after=after)
        for name, after in constants.items()
    )
    if isinstance(value, str):
        ran = value != "refused"
        result = Result(status=value, detail="RuntimeError: a long story") if ran else None
        return Trial(
            number=number,
            status=value,
            proposal=proposal,
            reason=f"{value}: a long story",
            result=result,
            changes=changes,
            configuration=configuration if ran else {},
        )
    seeds = (0, 1) if number == 0 else (0,)
    scores = tuple(Score(value=value + 0.001 * seed, seed=seed, kind="sealed") for seed in seeds)
    result = Result(status="scored", scores=scores, peak_memory_mb=512.0)
    status = "baseline" if number == 0 else "discard"
    delta = None if number == 0 else value - 1.0
    return Trial(
        number=number,
        status=status,
        proposal=proposal,
        reason="not better",
        result=result,
        delta=delta,
        changes=changes,
        configuration=configuration,
    )


def context(
    *trials: Trial,
    pending: tuple[Proposal, ...] = (),
    source: str = SOURCE,
    seed: int = 1,
    program: str = "Go.",
) -> Context:
    """Return a context with these trials."""
    return Context(
        program=program,
        sources=Sources.of(source),
        space=read_space(source),
        trials=trials,
        pending=pending,
        seed=seed,
        budget="300s",
    )


def pending(**constants: Any) -> Proposal:
    """Return a proposal without a verdict."""
    edits = tuple(SetConstant(name=name, value=repr(value)) for name, value in constants.items())
    return Proposal(hypothesis="under way", edits=edits, by=LLM)
