"""Tables in narrow terminals: folded, and nothing of what somebody would type is lost."""

import pytest

from agent.cli.constants import print_choices
from agent.display.folding import folding_table
from agent.display.pareto import pareto_page
from agent.edit.files import Sources
from agent.judge.pareto import Axis, Point
from agent.records.objective import VAL_BPB
from agent.space import read_choices
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
    table = folding_table(("path", "n"), right=("n",))
    path = "/home/ada/projects/digits/.autoresearch/runs/nov24/run.log"
    table.add_row(path, "7")
    on = terminal(width)
    lines = shown(table, on).splitlines()
    assert max(map(len, lines)) <= width
    assert path in words("\n".join(lines)).replace("7", "", 1)


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
