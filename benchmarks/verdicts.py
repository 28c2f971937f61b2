"""What verdicts are worth, by simulation: `python -m benchmarks.verdicts`.

Scores are drawn from the model in agent/judge/decide.py: quality, plus what the seed does to every code, plus noise of standard
deviation 1 sigma. Three rules decide on the same draws: greedy (karpathy/autoresearch's), fixed (five paired runs of every
candidate, a t-test at the budget), and ours. Printed, for each rule:

    false keeps    in 100 trials that change nothing, and of those in the first 20, when the noise is hardly known; and the
                   share of nights of 60 such trials that keep any
    power          share kept of candidates that are 1, 2, 3 sigma better, one of ten among 60 trials that are worse or equal
    repeats        share of all training runs that repeat one, on the published history
    gap            recorded minus true total gain on that history, in sigma; negative: more was claimed than is there
    after          the same, once `autoresearch replicate` has run the best and the baseline under fresh seeds

The history is karpathy/autoresearch's published run (branch exp/H100/mar8, results.tsv: 125 trials, 22 kept): each trial's
measured difference to its incumbent is taken as true. `--sigma` is that machine's noise in bits per byte, 0.0001 to 0.0002
by its users' repeats.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, variance

import numpy as np

from agent.judge.decide import (
    Case,
    Decision,
    Discard,
    Keep,
    Noise,
    Rerun,
    Rule,
    bad_luck,
    critical,
    decide,
)
from agent.judge.pairing import next_seed

Decide = Callable[[Case, Rule], Decision]
# val_bpb of the published run in order; the first is the baseline, a crash has none.
PUBLISHED = """
0.997900k 0.986041k 0.981773k 0.982603 0.981201k 0.980903k 0.979969k 0.978784k 0.975524k 0.975895 0.974729k 0.974119k
0.974903 0.973104k 0.973799 0.974134 0.973824 0.973659 0.979340 0.973177 0.972849k 0.973385 0.973121 0.973130
0.978313 0.974490 0.973658 0.973706 0.973076 0.973339 0.973119 0.972821 0.976114 0.973828 0.979735 0.973894 0.972779k
0.974038 0.974356 0.972694k 0.972847 0.979754 0.975033 0.975328 0.973469 0.972844 0.974912 0.973105 0.974639 0.976462
0.973059 0.972712 0.974123 0.974331 0.972982 0.974655 0.975285 0.974190 0.983719 0.973312 0.973803 0.973173 0.973005
0.976203 0.973088 0.972258k 0.972721 0.972128k 0.973025 0.972587 0.972776 0.973847 0.972901 0.973155 0.973155
0.975790 0.972216 0.973361 0.972877 0.975964 0.972901 0.972495 0.972621 0.973493 0.979987 0.973545 0.973831 3.215849
0.975852 0.973423 0.974314 0.974046 0.972335 0.972097k 0.972350 0.972731 0.973000 0.973723 0.974043 0.972632 0.972744
0.972009k 0.972438 0.971058k 0.970655k 0.970433k 0.970644 0.970703 0.970612 0.970758 0.969952k 0.970767 0.970759
0.970106 0.971004 0.970040 0.970573 0.969686k 0.970244 0.969714 0.970135 0.970678 0.970212 0.969857 0.970286
"""
REPEATS = 3
FIXED = 5


def published_effects() -> list[float]:
    """Each trial's difference to its incumbent, in bits per byte."""
    scores = [(float(word.rstrip("k")), word.endswith("k")) for word in PUBLISHED.split()]
    incumbent, effects = scores[0][0], []
    for score, kept in scores[1:]:
        effects.append(score - incumbent)
        incumbent = score if kept else incumbent
    return effects


def fixed(case: Case, rule: Rule) -> Decision:
    """Every candidate runs FIXED times beside the incumbent; a paired t-test at the whole budget decides."""
    count = len(case.differences)
    if count < FIXED:
        return Rerun(reason="")
    gain, error = -fmean(case.differences), sqrt(variance(case.differences) / count)
    better = gain / error > critical(rule.alpha, count - 1)
    return (Keep if better else Discard)(delta=-gain, reason="")


def greedy(case: Case, rule: Rule) -> Decision:
    """karpathy/autoresearch's rule, by way of the same judge."""
    return decide(case, rule.model_copy(update={"verdict": "greedy"}))


RULES: dict[str, Decide] = {"greedy": greedy, "fixed": fixed, "ours": decide}


@dataclass
class Night:
    """One simulated run. seeds: how much a seed moves every code, in sigma."""

    decide: Decide
    rule: Rule
    rng: np.random.Generator
    seeds: float
    quality: float = 0.0
    trials: int = 0
    claimed: float = 0.0
    runs: int = 0
    luck: dict[int, float] = field(default_factory=dict)
    incumbent: dict[int, float] = field(default_factory=dict)
    discarded: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    squares: float = 0.0
    degrees: int = 0

    def train(self, quality: float, seed: int) -> float:
        """One score."""
        self.runs += 1
        luck = self.luck.setdefault(seed, self.seeds * self.rng.standard_normal())
        return quality + luck + float(self.rng.standard_normal())

    def trial(self, effect: float) -> bool:
        """Whether a candidate that is `effect` worse (negative: better) than the incumbent is kept."""
        own: dict[int, float] = {}
        self.trials += 1
        noise = Noise(
            sd=sqrt(self.squares / self.degrees) if self.degrees else None, degrees=self.degrees
        )
        while True:
            seed = next_seed(tuple(own), tuple(self.incumbent), self.trials)
            own[seed] = self.train(self.quality + effect, seed)
            if seed not in self.incumbent:
                self.incumbent[seed] = self.train(self.quality, seed)
            differences = {s: own[s] - self.incumbent[s] for s in own}
            luck = tuple(bad_luck(self.discarded[s]) for s in own)
            decision = self.decide(
                Case(differences=tuple(differences.values()), luck=luck, noise=noise), self.rule
            )
            if not isinstance(decision, Rerun):
                break
        if len(own) > 1:
            self.squares += variance(differences.values()) * (len(own) - 1)
            self.degrees += len(own) - 1
        if isinstance(decision, Keep):
            self.quality, self.incumbent = self.quality + effect, own
            self.claimed += decision.delta
            self.discarded.clear()
        for seed, difference in () if isinstance(decision, Keep) else differences.items():
            self.discarded[seed].append(difference)
        return isinstance(decision, Keep)

    def replicated(self) -> float:
        """The best against the baseline under seeds by which nothing was decided, as `autoresearch replicate` measures it."""
        fresh = range(10_000, 10_000 + REPEATS)
        return fmean(self.train(self.quality, seed) - self.train(0.0, seed) for seed in fresh)


@dataclass(frozen=True)
class Mean:
    """A mean over nights, and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Mean":
        return cls(fmean(samples), sqrt(variance(samples) / len(samples)))

    def __format__(self, form: str) -> str:
        return f"{self.value:{form}} ±{self.error:{form.lstrip('+')}}"


@dataclass(frozen=True)
class Row:
    """What one rule does; see the module's docstring."""

    false_keeps: Mean
    early: Mean
    spoilt: Mean
    power: tuple[Mean, ...]
    repeats: Mean
    kept: Mean
    gap: Mean
    after: Mean


def nights(
    name: str,
    rule: Rule,
    effects: Callable[[np.random.Generator], Sequence[float]],
    which: range,
    seeds: float,
) -> list[tuple[Night, list[bool]]]:
    """Simulated runs of one rule, with what was kept; `which`: the seed of each."""
    played = []
    for seed in which:
        rng = np.random.default_rng(seed)
        night = Night(RULES[name], rule, rng, seeds)
        night.incumbent = {
            s: night.train(0.0, s) for s in range(1 if name == "greedy" else REPEATS)
        }
        played.append((night, [night.trial(effect) for effect in effects(rng)]))
    return played


def measure(name: str, rule: Rule, which: range, sigma: float, seeds: float) -> Row:
    """Play no-op nights, nights with one real improvement in ten, and the published history."""
    idle = nights(name, rule, lambda _: [0.0] * 100, which, seeds)
    power = []
    for better in (1.0, 2.0, 3.0):

        def one_in_ten(rng: np.random.Generator, better: float = better) -> list[float]:
            return [
                -better if i % 10 == 9 else float(rng.exponential(3)) * (rng.random() > 0.3)
                for i in range(60)
            ]

        mixed = nights(name, rule, one_in_ten, which, seeds)
        power.append(Mean.of([fmean(kept[9::10]) for _, kept in mixed]))
    history = [effect / sigma for effect in published_effects()]
    published = nights(name, rule, lambda _: history, which[: len(which) // 2], seeds)
    return Row(
        false_keeps=Mean.of([sum(kept) for _, kept in idle]),
        early=Mean.of([sum(kept[:20]) for _, kept in idle]),
        spoilt=Mean.of([float(any(kept[:60])) for _, kept in idle]),
        power=tuple(power),
        repeats=Mean.of([1 - (len(history) + 1) / night.runs for night, _ in published]),
        kept=Mean.of([sum(kept) for _, kept in published]),
        gap=Mean.of([night.claimed - night.quality for night, _ in published]),
        after=Mean.of([night.replicated() - night.quality for night, _ in published]),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=400)
    parser.add_argument(
        "--first",
        type=int,
        default=0,
        help="the seed of the first night; the levels were chosen on those from 0",
    )
    parser.add_argument(
        "--false-keeps", type=float, default=0.5, help="the error budget, per 100 trials"
    )
    parser.add_argument(
        "--sigma",
        type=float,
        default=0.0002,
        help="noise of one run of the published history, in bits per byte",
    )
    parser.add_argument(
        "--seeds", type=float, default=0.0, help="how much a seed moves every code alike, in sigma"
    )
    options = parser.parse_args()
    rule = Rule(false_keeps=options.false_keeps)
    print(
        f"{options.nights} nights from {options.first}; budget {options.false_keeps:g} false keeps per 100 trials"
    )
    for name in RULES:
        row = measure(
            name,
            rule,
            range(options.first, options.first + options.nights),
            options.sigma,
            options.seeds,
        )
        powers = ", ".join(f"{power:.1%}" for power in row.power)
        kept = (
            f"{row.false_keeps:.2f} false keeps, {row.early:.2f} early, {row.spoilt:.0%} of nights"
        )
        print(f"{name}: {kept}; power {powers}; {row.repeats:.1%} of runs repeat", flush=True)
        print(
            f"        {row.kept:.1f} of 125 kept; gap {row.gap:+.2f}; after {row.after:+.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
