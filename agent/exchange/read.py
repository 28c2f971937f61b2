"""Trials of other runs and tools, read from a file: what `start --warm FILE` tells the methods, and `bench --trials` learns.

What a file is shows in what is in it:
- optuna's SQLite storage (`autoresearch export --format optuna`, or anybody's); one of several studies is FILE#STUDY;
- JSON or JSON lines: records anywhere in it, each with a score or a failure and its constants, which stand in a dictionary of
  their own or beside the score, in capitals where some are (our own jsonl; autoresearch-automl's trials.json, a list for each
  method and seed; neuropt's log);
- a table (.tsv, .csv) with the same as columns, such as our own csv.
"""

import csv
import io
import json
import math
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from agent.errors import UsageFault
from agent.records.bounded import reason_of
from agent.records.proposals import Configuration, Value
from agent.records.results import FAILED, MAX_CURVE_POINTS, SCORED, Failure, PriorTrial, Trial

SCORES = ("val_bpb", "value", "score", "loss", "objective")
CONSTANTS = ("configuration", "params", "config", "hyperparameters", "constants")
STATUSES = ("status", "state", "success")
WENT_WELL = SCORED | {"complete", "success", "ok", "true", ""}
WENT_WRONG = FAILED | {"fail", "failed", "crashed", "error", "false"}
# What stands beside scores in such files and is no constant.
ABOUT = frozenset(
    {
        *SCORES,
        *STATUSES,
        "tid",
        "id",
        "trial",
        "trial_id",
        "number",
        "seed",
        "error",
        "wt",
        "seconds",
        "elapsed",
        "wall_time_seconds",
        "timestamp",
        "time",
        "source",
        "method",
        "backend",
        "generation",
        "iteration",
        "budget",
        "memory_gb",
        "peak_memory_gb",
        "peak_memory_mb",
        "commit",
        "description",
        "train_loss",
        "val_loss",
        "test_loss",
        "tokens_per_second",
        "scalars",
        "curve",
        "curves",
    }
)
# What tools write as the val_bpb of a failure: upstream 0.0, autoresearch-automl 100.0.
LEAST_BPB, MOST_BPB = 0.0, 100.0
# A longer history costs more time at each proposal than it teaches: the best stay, and of the others every n-th.
MAX_TRIALS, BEST = 1000, 200
MAX_BYTES = 256 << 20
SQLITE = b"SQLite format 3\0"


def read_prior(path: str) -> tuple[PriorTrial, ...]:
    """The trials in a file, at most MAX_TRIALS; UsageFault where it cannot be read, or no trial in it has constants."""
    return tuple(_thinned(all_prior(path)))


def all_prior(path: str) -> list[PriorTrial]:
    """The same without a limit."""
    name, _, study = path.partition("#")
    try:
        found = list(_read(Path(name), study or None))
    except ValidationError as error:
        raise UsageFault(
            f"{path} has a trial that cannot be: {reason_of(error)}", f"$EDITOR {name}"
        ) from None
    if not found:
        message = f"{path} has no trial with a score or a failure beside its constants"
        hint = "; what stands in a results.tsv of karpathy/autoresearch is prose, and teaches no method"
        raise UsageFault(
            message + hint, "autoresearch export --format jsonl   # what one looks like"
        )
    return found


def _read(path: Path, study: str | None) -> Iterator[PriorTrial]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageFault(f"{path} is larger than {MAX_BYTES >> 20} MiB", f"ls -lh '{path}'")
        data = path.read_bytes()
    except OSError as error:
        raise UsageFault(f"cannot read {path}: {error.strerror}", f"ls -l '{path}'") from None
    if data.startswith(SQLITE):
        yield from _of_optuna(path, study)
        return
    text = data.decode("utf-8-sig", "replace")
    for number, record in enumerate(
        _records(_parsed(text) if text.lstrip()[:1] in ("{", "[") else _rows(text))
    ):
        if (trial := _own(record) or _trial(number, record)) is not None:
            yield trial


def _thinned(trials: Sequence[PriorTrial]) -> Sequence[PriorTrial]:
    if len(trials) <= MAX_TRIALS:
        return trials
    scores = sorted(
        (t.outcome, place) for place, t in enumerate(trials) if not isinstance(t.outcome, str)
    )
    best = {place for _, place in scores[:BEST]}
    others = [place for place in range(len(trials)) if place not in best]
    step = len(others) / (MAX_TRIALS - len(best))
    kept = best | {others[int(n * step)] for n in range(MAX_TRIALS - len(best))}
    return [trial for place, trial in enumerate(trials) if place in kept]


# ---------------------------------------------------------------- text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return [record for line in text.splitlines() if (record := _line(line)) is not None]


def _line(line: str) -> Any:
    """A line of JSON; None for one that is torn, as the last one of a killed program is."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _rows(text: str) -> list[dict[str, Any]]:
    """A table's rows, numbers as numbers."""
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in header else ",")
    return [
        {name: _cell(cell) for name, cell in row.items() if name is not None and cell is not None}
        for row in reader
    ]


def _cell(cell: str) -> Any:
    """A cell as what JSON would make of it; text where it makes nothing of it."""
    if cell.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    given = {"True": True, "False": False}.get(cell, _line(cell))
    return cell if given is None else given


def _records(data: Any) -> Iterator[Mapping[str, Any]]:
    """The dictionaries with an outcome and constants, wherever they stand."""
    if isinstance(data, dict):
        if any(name in data for name in (*SCORES, *STATUSES)) and _constants(data):
            yield data
            return
        data = list(data.values())
    for part in data if isinstance(data, list) else ():
        yield from _records(part)


def _own(record: Mapping[str, Any]) -> PriorTrial | None:
    """A line of our own jsonl; None for anything else, and for a trial that was never scored and did not fail."""
    try:
        trial = Trial.model_validate(record)
    except ValidationError:
        return None
    outcome = (
        trial.value if trial.status in SCORED else trial.status if trial.status in FAILED else None
    )
    if outcome is None:
        return None
    curve = trial.result.curve if trial.result else ()
    return PriorTrial(
        number=trial.number,
        configuration=trial.configuration,
        outcome=cast(float | Failure, outcome),
        curve=curve,
    )


def _trial(number: int, record: Mapping[str, Any]) -> PriorTrial | None:
    outcome = _outcome(record)
    if outcome is None:
        return None
    return PriorTrial(
        number=number,
        configuration=_constants(record),
        outcome=outcome,
        curve=_curve(record.get("curve")),
    )


def _constants(record: Mapping[str, Any]) -> Configuration:
    for name in CONSTANTS:
        if isinstance(record.get(name), dict):
            return _values(record[name])
    loud = {name: value for name, value in record.items() if name.isupper()}
    return _values(loud or {name: value for name, value in record.items() if name not in ABOUT})


def _values(given: Mapping[str, Any]) -> Configuration:
    return {str(name): cast(Value, value) for name, value in given.items() if _is_value(value)}


def _is_value(value: object) -> bool:
    return (
        isinstance(value, bool | int)
        or (isinstance(value, str) and value != "")
        or _is_finite(value)
    )


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _outcome(record: Mapping[str, Any]) -> float | Failure | None:
    """A score, or a failure; None where it says neither (it still runs, or was pruned)."""
    status = next(
        (str(record[name]).lower() for name in STATUSES if record.get(name) is not None), ""
    )
    if status in WENT_WRONG:
        return cast(Failure, status) if status in FAILED else "crash"
    name = next((name for name in SCORES if _is_number(record.get(name))), None)
    if name is None or status not in WENT_WELL:
        return None
    value = float(record[name])
    absurd = not math.isfinite(value) or (name == "val_bpb" and not LEAST_BPB < value < MOST_BPB)
    return "crash" if absurd else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _curve(given: Any) -> tuple[tuple[float, float], ...]:
    points = given if isinstance(given, list) else []
    pairs = [
        (float(p[0]), float(p[1]))
        for p in points
        if isinstance(p, list) and len(p) == 2 and all(map(_is_number, p))
    ]
    return tuple(pair for pair in pairs if math.isfinite(sum(pair)))[:MAX_CURVE_POINTS]


# ---------------------------------------------------------------- optuna


def _of_optuna(path: Path, study: str | None) -> Iterator[PriorTrial]:
    """The finished trials of a study."""
    from optuna.study import (
        StudyDirection,  # optuna takes longer to import than `autoresearch log` takes to answer
    )
    from optuna.trial import TrialState

    try:
        directions, trials = _loaded(path, study)
    except UsageFault:
        raise
    except Exception as error:  # sqlite3's, SQLAlchemy's and optuna's own: whatever is wrong with a file that is not ours
        message = f"cannot read {path} as an optuna storage: {' '.join(str(error).split())[:300]}"
        raise UsageFault(message, f"optuna studies --storage 'sqlite:///{path}'") from None
    if directions != [StudyDirection.MINIMIZE]:
        raise UsageFault(
            f"the study in {path} does not minimise one value",
            f"optuna studies --storage 'sqlite:///{path}'",
        )
    for trial in trials:
        known = trial.user_attrs.get("configuration")
        constants = _values({**(known if isinstance(known, dict) else {}), **trial.params})
        if trial.state == TrialState.FAIL:
            status = trial.user_attrs.get("status")
            yield PriorTrial(
                number=trial.number,
                configuration=constants,
                outcome=status if status in FAILED else "crash",
            )
        elif (
            trial.state == TrialState.COMPLETE
            and trial.value is not None
            and math.isfinite(trial.value)
        ):
            yield PriorTrial(number=trial.number, configuration=constants, outcome=trial.value)


def _loaded(path: Path, study: str | None) -> tuple[list[Any], list[Any]]:
    """Directions and trials of the study called `study`, or of the only one; from a copy, since opening a storage may write."""
    import optuna

    with tempfile.TemporaryDirectory(prefix="autoresearch-warm-") as folder:
        copy = Path(folder) / "study.db"
        original = f"{path.absolute().as_uri()}?mode=ro"
        with (
            closing(sqlite3.connect(original, uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        storage = optuna.storages.RDBStorage(f"sqlite:///{copy}")
        try:
            names = [known.study_name for known in storage.get_all_studies()]
            name = study or (names[0] if len(names) == 1 else None)
            if name not in names:
                message = f"{path} holds {len(names)} studies: {', '.join(names) or 'none'}"
                raise UsageFault(
                    message, f"autoresearch start --warm '{path}#{names[0] if names else 'STUDY'}'"
                )
            loaded = optuna.load_study(study_name=name, storage=storage)
            return list(loaded.directions), list(loaded.trials)
        finally:
            storage.engine.dispose()
