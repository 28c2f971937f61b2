"""An indented JSON object in a log is read by its paths, and what only begins like one by lines."""

from pathlib import Path

import pytest

from sandbox.score.lines import PIECE_BYTES
from sandbox.score.metric import Metric, NotRead
from sandbox.score.reading import read_metric


@pytest.fixture
def read(tmp_path: Path):
    """Reads a metric of a text."""

    def read(text: str, metric: Metric):
        (tmp_path / "log").write_text(text)
        return read_metric(tmp_path / "log", metric)

    return read


NESTED = """results: {
  "train": {
    "acc": 0.99,
    "loss": 0.1
  },
  "eval": {
    "acc": 0.9
  },
  "lr": 0.1
}
"""


@pytest.mark.parametrize("before", ["", "---\n", "x\n" * PIECE_BYTES, "loading {\n---\n"])
def test_indented_json_is_read_by_its_paths(read, before):
    assert read(before + NESTED + "bye\n", Metric(name="eval.acc")).value == 0.9
    assert read(before + NESTED, Metric(name="lr")).value == 0.1
    assert read(before + NESTED, Metric(name="loss")).value == 0.1, "there is one"
    several = read(before + NESTED, Metric(name="acc"))
    assert isinstance(several, NotRead)
    assert 'which metric = "eval.acc" reads' in several.reason
    assert read(before + NESTED, Metric(name="m", pattern=r'^ +"acc": (\S+)$')).value == 0.9


def test_what_begins_like_an_object_and_is_none_is_read_line_by_line(read):
    for text in ("net {\n  acc: 0.8\nacc: 0.9\n", "f {\nacc: 0.8\n  acc: 0.9\n}\n", "{\nacc: 0.9"):
        assert read(text, Metric(name="acc")).value == 0.9
    assert read("{\nacc: 0.9\n" + "x\n" * PIECE_BYTES, Metric(name="acc")).value == 0.9
    assert read("{\n---\nacc: 0.9\n", Metric(name="acc")).blocks == 1
