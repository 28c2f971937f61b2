"""What of a question a provider can read from its cache: `python -m benchmarks.cached_prompt`.

Questions of a simulated night about the bundled train.py, one after each trial, every twelfth of
which is kept. A provider reads from its cache what a question has in common with the one before,
block by block; the figure is the share of a question's bytes, by trials tried. As of now, and if
the whole ledger were one block that changes with every trial.
"""

import argparse
from itertools import pairwise, takewhile
from pathlib import Path
from statistics import median

from agent.edit.files import Sources
from agent.propose.code.code import request_of
from agent.propose.context import Context
from agent.records.results import Trial
from agent.space import read_space
from tests.agent.propose.example import trial

ROOT = Path(__file__).parent.parent
KEPT_EVERY = 12
SHOWN = (10, 30, 60, 100, 300)


def questions(count: int) -> list[tuple[str, ...]]:
    """Return the blocks of the questions of a night, the rules first."""
    source = (ROOT / "workspace" / "train.py").read_text(encoding="utf-8")
    program = (ROOT / "program.md").read_text(encoding="utf-8")
    trials: list[Trial] = []
    asked = []
    for number in range(count):
        made = trial(number, 1.0 + number % 7 / 100, f"idea {number}: " + "why it helps " * 6)
        if number and number % KEPT_EVERY == 0:
            made = made.model_copy(update={"status": "keep"})
            source = f"# {number} was kept\n{source}"
        trials.append(made)
        request = request_of(
            Context(
                program=program,
                sources=Sources.of(source),
                space=read_space(source),
                trials=tuple(trials),
                pending=(),
                seed=1,
                budget="300s",
            )
        )
        asked.append((request.system, *request.blocks))
    return asked


def cached(before: tuple[str, ...], now: tuple[str, ...]) -> float:
    """Return the share of a question's bytes in the blocks that begin both alike."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
    return sum(len(block.encode()) for block, _ in alike) / _size(now)


def _size(blocks: tuple[str, ...]) -> int:
    return sum(len(block.encode()) for block in blocks)


def _in_one(blocks: tuple[str, ...]) -> tuple[str, ...]:
    system, source, *ledger = blocks
    return system, source, "\n\n".join(ledger)


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=300)
    count = parser.parse_args().trials
    asked = questions(count)
    shares = [cached(*pair) for pair in pairwise(asked)]
    plain = [_in_one(blocks) for blocks in asked]
    before = [cached(*pair) for pair in pairwise(plain)]
    for shown in SHOWN:
        if shown < count:
            first = max(0, shown - KEPT_EVERY)
            window = slice(first, shown)
            now = sum(shares[window]) / (shown - first)
            one = sum(before[window]) / (shown - first)
            usual = median(shares[window])
            print(
                f"trials {first + 1} to {shown}, {_size(asked[shown]):,} bytes: mean {now:.0%}, "
                f"median {usual:.0%}; mean {one:.0%} with the ledger in one block"
            )


if __name__ == "__main__":
    main()
