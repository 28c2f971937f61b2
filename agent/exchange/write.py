"""A run's trials as tables for other programs: upstream's results.tsv, JSON lines, and CSV."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.display.format import Formatter
from agent.records.results import Claim, Result, Status, Trial

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
}


def tsv(trials: Sequence[Trial]) -> str:
    """Return upstream's results.tsv; a crash has the score 0.000000, as in that format.

    Adopted trials come first, with the scores that their own results.tsv claimed.
    """
    header = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
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
        numbers = f"{trial.value:.6f}\t{_memory_mb(result) / 1024:.1f}"
    hypothesis = _inert(Formatter().line(trial.proposal.hypothesis))
    return f"{trial.attempt[:7]}\t{numbers}\t{_UPSTREAM[trial.status]}\t{hypothesis}"


def _claimed_row(trial: Trial, claim: Claim) -> str:
    """Return the row that an adopted trial had in its own results.tsv."""
    numbers = f"{claim.score or 0.0:.6f}\t{claim.memory_gb or 0.0:.1f}"
    hypothesis = _inert(Formatter().line(trial.proposal.hypothesis))
    return f"{claim.commit[:8]}\t{numbers}\t{claim.verdict}\t{hypothesis}"


def _memory_mb(result: Result) -> float:
    """Return the accelerator's peak as train.py printed it, else the measured processes'."""
    printed = result.facts.get("peak_vram_mb")
    if isinstance(printed, int | float) and printed > 0:
        return float(printed)
    return result.peak_memory_mb or 0.0


def jsonl(trials: Sequence[Trial]) -> str:
    """Return one trial per line, with every field of agent/records/results.py's Trial; ASCII."""
    return "".join(json.dumps(trial.model_dump(mode="json")) + "\n" for trial in trials)


def flat_csv(trials: Sequence[Trial]) -> str:
    """Return one trial per row, for spreadsheets; changes and configuration are JSON."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(_COLUMNS), lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        writer.writerow({name: _cell(read(trial)) for name, read in _COLUMNS.items()})
    return file.getvalue()


def flat_records(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return a record for each trial: the columns of the CSV, each constant in one of its own."""
    records = []
    for trial in trials:
        record = {name: read(trial) for name, read in _COLUMNS.items() if name != "configuration"}
        constants = {f"config.{name}": value for name, value in trial.configuration.items()}
        records.append({**record, **constants})
    return records


def _of_result(name: str) -> Callable[[Trial], Any]:
    return lambda trial: getattr(trial.result, name) if trial.result else None


def _of_provenance(name: str) -> Callable[[Trial], Any]:
    return lambda trial: getattr(trial.proposal.by, name)


_COLUMNS: Mapping[str, Callable[[Trial], Any]] = {
    "number": lambda trial: trial.number,
    "status": lambda trial: trial.status,
    "val_bpb": lambda trial: trial.value,
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


def _cell(value: Any) -> Any:
    return _inert(Formatter().line(value)) if isinstance(value, str) else value


def _inert(text: str) -> str:
    """Return `text` with an apostrophe if a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


FORMATS: Mapping[str, Callable[[Sequence[Trial]], str]] = {
    "tsv": tsv,
    "jsonl": jsonl,
    "csv": flat_csv,
}
