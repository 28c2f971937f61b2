"""Verdicts of a night on machines: `python -m benchmarks.verdicts --machines 16 --effect 1`.

Each machine adds an offset of its own to every score; its standard deviation is `--effect`, in tau,
the noise of one pair on one machine. The baseline runs on every machine under the same seeds; each
candidate trains on some machine, and what is run next is what agent/judge/pairing.py says.

`--proposals adaptive` is a proposer that follows what looks good: after a trial that scored better
than its incumbent it proposes another one that changes nothing, after others mostly worse ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean

import numpy as np

from agent.judge.decide import Case, Rule, decide
from agent.judge.decision import Judgement, Keep, Rerun
from agent.judge.luck import bad_luck
from agent.judge.machines import Spread, spread_of
from agent.judge.noise import Noise, Sample, noise_in
from agent.judge.pairing import next_run, next_seed
from agent.records.results import Across
from benchmarks.means import Mean

REPEATS = 3
TAU = sqrt(2)
"""Of a pair on one machine, in sigma."""
Propose = Callable[[np.random.Generator, Sequence[float]], float]
"""Returns what the next trial is worse than its incumbent, in sigma, by what earlier ones showed:
their measured differences to their incumbents."""


def idle(rng: np.random.Generator, shown: Sequence[float]) -> float:
    """Propose nothing but no-ops."""
    return 0.0


def adaptive(rng: np.random.Generator, shown: Sequence[float]) -> float:
    """Propose another no-op after what looked better, and mostly worse ones after others."""
    if shown and shown[-1] < 0:
        return 0.0
    return float(rng.exponential(3)) * (rng.random() > 0.3)


def one_in_ten(better: float) -> Propose:
    """Return a proposer of which every tenth is `better`, and the others are equal or worse."""

    def propose(rng: np.random.Generator, shown: Sequence[float]) -> float:
        if len(shown) % 10 == 9:
            return -better
        return float(rng.exponential(3)) * (rng.random() > 0.3)

    return propose


PROPOSALS: dict[str, Propose] = {"idle": idle, "adaptive": adaptive}


@dataclass
class FleetNight:
    """One simulated run on several machines."""

    rule: Rule
    rng: np.random.Generator
    machines: int
    effect: float
    """Of a machine, in tau."""
    seeds: float = 0.0
    """How much a seed moves every code, in sigma."""
    quality: float = 0.0
    trials: int = 0
    code: int = 0
    runs: int = 0
    crossed: int = 0
    """Pairs that verdicts rest on and that were made across machines."""
    pairs: int = 0
    luck: dict[int, float] = field(default_factory=dict)
    incumbent: dict[int, dict[str, float]] = field(default_factory=dict)
    """Its scores by seed and machine."""
    cells: dict[tuple[int, int], dict[str, list[float]]] = field(default_factory=dict)
    discarded: dict[tuple[int, float], list[float]] = field(default_factory=dict)
    """Differences of discarded candidates to a score of this incumbent."""
    samples: list[Sample] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    _spread: Spread | None = None

    def __post_init__(self) -> None:
        """Run the baseline on every machine."""
        draws = self.rng.standard_normal(self.machines)
        offsets = [self.effect * TAU * float(draw) for draw in draws]
        self.offset = {f"{number} H100": offset for number, offset in enumerate(offsets)}
        for seed in range(REPEATS):
            for machine in self.offset:
                score = self.train(0.0, seed, machine, 0)
                self.incumbent.setdefault(seed, {})[machine] = score

    def train(self, quality: float, seed: int, machine: str, code: int) -> float:
        """Return one score of the code that trial `code` made."""
        self.runs += 1
        luck = self.luck.setdefault(seed, self.seeds * float(self.rng.standard_normal()))
        score = quality + luck + self.offset[machine] + float(self.rng.standard_normal())
        self.cells.setdefault((code, seed), {}).setdefault(machine, []).append(score)
        if len(self.cells[code, seed]) > 1:
            self._spread = None
        return score

    def trial(self, effect: float) -> bool:
        """Return whether a candidate that is `effect` worse than the incumbent is kept."""
        self.trials += 1
        machine = list(self.offset)[int(self.rng.integers(self.machines))]
        own: dict[int, float] = {}
        noise = self.noise
        anywhere = noise.spread is not None and noise.spread.is_small(noise.sd)
        judgement: Judgement = Rerun(reason="")
        while isinstance(judgement, Rerun):
            seeds = [s for s, by in self.incumbent.items() if anywhere or machine in by]
            if own:
                seed, role = next_run(own, seeds, self.trials, 0)
            else:
                seed = next_seed((), seeds or tuple(self.incumbent), self.trials)
                role = "candidate"
            if role == "candidate":
                own[seed] = self.train(self.quality + effect, seed, machine, self.trials)
            else:
                score = self.train(self.quality, seed, machine, self.code)
                self.incumbent.setdefault(seed, {})[machine] = score
            pairs = self._pairs(own, machine, anywhere)
            if pairs:
                judgement = decide(self._case(pairs, noise), self.rule)
        return self._settle(judgement, own, pairs, machine, effect)

    def _settle(
        self,
        judgement: Judgement,
        own: dict[int, float],
        pairs: list[tuple[int, float, float, Across | None]],
        machine: str,
        effect: float,
    ) -> bool:
        kept = isinstance(judgement, Keep)
        differences = tuple(mine - other for _, mine, other, _ in pairs)
        across = tuple(both for *_, both in pairs)
        self.pairs += len(pairs)
        self.crossed += sum(both is not None for both in across)
        self.samples.append(Sample(differences, kept, across if any(across) else ()))
        self.shown.append(fmean(differences))
        if kept:
            self.quality += effect
            self.code = self.trials
            self.incumbent = {seed: {machine: score} for seed, score in own.items()}
            self.discarded.clear()
            return True
        for seed, mine, other, _ in pairs:
            self.discarded.setdefault((seed, other), []).append(mine - other)
        return False

    @property
    def noise(self) -> Noise:
        """What the run has shown so far."""
        noise = noise_in(self.samples)
        if self._spread is None:
            self._spread = spread_of(self.cells, noise.sd)
        return noise.model_copy(update={"spread": self._spread})

    def _pairs(
        self, own: dict[int, float], machine: str, anywhere: bool
    ) -> list[tuple[int, float, float, Across | None]]:
        pairs: list[tuple[int, float, float, Across | None]] = []
        for seed, score in own.items():
            others = self.incumbent.get(seed, {})
            if machine in others:
                pairs.append((seed, score, others[machine], None))
            elif others and anywhere:
                name, value = list(others.items())[-1]
                pairs.append((seed, score, value, (machine, name)))
        return pairs

    def _case(self, pairs: list[tuple[int, float, float, Across | None]], noise: Noise) -> Case:
        across = tuple(both for *_, both in pairs)
        return Case(
            differences=tuple(mine - other for _, mine, other, _ in pairs),
            luck=tuple(
                bad_luck(self.discarded.get((seed, other), ())) for seed, _, other, _ in pairs
            ),
            noise=noise,
            across=across if any(across) else (),
        )


def night(propose: Propose, trials: int, made: FleetNight) -> tuple[list[bool], list[float]]:
    """Return whether each trial of a night was kept, and its true effect."""
    kept: list[bool] = []
    effects: list[float] = []
    for _ in range(trials):
        effects.append(propose(made.rng, made.shown))
        kept.append(made.trial(effects[-1]))
    return kept, effects


def print_fleet(
    rule: Rule, which: range, machines: int, effect: float, seeds: float, proposals: str
) -> None:
    """Print the figures of our rule on so many machines."""

    def fresh(seed: int) -> FleetNight:
        return FleetNight(rule, np.random.default_rng(seed), machines, effect, seeds)

    false: list[float] = []
    spoilt: list[float] = []
    repeats: list[float] = []
    crossed: list[float] = []
    for seed in which:
        made = fresh(seed)
        kept, effects = night(PROPOSALS[proposals], 100, made)
        nothing = [was for was, true in zip(kept, effects, strict=True) if not true]
        false.append(100 * sum(nothing) / max(1, len(nothing)))
        early = zip(kept[:60], effects[:60], strict=True)
        spoilt.append(float(any(was for was, true in early if not true)))
        repeats.append(1 - 100 / (made.runs - REPEATS * machines))
        crossed.append(made.crossed / made.pairs)
    powers = []
    mixed: list[float] = []
    for better in (1.0, 2.0, 3.0):
        shares = []
        for seed in which:
            kept, effects = night(one_in_ten(better), 60, fresh(seed))
            shares.append(fmean(kept[9::10]))
            nothing = [was for was, true in zip(kept, effects, strict=True) if not true]
            mixed.append(100 * sum(nothing) / max(1, len(nothing)))
        powers.append(f"{Mean.of(shares):.1%}")
    print(
        f"{machines} machines, effect {effect:g} tau, {proposals}: "
        f"{Mean.of(false):.2f} false keeps, {Mean.of(spoilt):.0%} of nights;",
        f"mixed {Mean.of(mixed):.2f}; power {', '.join(powers)};",
        f"{fmean(repeats):.0%} of runs repeat, {fmean(crossed):.0%} of pairs across",
        flush=True,
    )
