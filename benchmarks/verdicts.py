"""What verdicts are worth, by simulation: `python -m benchmarks.verdicts`.

Scores are drawn from the model in agent/judge/decide.py: quality, plus what the seed does to every
code, plus noise of standard deviation 1 sigma. Three rules decide on the same draws: greedy
(karpathy/autoresearch's), fixed (five paired runs of every candidate, a t-test at the budget), and
ours. Printed, for each rule:

    false keeps    in 100 trials that change nothing, and of those in the first 20, when the noise
                   is hardly known; and the share of nights of 60 such trials that keep any
    power          share kept of candidates that are 1, 2, 3 sigma better, one of ten among 60
                   trials that are worse or equal
    repeats        share of all training runs that repeat one, on the published history
    gap            recorded minus true total gain on that history, in sigma; negative: more was
                   claimed than is there
    after          the same, once `autoresearch replicate` has run the best and the baseline under
                   fresh seeds

The history is karpathy/autoresearch's published run (branch exp/H100/mar8, results.tsv: 125 trials,
22 kept): each trial's measured difference to its incumbent is taken as true. `--sigma` is that
machine's noise in bits per byte, 0.0001 to 0.0002 by its users' repeats.

`--scatter chaotic` and `deterministic` are scores that no seed moves: `--repeats seeds` takes the
equal scores for repeats, `--repeats perturbations` is what the harness does.

With `--machines`, our rule alone on several machines of one model that differ by an offset
(benchmarks/machine_effect.py): the same figures, and the share of pairs across machines.

With `--family`, our rule alone on that kind of noise (benchmarks/other_noise.py; `all` for each):

    false keeps    in 100 trials that change nothing, and of those in the first 20
    mixed          false keeps in 100 trials that change nothing, of nights in which others are
                   worse and every tenth is better: most of what was discarded is worse, and does
                   not tell of an unlucky incumbent
    power          as above
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, variance
from typing import get_args

import numpy as np

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Discard, Judgement, Keep, Rerun
from agent.judge.determinism import Repeats
from agent.judge.luck import bad_luck
from agent.judge.noise import Sample, critical, noise_in
from agent.judge.pairing import next_seed
from benchmarks.families import Family as ScatterFamily
from benchmarks.families import Name, Noisy, family_of
from benchmarks.machine_effect import PROPOSALS, print_fleet
from benchmarks.means import Mean, at_least_one
from benchmarks.other_noise import FAMILIES, Family

Decide = Callable[[Case, Rule], Judgement]
Scatter = tuple[Name, Repeats]
Effects = Callable[[np.random.Generator], Sequence[float]]
"""Returns what each trial of a night is worse than its incumbent, in sigma; negative is better."""
# val_bpb of the published run in order; the first is the baseline, a crash has none.
PUBLISHED = """
0.997900k 0.986041k 0.981773k 0.982603 0.981201k 0.980903k 0.979969k 0.978784k 0.975524k 0.975895
0.974729k 0.974119k 0.974903 0.973104k 0.973799 0.974134 0.973824 0.973659 0.979340 0.973177
0.972849k 0.973385 0.973121 0.973130 0.978313 0.974490 0.973658 0.973706 0.973076 0.973339
0.973119 0.972821 0.976114 0.973828 0.979735 0.973894 0.972779k 0.974038 0.974356 0.972694k
0.972847 0.979754 0.975033 0.975328 0.973469 0.972844 0.974912 0.973105 0.974639 0.976462
0.973059 0.972712 0.974123 0.974331 0.972982 0.974655 0.975285 0.974190 0.983719 0.973312
0.973803 0.973173 0.973005 0.976203 0.973088 0.972258k 0.972721 0.972128k 0.973025 0.972587
0.972776 0.973847 0.972901 0.973155 0.973155 0.975790 0.972216 0.973361 0.972877 0.975964
0.972901 0.972495 0.972621 0.973493 0.979987 0.973545 0.973831 3.215849 0.975852 0.973423
0.974314 0.974046 0.972335 0.972097k 0.972350 0.972731 0.973000 0.973723 0.974043 0.972632
0.972744 0.972009k 0.972438 0.971058k 0.970655k 0.970433k 0.970644 0.970703 0.970612 0.970758
0.969952k 0.970767 0.970759 0.970106 0.971004 0.970040 0.970573 0.969686k 0.970244 0.969714
0.970135 0.970678 0.970212 0.969857 0.970286
"""
REPEATS = 3
FIXED = 5


def published_effects() -> list[float]:
    """Return each trial's difference to its incumbent, in bits per byte."""
    scores = [(float(word.rstrip("k")), word.endswith("k")) for word in PUBLISHED.split()]
    incumbent = scores[0][0]
    effects = []
    for score, kept in scores[1:]:
        effects.append(score - incumbent)
        if kept:
            incumbent = score
    return effects


def fixed(case: Case, rule: Rule) -> Judgement:
    """Decide by a paired t-test at the whole budget, after FIXED pairs of every candidate."""
    count = len(case.differences)
    if count < FIXED:
        return Rerun(reason="")
    gain = -fmean(case.differences)
    error = sqrt(variance(case.differences) / count)
    if gain > error * critical(rule.alpha, count - 1):
        return Keep(delta=-gain, reason="")
    return Discard(delta=-gain, reason="")


def greedy(case: Case, rule: Rule) -> Judgement:
    """Decide by karpathy/autoresearch's rule, by way of the same judge."""
    return decide(case, rule.model_copy(update={"verdict": "greedy"}))


RULES: dict[str, Decide] = {"greedy": greedy, "fixed": fixed, "ours": decide}


@dataclass
class Night:
    """One simulated run."""

    decide: Decide
    rule: Rule
    rng: np.random.Generator
    seeds: float
    """How much a seed moves every code, in sigma."""
    family: Family = FAMILIES["gaussian"]
    """The noise of a score that seeds move."""
    scatter: ScatterFamily = field(default_factory=Noisy)
    """How scores of equal code scatter; `family` where that is by noise."""
    quality: float = 0.0
    """The incumbent's, in sigma; negative is better."""
    trials: int = 0
    code: int = 0
    """The incumbent's: the trial that made it."""
    claimed: float = 0.0
    runs: int = 0
    luck: dict[int, float] = field(default_factory=dict)
    """What each seed does to every code."""
    incumbent: dict[int, float] = field(default_factory=dict)
    """The incumbent's score under each seed."""
    discarded: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Differences of discarded candidates to this incumbent, by seed."""
    samples: list[Sample] = field(default_factory=list)
    """Each judged candidate's differences to its incumbent."""

    def train(self, quality: float, seed: int, code: int = 0) -> float:
        """Return one score of the code that trial `code` made."""
        self.runs += 1
        luck = self.luck.setdefault(seed, self.seeds * self.rng.standard_normal())
        if isinstance(self.scatter, Noisy):
            return self.family.draw(self.rng, quality + luck)
        return quality + luck + self.scatter.noise(self.rng, code, seed)

    def trial(self, effect: float) -> bool:
        """Return whether a candidate that is `effect` worse than the incumbent is kept."""
        self.trials += 1
        own: dict[int, float] = {}
        judgement: Judgement = Rerun(reason="")
        while isinstance(judgement, Rerun):
            seed = next_seed(tuple(own), tuple(self.incumbent), self.trials)
            own[seed] = self.train(self.quality + effect, seed, self.trials)
            if seed not in self.incumbent:
                self.incumbent[seed] = self.train(self.quality, seed, self.code)
            judgement = self.decide(self._case(own), self.rule)
        differences = self._differences(own)
        kept = isinstance(judgement, Keep)
        self.samples.append(Sample(tuple(differences.values()), kept))
        if isinstance(judgement, Keep):
            self.quality += effect
            self.code = self.trials
            self.incumbent = own
            self.claimed += judgement.delta
            self.discarded.clear()
            return True
        for seed, difference in differences.items():
            self.discarded[seed].append(difference)
        return False

    def _differences(self, own: dict[int, float]) -> dict[int, float]:
        return {seed: score - self.incumbent[seed] for seed, score in own.items()}

    def _case(self, own: dict[int, float]) -> Case:
        return Case(
            differences=tuple(self._differences(own).values()),
            luck=tuple(bad_luck(self.discarded[seed]) for seed in own),
            noise=noise_in(self.samples),
            repeats=self.scatter.repeats,
        )

    def replicated(self) -> float:
        """Return the best against the baseline under fresh seeds, as `replicate` measures it."""
        fresh = range(10_000, 10_000 + REPEATS)
        return fmean(
            self.train(self.quality, seed, self.code) - self.train(0.0, seed) for seed in fresh
        )


@dataclass(frozen=True)
class Row:
    """The figures of one rule; see the module's docstring."""

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
    effects: Effects,
    which: range,
    seeds: float,
    family: Family = FAMILIES["gaussian"],
    scatter: Scatter = ("noisy", "seeds"),
) -> list[tuple[Night, list[bool]]]:
    """Return simulated runs of one rule, with whether each trial was kept.

    which: the seed of each run.
    """
    runs = []
    for seed in which:
        rng = np.random.default_rng(seed)
        night = Night(RULES[name], rule, rng, seeds, family, family_of(*scatter))
        repeats = 1 if name == "greedy" else REPEATS
        night.incumbent = {repeat: night.train(0.0, repeat) for repeat in range(repeats)}
        runs.append((night, [night.trial(effect) for effect in effects(rng)]))
    return runs


def one_in_ten(better: float) -> Effects:
    """Return effects of which every tenth is `better`, and the others are equal or worse."""

    def effects(rng: np.random.Generator) -> list[float]:
        worse = []
        for number in range(60):
            is_better = number % 10 == 9
            worse.append(-better if is_better else float(rng.exponential(3)) * (rng.random() > 0.3))
        return worse

    return effects


def measure(
    name: str,
    rule: Rule,
    which: range,
    sigma: float,
    seeds: float,
    scatter: Scatter = ("noisy", "seeds"),
) -> Row:
    """Return the figures of a rule."""
    idle = nights(name, rule, lambda _: [0.0] * 100, which, seeds, scatter=scatter)
    power = []
    for better in (1.0, 2.0, 3.0):
        mixed = nights(name, rule, one_in_ten(better), which, seeds, scatter=scatter)
        power.append(Mean.of([fmean(kept[9::10]) for _, kept in mixed]))
    history = [effect / sigma for effect in published_effects()]
    published = nights(
        name, rule, lambda _: history, which[: (len(which) + 1) // 2], seeds, scatter=scatter
    )
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


def nothing_but(kept: Sequence[bool], effects: Sequence[float]) -> float:
    """Return the false keeps in 100 of those trials that change nothing."""
    idle = [was_kept for was_kept, effect in zip(kept, effects, strict=True) if not effect]
    return 100 * sum(idle) / max(1, len(idle))


def print_family(name: str, false_keeps: float, which: range, seeds: float) -> None:
    """Print the figures of our rule on one kind of noise."""
    family = FAMILIES[name]
    rule = Rule(false_keeps=false_keeps, exact=family.exact)
    idle = nights("ours", rule, lambda _: [0.0] * 100, which, seeds, family)
    power: list[Mean] = []
    mixed: list[float] = []
    for better in (1.0, 2.0, 3.0):
        effects: list[Sequence[float]] = []

        def recorded(rng: np.random.Generator, better: float = better) -> Sequence[float]:
            effects.append(one_in_ten(better)(rng))  # noqa: B023
            return effects[-1]  # noqa: B023

        runs = nights("ours", rule, recorded, which, seeds, family)
        power.append(Mean.of([fmean(kept[9::10]) for _, kept in runs]))
        mixed += [nothing_but(kept, effects[i]) for i, (_, kept) in enumerate(runs)]
    false = Mean.of([sum(kept) for _, kept in idle])
    early = Mean.of([sum(kept[:20]) for _, kept in idle])
    shares = ", ".join(f"{share:.1%}" for share in power)
    print(f"{name} ({family.what}): {false:.2f} false keeps, {early:.2f} early,")
    print(f"        mixed {Mean.of(mixed):.2f}; power {shares}", flush=True)


def options_of() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=at_least_one, default=400)
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
    parser.add_argument(
        "--scatter",
        choices=get_args(Name),
        default="noisy",
        help="how scores of equal code scatter (benchmarks/families.py)",
    )
    parser.add_argument(
        "--repeats",
        choices=get_args(Repeats),
        default="seeds",
        help="what repeats a run where no seed moves a score",
    )
    parser.add_argument(
        "--family", choices=[*FAMILIES, "all"], help="our rule alone, on this kind of noise"
    )
    parser.add_argument("--machines", type=at_least_one, help="our rule alone, on so many machines")
    parser.add_argument(
        "--effect", type=float, default=0.0, help="what a machine does to every score, in tau"
    )
    parser.add_argument("--proposals", choices=PROPOSALS, default="idle", help="on machines")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    options = options_of()
    rule = Rule(false_keeps=options.false_keeps)
    which = range(options.first, options.first + options.nights)
    print(
        f"{options.nights} nights from {options.first}; "
        f"budget {options.false_keeps:g} false keeps per 100 trials"
    )
    if options.machines:
        night = (options.machines, options.effect, options.seeds, options.proposals)
        print_fleet(rule, which, *night)
        return
    if options.family:
        names = FAMILIES if options.family == "all" else [options.family]
        for name in names:
            print_family(name, options.false_keeps, which, options.seeds)
        return
    for name in RULES:
        scatter = (options.scatter, options.repeats)
        row = measure(name, rule, which, options.sigma, options.seeds, scatter)
        power = ", ".join(f"{share:.1%}" for share in row.power)
        print(
            f"{name}: {row.false_keeps:.2f} false keeps, {row.early:.2f} early, "
            f"{row.spoilt:.0%} of nights; power {power}; {row.repeats:.1%} of runs repeat",
            flush=True,
        )
        claims = f"gap {row.gap:+.2f}; after {row.after:+.2f}"
        print(f"        {row.kept:.1f} of 125 kept; {claims}", flush=True)


if __name__ == "__main__":
    main()
