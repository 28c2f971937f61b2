"""A trial, a proposal or a constant in one line, as prompts show it."""

from collections.abc import Sequence
from statistics import fmean

from agent.propose.views.digest import listed, subject_of
from agent.propose.views.signals import tokens_per_second
from agent.records.edits import RenameFile, SetConstant
from agent.records.objective import Sense, score_text
from agent.records.proposals import Proposal, Value
from agent.records.results import Result, Trial
from agent.space import Parameter
from sandbox.ground.text import shortened

MAX_CLAIM_CHARACTERS = 200
MAX_REASON_CHARACTERS = 300
MAX_CHANGES_CHARACTERS = 300
CURVE_POINTS = 10
MAX_ALSO = 8
"""Further metrics in a line."""
MAX_ALSO_CHARACTERS = 60


def trial_line(trial: Trial, sense: Sense) -> str:
    """Return the number, verdict, score, changes, measurements, hypothesis and reason of a trial.

    `#8 keep 0.974729 (-0.006174, expected -0.004) LR 0.6 → 0.8 [9 MB] "raise it": better by …`
    """
    verdict = f"#{trial.number} {trial.status}"
    if trial.value is not None:
        verdict += f" {score_text(trial.value)}"
    parts = [
        verdict,
        _delta_text(trial, sense),
        _changes_text(trial),
        facts_text(trial),
        _claim(trial),
    ]
    return " ".join(part for part in parts if part)


def _delta_text(trial: Trial, sense: Sense) -> str:
    """Return the change of the metric and the expected one, in the metric's direction."""
    parts = []
    if trial.delta is not None:
        parts.append(sense.change_text(trial.delta))
    if trial.proposal.expected is not None:
        parts.append(f"expected {_expected_text(trial.proposal.expected, sense)}")
    return f"({', '.join(parts)})" if parts else ""


def _expected_text(expected: float, sense: Sense) -> str:
    """Return an expected difference of losses as a change of the metric."""
    if sense.scale == "linear":
        return f"{sense.change(expected):+g}"
    return sense.change_text(expected)


def _changes_text(trial: Trial) -> str:
    """Return the changed constants, then the edits of code."""
    parts = [
        f"{change.name} {_shown(change.before)} → {_shown(change.after)}"
        for change in trial.changes
    ]
    parts += _edit_texts(trial.proposal, code_only=bool(trial.changes))
    return listed(parts, MAX_CHANGES_CHARACTERS)


def _claim(trial: Trial) -> str:
    proposal = trial.proposal
    claim = f'"{shortened(proposal.hypothesis, MAX_CLAIM_CHARACTERS)}"'
    if proposal.by.repairs is not None:
        claim += f" (corrects #{proposal.by.repairs})"
    if trial.claim:
        return f"{claim}: they say {trial.claim}"
    return f"{claim}: {shortened(trial.reason, MAX_REASON_CHARACTERS)}"


def facts_text(trial: Trial) -> str:
    """Return `[12.5M parameters, 35000 tokens/s, 512 MB, latency_ms 21.5]`.

    The harness measures parameters and memory; the rest is what the run prints.
    """
    result = trial.result
    if result is None:
        return ""
    facts = []
    if result.parameters:
        facts.append(f"{result.parameters / 1e6:.3g}M parameters")
    speed = tokens_per_second(result)
    if speed is not None:
        facts.append(f"{speed:.3g} tokens/s")
    if result.peak_memory_mb:
        facts.append(f"{result.peak_memory_mb:.0f} MB")
    facts += [f"{name} {value:.6g}" for name, value in _also(result).items()]
    return f"[{', '.join(facts)}]" if facts else ""


def _also(result: Result) -> dict[str, float]:
    """Return the further metrics of a trial's own runs, each the mean of them."""
    values: dict[str, list[float]] = {}
    for score in result.own:
        for name, value in score.also.items():
            values.setdefault(shortened(name, MAX_ALSO_CHARACTERS), []).append(value)
    first = list(values)[:MAX_ALSO]
    return {name: fmean(values[name]) for name in first}


def pending_line(proposal: Proposal) -> str:
    """Return `"raise the embedding's rate": set_constant EMBEDDING_LR 0.8`."""
    claim = shortened(proposal.hypothesis, MAX_CLAIM_CHARACTERS)
    edits = listed(_edit_texts(proposal), MAX_CHANGES_CHARACTERS)
    return f'"{claim}": {edits}'


def curve_line(trial: Trial, remarks: Sequence[str]) -> str:
    """Return `#8 keep 50%:2.1 100%:1.9 | plateau`: a training loss with what it shows."""
    points = trial.result.curve if trial.result else ()
    step = max(1, -(-len(points) // CURVE_POINTS))
    shown = points[::-1][::step][::-1]  # always with the last one
    losses = " ".join(f"{fraction:.0%}:{loss:.4g}" for fraction, loss in shown)
    line = f"#{trial.number} {trial.status} {losses}"
    return f"{line} | {'; '.join(remarks)}" if remarks else line


def knob_line(parameter: Parameter) -> str:
    """Return `MATRIX_LR = 0.04 [0.005 .. 0.2 log]`."""
    if parameter.kind == "categorical":
        span = " | ".join(map(str, parameter.choices))
    else:
        span = f"{parameter.low:g} .. {parameter.high:g}"
        if parameter.power_of_two:
            span += " pow2"
        elif parameter.log:
            span += " log"
    return shortened(f"{parameter.name} = {parameter.default} [{span}]", MAX_CHANGES_CHARACTERS)


def _edit_texts(proposal: Proposal, code_only: bool = False) -> list[str]:
    """Return the edits by kind and place; constants with their new value."""
    texts = []
    for edit in proposal.edits:
        if isinstance(edit, SetConstant):
            if not code_only:
                texts.append(f"set_constant {subject_of(edit)} {edit.value}")
            continue
        subject = subject_of(edit)
        where = f" {subject}" if subject != edit.kind else ""
        to = f" to {edit.to}" if isinstance(edit, RenameFile) else ""
        texts.append(f"{edit.kind}{where}{to}")
    return texts


def _shown(value: Value | None) -> str:
    return "(none)" if value is None else str(value)
