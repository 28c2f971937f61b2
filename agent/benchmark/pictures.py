"""The figures of a comparison: how far each method is after each trial and after each second, and how the methods rank."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from agent.benchmark.ranking import Field, overall
from agent.benchmark.statistics import LEVEL, band
from agent.dashboard.figures import COLOURS, DASHES, WIDTH, plain, with_caption

COLUMNS = 2
PANEL_HEIGHT = 2.9  # inches
POINTS = 80
GAIN = "gain on the baseline"
BAND = f"the mean over the seeds and its {LEVEL:.0%} interval (bootstrap over the seeds)"


def convergence(found: Sequence[Field]) -> Figure:
    """The gain on the baseline after each trial, a panel a task."""
    figure, panels = _panels(found, len(found))
    for field, axes in zip(found, panels, strict=True):
        for method, curve in field.curves.items():
            _draw(axes, found, method, np.arange(curve.shape[1]), curve)
        axes.set(title=field.setup.task, ylabel=GAIN)
        _count_trials(axes)
    return with_caption(
        figure,
        f"Gain of the incumbent on the baseline, higher is better: {BAND}. {_conditions(found)}",
    )


def incumbents(found: Sequence[Field]) -> Figure:
    """The same over the seconds that proposing and evaluating took."""
    figure, panels = _panels(found, len(found))
    for field, axes in zip(found, panels, strict=True):
        for method, curve in field.curves.items():
            spent = field.seconds[method]
            # From when every seed has ended its baseline until the first is through: before and behind, some have no incumbent.
            begin, end = max(float(np.max(spent[:, 0])), 1e-3), float(np.min(spent[:, -1]))
            if end > begin:
                clock = np.geomspace(begin, end, POINTS)
                _draw(axes, found, method, clock, _at(clock, spent, curve))
        axes.set(
            title=field.setup.task,
            xlabel="seconds of proposing and evaluating",
            ylabel=GAIN,
            xscale="log",
        )
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    text = f"Gain over time, higher is better: {BAND}. On synthetic tasks and surrogates an evaluation takes no time, and the"
    return with_caption(figure, f"{text} seconds are the method's own. {_conditions(found)}")


def ranking(found: Sequence[Field]) -> Figure:
    """The mean rank over all tasks and seeds after each trial."""
    figure, [axes] = _panels(found, 1)
    whole = overall(found)
    for method, curve in (whole.ranks if whole else {}).items():
        _draw(axes, found, method, np.arange(1, curve.shape[1]), curve[:, 1:])
    axes.set(ylabel="mean rank, 1 is best")
    _count_trials(axes)
    axes.invert_yaxis()
    blocks = (
        f"{whole.blocks} pairs of a task and a seed, over {', '.join(whole.tasks)}"
        if whole
        else "a single method"
    )
    return with_caption(
        figure, f"Rank among the methods, mean and its {LEVEL:.0%} interval (bootstrap): {blocks}."
    )


PICTURES: Mapping[str, Callable[[Sequence[Field]], Figure]] = {
    "convergence": convergence,
    "incumbents": incumbents,
    "ranks": ranking,
}


def _panels(found: Sequence[Field], count: int) -> tuple[Figure, list[Axes]]:
    columns = min(COLUMNS, max(1, count))
    rows = math.ceil(max(1, count) / columns)
    matplotlib.rcdefaults()  # not those of a matplotlibrc in the working folder
    figure = Figure(
        figsize=(WIDTH, 1.0 + PANEL_HEIGHT * rows * (1.3 if count == 1 else 1)),
        layout="constrained",
    )
    panels = [plain(figure.add_subplot(rows, columns, place + 1)) for place in range(count)]
    handles = list(_handles(panels[0], found)) if panels else []
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(6, len(handles)), frameon=False
    )
    return figure, panels


def _methods(found: Sequence[Field]) -> list[str]:
    """All methods of all panels: one has the same colour in each."""
    return list(dict.fromkeys(method for field in found for method in field.curves))


def _look(found: Sequence[Field], method: str) -> dict[str, object]:
    place = _methods(found).index(method)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": DASHES[(place + place // len(COLOURS)) % len(DASHES)],
    }


def _handles(axes: Axes, found: Sequence[Field]) -> Iterator[object]:
    for method in _methods(found):
        [line] = axes.plot([], [], linewidth=1.8, label=method, **_look(found, method))  # type: ignore[arg-type]
        yield line


def _count_trials(axes: Axes) -> None:
    axes.set(xlabel="trials behind the baseline")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _draw(
    axes: Axes, found: Sequence[Field], method: str, x: np.ndarray, samples: np.ndarray
) -> None:
    mean, low, high = band(samples)
    look = _look(found, method)
    axes.fill_between(x, low, high, step="post", color=str(look["color"]), alpha=0.14, linewidth=0)
    axes.step(x, mean, where="post", linewidth=1.8, **look)  # type: ignore[arg-type]


def _at(clock: np.ndarray, spent: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """(seeds, clock) the gain that each seed had by then."""
    places = [
        np.clip(np.searchsorted(seconds, clock, side="right") - 1, 0, None) for seconds in spent
    ]
    return np.stack([gain[place] for gain, place in zip(curve, places, strict=True)])


def _conditions(found: Sequence[Field]) -> str:
    return (
        "; ".join(
            f"{field.setup.task}: {len(field.seeds)} seeds, {field.trials} trials"
            for field in found
        )
        + "."
    )
