"""Tables in narrow terminals: folded, and nothing of what somebody would type is lost."""

import pytest

from agent.cli.constants import print_choices
from agent.cli.method_list import table_of
from agent.display.compare import side_by_side
from agent.display.folding import FoldingTable
from agent.display.format import formatter_for
from agent.display.pareto import pareto_page
from agent.display.status import status_page
from agent.display.table import trial_table
from agent.edit.files import Sources
from agent.judge.pareto import Axis, Point
from agent.propose.methods import METHODS
from agent.records.objective import VAL_BPB
from agent.records.results import also_of
from agent.space import read_choices
from tests.agent.dashboard import nights
from tests.agent.display.runs import night
from tests.agent.display.test_outputs import shown, terminal

SOURCE = """\
UNEMBEDDING_LEARNING_RATE = 0.006  # [0.0005 .. 0.05 log]
WINDOW_PATTERN = "SSSL"  # [SSSL | SSLL | SLSL | LLLL | SSSS]
ROPE_BASE = 10000.0  # [100 .. 1e6 log]
"""


def words(text: str) -> str:
    """Return a text without its blanks and line ends."""
    return "".join(text.split())


@pytest.mark.parametrize("width", [20, 40, 60])
def test_no_letter_of_a_cell_is_lost(width: int) -> None:
    table = FoldingTable(("path", "n"), right=("n",))
    path = "/home/ada/projects/digits/.autoresearch/runs/nov24/run.log"
    table.add_row(path, "7")
    on = terminal(width)
    lines = shown(table, on).splitlines()
    assert max(map(len, lines)) <= width
    assert path in words("\n".join(lines)).replace("7", "", 1)


NUMBERS = ("126", "13", "0.910010", "-0.087890", "12 kB", "$7.80")


@pytest.mark.parametrize("width", range(24, 110, 7))
def test_no_number_of_a_table_is_broken_at_any_width(width: int) -> None:
    table = FoldingTable(
        ("run", "trials", "kept", "best", "gain", "size", "spent"), right=("size",)
    )
    table.add_row("a-rather-long-name-of-a-night-of-november", *NUMBERS)
    table.add_row("nov24", "2", "0", "", "", "900 MB", "")
    lines = shown(table, terminal(width)).splitlines()
    assert max(map(len, lines)) <= width
    for number in (*NUMBERS, "900 MB"):
        assert any(number in line for line in lines), number


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100])
def test_further_metrics_are_whole_in_any_terminal(width: int) -> None:
    view = nights.guarded(nights.night(24))
    on = terminal(width)
    text = shown(trial_table(view.trials, on, nights.GUARDED, also=True), on)
    assert max(map(len, text.splitlines())) <= width
    for trial in view.trials:
        numbers = [f"{value:.6g}" for value in also_of(trial).values()]
        numbers += [] if trial.value is None else [f"{trial.value:.6f}"]
        assert all(number in text.split() for number in numbers), trial.number


@pytest.mark.parametrize("width", [40, 60, 80])
def test_runs_side_by_side_break_no_number(width: int) -> None:
    column = {"best": "0.910010 by #122", "time": "10:37:58 of training in 10:45:12"}
    on = terminal(width)
    heads = ("nov24", "a-rather-long-name-of-a-night-of-november", "guarded")
    text = shown(side_by_side(heads, [column] * 3, on), on)
    assert max(map(len, text.splitlines())) <= width
    for number in ("0.910010", "#122", "10:37:58", "10:45:12"):
        assert text.split().count(number) == 3


def test_a_line_with_a_label_goes_on_below_its_text() -> None:
    view = nights.night(40)
    on = terminal(60)
    lines = shown(status_page(view.branch, None, (), view.trials, on), on).splitlines()
    further = [line for line in lines if not line[:8].strip()]
    assert len(further) >= 3 and max(map(len, lines)) <= 60
    assert all(line[8] != " " for line in lines)


@pytest.mark.parametrize("width", [60, 80])
def test_the_methods_fit_any_terminal(width: int) -> None:
    on = terminal(width)
    text = shown(table_of(METHODS, formatter_for(on)), on)
    assert max(map(len, text.splitlines())) <= width
    assert all(f"\n{name} " in f"\n{text}" for name in METHODS)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_constants_of_space_are_whole_in_any_terminal(width: int) -> None:
    sources = Sources.of(SOURCE)
    choices = list(read_choices(sources, {}))
    on = terminal(width)
    print_choices(on, choices, sources)
    text = shown("", on)
    assert "why" in text and text.count("comment") == len(choices)
    assert ("autoresearch space | cat" in text) == ("to change it" not in text)
    for part in ("10000.0", "0.0005 ..", 'UNEMBEDDING_LEARNING_RATE = "fixed"'):
        assert part in text


@pytest.mark.parametrize("width", [50, 60, 80])
def test_the_picture_of_two_metrics_fits_its_terminal(width: int) -> None:
    trials = [trial for trial in night() if trial.value is not None]
    points = [Point(trial, trial.value or 0, 100.0 - trial.number, True) for trial in trials]
    axes = (Axis("val_bpb", "minimize"), Axis("params_m", "minimize"))
    on = terminal(width)
    lines = shown(pareto_page(points, axes, on, VAL_BPB), on).splitlines()
    assert max(map(len, lines)) <= width
    picture = [line for line in lines if "│" in line]
    assert len(picture) == 16 and sum(line.count("●") for line in picture) == len(points)
    for trial in trials:
        assert f"{trial.value:.6f}" in "\n".join(lines)
