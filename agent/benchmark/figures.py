"""The figures of a benchmark: gain after each trial, gain over time, and ranks of the methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from agent.benchmark.ranking import Overall, TaskResults, overall
from agent.benchmark.statistics import LEVEL, band
from agent.dashboard.figures import COLOURS, DASHES, WIDTH, plain, with_caption

COLUMNS = 2
PANEL_HEIGHT = 2.9  # inches
# A curve is drawn at so many trials or times at most, dense at its steep start: files stay small.
POINTS = 16
# Times before this are drawn at it: the axis is logarithmic.
FIRST_SECONDS = 1e-3
GAIN = "gain on the baseline"
BAND = f"the mean over the seeds and its {LEVEL:.0%} interval (bootstrap over the seeds)"


def convergence(tasks: Sequence[TaskResults]) -> Figure:
    """Return the gain on the baseline after each trial, one panel per task."""
    figure, panels = _panels(tasks, len(tasks))
    for task, axes in zip(tasks, panels, strict=True):
        for method, curve in task.curves.items():
            _draw(axes, _style(tasks, method), np.arange(curve.shape[1]), curve)
        axes.set(title=task.setup.task, ylabel=GAIN)
        _count_trials(axes)
    caption = f"Gain of the incumbent on the baseline, higher is better: {BAND}."
    return with_caption(figure, f"{caption} {_conditions(tasks)}")


def incumbents(tasks: Sequence[TaskResults]) -> Figure:
    """Return the gain over the seconds that proposing and evaluating took."""
    figure, panels = _panels(tasks, len(tasks))
    for task, axes in zip(tasks, panels, strict=True):
        for method, curve in task.curves.items():
            _draw_over_time(axes, _style(tasks, method), task.seconds[method], curve)
        axes.set(title=task.setup.task, ylabel=GAIN)
        axes.set(xlabel="seconds of proposing and evaluating", xscale="log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    caption = (
        f"Gain over time, higher is better: {BAND}. On synthetic tasks and surrogates an "
        "evaluation takes no time, and the seconds are the method's own."
    )
    return with_caption(figure, f"{caption} {_conditions(tasks)}")


def ranks(tasks: Sequence[TaskResults]) -> Figure:
    """Return the mean rank over all tasks and seeds after each trial."""
    figure, [axes] = _panels(tasks, 1)
    whole = overall(tasks)
    if whole:
        for method, curve in whole.ranks.items():
            _draw(axes, _style(tasks, method), np.arange(1, curve.shape[1]), curve[:, 1:])
    axes.set(ylabel="mean rank, 1 is best")
    _count_trials(axes)
    axes.invert_yaxis()
    caption = f"Rank among the methods, mean and its {LEVEL:.0%} interval (bootstrap)"
    return with_caption(figure, f"{caption}: {_blocks(whole)}.")


FIGURES: Mapping[str, Callable[[Sequence[TaskResults]], Figure]] = {
    "convergence": convergence,
    "incumbents": incumbents,
    "ranks": ranks,
}


def _blocks(whole: Overall | None) -> str:
    if whole is None:
        return "a single method"
    return f"{whole.blocks} pairs of a task and a seed, over {', '.join(whole.tasks)}"


def _panels(tasks: Sequence[TaskResults], count: int) -> tuple[Figure, list[Axes]]:
    columns = min(COLUMNS, max(1, count))
    rows = math.ceil(max(1, count) / columns)
    height = PANEL_HEIGHT * rows * (1.3 if count == 1 else 1)
    matplotlib.rcdefaults()  # not those of a matplotlibrc in the working folder
    figure = Figure(figsize=(WIDTH, 1.0 + height), layout="constrained")
    panels = [plain(figure.add_subplot(rows, columns, place + 1)) for place in range(count)]
    if panels:
        _add_legend(figure, panels[0], tasks)
    return figure, panels


def _add_legend(figure: Figure, axes: Axes, tasks: Sequence[TaskResults]) -> None:
    handles = []
    for method in _methods(tasks):
        [line] = axes.plot([], [], linewidth=1.8, label=method, **_style(tasks, method))
        handles.append(line)
    columns = min(6, len(handles))
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, frameon=False)


def _methods(tasks: Sequence[TaskResults]) -> list[str]:
    """Return the methods of all panels: each has the same colour in every panel."""
    names: dict[str, None] = {}
    for task in tasks:
        names |= dict.fromkeys(task.curves)
    return list(names)


def _style(tasks: Sequence[TaskResults], method: str) -> dict[str, Any]:
    place = _methods(tasks).index(method)
    dash = (place + place // len(COLOURS)) % len(DASHES)
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": DASHES[dash]}


def _count_trials(axes: Axes) -> None:
    axes.set(xlabel="trials after the baseline")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _draw(axes: Axes, style: dict[str, Any], x: np.ndarray, samples: np.ndarray) -> None:
    """Draw (seeds, n) samples over (n,) trials, thinned to POINTS of them."""
    places = np.unique(np.geomspace(1, len(x), POINTS).round().astype(int) - 1)
    _draw_all(axes, style, x[places], samples[:, places])


def _draw_all(axes: Axes, style: dict[str, Any], x: np.ndarray, samples: np.ndarray) -> None:
    """Draw the mean of (seeds, n) samples and its band over (n,) places."""
    mean, low, high = band(samples)
    axes.fill_between(x, low, high, color=style["color"], alpha=0.14, linewidth=0)
    axes.plot(x, mean, linewidth=1.8, **style)


def _draw_over_time(
    axes: Axes, style: dict[str, Any], seconds: np.ndarray, curve: np.ndarray
) -> None:
    """Draw a curve from when every seed has its baseline until the first seed is done."""
    begin = max(float(np.max(seconds[:, 0])), FIRST_SECONDS)
    end = float(np.min(seconds[:, -1]))
    if end > begin:
        clock = np.geomspace(begin, end, POINTS)
        _draw_all(axes, style, clock, _gains_at(clock, seconds, curve))


def _gains_at(clock: np.ndarray, seconds: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return (seeds, times): the gain that each seed had by then."""
    rows = []
    for spent, gain in zip(seconds, curve, strict=True):
        places = np.searchsorted(spent, clock, side="right") - 1
        rows.append(gain[np.clip(places, 0, None)])
    return np.stack(rows)


def _conditions(tasks: Sequence[TaskResults]) -> str:
    parts = [f"{task.setup.task}: {len(task.seeds)} seeds, {task.trials} trials" for task in tasks]
    return "; ".join(parts) + "."
