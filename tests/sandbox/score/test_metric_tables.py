"""Reading the metric from a table: a line of names, then rows of numbers."""

import pytest

from sandbox.score.lines import PIECE_BYTES
from sandbox.score.metric import Metric, NotRead, Reading
from sandbox.score.reading import read_metric

FASTAI = """
epoch     train_loss  valid_loss  accuracy  time
0         0.512       0.432       0.85      00:03
1         0.401       0.398       0.87      00:03
"""
SPACY = """
ℹ Pipeline: ['tok2vec', 'ner']
E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE
---  ------  ------------  --------  ------  ------
  0       0          0.00     45.67    0.00    0.00
  0     200         12.30   1045.67   71.50    0.72
✔ Saved pipeline to output directory
"""
SKORCH = """
  epoch    train_loss    valid_acc    valid_loss     dur
-------  ------------  -----------  ------------  ------
      1        \x1b[36m0.6905\x1b[0m       \x1b[32m0.5450\x1b[0m        0.6811  0.0233
      2        0.6710       0.6200        0.6600  0.0200
"""
MARKDOWN = "| model | rmse | mae |\n|---|---|---|\n| ours | 0.41 | 0.30 |\n"
BOXED = """
┃ step ┃ val loss ┃
┡━━━━━━╇━━━━━━━━━━┩
│ 10   │ 1.5      │
│ 20   │ 1.25     │
└──────┴──────────┘
"""
WORDS = "epoch train_loss val_loss\n0 0.5 0.4\n1 0.4 0.35\n"


@pytest.fixture
def read(tmp_path):
    """Reads the metric of a text."""

    def read(text: str, name: str, **fields: object) -> Reading | NotRead:
        log = tmp_path / "log"
        log.write_text(text, encoding="utf-8")
        return read_metric(log, Metric(name=name, **fields))

    return read


@pytest.mark.parametrize(
    ("text", "name", "value", "line"),
    [
        (FASTAI, "valid_loss", 0.398, "valid_loss = 0.398 | epoch = 1"),
        (FASTAI, "accuracy", 0.87, "accuracy = 0.87 | epoch = 1"),
        (SPACY, "SCORE", 0.72, "SCORE = 0.72 | E = 0"),
        (SPACY, "LOSS NER", 1045.67, "LOSS NER = 1045.67 | E = 0"),
        (SKORCH, "valid_acc", 0.62, "valid_acc = 0.6200 | epoch = 2"),
        (MARKDOWN, "rmse", 0.41, "rmse = 0.41 | model = ours"),
        (BOXED, "val loss", 1.25, "val loss = 1.25 | step = 20"),
        (WORDS, "val_loss", 0.35, "val_loss = 0.35 | epoch = 1"),
        ("step,val_mse\n50,0.31\n100,0.27\n", "val_mse", 0.27, "val_mse = 0.27 | step = 100"),
        ("step\tval_mse\n50\t0.31\n", "val_mse", 0.31, "val_mse = 0.31 | step = 50"),
        ("fid\tkid\n12.5\t0.1\n", "fid", 12.5, "fid = 12.5"),
    ],
)
def test_the_last_row_of_a_table_counts(read, text, name, value, line):
    reading = read(text, name)
    assert isinstance(reading, Reading), reading
    assert (reading.value, reading.line) == (value, line)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (MARKDOWN + "| theirs | 0.38 | 0.31 |\n", "rmse"),
        ("fold,acc\n1,0.8\n2,0.9\n", "acc"),
        ("model  acc\na  0.8\nb  0.9\n", "acc"),
        ("we report val_acc\n0.1 0.2 0.3\n", "val_acc"),
        ("Loading data, val_acc\nnothing\n3, 0.5\n", "val_acc"),
        ("epoch,val_acc\n1,nothing yet\n", "val_acc"),
        ("epoch,val_acc,lr\n1,0.5\n", "val_acc"),
        ("epoch,best val_acc\n1,0.5\n", "val_acc"),
    ],
)
def test_what_is_not_plainly_this_number_is_not_read(read, text, name):
    assert isinstance(read(text, name), NotRead)


def test_several_rows_that_nothing_counts_change_nothing(read):
    table = "| model | acc |\n| a | 0.8 |\n| b | 0.9 |\n| c | 0.7 |\n"
    assert read(f"acc: 0.5\n{table}", "acc").value == 0.5
    assert read(f"{table}acc: 0.5\n", "acc").value == 0.5


def test_lines_between_rows_and_pieces_of_a_log(read):
    noise = "saved a checkpoint\n" * 100
    assert read(f"epoch,acc\n1,0.5\n{noise}2,0.6\n", "acc").value == 0.6
    assert read(f"epoch,acc\n1,0.5\n{noise * 3}2,0.6\n", "acc").value == 0.5
    longer = "x" * 1000 + "\n"
    filler = longer * (PIECE_BYTES // 1000 // 100)
    rows = "".join(f"{epoch},{epoch / 1000}\n{filler}" for epoch in range(1, 150))
    assert read(f"epoch,acc\n{rows}", "acc").value == 0.149


def test_a_table_in_a_summary_and_further_metrics(read):
    text = f"---\n{WORDS}num_steps: 3\n"
    reading = read(text, "val_loss", also=("train_loss", "num_steps"))
    assert (reading.value, reading.blocks) == (0.35, 1)
    assert reading.also == {"train_loss": 0.4, "num_steps": 3}


def test_a_score_that_diverges_in_its_last_row_is_told(read):
    reading = read("epoch,val_loss\n1,0.5\n2,nan\n", "val_loss")
    assert isinstance(reading, NotRead)
    assert "is not finite" in reading.reason
