"""A run's trials as tables for other programs: karpathy/autoresearch's results.tsv, JSON lines, and CSV."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.display.format import Formatter
from agent.records.results import Claim, Result, Status, Trial

# That format knows three ways for a trial to end. A refused proposal has no row: nothing was run, as with an edit that
# upstream's agent thought better of; nor has a training that was given up, for it would read as a score of 0, nor a suspect,
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
    """results.tsv, column for column. A crash reads 0.000000 and 0.0, as that format has no other way; we never store it so."""
    rows = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription"]
    rows += [
        _tsv_row(trial, trial.result)
        for trial in trials
        if trial.result and trial.status in _UPSTREAM
    ]
    rows[1:1] = [
        _claimed_row(trial, trial.claim) for trial in trials if trial.claim and trial.claim.verdict
    ]
    return "\n".join(rows) + "\n"


def _tsv_row(trial: Trial, result: Result) -> str:
    scored = trial.value is not None
    gigabytes = _memory_mb(result) / 1024 if scored else 0.0
    value = trial.value if trial.value is not None else 0.0
    said = _inert(Formatter().line(trial.proposal.hypothesis))
    return f"{trial.attempt[:7]}\t{value:.6f}\t{gigabytes:.1f}\t{_UPSTREAM[trial.status]}\t{said}"


def _claimed_row(trial: Trial, claim: Claim) -> str:
    """What was adopted, as its own results.tsv had it; where nobody wrote one down, that format has no row for it."""
    said = _inert(Formatter().line(trial.proposal.hypothesis))
    return f"{claim.commit[:8]}\t{claim.score or 0.0:.6f}\t{claim.memory_gb or 0.0:.1f}\t{claim.verdict}\t{said}"


def _memory_mb(result: Result) -> float:
    """What upstream's column means: the accelerator's peak, as train.py says; without one, the processes' as measured."""
    said = result.facts.get("peak_vram_mb")
    on_device = isinstance(said, int | float) and said > 0
    return float(said) if on_device and said is not None else result.peak_memory_mb or 0.0


def jsonl(trials: Sequence[Trial]) -> str:
    """One trial a line, with every field of agent/records/records.py's Trial; ASCII."""
    return "".join(json.dumps(trial.model_dump(mode="json")) + "\n" for trial in trials)


def flat_csv(trials: Sequence[Trial]) -> str:
    """One trial a row, for spreadsheets: scalars as they are, changes and configuration as JSON."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(_COLUMNS), lineterminator="\n")
    writer.writeheader()
    for trial in trials:
        writer.writerow({name: _cell(read(trial)) for name, read in _COLUMNS.items()})
    return file.getvalue()


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
    "configuration": lambda trial: json.dumps(trial.configuration),
    "attempt": lambda trial: trial.attempt,
    "verdict": lambda trial: trial.verdict,
    "claim": lambda trial: trial.claim.model_dump_json(exclude_none=True) if trial.claim else None,
    "at": lambda trial: trial.at,
}


def _cell(value: Any) -> Any:
    return _inert(Formatter().line(value)) if isinstance(value, str) else value


def _inert(text: str) -> str:
    """`text` as a spreadsheet shows it: what begins like a formula is none behind an apostrophe."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


FORMATS: Mapping[str, Callable[[Sequence[Trial]], str]] = {
    "tsv": tsv,
    "jsonl": jsonl,
    "csv": flat_csv,
}
