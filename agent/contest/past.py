"""Past trials out of the files that other systems leave: autoresearch-automl's JSON, an optuna storage, a table, JSON lines.

Read are constants and what became of them, nothing else: whose trials they were does not matter to a surrogate.
"""

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agent.contest.task import constant_name
from agent.errors import UsageFault
from agent.records import FAILED, Configuration, Failure, Value

SCORES = ("val_bpb", "score", "value", "loss", "val_loss", "objective")
"""What the score may be called, in the order of preference; lower is better."""
ABOUT = frozenset({
    *SCORES, "tid", "id", "trial", "trial_id", "number", "seed", "success", "status", "state", "error", "wt", "seconds",
    "elapsed", "wall_time_seconds", "timestamp", "time", "source", "method", "backend", "generation", "iteration", "budget",
    "memory_gb", "peak_memory_gb", "peak_memory_mb", "commit", "description", "train_loss", "tokens_per_second", "scalars",
    "curves", "test_loss",
})  # fmt: skip
"""Columns that are no constants."""
WORKED = frozenset({"", "true", "1", "ok", "success", "complete", "scored", "keep", "discard", "baseline", "simplify"})
# What the systems write in place of a score that there is not (autoresearch-automl: 100.0).
ABSURD = 99.0
SQLITE = b"SQLite format 3\0"
MAX_WORDS = 20


@dataclass(frozen=True)
class Past:
    """One past trial. outcome: its score, lower is better, or the name of its failure."""

    configuration: Configuration
    outcome: float | Failure


def read_past(path: Path) -> list[Past]:
    """The trials of a file, in its order, all with the same constants. UsageFault where it cannot be read or has none."""
    try:
        content = path.read_bytes()
        rows = list(_storage(path) if content.startswith(SQLITE) else _rows(path, content.decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        raise UsageFault(f"cannot read the trials in {path}: {error}", "autoresearch bench --help") from None
    return _aligned(path, rows)


# ---------------------------------------------------------------- formats


def _rows(path: Path, text: str) -> Iterator[Past]:
    """Of a text file: JSON, JSON lines, or a table with a line of names."""
    if path.suffix == ".jsonl":
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
    elif text.lstrip()[:1] in ("{", "["):
        records = list(_nested(json.loads(text)))
    else:
        tabs = "\t" in text.partition("\n")[0]
        records = list(csv.DictReader(io.StringIO(text), delimiter="\t" if tabs else ","))
    for record in records:
        if isinstance(record, dict) and (past := _past(record)):
            yield past


def _nested(found: Any) -> Iterator[Any]:
    """The records of autoresearch-automl's `{method: {seed: [trial, …]}}`, or of a list, however deep."""
    if isinstance(found, list):
        yield from found
    elif isinstance(found, dict):
        for part in found.values():
            yield from _nested(part)


def _past(record: Mapping[str, Any]) -> Past | None:
    """One trial of a record: its constants under `config`, or beside the rest. None where nothing is known of it."""
    own = record.get("config", record.get("params"))
    constants = own if isinstance(own, dict) else {name: value for name, value in record.items() if name not in ABOUT}
    configuration = {str(name): value for name, cell in constants.items() if (value := _value(cell)) is not None}
    name = next((name for name in SCORES if name in record), None)
    if name is None or not configuration:
        return None
    score, states = _value(record[name]), [record[key] for key in ("success", "status", "state") if key in record]
    said = [str(state).strip().lower() for state in states if state is not None]
    failed = next((word for word in said if word not in WORKED), None)
    number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    if failed is None and number and not (name == "val_bpb" and float(cast(float, score)) > ABSURD):
        return Past(configuration, float(cast(float, score)))
    return Past(configuration, cast(Failure, failed) if failed in FAILED else "crash")


def _value(cell: object) -> Value | None:
    """A constant as a Python value; None for an empty cell and for what is no constant."""
    if isinstance(cell, bool | int | float):
        return cell if math.isfinite(cell) else None
    if not isinstance(cell, str) or not cell.strip():
        return None
    word = cell.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for kind in (int, float):
        try:
            return number if math.isfinite(number := kind(word)) else None
        except ValueError:
            continue
    return word


def _storage(path: Path) -> Iterator[Past]:
    """Of an optuna storage in SQLite: the finished trials of every study in it. A pruned one teaches nothing."""
    import optuna
    from optuna.trial import TrialState

    storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}", skip_compatibility_check=True)
    try:
        for study in storage.get_all_studies():
            directions = storage.get_study_directions(study._study_id)
            if len(directions) != 1:
                raise ValueError(f"the study {study.study_name!r} has {len(directions)} objectives")
            sign = -1.0 if directions[0] == optuna.study.StudyDirection.MAXIMIZE else 1.0
            for trial in storage.get_all_trials(study._study_id, deepcopy=False):
                configuration = {
                    name: value for name, value in trial.params.items() if isinstance(value, bool | int | float | str)
                }
                if trial.state == TrialState.FAIL and configuration:
                    yield Past(configuration, "crash")
                elif trial.state == TrialState.COMPLETE and trial.value is not None and math.isfinite(trial.value):
                    yield Past(configuration, sign * trial.value)
    finally:
        storage.engine.dispose()


# ---------------------------------------------------------------- columns


def _aligned(path: Path, rows: Sequence[Past]) -> list[Past]:
    """The trials under the names of constants, without columns of prose and without trials that lack a constant."""
    names = list(dict.fromkeys(name for row in rows for name in row.configuration))
    common = [name for name in names if sum(name in row.configuration for row in rows) > len(rows) / 2]
    columns = [name for name in common if not _is_prose([row.configuration.get(name) for row in rows])]
    if not columns:
        message = f"{path} has no columns of constants" if rows else f"{path} holds no trials with a score ({', '.join(SCORES)})"
        hint = "a results.tsv of karpathy/autoresearch says in prose what was tried: no surrogate can be made of it"
        raise UsageFault(f"{message}; {hint}", "autoresearch bench --help")
    if len({constant_name(name) for name in columns}) < len(columns):
        raise UsageFault(f"two columns of {path} become one constant: {', '.join(columns)}", "autoresearch bench --help")
    return [
        Past({constant_name(name): row.configuration[name] for name in columns}, row.outcome)
        for row in rows
        if all(name in row.configuration for name in columns)
    ]


def _is_prose(values: Sequence[Value | None]) -> bool:
    words = {value for value in values if isinstance(value, str)}
    return len(words) > MAX_WORDS
