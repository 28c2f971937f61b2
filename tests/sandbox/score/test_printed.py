"""Reading what a training prints: progress, summary, tails. All of it is text from a stranger."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.ground.text import last_words, tail
from sandbox.score.printed import (
    MAX_FACTS,
    MAX_POINTS,
    parse_progress,
    parse_summary,
    read_curve,
    read_summary,
    thin_curve,
)

OURS = "step 00010 (3.1%) | loss: 4.123456 | 12,345 tokens/s\n"
UPSTREAM = (
    "\rstep 00953 (99.9%) | loss: 2.997900 | lrm: 0.00 | dt: 300ms | tok/sec: 1,747,000 | mfu: "
    "39.8%    "
)
SUMMARY = (
    "---\nval_bpb:          0.997900\ntraining_seconds: 300.1\nnum_steps:        953\n"
    "optimizer:\tmuon\n"
)


def test_progress_lines_of_both_kinds():
    assert parse_progress("compiling\n" + OURS + UPSTREAM) == ((0.031, 4.123456), (0.999, 2.9979))


@pytest.mark.parametrize(
    "text",
    [
        "step 1 (3.1%) | loss: nan |",
        "step 1 (3.1%) | loss: inf |",
        "step 1 (3.1%) | loss: -1.0 |",
        "step 1 (101.0%) | loss: 1.0 |",
        "step 1 (nan%) | loss: 1.0 |",
        "step 1 | loss: 1.0",
        "",
    ],
)
def test_what_is_no_point(text):
    assert parse_progress(text) == ()


def test_fractions_rise():
    lines = "".join(f"step {i} ({p}%) | loss: {i}.0 |\r" for i, p in enumerate([1, 5, 5, 3, 9]))
    assert parse_progress(lines) == ((0.01, 0.0), (0.05, 1.0), (0.09, 4.0))


@given(st.integers(0, 500))
def test_a_thin_curve_keeps_its_ends(count):
    points = [(i / 500, 1.0 + i) for i in range(count)]
    thin = thin_curve(points)
    assert len(thin) == min(count, MAX_POINTS) == len(set(thin))
    assert list(thin) == sorted(thin)
    if points:
        assert (thin[0], thin[-1]) == (points[0], points[-1])


def test_a_long_log_is_read_in_pieces_and_no_number_is_cut(tmp_path):
    log = tmp_path / "log"
    steps = 30_000
    log.write_text(
        "".join(
            f"\rstep {i:05d} ({100 * i / steps:.4f}%) | loss: 123.456789 | {'x' * 60}"
            for i in range(steps)
        )
    )
    assert log.stat().st_size > 2 << 20
    curve = read_curve(log)
    assert len(curve) == MAX_POINTS
    assert {loss for _, loss in curve} == {123.456789}
    assert curve[0][0] == 0
    assert curve[-1][0] > 0.95


@pytest.mark.parametrize(
    "piece",
    [
        "step 1 (1",
        "step    ",
        "((((",
        "9",
        "\r",
        "\n",
        "-",
        "a: 1\n",
        "step 1 (1%) | loss: 1",
        "\x00",
        "é",
    ],
)
def test_no_text_takes_long_to_read(tmp_path, piece):
    log = tmp_path / "log"
    log.write_text(piece * ((8 << 20) // len(piece)))
    began = time.thread_time()
    read_curve(log), read_summary(log), tail(log), last_words(log)
    assert time.thread_time() - began < 60  # what is quadratic takes hours


def test_a_log_that_is_not_there(tmp_path):
    assert read_curve(tmp_path / "no") == ()
    assert read_summary(tmp_path / "no") == {}


def test_the_summary():
    assert parse_summary(OURS + SUMMARY) == {
        "val_bpb": 0.9979,
        "training_seconds": 300.1,
        "num_steps": 953,
        "optimizer": "muon",
    }


def test_the_last_summary_counts():
    assert parse_summary("---\nval_bpb: 0.1\n" + SUMMARY.replace("\n", "\r\n"))["val_bpb"] == 0.9979
    assert parse_summary(SUMMARY + "---\nnum_steps: 1\n") == {"num_steps": 1}


def test_the_last_word_counts_also_when_it_is_no_number():
    assert "val_bpb" not in parse_summary("---\nval_bpb: 0.5\nval_bpb: nan\n")
    assert parse_summary("---\nval_bpb: nan\nval_bpb: 0.5\n")["val_bpb"] == 0.5


def test_without_a_line_there_is_no_summary():
    assert parse_summary("val_bpb: 0.5\n----\nval_bpb: 0.6\n") == {}


@pytest.mark.parametrize(
    "line",
    [
        "val_bpb: nan",
        "val_bpb: inf",
        "val_bpb: -Infinity",
        "val_bpb: 1e999",
        "val_bpb:0.5",
        " val_bpb: 0.5",
        "val_bpb: 0.5 0.6",
        "val bpb: 0.5",
        "1: 2",
        f"{'k' * 41}: 1",
        f"k: {'9' * 41}",
        "k: \x1b[31mred blue",
        "k: <script>",
        "k: \u202e1",
        "k: ٣",
        "k:",
        ": 1",
    ],
)
def test_what_is_no_fact(line):
    assert parse_summary(f"---\n{line}\n") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("9" * 30, float("9" * 30)),
        ("true", "true"),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_values(text, value):
    assert parse_summary(f"---\nk: {text}") == {"k": value}


def test_facts_are_bounded():
    assert len(parse_summary("---\n" + "".join(f"k{i}: {i}\n" for i in range(1000)))) == MAX_FACTS


@settings(max_examples=200)
@given(st.text(st.sampled_from("---\n\r: vb_.eE+0123nastep(|)%los\x00\x1b\u202e"), max_size=300))
def test_parsers_take_any_text(text):
    for value in parse_summary("---\n" + text).values():
        assert isinstance(value, str) or abs(value) < float("inf")
    for fraction, loss in parse_progress(text):
        assert 0 <= fraction <= 1
        assert 0 <= loss < 1e9
