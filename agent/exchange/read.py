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

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any, cast

from pydantic import ValidationError

from agent.errors import UsageFault
from agent.exchange.storage import SQLITE, finished_trials
from agent.exchange.texts import TooMuch, json_values, rows
from agent.history.history import History
from agent.history.prior import as_prior, priors_of
from agent.records.bounded import MAX_ITEMS, MAX_PARTS, is_number, reason_of
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
MAX_BYTES = 64 << 20


def read_prior(path: str, objective: Objective = VAL_BPB) -> tuple[PriorTrial, ...]:
    """Return the trials in a file with their scores of this metric, at most MAX_TRIALS.

    Raise UsageFault if it cannot be read, has no trial with constants, or is of a run of another
    metric.
    """
    return tuple(_thinned(all_prior(path, objective), objective.sense))


def all_prior(path: str, objective: Objective = VAL_BPB) -> list[PriorTrial]:
    """Return all trials in a file; raise UsageFault as `read_prior` does."""
    name, _, study = path.partition("#")
    trials: list[PriorTrial] = []
    constants = 0
    try:
        for trial in _read(Path(name), study or None, objective):
            trials.append(trial)
            constants += len(trial.configuration)
            if len(trials) > MAX_ITEMS or constants > MAX_PARTS:
                raise TooMuch(f"{MAX_ITEMS} trials or {MAX_PARTS} constants")
    except TooMuch as error:
        message = f"{path} has more than {error}"
        raise UsageFault(message, f"ls -l {quote(name)}   # a part of it will do") from None
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
        message = f"cannot read {path}: {error.strerror}"
        raise UsageFault(message, f"ls -l {quote(str(path))}") from None
    if data.startswith(SQLITE):
        del data
        yield from _of_optuna(path, study, objective)
        return
    text = data.decode("utf-8-sig", "replace")
    del data
    is_json = text.lstrip()[:1] in ("{", "[")
    names = scores_of(objective)
    parsed = json_values(text) if is_json else rows(text)
    yield from _trials_in(parsed, names, path, objective)


def _trials_in(
    parsed: Iterable[Any], names: Sequence[str], path: Path, objective: Objective
) -> Iterator[PriorTrial]:
    """Yield the trials among what a file holds."""
    records = chain.from_iterable(_records(part, names) for part in parsed)
    for number, record in enumerate(records):
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


def _records(data: Any, scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the dictionaries with an outcome and constants, wherever they are."""
    waiting = [data]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if any(name in part for name in (*scores, *STATUSES)) and _constants(part):
                yield part
                continue
            part = list(part.values())
        if isinstance(part, list):
            waiting += reversed(part)


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
    # Names that all trials have are kept once.
    return {
        sys.intern(name): cast(Value, value) for name, value in given.items() if _is_value(value)
    }


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
    value = _float(record[name])
    absurd = not math.isfinite(value) or (
        name == VAL_BPB.metric and not LEAST_BPB < value < MOST_BPB
    )
    return "crash" if absurd else value


def _curve(given: Any) -> tuple[tuple[float, float], ...]:
    points = given if isinstance(given, list) else []
    pairs = [(_float(point[0]), _float(point[1])) for point in points if _is_point(point)]
    return tuple(pair for pair in pairs if math.isfinite(sum(pair)))[:MAX_CURVE_POINTS]


def _float(number: float) -> float:
    """Return a number as a float; infinity for a whole number that none can hold."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


# ---------------------------------------------------------------- optuna


def _of_optuna(path: Path, study: str | None, objective: Objective) -> Iterator[PriorTrial]:
    """Yield the finished trials of a study."""
    for trial in finished_trials(path, study, objective.direction):
        recorded = trial.user_attrs.get("configuration")
        fixed = recorded if isinstance(recorded, dict) else {}
        outcome: float | Failure = trial.value
        if trial.state.name == "FAIL":
            status = trial.user_attrs.get("status")
            outcome = cast(Failure, status) if status in FAILED else "crash"
        constants = _values({**fixed, **trial.params})
        yield PriorTrial(number=trial.number, configuration=constants, outcome=outcome)
