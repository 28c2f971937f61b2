"""Writes the prompt of the code method: what stays the same first, what others wrote fenced, escaped and capped."""

import json
from collections.abc import Iterator, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.judge.decide import incumbent_of, noise_of
from agent.llm.model import CHARACTERS_A_TOKEN
from agent.propose.code.policy import plateau_of, subjects, turned_constants
from agent.propose.context import Context
from agent.propose.search.observe import fit, observe
from agent.propose.views.digest import digest, subject_of
from agent.propose.views.signals import signals, tokens_per_second
from agent.propose.views.tables import best_of, observation_line
from agent.propose.views.text import fenced, one_line
from agent.records.edits import SetConstant
from agent.records.proposals import Asked, Proposal, Value
from agent.records.results import KEPT, TAKEN, Trial
from agent.space import Parameter

MAX_PROGRAM_CHARACTERS = 20_000
# What the ledger may take of a prompt, however long the run: a night in a line a trial, or a thousand trials and their digest.
LEDGER_TOKENS = 12_000
DIGEST_SHARE, LINES_SHARE = 0.35, 0.42
# So few trials are read faster one by one than summed up.
DIGEST_FROM = 12
NEWEST = 10
CURVES_NEWEST, CURVES_BEST, CURVE_POINTS = 4, 2, 10
MAX_CLAIM_CHARACTERS = 200
MAX_REASON_CHARACTERS = 300
MAX_CHANGES_CHARACTERS = 300
MAX_PENDING = 8
FOREIGN_BEST = 5


def system_text(context: Context) -> str:
    """Role, rules and the researcher's brief: the same for a whole run."""
    template = _templates().get_template("system.j2")
    return template.render(
        budget=context.budget, program=context.program, program_limit=MAX_PROGRAM_CHARACTERS
    )


def source_text(context: Context) -> str:
    """The incumbent and its searchable constants: the same until something is kept."""
    knobs = [_knob(parameter) for parameter in context.space.parameters]
    return _templates().get_template("source.j2").render(source=context.source, knobs=knobs)


def ledger_text(context: Context) -> str:
    """What was tried and what is being tried, inside LEDGER_TOKENS: another one for each proposal."""
    room = LEDGER_TOKENS * CHARACTERS_A_TOKEN
    lines = _ledger_lines(context.trials, int(room * LINES_SHARE))
    best = incumbent_of(context.trials)
    template = _templates().get_template("ledger.j2")
    return template.render(
        noise=str(noise_of(context.trials)),
        best=best,
        facts=_facts(best) if best else "",
        lines=lines,
        claimed=any(trial.claim for trial in context.trials),
        suspects=any(trial.status == "suspect" for trial in context.trials),
        omitted=len(context.trials) - len(lines),
        digest=digest(context.trials, int(room * DIGEST_SHARE))
        if len(context.trials) > DIGEST_FROM
        else [],
        curves=_curves(context),
        pending=[pending_line(proposal) for proposal in context.pending[-MAX_PENDING:]],
        remaining=context.remaining,
        prior=_prior_lines(context),
    )


def mend_text(trial: Trial) -> str:
    """What is asked about a trial that failed: the same experiment without its mistake."""
    edits = _edits_json(trial.proposal)
    tail = trial.result.tail if trial.result else ""
    return _templates().get_template("mend.j2").render(trial=trial, edits=edits, tail=tail)


def explore_text(asked: Asked, context: Context) -> str:
    """What is asked for where nothing was kept for long, with the edits of the trials that it names."""
    named = [trial for trial in context.trials if trial.number in asked.trials]
    plateau = plateau_of(context.trials)
    return (
        _templates()
        .get_template("explore.j2")
        .render(
            asked=asked,
            named=sorted(named, key=lambda trial: asked.trials.index(trial.number)),
            edits={trial.number: _edits_json(trial.proposal) for trial in named},
            turned=turned_constants(plateau),
            subjects=", ".join(subjects(plateau)),
        )
    )


def again_text(refusals: Sequence[tuple[str, str, str]], last: bool) -> str:
    """What is said of drafts that were refused: (why, the draft, its language) each; last: there is one more chance only."""
    said = [{"why": why, "draft": draft, "language": language} for why, draft, language in refusals]
    return _templates().get_template("again.j2").render(refusals=said, last=last)


def trial_line(trial: Trial) -> str:
    """`#8 keep 0.974729 (-0.006174, expected -0.004) EMBEDDING_LR 0.6 → 0.8 [512 MB] "raise the rate": better by …`"""
    score = f" {trial.value:.6f}" if trial.value is not None else ""
    expected = (
        f"expected {trial.proposal.expected:+g}" if trial.proposal.expected is not None else ""
    )
    delta = ", ".join(
        part
        for part in (f"{trial.delta:+.6f}" if trial.delta is not None else "", expected)
        if part
    )
    changes = ", ".join(f"{c.name} {_shown(c.before)} → {_shown(c.after)}" for c in trial.changes)
    code = _edits_line(trial.proposal, code_only=bool(changes))
    changed = one_line(", ".join(part for part in (changes, code) if part), MAX_CHANGES_CHARACTERS)
    mends = (
        f" (mends #{trial.proposal.by.repairs})" if trial.proposal.by.repairs is not None else ""
    )
    reason = (
        f"they say {trial.claim}" if trial.claim else one_line(trial.reason, MAX_REASON_CHARACTERS)
    )
    claim = f'"{one_line(trial.proposal.hypothesis, MAX_CLAIM_CHARACTERS)}"{mends}: {reason}'
    parts = [
        f"#{trial.number} {trial.status}{score}",
        f"({delta})" if delta else "",
        changed,
        _facts(trial),
        claim,
    ]
    return " ".join(part for part in parts if part)


def pending_line(proposal: Proposal) -> str:
    """`"raise the embedding's rate": set_constant EMBEDDING_LR 0.8`"""
    return f'"{one_line(proposal.hypothesis, MAX_CLAIM_CHARACTERS)}": {one_line(_edits_line(proposal), MAX_CHANGES_CHARACTERS)}'


def _prior_lines(context: Context) -> list[str]:
    """The best trials of other runs, by what differs from the incumbent."""
    seen = (
        fit(context.space, [observation for observation in observe(context) if observation.prior])
        if context.prior
        else []
    )
    return [
        one_line(observation_line(best, context.space), MAX_CHANGES_CHARACTERS)
        for best in best_of(seen, FOREIGN_BEST)
    ]


def _ledger_lines(trials: Sequence[Trial], limit: int) -> list[str]:
    """As many trials as fit, in their order: the newest few first, then the kept ones, then the newest of the rest."""
    newest = list(reversed(trials))
    recent = {trial.number for trial in newest[:NEWEST]}
    ranked = sorted(
        newest, key=lambda trial: (trial.number not in recent, trial.status not in KEPT | TAKEN)
    )
    chosen: dict[int, str] = {}
    for trial in ranked:
        line = trial_line(trial)
        limit -= len(line) + 1
        if limit < 0:
            break
        chosen[trial.number] = line
    return [chosen[number] for number in sorted(chosen)]


def _curves(context: Context) -> list[str]:
    """The training losses of the best and the newest trials that ran, each with what its curve and its facts show."""
    ran = [trial for trial in context.trials if trial.result and trial.result.curve]
    best = sorted((t for t in ran if t.value is not None), key=lambda t: t.value or 0.0)[
        :CURVES_BEST
    ]
    chosen = {trial.number: trial for trial in (*best, *ran[-CURVES_NEWEST:])}
    incumbent = incumbent_of(context.trials)
    return [
        _curve(chosen[number], signals(chosen[number], incumbent, context.memory_mb))
        for number in sorted(chosen)
    ]


def _curve(trial: Trial, remarks: Sequence[str]) -> str:
    points = trial.result.curve if trial.result else ()
    step = max(1, -(-len(points) // CURVE_POINTS))
    shown = points[::-1][::step][::-1]  # the last one always
    losses = " ".join(f"{fraction:.0%}:{loss:.4g}" for fraction, loss in shown)
    return f"#{trial.number} {trial.status} {losses}" + (
        f" | {'; '.join(remarks)}" if remarks else ""
    )


def _facts(trial: Trial) -> str:
    """`[12.5M parameters, 35000 tokens/s, 512 MB]`: measured by the harness, but for the speed, which train.py says."""
    return f"[{', '.join(facts)}]" if trial.result and (facts := list(_fact_texts(trial))) else ""


def _fact_texts(trial: Trial) -> Iterator[str]:
    result = trial.result
    if result is None:
        return
    if result.parameters:
        yield f"{result.parameters / 1e6:.3g}M parameters"
    if (speed := tokens_per_second(result)) is not None:
        yield f"{speed:.3g} tokens/s"
    if result.peak_memory_mb:
        yield f"{result.peak_memory_mb:.0f} MB"


def _edits_json(proposal: Proposal) -> str:
    return json.dumps([edit.model_dump(exclude_none=True) for edit in proposal.edits], indent=1)


def _edits_line(proposal: Proposal, code_only: bool = False) -> str:
    """The edits by kind and place; constants with the value that they were to get."""
    pieces = []
    for edit in proposal.edits:
        if isinstance(edit, SetConstant):
            pieces += [] if code_only else [f"set_constant {edit.name} {edit.value}"]
        else:
            pieces.append(
                f"{edit.kind} {subject_of(edit)}" if subject_of(edit) != edit.kind else edit.kind
            )
    return ", ".join(pieces)


def _knob(parameter: Parameter) -> str:
    """`MATRIX_LR = 0.04 [0.005 .. 0.2 log]`"""
    if parameter.kind == "categorical":
        span = " | ".join(map(str, parameter.choices))
    else:
        flag = " pow2" if parameter.power_of_two else " log" if parameter.log else ""
        span = f"{parameter.low:g} .. {parameter.high:g}{flag}"
    return one_line(f"{parameter.name} = {parameter.default} [{span}]", MAX_CHANGES_CHARACTERS)


def _shown(value: Value | None) -> str:
    return "(none)" if value is None else str(value)


@cache
def _templates() -> Environment:
    # autoescape is for HTML; what must not escape here are fences, and the filter sees to them.
    environment = Environment(
        loader=PackageLoader("agent.propose.code", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["fenced"] = fenced
    return environment
