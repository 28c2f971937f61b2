"""How often a guard lets a violation pass, and how often it refuses a harmless change.

    python -m benchmarks.guards                  # nights, the table below
    python -m benchmarks.guards --nights 2000

Every candidate of a night would be kept by its score: what is measured is the guard alone. Sizes
are in sigma, the standard deviation of the guard's metric between runs of one code; `shared` is the
part of that variance that a seed gives to every code alike. excess: of the candidate's true mean
over the limit; negative is inside. A night has 20 candidates after a baseline of three runs, and
what they show of the noise is pooled, as in a run.
"""

import argparse
from collections import Counter
from dataclasses import dataclass

import numpy as np

from agent.judge.decide import LOOKS
from agent.judge.guards import Repeats, excesses, of_baseline, pooled, weigh
from agent.judge.noise import Noise
from agent.judge.target import needs_more, proof_of
from agent.records.guards import Finding, Guard
from agent.records.objective import Sense
from benchmarks.means import at_least_one

CANDIDATES = 20
REPEATS = 3
EXCESSES = (-4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
ABSOLUTE = Guard.model_validate("cost <= 0")
RELATIVE = Guard.model_validate("cost <= baseline")


@dataclass
class Night:
    """One run's guard metric: what each seed gives every code, and what the baseline had."""

    rng: np.random.Generator
    guard: Guard
    shared: float

    def __post_init__(self) -> None:
        self.luck: dict[int, float] = {}
        self.baseline = {seed: self.draw(seed, 0.0) for seed in range(REPEATS)}
        self.groups = [of_baseline(self.guard, dict(self.baseline))]

    def draw(self, seed: int, mean: float) -> float:
        """Return the metric of a code with this true mean under a seed."""
        if seed not in self.luck:
            self.luck[seed] = self.shared**0.5 * float(self.rng.standard_normal())
        own = (1 - self.shared) ** 0.5 * float(self.rng.standard_normal())
        return float(mean + self.luck[seed] + own)

    def judge(self, excess: float) -> tuple[Finding, int]:
        """Return what is found of a candidate, and the runs that it took."""
        noise = pooled(self.guard, self.groups)
        own: dict[int, float] = {}
        finding: Finding = "undecided"
        while finding == "undecided" and len(own) < LOOKS:
            seed = len(own)
            own[seed] = self.draw(seed, excess)
            if seed not in self.baseline:
                self.baseline[seed] = self.draw(seed, 0.0)
            result = weigh(self.guard, own, self.baseline, noise)
            assert result is not None
            finding = result.finding
        self.groups.append(Repeats(excesses(self.guard, own, self.baseline)))
        return finding, len(own)


def table(guard: Guard, shared: float, nights: int, first: int) -> None:
    """Print how candidates of each size fare under a guard."""
    kind = "baseline" if guard.is_relative else "number"
    print(f"\nlimit: {kind}, shared {shared:.0%}")
    print("excess   pass         guarded   undecided   runs each")
    for excess in EXCESSES:
        found: Counter[Finding] = Counter()
        runs = 0
        rates = []
        for number in range(nights):
            night = Night(np.random.default_rng(first + number), guard, shared)
            passed = 0
            for _ in range(CANDIDATES):
                finding, took = night.judge(excess)
                found[finding] += 1
                passed += finding == "inside"
                runs += took
            rates.append(passed / CANDIDATES)
        total = nights * CANDIDATES
        share = {name: found[name] / total for name in ("inside", "outside", "undecided")}
        error = float(np.std(rates)) / nights**0.5
        print(
            f"{excess:+6.1f}   {share['inside']:5.1%} ± {error:4.1%}   {share['outside']:6.1%}"
            f"   {share['undecided']:8.1%}   {runs / total:5.2f}"
        )


def target_table(nights: int, first: int) -> None:
    """Print how often a code with a true mean near the target proves it."""
    print("\ntarget: true mean beyond it, in sigma of one run")
    print("beyond   proved       runs each")
    for beyond in (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0):
        proved = 0
        runs = 0
        for number in range(nights * CANDIDATES // 4):
            rng = np.random.default_rng(first + number)
            spread = float(np.std(rng.standard_normal(REPEATS), ddof=1))
            noise = Noise(seeds=spread, runs=REPEATS)
            values: list[float] = []
            more = True
            reached = False
            while more:
                values.append(beyond + float(rng.standard_normal()))
                if len(values) < REPEATS:
                    continue
                proof = proof_of(values, 0.0, Sense(direction="maximize"), noise, exact=False)
                more = needs_more(proof, Sense(direction="maximize"))
                reached = proof.reached
            proved += reached
            runs += len(values)
        total = nights * CANDIDATES // 4
        error = (proved / total * (1 - proved / total) / total) ** 0.5
        print(f"{beyond:+6.1f}   {proved / total:5.1%} ± {error:4.1%}   {runs / total:5.2f}")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=at_least_one, default=300)
    parser.add_argument("--first", type=int, default=0, help="seed of the first night")
    arguments = parser.parse_args()
    for guard in (ABSOLUTE, RELATIVE):
        for shared in (0.0, 0.8):
            table(guard, shared, arguments.nights, arguments.first)
    target_table(arguments.nights, arguments.first)


if __name__ == "__main__":
    main()
