"""How scores of equal code scatter, for the simulation in benchmarks/verdicts.

    noisy           every run has a noise of its own, of 1 sigma
    chaotic         no seed moves a score, and any change of the code moves it by 1 sigma of luck
    deterministic   no seed moves a score; changes that mean nothing move it by rounding alone

A seed that moves no score is no repeat. `perturbed` runs move the floats of the code by a millionth
under every seed instead, as agent/space/neutral.py does; `equal` ones are what came before, when
each seed gave the same score again.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from agent.judge.determinism import Repeats

Name = Literal["noisy", "chaotic", "deterministic"]
# In sigma: what a perturbation does to every code alike, and to each code by its rounding.
SMOOTH = 1e-3
ROUNDING = 1e-6


class Family(Protocol):
    """A way in which scores of equal code scatter."""

    @property
    def repeats(self) -> Repeats:
        """What makes one run of a code another sample than the one before."""
        ...

    def noise(self, rng: np.random.Generator, code: int, seed: int) -> float:
        """Return what a run of a code under a seed scores beside its quality, in sigma."""
        ...


@dataclass
class Noisy:
    """Every run has a noise of its own."""

    repeats: Repeats = "seeds"

    def noise(self, rng: np.random.Generator, code: int, seed: int) -> float:
        """Return a fresh draw."""
        return float(rng.standard_normal())


@dataclass
class Chaotic:
    """Each code has its own luck, and so has each perturbation of it; seeds move nothing."""

    perturbed: bool
    repeats: Repeats
    sigma: float = 1.0
    drawn: dict[tuple[int, int], float] = field(default_factory=dict)

    def noise(self, rng: np.random.Generator, code: int, seed: int) -> float:
        """Return the luck of a code under a seed, which a second run repeats exactly."""
        key = (code, seed if self.perturbed else 0)
        if key not in self.drawn:
            self.drawn[key] = self.sigma * float(rng.standard_normal())
        return self.drawn[key]


@dataclass
class Deterministic:
    """A smooth score: a perturbation moves all codes alike, and each by its rounding."""

    rounding: Chaotic
    alike: dict[int, float] = field(default_factory=dict)

    @property
    def repeats(self) -> Repeats:
        """What repeats a run."""
        return self.rounding.repeats

    def noise(self, rng: np.random.Generator, code: int, seed: int) -> float:
        """Return what a perturbation does, which a second run repeats exactly."""
        shift = 0.0
        if self.rounding.perturbed:
            if seed not in self.alike:
                self.alike[seed] = SMOOTH * float(rng.standard_normal())
            shift = self.alike[seed]
        return shift + self.rounding.noise(rng, code, seed)


def family_of(name: Name, repeats: Repeats) -> Family:
    """Return a fresh family for one night.

    repeats: perturbations, none (no float can be moved), or seeds: equal scores taken for repeats.
    """
    if name == "noisy":
        return Noisy()
    perturbed = repeats == "perturbations"
    if name == "chaotic":
        return Chaotic(perturbed, repeats)
    return Deterministic(Chaotic(perturbed, repeats, ROUNDING))
