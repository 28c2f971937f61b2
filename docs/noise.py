"""Makes the pictures of docs/verdicts.md from the judge itself, by simulation.

python docs/noise.py

`lottery`: one simulated night of 100 trials of which none changes anything, by two rules: what
each claims to have reached. `looks`: what the judge does with the mean difference of a candidate's
first pairs, once the noise is known.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from agent.judge.decide import LOOKS, Case, Rule, decide
from agent.judge.decision import Judgement, Keep, Rerun
from agent.judge.noise import Noise
from benchmarks.verdicts import RULES, Night

DOCS = Path(__file__).resolve().parent
TRIALS = 100
# Any night would do; this one has about as many false keeps by the greedy rule as the mean.
NIGHT = 6
KNOWN = Noise(sd=1.0, degrees=40, seeds=1.0, runs=5)
GRID = np.linspace(-4, 2, 601)
COLOURS = {"keep": "#2a9d55", "run again": "#e0a100", "discard": "#8a8f98"}
INK = {"light": "#1f2328", "dark": "#e6edf3"}
PAPER = {"light": "#ffffff", "dark": "#0d1117"}
SIZE = (7.6, 3.4)
DPI = 110


@contextmanager
def picture(name: str, scheme: str) -> Iterator[Axes]:
    """Yield the axes of one picture, and save it in one colour scheme."""
    ink = INK[scheme]
    paper = PAPER[scheme]
    keys = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style = {**dict.fromkeys(keys, ink), "axes.facecolor": paper, "figure.facecolor": paper}
    style |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=SIZE, layout="constrained")
        yield axes
        figure.savefig(DOCS / f"{name}-{scheme}.png", dpi=DPI)
        plt.close(figure)


def claims(rule: str) -> tuple[list[float], int]:
    """Return what a night of no-op trials claims to have gained, in noise, and its false keeps."""
    night = Night(RULES[rule], Rule(), np.random.default_rng(NIGHT), seeds=0.0)
    night.incumbent = {seed: night.train(0.0, seed) for seed in range(1 if rule == "greedy" else 3)}
    claimed = [0.0]
    keeps = 0
    for _ in range(TRIALS):
        keeps += night.trial(0.0)
        claimed.append(night.claimed)
    return claimed, keeps


def draw_lottery(axes: Axes) -> None:
    """Draw both rules' claims in the same kind of night."""
    for rule, name, colour in (
        ("greedy", "keep what scores better once", "#d1495b"),
        ("ours", "autoresearch", "#2a9d55"),
    ):
        claimed, keeps = claims(rule)
        label = f"{name}: {keeps} false keeps"
        axes.step(range(len(claimed)), claimed, where="post", label=label, color=colour, lw=2)
    axes.axhline(0, color="#8a8f98", lw=1, ls=":")
    axes.set_xlim(0, TRIALS)
    axes.set_xlabel("trial, of which none changes anything")
    axes.set_ylabel("claimed change of the loss, in σ")
    axes.legend(loc="lower left")


def judged(differences: Sequence[float]) -> Judgement:
    """Return what the judge does about these differences, the noise being 1."""
    return decide(Case(differences=tuple(differences), noise=KNOWN), Rule())


def name_of(judgement: Judgement) -> str:
    """Return a judgement's name in the picture."""
    if isinstance(judgement, Rerun):
        return "run again"
    return "keep" if isinstance(judgement, Keep) else "discard"


def bands(pairs: int) -> Iterator[tuple[str, float, float]]:
    """Yield where each judgement begins and ends, for the mean of so many pairs.

    The screen was at the same mean, if that was one to run again.
    """
    names = [
        name_of(judged([min(mean, -1.0) if pairs > 1 else mean, *[mean] * (pairs - 1)]))
        for mean in GRID
    ]
    start = 0
    for index in range(1, len(names) + 1):
        if index == len(names) or names[index] != names[start]:
            yield names[start], GRID[start], GRID[index - 1]
            start = index


def draw_looks(axes: Axes) -> None:
    """Draw a row for each number of pairs."""
    for pairs in range(1, LOOKS + 2):
        for name, begin, end in bands(pairs):
            axes.barh(pairs, end - begin, left=begin, height=0.72, color=COLOURS[name])
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    axes.legend(handles, COLOURS, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes.invert_yaxis()
    axes.set_ylabel("pairs so far")
    axes.set_xlabel("mean difference to the incumbent under the same seeds, in noise of a pair")


def main() -> None:
    """Make every picture in both colour schemes."""
    for scheme in INK:
        with picture("lottery", scheme) as axes:
            draw_lottery(axes)
        with picture("looks", scheme) as axes:
            draw_looks(axes)


if __name__ == "__main__":
    main()
