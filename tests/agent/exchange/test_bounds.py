"""Files of prior trials that would take far more memory or time than their length."""

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from agent.errors import UsageFault
from agent.exchange import texts
from agent.exchange.read import read_prior
from agent.records.bounded import MAX_PARTS
from agent.records.results import PriorTrial


def read(folder: Path, text: str) -> tuple[PriorTrial, ...]:
    (folder / "trials").write_text(text)
    return read_prior(str(folder / "trials"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" + "[]," * MAX_PARTS + "[]]", "2000000 parts of JSON"),
        ('{"value": 1, "LR": 1}\n{"a":[' + "0," * MAX_PARTS + "0]}", "2000000 parts of JSON"),
        ("value,LR\n" + "1," * (texts.MAX_LINE // 2) + "1\n", "1048576 characters in a line"),
        ("value,LR\n" + "\n" * texts.MAX_LINES, "1000000 lines"),
    ],
    ids=lambda value: value if len(value) < 60 else "",
)
def test_what_no_file_of_trials_has_is_not_read(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(UsageFault, match=f"has more than {what}") as raised:
        read(tmp_path, text)
    assert str(raised.value.next_command).startswith("ls -l ")


def test_more_trials_than_a_method_learns_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.exchange.read.MAX_ITEMS", 9)
    assert len(read(tmp_path, "value,LR\n" + "1,1\n" * 9)) == 9
    with pytest.raises(UsageFault, match="has more than 9 trials or 2000000 constants"):
        read(tmp_path, "value,LR\n" + "1,1\n" * 10)


def test_numbers_that_no_float_holds(tmp_path: Path) -> None:
    huge = "9" * 400
    lines = f'{{"value": {huge}, "LR": 1}}\n{{"value": 1, "LR": 2, "curve": [[0, {huge}]]}}\n'
    assert [trial.outcome for trial in read(tmp_path, lines)] == ["crash", 1.0]


def test_lists_in_lists_down_to_where_json_ends(tmp_path: Path) -> None:
    [trial] = read(tmp_path, "[" * 900 + '{"value": 1, "LR": 2}' + "]" * 900)
    assert trial.configuration == {"LR": 2}


TABLE = "trial_user_attributes"
COLUMNS = "trial_user_attribute_id integer primary key, trial_id integer, key text, value_json"


@pytest.mark.parametrize(
    ("statements", "what"),
    [
        (
            (
                "ALTER TABLE trials RENAME TO others",
                "CREATE VIEW trials AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 "
                "FROM r) SELECT n AS trial_id, n AS number, 1 AS study_id FROM r",
            ),
            "a view trials",
        ),
        (
            (
                f"DROP TABLE {TABLE}",
                f"CREATE TABLE {TABLE} ({COLUMNS} text AS (hex(zeroblob(100000000))))",
            ),
            f"a generated column in the table {TABLE}",
        ),
    ],
    ids=["view", "column"],
)
def test_tables_of_a_study_that_are_computed(
    tmp_path: Path, statements: tuple[str, ...], what: str
) -> None:
    file = tmp_path / "study.db"
    optuna.create_study(storage=f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    with pytest.raises(UsageFault, match=f"no optuna storage: it has {what}"):
        read_prior(str(file))
