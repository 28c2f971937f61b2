"""Writes the prompt of the code method: what stays the same first, what others wrote fenced, escaped and capped."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.judge import noise_of
from agent.propose.context import Context
from agent.records import KEPT, Proposal, Trial

MAX_PROGRAM_CHARACTERS = 20_000
# About six thousand tokens: a night's ledger in one line a trial, and the prompt stays flat however long the run.
MAX_LEDGER_CHARACTERS = 24_000
MAX_CLAIM_CHARACTERS = 200
MAX_REASON_CHARACTERS = 300
MAX_CHANGES_CHARACTERS = 300


def system_text(context: Context) -> str:
    """Role, rules and the researcher's brief: the same for a whole run."""
    template = _templates().get_template("system.j2")
    return template.render(budget=context.budget, program=context.program, program_limit=MAX_PROGRAM_CHARACTERS)


def source_text(context: Context) -> str:
    """The incumbent: the same until something is kept."""
    return _templates().get_template("source.j2").render(source=context.source)


def ledger_text(context: Context) -> str:
    """What was tried and what is being tried: another one for each proposal."""
    lines = _ledger_lines(context.trials, MAX_LEDGER_CHARACTERS)
    return (
        _templates()
        .get_template("ledger.j2")
        .render(
            noise=str(noise_of(context.trials)),
            best=next((f"{t.value:.6f}" for t in reversed(context.trials) if t.status in KEPT), None),
            lines=lines,
            omitted=len(context.trials) - len(lines),
            pending=[pending_line(proposal) for proposal in context.pending],
        )
    )


def trial_line(trial: Trial) -> str:
    """`#8 keep 0.974729 (-0.006174) EMBEDDING_LR 0.6 → 0.8 "raise the embedding's rate": better by …`"""
    score = f" {trial.value:.6f}" if trial.value is not None else ""
    delta = f" ({trial.delta:+.6f})" if trial.delta is not None else ""
    changes = ", ".join(f"{c.name} {_shown(c.before)} → {_shown(c.after)}" for c in trial.changes)
    changes = " " + _one_line(changes or _edits_line(trial.proposal), MAX_CHANGES_CHARACTERS)
    cost = f" [{trial.result.peak_memory_mb:.0f} MB]" if trial.result and trial.result.peak_memory_mb else ""
    claim = _one_line(trial.proposal.hypothesis, MAX_CLAIM_CHARACTERS)
    reason = _one_line(trial.reason, MAX_REASON_CHARACTERS)
    return f'#{trial.number} {trial.status}{score}{delta}{changes.rstrip()}{cost} "{claim}": {reason}'


def pending_line(proposal: Proposal) -> str:
    """`"raise the embedding's rate": set_constant EMBEDDING_LR`"""
    return f'"{_one_line(proposal.hypothesis, MAX_CLAIM_CHARACTERS)}": {_one_line(_edits_line(proposal), MAX_CHANGES_CHARACTERS)}'


def fenced(text: str, language: str = "", limit: int | None = None) -> str:
    """`text` between fences that it cannot close itself, without control characters, cut at `limit` characters."""
    clean = _printable(text)
    if limit is not None and len(clean) > limit:
        clean = f"{clean[:limit]}\n[cut: {len(clean) - limit} more characters]"
    longest = max((len(run) for run in re.findall(r"`+", clean)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{clean}\n{fence}"


def _ledger_lines(trials: tuple[Trial, ...], limit: int) -> list[str]:
    """As many trials as fit, in their order: the newest few first, then the kept ones, then the newest of the rest."""
    newest = list(reversed(trials))
    ranked = sorted(newest, key=lambda trial: (trial not in newest[:10], trial.status not in KEPT))
    chosen: dict[int, str] = {}
    for trial in ranked:
        line = trial_line(trial)
        limit -= len(line) + 1
        if limit < 0:
            break
        chosen[trial.number] = line
    return [chosen[number] for number in sorted(chosen)]


def _edits_line(proposal: Proposal) -> str:
    """The edits by kind and place, where no constant tells them."""
    pieces = []
    for edit in proposal.edits:
        place = getattr(edit, "name", None) or getattr(edit, "within", None) or getattr(edit, "after", None) or ""
        pieces.append(f"{edit.kind} {place}".strip())
    return ", ".join(pieces)


def _shown(value: object) -> str:
    return "(none)" if value is None else str(value)


def _one_line(text: str, limit: int) -> str:
    line = " ".join(_printable(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _printable(text: str) -> str:
    """Control characters (but newline and tab) written as escapes: they could hide text from the human who reads along."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


@cache
def _templates() -> Environment:
    # autoescape is for HTML; what must not escape here are fences, and the filter sees to them.
    environment = Environment(
        loader=PackageLoader("agent.propose", "prompts"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,
    )  # fmt: skip
    environment.filters["fenced"] = fenced
    return environment
