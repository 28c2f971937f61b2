"""Figures of runs as SVG or PNG, for a paper or a chat; each has its conditions as a caption."""

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.dashboard.captions import conditions
from agent.dashboard.charts import CLIP_QUANTILE, Overlay, Staircase, walk_of
from agent.dashboard.importance import QUANTILE, importances
from agent.dashboard.metrics import clouds_of, series_of
from agent.dashboard.view import View, comparable, differences
from agent.display.format import Formatter
from agent.display.names import cut_name, short_names
from agent.errors import UsageFault
from agent.git.repository import writable
from agent.records.results import KEPT, Trial

# Inches.
WIDTH = 9.0
HEIGHT = 5.0
RESOLUTION = 160
CAPTION_COLUMNS = 150
CURVES = 12
# The most characters of a constant's name beside its bar.
NAME = 32
# Okabe and Ito (2008), told apart with any kind of sight; lines differ in their dashes too.
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#009e73"
SKY = "#56b4e9"
PURPLE = "#cc79a7"
AMBER = "#e69f00"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)
DASHES = ("-", "--", ":", "-.", (0, (6, 2)), (0, (3, 1, 1, 1)))
GREY = "#8a929c"
# The place of a legend: above the axes, where no data is.
ABOVE: Mapping[str, Any] = {
    "frameon": False,
    "loc": "lower right",
    "bbox_to_anchor": (1.0, 1.0),
    "borderaxespad": 0.2,
}
FORMATTER = Formatter()
# Coordinates in an SVG are rounded: a tenth of a point is not seen.
_NUMBER = re.compile(r"-?\d+\.\d+")
_PLACES = re.compile(r'(?<= [dxy]=")[^"]*')


def progress(views: Sequence[View]) -> Figure:
    """Draw every trial of a run, and the best so far as a staircase with its noise."""
    [view] = views
    figure, axes = _figure()
    chart = Staircase(view)
    scores = {trial.number: trial.value for trial in view.trials if trial.value is not None}
    for trial in view.incumbents:
        scores.pop(trial.number, None)
    failed = [trial.number for trial in view.trials if trial.value is None and not trial.claim]
    low = chart.y.low
    high = chart.y.high
    axes.scatter(
        list(scores),
        [min(max(value, low), high) for value in scores.values()],
        s=14,
        facecolors="none",
        edgecolors=GREY,
        label="discarded",
    )
    _staircase(axes, view)
    axes.plot(failed, [low] * len(failed), "x", color=ORANGE, markersize=4, label="no score")
    margin = 0.03 * (high - low)
    axes.set(xlabel="trial", ylabel=_title(view.axis), ylim=(low - margin, high + margin))
    for gain in view.gains[:3]:
        _name(axes, gain.trial, f"#{gain.trial.number} {gain.trial.proposal.hypothesis}")
    axes.legend(**ABOVE, ncols=3)
    text = "Best so far and every trial; the band is twice the noise."
    clipped = sum(not low <= value <= high for value in scores.values())
    if clipped:
        side = f"above the {CLIP_QUANTILE:.0%}"
        if view.run.goal.direction == "maximize":
            side = f"below the {1 - CLIP_QUANTILE:.0%}"
        text += f" {clipped} scores {side} quantile drawn at the edge."
    return _captioned(figure, view, text)


def curves(views: Sequence[View]) -> Figure:
    """Draw the training losses of the run's incumbents, the newest on top."""
    [view] = views
    figure, axes = _figure()
    curves = {trial.number: trial.result.curve for trial in view.incumbents if trial.result}
    drawn = [number for number, curve in curves.items() if curve][-CURVES:]
    for place, number in enumerate(drawn):
        newest = number == drawn[-1]
        shade = matplotlib.colormaps["cividis"](place / max(1, len(drawn) - 1))
        axes.plot(
            [100 * share for share, _ in curves[number]],
            [loss for _, loss in curves[number]],
            marker=".",
            color=GREEN if newest else shade,
            linewidth=2.2 if newest else 1.2,
            label=f"#{number}",
        )
    axes.set(xlabel="share of the training, %", ylabel="training loss")
    if drawn:
        axes.legend(**ABOVE, ncols=CURVES)
    text = "Training loss of the baseline and of what was kept, as train.py printed it."
    return _captioned(figure, view, text)


def importance(views: Sequence[View]) -> Figure:
    """Draw how much the score depended on each constant."""
    [view] = views
    shares = importances(view.trials, view.run.goal.direction)
    figure, axes = _figure(height=1.8 + 0.35 * len(shares))
    names = list(shares)[::-1]
    widths = [100 * shares[name] for name in names]
    short = short_names(shares)
    labels = [_label(cut_name(short[name], NAME), NAME) for name in names]
    axes.barh(labels, widths, height=0.6, color=BLUE)
    axes.set(xlabel="importance, %")
    axes.grid(axis="y", visible=False)
    text = f"PED-ANOVA: what distinguishes the best {QUANTILE:.0%} of the scored trials"
    return _captioned(figure, view, f"{text}, over the values that this run tried.")


def compare(views: Sequence[View]) -> Figure:
    """Draw the best so far of several runs over training time.

    Raise UsageFault for runs of different metrics, whose scores cannot stand on one axis.
    """
    if not comparable(views):
        runs = " ".join(view.run.tag for view in views)
        raise UsageFault(
            "These runs measure different metrics: no score can be compared.",
            f"autoresearch compare {runs}",
        )
    figure, axes = _figure()
    overlay = Overlay(views)
    for place, view in enumerate(views):
        walk = list(walk_of(view))
        axes.step(
            [seconds / overlay.per for seconds, _ in walk],
            [value for _, value in walk],
            where="post",
            color=COLOURS[place % len(COLOURS)],
            linestyle=DASHES[place % len(DASHES)],
            linewidth=2,
            label=_label(f"{view.run.tag}: {_method(view)}", 48),
        )
    axes.set(xlabel=f"{overlay.unit} of training", ylabel=_title(overlay.axis(so_far=True)))
    axes.legend(**ABOVE, ncols=2)
    text = "Best so far, one run each."
    unlike = differences(views)
    if unlike:
        text += f" NOT COMPARABLE as they are: the runs differ in {', '.join(unlike)}."
    captions = "; ".join(f"{view.run.tag}: {conditions(view)}" for view in views)
    return with_caption(figure, f"{text} {captions}")


def metrics(views: Sequence[View]) -> Figure:
    """Draw every further metric of a run over its trials, with the limits of its guards.

    Raise UsageFault where it records none.
    """
    [view] = views
    charts = series_of(view)
    _refuse_none(view, len(charts))
    figure, grid = _stacked(len(charts))
    for chart, axes in zip(charts, grid, strict=True):
        _dots(axes, [(trial.number, value, trial) for trial, value in chart.places])
        for guard, value in chart.lines:
            axes.axhline(value, color=ORANGE, linestyle="--", linewidth=1.2)
            axes.annotate(
                _words(str(guard), 60),
                (1.0, value),
                (0, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                fontsize=8,
                color=ORANGE,
                parse_math=False,
            )
        axes.set(ylabel=_label(chart.axis.name, NAME))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    grid[-1].set(xlabel="trial")
    text = "Metrics beside the main one; dashed: limits of guards."
    far = ", ".join(chain.from_iterable(chart.far for chart in charts))
    text += f" Too far off to be drawn: {far}." if far else ""
    return _captioned(figure, view, text)


def pareto(views: Sequence[View]) -> Figure:
    """Draw every further metric of a run against the main one, with the front of both.

    Raise UsageFault where it records none.
    """
    [view] = views
    clouds = clouds_of(view)
    _refuse_none(view, len(clouds))
    figure, grid = _stacked(len(clouds), height=HEIGHT - 1)
    for cloud, axes in zip(clouds, grid, strict=True):
        _dots(axes, [(point.x, point.y, point.trial) for point in cloud.points])
        front = cloud.front
        where: Literal["post", "pre"] = "post" if cloud.across.direction == "minimize" else "pre"
        axes.step(
            [point.x for point in front],
            [point.y for point in front],
            where=where,
            color=GREEN,
            linewidth=1.5,
            label="not dominated",
        )
        axes.set(
            xlabel=_title(f"{cloud.across.name}, {cloud.across.better}"),
            ylabel=_title(f"{cloud.up.name}, {cloud.up.better}"),
        )
    grid[0].legend(**ABOVE, ncols=4)
    return _captioned(figure, view, "Two metrics of every trial, and those that are not dominated.")


def _refuse_none(view: View, count: int) -> None:
    if not count:
        raise UsageFault(
            f"{view.run.tag} records no metric beside {view.run.goal.metric}.",
            '$EDITOR autoresearch.toml   # also = ["..."], for the next start',
        )


def _stacked(count: int, height: float = 2.6) -> tuple[Figure, list[Axes]]:
    """Return a figure with axes one below the other."""
    matplotlib.rcdefaults()
    figure = Figure(figsize=(WIDTH, 1 + height * count), layout="constrained")
    return figure, [plain(figure.add_subplot(count, 1, place + 1)) for place in range(count)]


def _dots(axes: Axes, places: Sequence[tuple[float, float, Trial]]) -> None:
    """Draw trials as dots, by status."""
    kinds = {"kept": (GREEN, "o"), "guarded": (AMBER, "x"), "discarded": (GREY, ".")}
    for name, (colour, marker) in kinds.items():
        chosen = [(x, y) for x, y, trial in places if _kind(trial) == name]
        if chosen:
            across, up = zip(*chosen, strict=True)
            axes.scatter(across, up, s=24, color=colour, marker=marker, label=name, zorder=3)


def _kind(trial: Trial) -> str:
    if trial.status in KEPT:
        return "kept"
    return "guarded" if trial.status == "guarded" else "discarded"


FIGURES: Mapping[str, Callable[[Sequence[View]], Figure]] = {
    "progress": progress,
    "curves": curves,
    "importance": importance,
    "metrics": metrics,
    "pareto": pareto,
    "compare": compare,
}


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the suffix; the same figure gives the same bytes.

    Raise UsageFault if it cannot be written.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png"):
        raise UsageFault(
            f"a figure is an .svg or a .png, not {path.name!r}",
            "autoresearch plot progress --output progress.svg",
        )
    data = _svg(figure) if suffix == "svg" else _png(figure)
    try:
        writable(path).write_bytes(data)
    except OSError as error:
        raise UsageFault(
            f"cannot write {path}: {error.strerror}",
            "autoresearch plot progress --output progress.svg",
        ) from error


def _svg(figure: Figure) -> bytes:
    """Return an SVG with text as text and short coordinates, so that files are small."""
    with matplotlib.rc_context(
        {
            "svg.hashsalt": "autoresearch",
            "svg.fonttype": "none",
            # Every text names its fonts: one and the generic one, and not all that there might be.
            "font.sans-serif": ["DejaVu Sans"],
        }
    ):
        text = _drawn(figure, "svg", {"Date": None}).decode("utf-8")
    return _PLACES.sub(lambda place: _NUMBER.sub(_rounded, place[0]), text).encode("utf-8")


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _png(figure: Figure) -> bytes:
    return _drawn(figure, "png", {"Software": None})


def _drawn(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box, which needs no warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=RESOLUTION, metadata=metadata)
    return buffer.getvalue()


def _figure(height: float = HEIGHT) -> tuple[Figure, Axes]:
    # Not those of a matplotlibrc in the working folder, which somebody else may have written.
    matplotlib.rcdefaults()
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, plain(figure.add_subplot())


def plain(axes: Axes) -> Axes:
    """Style axes as all figures have them, and return them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dcdfe3", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _staircase(axes: Axes, view: View) -> None:
    numbers = [trial.number for trial in view.reigns]
    values = [trial.value or 0.0 for trial in view.reigns]
    if not values:
        return
    x = [*numbers, max(trial.number for trial in view.trials)]
    y = [*values, values[-1]]
    below = [view.shifted(value, -view.band) for value in y]
    above = [view.shifted(value, view.band) for value in y]
    axes.fill_between(x, below, above, step="post", color=SKY, alpha=0.35, linewidth=0)
    axes.step(x, y, where="post", color=GREEN, linewidth=1.8)
    axes.scatter(numbers, values, s=28, color=GREEN, zorder=3, label="kept")


def _name(axes: Axes, trial: Trial, text: str) -> None:
    place = (trial.number, trial.value or 0.0)
    axes.annotate(
        _words(text, 46), place, (6, 6), textcoords="offset points", fontsize=8, parse_math=False
    )


def _words(text: str, length: int) -> str:
    """Return untrusted text as one short line."""
    return textwrap.shorten(FORMATTER.line(text), length, placeholder="…")


def _label(text: str, length: int) -> str:
    """Return untrusted text for places where matplotlib reads dollar signs as a formula."""
    return _words(text, length).replace("$", r"\$")


def _title(text: str) -> str:
    """Return the title of an axis; the metric's name in it is untrusted."""
    return FORMATTER.line(text).replace("$", r"\$")


def _method(view: View) -> str:
    return f"{view.run.method} with {view.run.model}" if view.run.model else view.run.method


def _captioned(figure: Figure, view: View, what: str) -> Figure:
    return with_caption(figure, f"{what} {view.branch}: {conditions(view)}")


def with_caption(figure: Figure, text: str) -> Figure:
    """Put a caption under a figure, and return the figure."""
    lines = textwrap.fill(FORMATTER.line(text), CAPTION_COLUMNS)
    figure.supxlabel(lines, fontsize=7.5, x=0.01, ha="left", color="#59626d", parse_math=False)
    return figure
