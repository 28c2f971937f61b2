"""Any log, however hostile, is read in linear time, raises nothing, and hides no score."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sandbox.ground.text import LINE_CHARACTERS
from sandbox.score import following, lines
from sandbox.score.following import Follower
from sandbox.score.forms import LARGEST
from sandbox.score.lines import LINE_BYTES, PIECE_BYTES, ends_of, pieces
from sandbox.score.metric import BITS_PER_BYTE, Metric, NotRead, Reading
from sandbox.score.printed import read_summary
from sandbox.score.reading import read_also, read_metric

ACCURACY = Metric(name="val_acc")
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_no_log(tmp_path):
    result = read_metric(tmp_path / "none", ACCURACY)
    assert "it printed nothing" in result.reason
    assert read_also(tmp_path / "none", ("a",)) == {}


BITS = (
    b'---\n|\r|\n|\x1b[31m|\x1b]0;|\x07|val_acc|: |0.9|nan|{|}|"val_acc"|1,234|%|best |INFO '
).split(b"|")
BITS += [b"{\n", b"\n}\n"]
PARTS = st.lists(
    st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.sampled_from(BITS),
    max_size=20,
).map(b"".join)


@settings(FILES, max_examples=300)
@given(content=PARTS)
def test_no_log_raises(tmp_path, content):
    log = tmp_path / "log"
    log.write_bytes(content)
    for metric in (ACCURACY, BITS_PER_BYTE, Metric(name="val_acc", pattern=r"(\S*)$", also=("a",))):
        result = read_metric(log, metric)
        said = result.line if isinstance(result, Reading) else result.reason
        assert said.isprintable()
        assert len(said) <= LINE_CHARACTERS


@settings(FILES, max_examples=100)
@given(before=PARTS, after=PARTS, value=st.floats(-LARGEST, LARGEST))
def test_a_line_of_its_own_is_read_whatever_is_around_it(tmp_path, before, after, value):
    log = tmp_path / "log"
    log.write_bytes(before + f"\n\x07\x1b\\\nmy_score: {value}\n".encode() + after)
    assert read_metric(log, Metric(name="my_score")).value == value


@settings(FILES, max_examples=100)
@given(size=st.integers(1, 40), content=PARTS)
@example(size=1, content=b"\x00\r\x1b0\n")
@example(size=2, content=b"a\rb\r\x1b[K\rc\r\x1b[2\n")
def test_the_size_of_the_pieces_changes_nothing(tmp_path, size, content):
    log = tmp_path / "log"
    log.write_bytes(content)
    whole = "".join(pieces(log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "PIECE_BYTES", size)
        assert "".join(pieces(log)) == whole


NEAR = {
    "names": b"val_acc\n",
    "names on one line": b"val_acc ",
    "colons": b"val_acc: ",
    "readings": b"val_acc=1\n",
    "readings on one line": b"val_acc=1 ",
    "broken JSON": b'{"val_acc"\n',
    "broken JSON on one line": b'{"val_acc":',
    "JSON": b'{"val_acc":1}\n',
    "objects": b'{\n"val_acc": 1\n}\n',
    "an open object": b"val_acc {\n",
    "rules": b"---\n",
    "dashes": b"-",
    "rules of a logger": b"INFO ---\n",
    "nearly rules": b"INFO " * 40 + b"---\n",
    "newlines": b"\n",
    "carriage returns": b"\r",
    "carriage returns before a letter": b"\r" * 5000 + b"x",
    "overwritten": b"val_acc=1\r",
    "colours": b"\x1b[31m",
    "an open sequence": b"\x1b[",
    "an open title": b"\x1b]0;",
    "parameters": b"\x1b[" + b"0" * 5000 + b" " * 5000,
    "no UTF-8": b"\xff",
    "digits": b"9",
    "brackets": b"val_acc: tensor(",
    "TensorFlow": b"val_acc: <tf.Tensor:",
    "facts": b"a: 1\n",
    "thousands": b"val_acc: 1,000,",
}


@pytest.mark.parametrize("piece", NEAR.values(), ids=NEAR)
def test_no_log_takes_long_to_read(tmp_path: Path, piece):
    """Reading that is not linear would take hours and end at the tests' timeout."""
    log = tmp_path / "log"
    log.write_bytes(piece * ((2 << 20) // len(piece)) + b"\nval_acc: 0.5\n")
    assert read_metric(log, ACCURACY).value == 0.5
    read_metric(log, Metric(name="my_score"))
    read_summary(log)


def test_a_long_key_with_much_below_it_takes_no_memory(tmp_path):
    below = ",\n".join(f'"{number}": {{"val_acc": 1}}' for number in range(4000))
    log = tmp_path / "log"
    log.write_text('{\n"' + "k" * 400_000 + f'": {{{below}}}\n}}\nval_acc: 0.5\n')
    tracemalloc.start()
    try:
        assert read_metric(log, ACCURACY).value == 0.5
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_line_that_is_too_long_is_left_out_and_the_next_is_read(tmp_path):
    log = tmp_path / "log"
    log.write_text("val_acc: 1 " + "x" * (LINE_BYTES + PIECE_BYTES) + "\nval_acc: 2")
    assert read_metric(log, ACCURACY).times == 1
    log.write_text("x" * (5 * LINE_BYTES) + "\rval_acc: 3")
    assert read_metric(log, ACCURACY).value == 3


def test_an_endless_line_takes_no_memory(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(0, 2)
        file.write(b"\nval_acc: 0.5")
    tracemalloc.start()
    try:
        assert read_metric(log, ACCURACY).value == 0.5
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_piled_marks_in_a_log_cost_no_normalising(tmp_path):
    log = tmp_path / "log"
    log.write_text("a" + "\u0301\u0327" * 60_000 + "\ngüte: 0.5\n" + "b" + "\u0301\u0327" * 60_000)
    assert read_metric(log, Metric(name="güte")).value == 0.5
    reading = read_metric(log, Metric(name="val_acc"))
    assert isinstance(reading, NotRead)


# ---------------------------------------------------------------- more than is looked at

FLOOD = "val_acc is nearly there\n" * 2000
TABLE = "epoch  val_acc\n" + "".join(f"{row}      0.{row}\n" for row in range(1, 4000))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that were looked at, where few are."""
    monkeypatch.setattr(following, "LOOKS", 500)
    monkeypatch.setattr(lines, "PART_CHARACTERS", 1000)
    seen: list[str] = []
    see = Follower.see

    def noted(follower: Follower, line: str, block: int) -> None:
        seen.append(line)
        see(follower, line, block)

    monkeypatch.setattr(Follower, "see", noted)
    return seen


@pytest.mark.parametrize("piece", NEAR.values(), ids=NEAR)
def test_no_more_lines_are_looked_at_of_a_longer_log(tmp_path, looks, piece):
    log = tmp_path / "log"
    log.write_bytes(piece * ((1 << 17) // len(piece)) + b"\nval_acc: 0.5\n")
    assert read_metric(log, Metric(name="val_acc", also=("val_loss", "a", "1"))).value == 0.5
    assert len(looks) <= 2 * following.LOOKS + 4 * 1000


@pytest.mark.parametrize(
    ("log", "value"),
    [
        (f"val_acc: 0.1\n{FLOOD}val_acc: 0.5\n", 0.5),
        (f"{FLOOD}val_acc: 0.5\n" + "nothing of it\n" * 100_000, 0.5),
        (f"{FLOOD}epoch  val_acc\n1      0.4\n2      0.5\n", 0.5),
        (f"val_acc: 0.1\n{TABLE}", 0.3999),
        ('{\n"val_acc": 0.1,\n' + FLOOD + '}\n{\n"val_acc": 0.5\n}\n', 0.5),
    ],
    ids=["line", "behind it", "table", "rows", "object"],
)
def test_the_last_line_counts_behind_more_than_is_looked_at(tmp_path, looks, log, value):
    (tmp_path / "log").write_text(log)
    reading = read_metric(tmp_path / "log", ACCURACY)
    assert (reading.value, read_also(tmp_path / "log", ["val_acc"])["val_acc"].value) == (
        value,
    ) * 2
    assert reading.times > 1


@pytest.mark.parametrize(
    "log",
    [
        f"val_acc: 0.1\n{FLOOD}",
        f"{FLOOD}val_acc: 0.1\n{FLOOD}",
        f"---\nval_acc: 0.1\n{FLOOD}val_acc in epoch 3 is best: 0.2",
        # Whether the table went on in what was left out is not known.
        f"{FLOOD}epoch  val_acc\n1      0.4\n" + "nothing of it\n" * 10_000 + FLOOD[:99],
    ],
    ids=["before", "between", "stated", "table"],
)
def test_no_older_line_counts_in_place_of_one_that_was_passed_over(tmp_path, looks, log):
    (tmp_path / "log").write_text(log)
    reason = read_metric(tmp_path / "log", ACCURACY).reason
    assert "may have val_acc that only the last of them were read; it ended without" in reason
    assert read_also(tmp_path / "log", ["val_acc"]) == {}
    needed = Metric(name="x", also=("val_acc",), required=("val_acc",))
    (tmp_path / "log").write_text(f"{log}\nx: 1\n")
    assert "only the last of them were read" in read_metric(tmp_path / "log", needed).reason


def test_a_second_summary_is_not_hidden_among_what_is_passed_over(tmp_path, looks):
    own = "---\nval_acc: 0.1\n"
    (tmp_path / "log").write_text(f"{FLOOD}{own}{FLOOD}---\nval_acc: 0.9\n")
    assert read_metric(tmp_path / "log", ACCURACY).blocks > 1
    (tmp_path / "log").write_text(f"{FLOOD}val_acc: 0.1\n{FLOOD}val_acc: 0.9\n")
    assert read_metric(tmp_path / "log", ACCURACY).times > 1


def test_what_names_no_metric_is_never_too_much(tmp_path, looks):
    other = "loss 0.1 at step 3\n" * 20_000
    (tmp_path / "log").write_text(f"---\nval_acc: 0.5\n{other}")
    reading = read_metric(tmp_path / "log", ACCURACY)
    assert (reading.value, reading.times, reading.blocks) == (0.5, 1, 1)


def test_the_ends_of_a_log_are_its_first_and_last_lines(tmp_path, looks):
    text = "".join(f"line {number}\n" for number in range(5000))
    (tmp_path / "log").write_text(text)
    assert "".join(ends_of(tmp_path / "log", 10_000)) == text
    ends = "".join(ends_of(tmp_path / "log", 500))
    assert ends.startswith(text[:1000])
    assert ends.endswith(text[-1000:])
    assert 500 < ends.count("\n") <= 1000
    assert set(ends.split("\n")) < set(text.split("\n"))
