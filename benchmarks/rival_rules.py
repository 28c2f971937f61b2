"""Our verdicts beside the keep rules of named tools: `python -m benchmarks.rival_rules`.

Scores are quality plus normal noise of standard deviation 1. A night's trials change nothing, or
one in ten of 60 is better by 1, 2 or 3 and the others are worse or equal, as in
benchmarks/verdicts.py. Each rule is what its tool does by its own source or documentation:

    one run decides         kept if better than the incumbent's score: karpathy/autoresearch,
                            labloop without options; optuna's best trial is chosen like that, too
    labloop 1.0.5           `labloop noise` (five runs of the same code), then `labloop run
                            --confirm --min-delta X`: kept if two runs beat the incumbent by X,
                            which then counts as the weaker of the two. X is the spread or the
                            standard deviation of the five, which are the two that it proposes
    five runs each          of every candidate, and a paired t-test at our error budget
    autoresearch            agent/judge/decide.py

Printed for each: false keeps in 100 trials that change nothing, in nights of nothing else and in
the others; the share that is kept of what is 1, 2 and 3 better; training runs a trial.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from agent.judge.decide import Rule
from benchmarks.means import Mean, at_least_one
from benchmarks.verdicts import Effects, nights, nothing_but, one_in_ten

NOISE_RUNS = 5
Played = tuple[list[float], list[bool], int]
"""What each trial of a night is worse, whether it was kept, and how many trainings ran."""
Play = Callable[[Effects, int], Played]


def nothing(_: np.random.Generator) -> Sequence[float]:
    """Return the effects of a night in which no trial changes anything."""
    return [0.0] * 100


@dataclass
class Loop:
    """One night of a loop that compares with the incumbent's recorded score."""

    rng: np.random.Generator
    margin: float = 0.0
    confirm: bool = False
    quality: float = 0.0
    runs: int = 0
    incumbent: float = 0.0

    def train(self, quality: float) -> float:
        """Return one score."""
        self.runs += 1
        return quality + float(self.rng.standard_normal())

    def trial(self, effect: float) -> bool:
        """Return whether a candidate that is `effect` worse is kept."""
        scores = [self.train(self.quality + effect)]
        if self.confirm and self._beats(scores[0]):
            scores.append(self.train(self.quality + effect))
        if not all(map(self._beats, scores)):
            return False
        self.quality += effect
        self.incumbent = max(scores)
        return True

    def _beats(self, score: float) -> bool:
        return score < self.incumbent - self.margin


def spread(scores: Sequence[float]) -> float:
    """Return the distance between the best and the worst."""
    return max(scores) - min(scores)


def by_recorded_score(margin_of: Callable[[Sequence[float]], float] | None) -> Play:
    """Return a rule without a margin; or labloop's, with what makes a margin of its noise runs."""

    def play(effects: Effects, seed: int) -> Played:
        rng = np.random.default_rng(seed)
        night = Loop(rng)
        if margin_of is not None:
            night.margin = margin_of([night.train(0.0) for _ in range(NOISE_RUNS)])
            night.confirm = True
        night.incumbent = night.train(0.0)
        drawn = list(effects(rng))
        return drawn, [night.trial(effect) for effect in drawn], night.runs

    return play


def by_pairs(name: str) -> Play:
    """Return a rule of benchmarks/verdicts.py."""

    def play(effects: Effects, seed: int) -> Played:
        drawn: list[float] = []

        def noted(rng: np.random.Generator) -> list[float]:
            drawn.extend(effects(rng))
            return drawn

        [(night, kept)] = nights(name, Rule(), noted, range(seed, seed + 1), 0.0)
        return drawn, kept, night.runs

    return play


RULES: dict[str, Play] = {
    "one run decides (karpathy/autoresearch, optuna's best, labloop's default)": by_recorded_score(
        None
    ),
    "labloop --confirm --min-delta STDEV": by_recorded_score(stdev),
    "labloop --confirm --min-delta SPREAD": by_recorded_score(spread),
    "five runs of each, t-test": by_pairs("fixed"),
    "autoresearch": by_pairs("ours"),
}


def row(play: Play, which: range) -> str:
    """Return the figures of one rule as cells of a table."""
    idle = Mean.of([float(sum(play(nothing, seed)[1])) for seed in which])
    power = []
    mixed = []
    spent = []
    for better in (1.0, 2.0, 3.0):
        played = [play(one_in_ten(better), seed) for seed in which]
        power.append(fmean(fmean(kept[9::10]) for _, kept, _ in played))
        mixed += [nothing_but(kept, effects) for effects, kept, _ in played]
        spent += [runs / len(kept) for _, kept, runs in played]
    shares = " / ".join(f"{share:.0%}" for share in power)
    return f"{idle:.2f} | {Mean.of(mixed):.2f} | {shares} | {fmean(spent):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="our verdicts beside those of named tools")
    parser.add_argument("--nights", type=at_least_one, default=200)
    parser.add_argument("--first", type=int, default=400_000, help="the seed of the first night")
    options = parser.parse_args()
    which = range(options.first, options.first + options.nights)
    print("| Rule | nights of nothing else | mixed nights | 1 / 2 / 3 σ kept | runs a trial |")
    print("|---|---|---|---|---|")
    for name, play in RULES.items():
        print(f"| {name} | {row(play, which)} |", flush=True)


if __name__ == "__main__":
    main()
