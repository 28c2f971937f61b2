"""Figures of runs as SVG or PNG, for a paper or a chat; each states under it how it was measured."""

import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from agent.dashboard.captions import conditions
from agent.dashboard.charts import CLIP_QUANTILE, Overlay, Staircase, walk_of
from agent.dashboard.importance import QUANTILE, importances
from agent.dashboard.view import View, differences
from agent.display.format import Formatter
from agent.errors import UsageFault
from agent.records.results import Trial

WIDTH, HEIGHT = 9.0, 5.0  # inches
RESOLUTION = 160
CAPTION_COLUMNS = 150
CURVES = 12
# Okabe and Ito (2008), told apart with any kind of sight; lines differ in their dashes too.
BLUE, ORANGE, GREEN, SKY, PURPLE, AMBER = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#56b4e9",
    "#cc79a7",
    "#e69f00",
)
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, AMBER, SKY)
DASHES = ("-", "--", ":", "-.", (0, (6, 2)), (0, (3, 1, 1, 1)))
GREY = "#8a929c"
# Above the axes: nothing that was measured lies there.
ABOVE: Mapping[str, Any] = {
    "frameon": False,
    "loc": "lower right",
    "bbox_to_anchor": (1.0, 1.0),
    "borderaxespad": 0.2,
}
PEN = Formatter()


def progress(views: Sequence[View]) -> Figure:
    """Every trial of a run, and the best so far as a staircase with its noise."""
    [view] = views
    figure, axes = _figure()
    chart = Staircase(view)
    discarded = [one for one in view.trials if one.value is not None and one not in view.incumbents]
    failed = [one.number for one in view.trials if one.value is None and not one.claim]
    low, high = chart.y.low, chart.y.high
    heights = [min(one.value or 0.0, high) for one in discarded]
    axes.scatter(
        [one.number for one in discarded],
        heights,
        s=14,
        facecolors="none",
        edgecolors=GREY,
        label="discarded",
    )
    _staircase(axes, view)
    axes.plot(failed, [low] * len(failed), "x", color=ORANGE, markersize=4, label="no score")
    axes.set(
        xlabel="trial",
        ylabel="val_bpb, lower is better",
        ylim=(low - 0.03 * (high - low), high + 0.03 * (high - low)),
    )
    for gain in view.gains[:3]:
        _name(axes, gain.trial, f"#{gain.trial.number} {gain.trial.proposal.hypothesis}")
    axes.legend(**ABOVE, ncols=3)
    clipped = sum((one.value or 0.0) > high for one in discarded)
    more = (
        f" {clipped} scores above the {CLIP_QUANTILE:.0%} quantile drawn at the edge."
        if clipped
        else ""
    )
    return _captioned(
        figure, view, f"Best so far and every trial; the band is twice the noise.{more}"
    )


def curves(views: Sequence[View]) -> Figure:
    """Training losses of the run's incumbents, the newest on top."""
    [view] = views
    figure, axes = _figure()
    drawn = [one for one in view.incumbents if one.result and one.result.curve][-CURVES:]
    for i, trial in enumerate(drawn):
        newest = trial is drawn[-1]
        share, loss = zip(*(trial.result.curve if trial.result else ()), strict=True)
        colour = GREEN if newest else matplotlib.colormaps["cividis"](i / max(1, len(drawn) - 1))
        axes.plot(
            [100 * x for x in share],
            loss,
            marker=".",
            color=colour,
            linewidth=2.2 if newest else 1.2,
            label=f"#{trial.number}",
        )
    axes.set(xlabel="share of the budget, %", ylabel="training loss")
    if drawn:
        axes.legend(**ABOVE, ncols=CURVES)
    return _captioned(
        figure, view, "Training loss of the baseline and of what was kept, as train.py printed it."
    )


def importance(views: Sequence[View]) -> Figure:
    """Which constants the score depended on."""
    [view] = views
    shares = importances(view.trials)
    figure, axes = _figure(height=1.8 + 0.35 * len(shares))
    names = list(shares)[::-1]
    axes.barh(
        [_label(name, 30) for name in names],
        [100 * shares[name] for name in names],
        height=0.6,
        color=BLUE,
    )
    axes.set(xlabel="importance, %")
    axes.grid(axis="y", visible=False)
    what = f"PED-ANOVA: what tells the best {QUANTILE:.0%} of the scored trials from the rest"
    return _captioned(figure, view, f"{what}, as far as this run varied it.")


def compare(views: Sequence[View]) -> Figure:
    """The best so far of several runs over the time that their trainings took."""
    figure, axes = _figure()
    unit, per = Overlay(views).unit, Overlay(views).per
    for i, view in enumerate(views):
        walk = list(walk_of(view))
        label = _label(f"{view.run.tag}: {_method(view)}", 48)
        x, y = [seconds / per for seconds, _ in walk], [value for _, value in walk]
        axes.step(
            x,
            y,
            where="post",
            color=COLOURS[i % 6],
            linestyle=DASHES[i % 6],
            linewidth=2,
            label=label,
        )
    axes.set(xlabel=f"{unit} of training", ylabel="best val_bpb so far, lower is better")
    axes.legend(**ABOVE, ncols=2)
    unlike = differences(views)
    warning = (
        f" NOT COMPARABLE as they are: the runs differ in {', '.join(unlike)}." if unlike else ""
    )
    noises = "; ".join(f"{view.run.tag}: {conditions(view)}" for view in views)
    return with_caption(figure, f"Best so far, one run each.{warning} {noises}")


FIGURES: Mapping[str, Callable[[Sequence[View]], Figure]] = {
    "progress": progress,
    "curves": curves,
    "importance": importance,
    "compare": compare,
}


def save(figure: Figure, path: Path) -> None:
    """Write the figure; the suffix says as what. The same run gives the same bytes. UsageFault for what cannot be written."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png"):
        raise UsageFault(
            f"a figure is an .svg or a .png, not {path.name!r}",
            "autoresearch plot progress --output progress.svg",
        )
    metadata = {"Date": None} if suffix == "svg" else {"Software": None}
    try:
        with (
            warnings.catch_warnings(),
            matplotlib.rc_context({"svg.hashsalt": "autoresearch", "svg.fonttype": "none"}),
        ):
            # A letter that the font lacks is drawn as a box: worth no word on a terminal.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(path, format=suffix, dpi=RESOLUTION, metadata=metadata)
    except OSError as error:
        raise UsageFault(
            f"cannot write {path}: {error.strerror}",
            "autoresearch plot progress --output progress.svg",
        ) from error


def _figure(height: float = HEIGHT) -> tuple[Figure, Axes]:
    matplotlib.rcdefaults()  # not those of a matplotlibrc in the working folder, which may be a stranger's
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, plain(figure.add_subplot())


def plain(axes: Axes) -> Axes:
    """The axes as all figures have them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dcdfe3", linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def _staircase(axes: Axes, view: View) -> None:
    numbers = [one.number for one in view.reigns]
    values = [one.value or 0.0 for one in view.reigns]
    if not values:
        return
    last, margin = max(trial.number for trial in view.trials), view.band
    x, y = [*numbers, max(last, numbers[-1])], [*values, values[-1]]
    axes.fill_between(
        x,
        [v - margin for v in y],
        [v + margin for v in y],
        step="post",
        color=SKY,
        alpha=0.35,
        linewidth=0,
    )
    axes.step(x, y, where="post", color=GREEN, linewidth=1.8)
    axes.scatter(numbers, values, s=28, color=GREEN, zorder=3, label="kept")


def _name(axes: Axes, trial: Trial, text: str) -> None:
    place = (trial.number, trial.value or 0.0)
    axes.annotate(
        _words(text, 46), place, (6, 6), textcoords="offset points", fontsize=8, parse_math=False
    )


def _words(text: str, length: int) -> str:
    """Text that somebody else wrote, as one short line."""
    return textwrap.shorten(PEN.line(text), length, placeholder="…")


def _label(text: str, length: int) -> str:
    """The same where matplotlib would take a pair of dollar signs for a formula."""
    return _words(text, length).replace("$", r"\$")


def _method(view: View) -> str:
    return f"{view.run.method} with {view.run.model}" if view.run.model else view.run.method


def _captioned(figure: Figure, view: View, what: str) -> Figure:
    return with_caption(figure, f"{what} {view.branch}: {conditions(view)}")


def with_caption(figure: Figure, text: str) -> Figure:
    """The figure with what it shows and how that was measured under it."""
    lines = textwrap.fill(PEN.line(text), CAPTION_COLUMNS)
    figure.supxlabel(lines, fontsize=7.5, x=0.01, ha="left", color="#59626d", parse_math=False)
    return figure
