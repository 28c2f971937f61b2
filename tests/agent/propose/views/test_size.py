"""How long a question is after a thousand trials, and how much of it is cached."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from agent.edit.files import Sources
from agent.propose import Context
from agent.propose.code.code import request_of
from agent.space import read_space
from benchmarks.cached_prompt import cached
from tests.agent.propose.example import context
from tests.agent.propose.views.test_prompt import thousand

ROOT = Path(__file__).parents[4]
TRIALS = 1_000
STEP = 20
"""The older part of the ledger is written anew after so many trials."""
MOST_BYTES = 60_000
"""Of a whole question about the bundled research: a third of it is train.py."""
LEAST_CACHED = 0.88
"""Of the bytes of a question on average, while nothing is kept."""


def workspace() -> Context:
    source = (ROOT / "workspace" / "train.py").read_text(encoding="utf-8")
    program = (ROOT / "program.md").read_text(encoding="utf-8")
    base = context(program=program)
    return replace(base, sources=Sources.of(source), space=read_space(source))


def test_a_turn_after_a_thousand_trials_is_short_and_mostly_cached() -> None:
    trials = thousand()
    base = workspace()
    asked = []
    for count in range(TRIALS - STEP, TRIALS + 1):
        request = request_of(replace(base, trials=tuple(trials[:count])))
        asked.append((request.system, *request.blocks))
    sizes = [sum(len(block.encode()) for block in blocks) for blocks in asked]
    shares = [cached(*pair) for pair in pairwise(asked)]
    mean = sum(shares) / len(shares)
    assert max(sizes) < MOST_BYTES, sizes
    assert mean > LEAST_CACHED, shares
    assert all("#0 baseline" in blocks[2] for blocks in asked), "nothing is forgotten"
