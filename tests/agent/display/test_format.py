"""Text from models and trainings is only ever printed, and every drawing has an ASCII form."""

import io

import pytest
from rich.console import Console

from agent.display.format import (
    Formatter,
    duration,
    formatter_for,
    memory,
    noise_text,
    open_console,
    spending,
    spread,
)
from agent.judge.decide import Noise
from agent.judge.machines import Spread
from tests.agent.display.runs import curve, proposal, refused, scored

HOSTILE = "a\x1b[2Jb\x9b31mc\u202ed\u2028e\x7ff\x08g\udc80h\ufeffi"


@pytest.mark.parametrize("formatter", [Formatter(), Formatter(ascii_only=True)])
def test_nothing_but_letters_is_left_of_a_hostile_text(formatter: Formatter) -> None:
    for text in (formatter.line(HOSTILE), formatter.block(HOSTILE)):
        assert text.isprintable()
        assert text.encode()
        assert r"\x1b[2J" in text
        assert r"\u202e" in text


def test_a_line_is_one_line_and_a_block_keeps_its_lines() -> None:
    assert Formatter().line(" a\r\nb\tc\n") == "a b c"
    assert Formatter().block("a\r\n\tb\rc\n") == "a\n    b\\rc\n"


def test_ascii_terminals_get_twins_and_then_codes() -> None:
    assert Formatter(ascii_only=True).line("4 → 6 × β ‘x’") == r"4 -> 6 x \u03b2 'x'"
    assert Formatter().line("4 → 6 × β 模型") == "4 → 6 × β 模型"


@pytest.mark.parametrize(
    ("encoding", "ascii_only"), [("utf-8", False), ("ascii", True), ("latin-1", True)]
)
def test_the_formatter_follows_the_console_s_encoding(encoding: str, ascii_only: bool) -> None:
    console = Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert formatter_for(console).ascii_only is ascii_only


def test_away_from_a_terminal_the_environment_cannot_bring_escapes_or_cuts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    console = open_console()
    console.print("[red]word[/red] :smile: " * 30, style="red")
    assert capsys.readouterr().out == "[red]word[/red] :smile: " * 30 + "\n"
    assert formatter_for(console).plain


def test_a_sparkline_grows_with_the_budget_and_falls_with_the_loss() -> None:
    whole = Formatter().sparkline(curve(3.0), 10)
    assert len(whole) == 10
    assert list(whole) == sorted(whole, reverse=True)
    assert (whole[0], whole[-1]) == ("█", "▁")
    assert len(Formatter().sparkline(curve(3.0)[:10], 10)) == 5
    assert Formatter(ascii_only=True).sparkline(curve(3.0), 10).isascii()
    assert Formatter().sparkline((), 10) == ""
    assert Formatter().sparkline(((0.5, 2.0),), 4) == "▁▁"


def test_two_curves_share_a_scale() -> None:
    good = curve(3.0)
    bad = curve(4.0)
    scale = spread(good, bad)
    assert Formatter().sparkline(good, 10, scale)[-1] < Formatter().sparkline(bad, 10, scale)[-1]


@pytest.mark.parametrize("fraction", [-1.0, 0.0, 0.5, 0.51, 1.0, 7.0])
@pytest.mark.parametrize("formatter", [Formatter(), Formatter(ascii_only=True)])
def test_a_bar_is_as_wide_as_asked(formatter: Formatter, fraction: float) -> None:
    assert formatter.bar(fraction, 20).cell_len == 20


def test_numbers_read_as_people_write_them() -> None:
    assert [duration(s) for s in (0.2, 59.4, 59.9, 245, 11045)] == [
        "0 s",
        "59 s",
        "1:00",
        "4:05",
        "3:04:05",
    ]
    assert [memory(mb) for mb in (None, 812.4, 45060.2)] == ["", "812 MB", "44.0 GB"]


@pytest.mark.parametrize(
    ("noise", "text"),
    [
        (Noise(), "not measured yet: no seed or trial re-run"),
        (
            Noise(seeds=0.131607, runs=3),
            "±0.13 between the baseline's 3 seeds; no trial re-run yet",
        ),
        (Noise(sd=0.00123, degrees=4), "±0.0012 per paired comparison (4 degrees of freedom)"),
        (
            Noise(sd=0.5, degrees=1, seeds=0.25, runs=5, spread=Spread(effect=0.1, machines=2)),
            "±0.5 per paired comparison (1 degree of freedom), ±0.25 between seeds (5 runs), "
            "±0.1 between 2 machines, noise apart",
        ),
    ],
)
def test_noise_is_told_with_what_it_was_measured_from(noise: Noise, text: str) -> None:
    assert noise_text(noise) == text


def test_spending_says_when_a_price_is_not_known() -> None:
    paid = refused(1, "x")
    searched = scored(2, "keep", 1.0, "y")
    unknown = paid.model_copy(update={"proposal": proposal("z", "code", origin="llm", model="m")})
    assert spending((searched,)) == "$0.00"
    assert spending((paid, searched, paid)) == "$0.25"
    assert spending((paid, unknown)) == "at least $0.12 (the price of 1 is not fully known)"
