"""Reads prior trials, of other runs and tools, for `start --warm` and `bench --past`.

The content of a file decides what it is:
- optuna's SQLite storage (`autoresearch export --format optuna`, or anybody's); one of several
  studies is FILE#STUDY;
- JSON or JSON lines: records anywhere in it, each with a score or a failure, and its constants in a
  dictionary or beside the score; if some are in capitals, options or named with their file, only
  those (our own jsonl; autoresearch-automl's trials.json, a list for each method and seed;
  neuropt's log);
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
from shlex import quote
from typing import Any, cast

from pydantic import ValidationError

from agent.errors import UsageFault
from agent.history.history import History
from agent.history.prior import as_prior, priors_of
from agent.records.bounded import is_number, reason_of
from agent.records.objective import VAL_BPB, Objective, Sense
from agent.records.proposals import Configuration, Value
from agent.records.results import FAILED, MAX_CURVE_POINTS, SCORED, Failure, PriorTrial, Trial
from sandbox.ground.plain_files import named_file
from sandbox.ground.text import one_line

SCORES = (VAL_BPB.metric, "value", "score", "loss", "objective")
"""Under which a file has its scores; a run of another metric looks for that one instead."""
CONSTANTS = ("configuration", "params", "config", "hyperparameters", "constants")
STATUSES = ("status", "state", "success")
WENT_WELL = SCORED | {"complete", "success", "ok", "true", ""}
WENT_WRONG = FAILED | {"fail", "failed", "crashed", "error", "false"}
# Names beside scores in such files that are no constants.
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
# Tools write these as the val_bpb of a failure: upstream 0.0, autoresearch-automl 100.0.
LEAST_BPB = 0.0
MOST_BPB = 100.0
# A longer history costs more time at each proposal than it teaches: the best are kept, and of the
# others every n-th.
MAX_TRIALS = 1000
BEST = 200
MAX_BYTES = 256 << 20
SQLITE = b"SQLite format 3\0"


def read_prior(path: str, objective: Objective = VAL_BPB) -> tuple[PriorTrial, ...]:
    """Return the trials in a file with their scores of this metric, at most MAX_TRIALS.

    Raise UsageFault if it cannot be read, has no trial with constants, or is of a run of another
    metric.
    """
    return tuple(_thinned(all_prior(path, objective), objective.sense))


def all_prior(path: str, objective: Objective = VAL_BPB) -> list[PriorTrial]:
    """Return all trials in a file; raise UsageFault as `read_prior` does."""
    name, _, study = path.partition("#")
    try:
        trials = list(_read(Path(name), study or None, objective))
    except ValidationError as error:
        raise UsageFault(
            f"{path} has an invalid trial: {reason_of(error)}", f"$EDITOR {quote(name)}"
        ) from None
    if not trials:
        raise UsageFault(
            f"{path} has no trial with a score or a failure beside its constants; a results.tsv "
            "of karpathy/autoresearch describes trials in prose, without constants",
            "autoresearch export --format jsonl   # an example of a file that works",
        )
    return trials


def _read(path: Path, study: str | None, objective: Objective) -> Iterator[PriorTrial]:
    try:
        data = named_file(path, MAX_BYTES)
    except OSError as error:
        raise UsageFault(
            f"cannot read {path}: {error.strerror}", f"ls -l {quote(str(path))}"
        ) from None
    if data.startswith(SQLITE):
        yield from _of_optuna(path, study, objective)
        return
    text = data.decode("utf-8-sig", "replace")
    is_json = text.lstrip()[:1] in ("{", "[")
    names = scores_of(objective)
    parsed = _parsed(text) if is_json else _rows(text)
    for number, record in enumerate(_records(parsed, names)):
        own = _own(record)
        if own is not None:
            _refuse_other(path, _objective_of(record), objective)
        trial = own or _trial(number, record, names)
        if trial is not None:
            yield trial


def scores_of(objective: Objective) -> tuple[str, ...]:
    """Return the names under which a file may have scores of this metric, the surest first."""
    if objective.metric == VAL_BPB.metric:
        return SCORES
    others = [name for name in SCORES if name != VAL_BPB.metric]
    if objective.direction == "maximize":
        others.remove("loss")
    return (objective.metric, *others)


def _objective_of(record: Mapping[str, Any]) -> Objective:
    """Return the objective that a line of our own jsonl names; val_bpb where it names none."""
    return Objective.model_validate(record.get("objective", VAL_BPB.model_dump()))


def prior_of_run(history: History, objective: Objective) -> tuple[PriorTrial, ...]:
    """Return the trials of a run, on the data that it has now, for one of this objective.

    Raise UsageFault if it has none yet, or measures another metric.
    """
    _refuse_other(history.branch, history.run.goal, objective)
    trials = priors_of(history.comparable)
    if not trials:
        raise UsageFault(
            f"{history.branch} has no trial with a score or a failure yet.",
            "autoresearch start   # without --warm",
        )
    return tuple(_thinned(trials, objective.sense))


def _refuse_other(path: Path | str, theirs: Objective, ours: Objective) -> None:
    if (theirs.metric, theirs.direction) != (ours.metric, ours.direction):
        raise UsageFault(
            f"{path} is of a run of {one_line(theirs.metric)}, {theirs.better}; this one measures "
            f"{one_line(ours.metric)}, {ours.better}",
            "autoresearch start   # without --warm",
        )


def _thinned(trials: Sequence[PriorTrial], sense: Sense) -> Sequence[PriorTrial]:
    """Return the best trials, and others evenly spread, in their order."""
    if len(trials) <= MAX_TRIALS:
        return trials
    places: dict[int, float] = {}
    for place, trial in enumerate(trials):
        if not isinstance(trial.outcome, str) and sense.has(trial.outcome):
            places[place] = sense.loss(trial.outcome)
    best = set(sorted(places, key=lambda place: (places[place], place))[:BEST])
    others = [place for place in range(len(trials)) if place not in best]
    room = MAX_TRIALS - len(best)
    chosen = best | {others[n * len(others) // room] for n in range(room)}
    return [trials[place] for place in sorted(chosen)]


# ---------------------------------------------------------------- text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        records = map(_line, text.splitlines())
        return [record for record in records if record is not None]


def _line(line: str) -> Any:
    """Return a line of JSON; None if it is torn, like the last line of a killed program."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _rows(text: str) -> list[dict[str, Any]]:
    """Return the rows of a table, with numbers as numbers."""
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in header else ",")
    try:
        return [_cells(row) for row in reader]
    except csv.Error as error:
        message = f"a table that cannot be read: {error}"
        raise UsageFault(message, "autoresearch export --format tsv   # an example") from None


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of a row by column; a row may have more or fewer than the header."""
    return {name: _cell(cell) for name, cell in row.items() if None not in (name, cell)}


def _cell(cell: str) -> Any:
    """Return a cell as the value that it would be in JSON, else as text."""
    if cell.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    if cell in ("True", "False"):
        return cell == "True"
    value = _line(cell)
    return cell if value is None else value


def _records(data: Any, scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the dictionaries with an outcome and constants, wherever they are."""
    if isinstance(data, dict):
        if any(name in data for name in (*scores, *STATUSES)) and _constants(data):
            yield data
            return
        data = list(data.values())
    for part in data if isinstance(data, list) else ():
        yield from _records(part, scores)


def _own(record: Mapping[str, Any]) -> PriorTrial | None:
    """Return a line of our own jsonl; None for anything else, and for a trial without outcome."""
    try:
        fields = {name: value for name, value in record.items() if name != "objective"}
        trial = Trial.model_validate(fields)
    except ValidationError:
        return None
    return as_prior(trial)


def _trial(number: int, record: Mapping[str, Any], scores: Sequence[str]) -> PriorTrial | None:
    outcome = _outcome(record, scores)
    if outcome is None:
        return None
    constants = {name: value for name, value in record.items() if name not in scores}
    return PriorTrial(
        number=number,
        configuration=_constants(constants),
        outcome=outcome,
        curve=_curve(record.get("curve")),
    )


def _constants(record: Mapping[str, Any]) -> Configuration:
    for name in CONSTANTS:
        if isinstance(record.get(name), dict):
            return _values(record[name])
    named = {name: value for name, value in record.items() if _is_constant(name)}
    if named:
        return _values(named)
    return _values({name: value for name, value in record.items() if name not in ABOUT})


def _is_constant(name: str) -> bool:
    """Return whether only a constant is called so: LR, `--lr`, `conf/base.yaml:optim.lr`."""
    return name.isupper() or name.startswith("--") or ":" in name


def _values(given: Mapping[str, Any]) -> Configuration:
    return {str(name): cast(Value, value) for name, value in given.items() if _is_value(value)}


def _is_value(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int) or (isinstance(value, str) and value != "")


def _outcome(record: Mapping[str, Any], scores: Sequence[str]) -> float | Failure | None:
    """Return a score or a failure; None for a trial that has neither (running, or pruned)."""
    statuses = [record[name] for name in STATUSES if record.get(name) is not None]
    status = str(statuses[0]).lower() if statuses else ""
    if status in WENT_WRONG:
        return cast(Failure, status) if status in FAILED else "crash"
    name = next((name for name in scores if is_number(record.get(name))), None)
    if name is None or status not in WENT_WELL:
        return None
    value = float(record[name])
    absurd = not math.isfinite(value) or (
        name == VAL_BPB.metric and not LEAST_BPB < value < MOST_BPB
    )
    return "crash" if absurd else value


def _curve(given: Any) -> tuple[tuple[float, float], ...]:
    points = given if isinstance(given, list) else []
    pairs = [(float(point[0]), float(point[1])) for point in points if _is_point(point)]
    return tuple(pair for pair in pairs if math.isfinite(sum(pair)))[:MAX_CURVE_POINTS]


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


# ---------------------------------------------------------------- optuna


def _of_optuna(path: Path, study: str | None, objective: Objective) -> Iterator[PriorTrial]:
    """Yield the finished trials of a study."""
    # Imported here: optuna takes longer to import than `autoresearch log` takes to answer.
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    try:
        directions, trials = _loaded(path, study)
    except UsageFault:
        raise
    except Exception as error:  # of sqlite3, SQLAlchemy or optuna, about a file that is not ours
        message = f"cannot read {path} as an optuna storage: {one_line(str(error))}"
        raise UsageFault(
            message, f"optuna studies --storage {quote(f'sqlite:///{path}')}"
        ) from None
    if directions != [StudyDirection[objective.direction.upper()]]:
        raise UsageFault(
            f"the study in {path} does not {objective.direction.replace('z', 's')} one value",
            f"optuna studies --storage {quote(f'sqlite:///{path}')}",
        )
    for trial in trials:
        recorded = trial.user_attrs.get("configuration")
        fixed = recorded if isinstance(recorded, dict) else {}
        outcome: float | Failure | None = None
        if trial.state == TrialState.FAIL:
            status = trial.user_attrs.get("status")
            outcome = cast(Failure, status) if status in FAILED else "crash"
        elif trial.state == TrialState.COMPLETE and math.isfinite(trial.value or 0.0):
            outcome = trial.value
        if outcome is not None:
            constants = _values({**fixed, **trial.params})
            yield PriorTrial(number=trial.number, configuration=constants, outcome=outcome)


def _loaded(path: Path, study: str | None) -> tuple[list[Any], list[Any]]:
    """Return directions and trials of the study called `study`, or of the only one.

    They are read from a copy: opening a storage may write to it.
    """
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
