"""Reads the trials of an Optuna study from its SQLite file, which may be a stranger's."""

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import Any

from agent.errors import UsageFault
from agent.records.bounded import MAX_ITEMS, MAX_PARTS
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.text import one_line

SQLITE = b"SQLite format 3\0"
MAX_JSON_PARTS = 5 * MAX_PARTS
"""Brackets and commas of a file, most of which stand in texts of JSON."""
PIECE = 1 << 20


def finished_trials(path: Path, study: str | None, direction: str) -> Iterator[Any]:
    """Yield the finished trials of a study that has one value with this direction.

    study: its name; None for the only one. Raise UsageFault for what is no such file, and for one
    that takes far more memory or time than its size.
    """
    # Imported here: optuna takes longer to import than `autoresearch log` takes to answer.
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    try:
        directions, trials = _loaded(path, study)
    except UsageFault:
        raise
    except Exception as error:  # of sqlite3, SQLAlchemy or optuna, about a file that is not ours
        message = f"cannot read {path} as an optuna storage: {one_line(str(error))}"
        raise UsageFault(message, _listing(path)) from None
    if directions != [StudyDirection[direction.upper()]]:
        words = direction.replace("z", "s")
        raise UsageFault(f"the study in {path} does not {words} one value", _listing(path))
    for trial in trials:
        is_complete = trial.state == TrialState.COMPLETE and math.isfinite(trial.value or 0.0)
        if is_complete or trial.state == TrialState.FAIL:
            yield trial


def _listing(path: Path) -> str:
    return f"optuna studies --storage {quote(f'sqlite:///{path}')}"


def _loaded(path: Path, study: str | None) -> tuple[list[Any], list[Any]]:
    """Return directions and trials of the study called `study`, or of the only one.

    They are read from a copy: opening a storage may write to it.
    """
    import optuna

    with temporary_folder("warm") as folder:
        copy = folder / "study.db"
        original = f"{path.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(original, uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            _refuse_bomb(path, target)
        _refuse_parts(path, copy)
        storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
        try:
            names = [summary.study_name for summary in storage.get_all_studies()]
            name = study or (names[0] if len(names) == 1 else None)
            if name not in names:
                example = names[0] if names else "STUDY"
                raise UsageFault(
                    f"{path} has {len(names)} studies: {', '.join(names) or 'none'}",
                    f"autoresearch start --warm {quote(f'{path}#{example}')}",
                )
            loaded = optuna.load_study(study_name=name, storage=storage)
            return list(loaded.directions), list(loaded.trials)
        finally:
            storage.engine.dispose()


def _refuse_bomb(path: Path, database: sqlite3.Connection) -> None:
    """Raise UsageFault for tables that are computed, and for more rows than trials are read."""
    for kind, name, text in database.execute("SELECT type, name, sql FROM sqlite_master"):
        is_table = kind == "table"
        if not is_table and kind != "index":
            raise _computed(path, kind, name)
        if is_table and str(text).upper().split()[:2] == ["CREATE", "VIRTUAL"]:
            raise _computed(path, "virtual table", name)
        if not is_table:
            continue
        quoted = '"' + str(name).replace('"', '""') + '"'
        columns = database.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
        if any(column[-1] for column in columns):
            raise _computed(path, "generated column in the table", name)
        (rows,) = database.execute(f"SELECT count(*) FROM {quoted}").fetchone()
        most = MAX_ITEMS if name in ("trials", "studies") else MAX_PARTS
        if rows > most:
            message = f"{path} has {rows} rows in {one_line(str(name))}; {most} are read"
            raise UsageFault(message, _listing(path))


def _computed(path: Path, kind: str, name: object) -> UsageFault:
    message = f"{path} is no optuna storage: it has a {kind} {one_line(str(name))}"
    return UsageFault(message, _listing(path))


def _refuse_parts(path: Path, copy: Path) -> None:
    """Raise UsageFault for more JSON than fits into memory."""
    parts = 0
    with copy.open("rb") as file:
        while piece := file.read(PIECE):
            parts += sum(map(piece.count, (b",", b"[", b"{")))
    if parts > MAX_JSON_PARTS:
        message = f"{path} has JSON of more than {MAX_JSON_PARTS} parts"
        raise UsageFault(message, _listing(path))
