"""Figures: the same bytes twice, captions with the conditions, text that stays text."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from agent.dashboard.figures import FIGURES, save
from agent.dashboard.importance import importances
from agent.dashboard.view import View
from agent.errors import UsageFault
from tests.agent.dashboard.nights import MACHINE, busy, guarded, hostile, night, settings, trial


def words(path: Path) -> str:
    """Return all text of an SVG; parsing proves that it is one."""
    texts = ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")
    return " ".join(" ".join(text.itertext()) for text in texts)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_states_how_it_was_measured(name: str, tmp_path: Path) -> None:
    view = guarded(night(60))
    save(FIGURES[name]([view]), tmp_path / "a.svg")
    caption = " ".join(words(tmp_path / "a.svg").split())
    for part in (
        "noise ±0.0004 between the baseline's 3 seeds",
        "seeds 0, 1, 2",
        "hardware not recorded",
        "autoresearch start --method code",
    ):
        assert part in caption
    save(FIGURES[name]([view]), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_caption_names_the_machine_where_the_scores_do(tmp_path: Path) -> None:
    save(FIGURES["progress"]([busy()]), tmp_path / "a.svg")
    assert f"on {MACHINE}" in " ".join(words(tmp_path / "a.svg").split())


@pytest.mark.parametrize("name", ["progress", "curves", "compare"])
@pytest.mark.parametrize("view", [night(0), night(1), hostile()], ids=["empty", "one", "hostile"])
def test_any_run_can_be_drawn_and_its_text_stays_text(
    name: str, view: View, tmp_path: Path
) -> None:
    formula = trial(
        99, "keep", 0.5, -0.5, r"\frac{1}{0} costs $5 and $6, <script>x</script> 漢字 \x"
    )
    trials = (*view.trials, formula) if len(view.trials) > 1 else view.trials
    view = View(view.branch, view.run, trials)
    save(FIGURES[name]([view]), tmp_path / "a.svg")
    tags = {part.tag.rpartition("}")[2] for part in ET.parse(tmp_path / "a.svg").getroot().iter()}
    assert not tags & {"script", "image", "foreignObject", "a", "img"}
    if name == "progress" and len(view.trials) > 1:
        assert r"\frac{1}{0} costs $5" in words(tmp_path / "a.svg")


def test_an_svg_of_a_long_night_is_small(tmp_path: Path) -> None:
    save(FIGURES["progress"]([night(300)]), tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert len(svg) < 60_000
    assert not re.search(r' d="[^"]*\d\.\d\d', svg), "coordinates have one decimal"


def test_a_png_is_large_enough_to_read(tmp_path: Path) -> None:
    save(FIGURES["progress"]([night(120)]), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[0] >= 1400
        assert len(image.convert("RGB").getcolors(10**6) or ()) > 50


def test_runs_under_other_conditions_are_not_compared_silently(tmp_path: Path) -> None:
    other = night(10)
    longer = View(
        "autoresearch/nov25",
        settings("nov25").model_copy(update={"data_fingerprint": "ab" * 32}),
        other.trials,
    )
    save(FIGURES["compare"]([night(10), longer]), tmp_path / "a.svg")
    caption = " ".join(words(tmp_path / "a.svg").split())
    assert "NOT COMPARABLE as they are: the runs differ in validation data." in caption


def test_the_constant_that_decides_is_the_important_one() -> None:
    trials = [
        trial(
            i,
            "discard",
            1 + abs(i % 10 - 3) / 10,
            0.1,
            "x",
            configuration={"LR": float(i % 10 + 1), "DEPTH": i * 7 % 11, "SAME": 1},
        )
        for i in range(60)
    ]
    shares = importances(trials)
    assert list(shares) == ["LR", "DEPTH"]
    assert shares["LR"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_too_few_scores_for_an_importance_are_refused() -> None:
    for view in (night(0), night(5)):
        with pytest.raises(UsageFault, match="needs 20 scored trials"):
            importances(view.trials)


def test_a_figure_that_cannot_be_written_names_the_next_command(tmp_path: Path) -> None:
    for path in (tmp_path / "a.pdf", tmp_path / "no" / "such" / "folder.svg"):
        with pytest.raises(UsageFault) as caught:
            save(FIGURES["progress"]([night(2)]), path)
        assert caught.value.next_command == "autoresearch plot progress --output progress.svg"
