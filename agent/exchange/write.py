"""A run's trials as tables for other programs: upstream's results.tsv, JSON lines, and CSV."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.display.format import USUAL
from agent.records.objective import VAL_BPB, Objective
from agent.records.results import Claim, Result, Status, Trial, also_of

# karpathy/autoresearch's format has three ways for a trial to end. A refused proposal has no row,
# as nothing ran; nor has a pruned training, which would read as a score of 0, nor a suspect trial,
# whose score is not believed.
_UPSTREAM: Mapping[Status, str] = {
    "baseline": "keep",
    "keep": "keep",
    "simplify": "keep",
    "discard": "discard",
    "crash": "crash",
    "oom": "crash",
    "timeout": "crash",
    "invalid": "crash",
    "over-limit": "crash",
}


def tsv(trials: Sequence[Trial], objective: Objective = VAL_BPB) -> str:
    """Return upstream's results.tsv; a crash has the score 0.000000, as in that format.

    Its second column has the metric's name, which is always val_bpb over there.
    Adopted trials come first, with the scores that their own results.tsv claimed.
    """
    header = f"commit\t{cell_text(objective.metric)}\tmemory_gb\tstatus\tdescription"
    claims = [
        _claimed_row(trial, trial.claim) for trial in trials if trial.claim and trial.claim.verdict
    ]
    rows = [
        _tsv_row(trial, trial.result)
        for trial in trials
        if trial.result and trial.status in _UPSTREAM
    ]
    return "\n".join([header, *claims, *rows]) + "\n"


def _tsv_row(trial: Trial, result: Result) -> str:
    numbers = "0.000000\t0.0"
    if trial.value is not None:
        numbers = f"{USUAL.score(trial.value)}\t{_memory_mb(result) / 1024:.1f}"
    hypothesis = cell_text(trial.proposal.hypothesis)
    return f"{trial.attempt[:7]}\t{numbers}\t{_UPSTREAM[trial.status]}\t{hypothesis}"


def _claimed_row(trial: Trial, claim: Claim) -> str:
    """Return the row that an adopted trial had in its own results.tsv."""
    numbers = f"{USUAL.score(claim.score or 0.0)}\t{claim.memory_gb or 0.0:.1f}"
    hypothesis = cell_text(trial.proposal.hypothesis)
    return f"{claim.commit[:8]}\t{numbers}\t{claim.verdict}\t{hypothesis}"


def _memory_mb(result: Result) -> float:
    """Return the accelerator's peak as train.py printed it, else the measured processes'."""
    printed = result.facts.get("peak_vram_mb")
    if isinstance(printed, int | float) and printed > 0:
        return float(printed)
    return result.peak_memory_mb or 0.0


def jsonl(trials: Sequence[Trial], objective: Objective = VAL_BPB) -> str:
    """Return one trial per line, with every field of agent/records/results.py's Trial; ASCII.

    A run of another metric than val_bpb has its objective in each line.
    """
    if objective != VAL_BPB:
        about = {"objective": objective.model_dump(mode="json", exclude_defaults=True)}
        return "".join(json.dumps(about | trial.model_dump(mode="json")) + "\n" for trial in trials)
    return "".join(json.dumps(trial.model_dump(mode="json")) + "\n" for trial in trials)


def flat_csv(trials: Sequence[Trial], objective: Objective = VAL_BPB) -> str:
    """Return one trial per row, for spreadsheets; changes and configuration are JSON.

    The score's column has the metric's name; metrics that are not judged are `also.NAME`.
    """
    file = io.StringIO()
    columns = _columns(objective)
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([cell_text(name) for name in columns])
    for trial in trials:
        writer.writerow([cell_of(read(trial)) for read in columns.values()])
    return file.getvalue()


def flat_records(trials: Sequence[Trial], objective: Objective = VAL_BPB) -> list[dict[str, Any]]:
    """Return a record for each trial: the columns of the CSV, each constant in one of its own."""
    records = []
    columns = _columns(objective)
    for trial in trials:
        record = {name: read(trial) for name, read in columns.items() if name != "configuration"}
        constants = {f"config.{name}": value for name, value in trial.configuration.items()}
        records.append({**record, **constants})
    return records


def _columns(objective: Objective) -> dict[str, Callable[[Trial], Any]]:
    """Return what reads each column; the score's is `score` where its name is another column's."""
    name = objective.metric if objective.metric not in _COLUMNS else "score"
    columns = {(name if key == "score" else key): read for key, read in _COLUMNS.items()}
    return columns | {f"also.{other}": _also(other) for other in objective.further}


def _also(name: str) -> Callable[[Trial], Any]:
    return lambda trial: also_of(trial).get(name)


def _of_result(name: str) -> Callable[[Trial], Any]:
    return lambda trial: getattr(trial.result, name) if trial.result else None


def _of_provenance(name: str) -> Callable[[Trial], Any]:
    return lambda trial: getattr(trial.proposal.by, name)


_COLUMNS: Mapping[str, Callable[[Trial], Any]] = {
    "number": lambda trial: trial.number,
    "status": lambda trial: trial.status,
    "score": lambda trial: trial.value,
    "delta": lambda trial: trial.delta,
    "recheck": _of_result("recheck"),
    "seconds": _of_result("seconds"),
    "score_seconds": _of_result("score_seconds"),
    "peak_memory_mb": _of_result("peak_memory_mb"),
    "parameters": _of_result("parameters"),
    "tier": _of_result("tier"),
    **{
        name: _of_provenance(name)
        for name in ("method", "origin", "model", "input_tokens", "output_tokens", "cost")
    },
    "hypothesis": lambda trial: trial.proposal.hypothesis,
    "reason": lambda trial: trial.reason,
    "changes": lambda trial: json.dumps(
        {change.name: [change.before, change.after] for change in trial.changes}
    ),
    "touched": lambda trial: "; ".join(map(str, trial.touched)),
    "configuration": lambda trial: json.dumps(trial.configuration),
    "attempt": lambda trial: trial.attempt,
    "verdict": lambda trial: trial.verdict,
    "claim": lambda trial: trial.claim.model_dump_json(exclude_none=True) if trial.claim else None,
    "at": lambda trial: trial.at,
}


def cell_text(text: str) -> str:
    """Return text of others as one line for a table.

    It gets an apostrophe in front where a spreadsheet would take it for a formula.
    """
    line = USUAL.line(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def cell_of(value: Any) -> Any:
    """Return a value for a table: text by `cell_text`, anything else as it is."""
    return cell_text(value) if isinstance(value, str) else value


FORMATS: Mapping[str, Callable[[Sequence[Trial], Objective], str]] = {
    "tsv": tsv,
    "jsonl": jsonl,
    "csv": flat_csv,
}
