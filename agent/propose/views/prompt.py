"""Writes the coding agent's prompt: stable parts first, foreign text fenced and cut."""

import json
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from agent.judge.decide import incumbent_of
from agent.judge.noise import noise_of
from agent.llm.model import CHARACTERS_A_TOKEN
from agent.propose.code.policy import plateau_of, subjects, turned_constants
from agent.propose.context import Context
from agent.propose.search.observe import fit, observe
from agent.propose.views.digest import digest, listed
from agent.propose.views.files import shown_files
from agent.propose.views.goal import (
    expected_words,
    metric_name,
    most_time,
    sign_words,
    span_of,
    unit_of,
    way_of,
)
from agent.propose.views.lines import (
    MAX_CHANGES_CHARACTERS,
    curve_line,
    facts_text,
    knob_line,
    pending_line,
    trial_line,
)
from agent.propose.views.remarks import told_lines
from agent.propose.views.signals import signals
from agent.propose.views.signatures import outlines_of
from agent.propose.views.tables import best_of, observation_line
from agent.propose.views.text import fenced
from agent.records.objective import VAL_BPB, Sense, score_text
from agent.records.proposals import Asked, Assignment, Proposal
from agent.records.results import KEPT, TAKEN, Trial
from sandbox.ground.record import Record
from sandbox.ground.text import one_line, shortened

MAX_PROGRAM_CHARACTERS = 20_000
# What the ledger may take of a prompt, however long the run: a line a trial for a night, or a
# thousand trials with their digest.
LEDGER_TOKENS = 12_000
# What the files may take; the ones that do not fit are outlined.
SOURCE_TOKENS = 60_000
# And their searchable constants.
KNOBS_TOKENS = 8_000
# And the signatures of what they import.
IMPORTED_TOKENS = 4_000
MAX_COMMAND_CHARACTERS = 300
MAX_PROTECTED_CHARACTERS = 1_000
DIGEST_SHARE = 0.35
LINES_SHARE = 0.42
# The older part of the ledger is written anew after so many trials, and takes this share of lines.
PAST_STEP = 20
PAST_SHARE = 0.65
# So few trials are read faster one by one than in a digest.
DIGEST_FROM = 12
NEWEST = 10
CURVES_NEWEST = 4
CURVES_BEST = 2
MAX_PENDING = 24
PRIOR_BEST = 5
EXAMPLES = {True: ("MATRIX_LR", "GPT.forward"), False: ("STEP_SIZE", "Solver.step")}
"""A constant and a definition to show the form of edits with: of the bundled workspace, or none."""
ASSIGNED: Mapping[Assignment, str] = {
    "exploit": "the most promising next step",
    "bolder": "something bolder",
    "combine": "a combination of near misses",
    "simplify": "less code",
    "constants": "constants only",
}
"""What the other writers were asked for."""
SCALES = {
    "linear": "",
    "log": " It is the scatter of the score's logarithm: 0.01 is about 1 %.",
    "logit": " It is the scatter of the score's logit.",
}
"""What is said of the noise, by the scale on which differences are alike."""


class Refusal(Record):
    """A draft that was refused."""

    reason: str
    draft: str
    language: str
    """Of the draft: `json` or `text`."""


def system_text(context: Context) -> str:
    """Return role, rules and the researcher's brief, which stay the same for a whole run."""
    patterns = context.sources.patterns
    objective = context.objective
    way = way_of(context)
    constant, definition = EXAMPLES[way == "sealed"]
    return _template("system").render(
        objective=objective,
        way=way,
        program_text=one_line(objective.command or context.sources.main, MAX_COMMAND_CHARACTERS),
        constant=constant,
        definition=definition,
        metric=metric_name(objective),
        expected=expected_words(objective),
        span=span_of(context),
        ends_by_itself=context.ends_by_itself,
        in_steps=context.budget.endswith("steps"),
        public=context.public,
        outputs=_outputs_text(context),
        called=_called_text(context),
        program=context.program,
        program_limit=MAX_PROGRAM_CHARACTERS,
        main=context.sources.main,
        patterns=patterns if context.sources.is_project else (),
        protected=_protected_text(context.protected),
    )


def _protected_text(names: Sequence[str]) -> str:
    """Return ` (report, LOGIT_CAP)`, or "" without any."""
    if not names:
        return ""
    return f" ({listed([one_line(name) for name in names], MAX_PROTECTED_CHARACTERS)})"


def _outputs_text(context: Context) -> str:
    """Return the files of a run that the evaluator reads; "" without any."""
    evaluate = context.objective.evaluate
    names = [one_line(name) for name in evaluate.outputs] if evaluate else []
    return listed(names, MAX_PROTECTED_CHARACTERS) if names else ""


def _called_text(context: Context) -> str:
    """Return the program whose functions the evaluator calls; "" for none."""
    evaluate = context.objective.evaluate
    return one_line(evaluate.program or "") if evaluate else ""


def source_text(context: Context) -> str:
    """Return the incumbent and its searchable constants, which stay until the next keep."""
    knobs = _knob_lines(context)
    shown = shown_files(context.sources, SOURCE_TOKENS * CHARACTERS_A_TOKEN)
    return _template("source").render(
        main=context.sources.main,
        shown=shown,
        knobs=knobs,
        imported=outlines_of(context.imported, IMPORTED_TOKENS * CHARACTERS_A_TOKEN),
    )


def _knob_lines(context: Context) -> list[str]:
    """Return a line for each searchable constant, while there is room."""
    parameters = context.space.parameters
    left = KNOBS_TOKENS * CHARACTERS_A_TOKEN
    lines: list[str] = []
    for parameter in parameters:
        line = knob_line(parameter)
        left -= len(line) + 1
        if left < 0:
            return [*lines, f"and {len(parameters) - len(lines)} more, in the files"]
        lines.append(line)
    return lines


def past_text(context: Context) -> str:
    """Return the older part of the ledger, which changes only every PAST_STEP trials.

    The provider can cache it meanwhile. It is empty in a young run; together with `ledger_text` it
    takes at most LEDGER_TOKENS.
    """
    past = context.trials[: _past(context)]
    if not past:
        return ""
    characters = LEDGER_TOKENS * CHARACTERS_A_TOKEN
    objective = context.objective
    sense = objective.sense
    lines = _ledger_lines(past, int(characters * LINES_SHARE * PAST_SHARE), sense)
    return _template("past").render(
        until=past[-1].number,
        metric=metric_name(objective),
        sign=sign_words(objective),
        usual=objective.metric == VAL_BPB.metric,
        digest=digest(past, int(characters * DIGEST_SHARE), sense),
        omitted=len(past) - len(lines),
        lines=lines,
    )


def _past(context: Context) -> int:
    """Return the number of trials in `past_text`."""
    return len(context.trials) // PAST_STEP * PAST_STEP


def ledger_text(context: Context) -> str:
    """Return the trials since `past_text`, and the pending proposals."""
    older = _past(context)
    trials = context.trials
    newest = trials[older:]
    characters = LEDGER_TOKENS * CHARACTERS_A_TOKEN
    objective = context.objective
    sense = objective.sense
    share = LINES_SHARE * (1 - PAST_SHARE) if older else LINES_SHARE
    lines = _ledger_lines(newest, int(characters * share), sense)
    summary = []
    if not older and len(trials) > DIGEST_FROM:
        summary = digest(trials, int(characters * DIGEST_SHARE), sense)
    best = incumbent_of(trials)
    return _template("ledger").render(
        exact=objective.noise == "none",
        noise=_noise_text(trials, sense),
        silent=noise_of(trials, sense).scatter == 0,
        scale=SCALES[objective.scale],
        metric=metric_name(objective),
        sign=sign_words(objective),
        usual=objective.metric == VAL_BPB.metric,
        unit=unit_of(trials),
        best=best,
        facts=facts_text(best) if best else "",
        lines=lines,
        claimed=any(trial.claim for trial in trials),
        guarded=any(trial.status == "guarded" for trial in trials),
        suspects=any(trial.status == "suspect" for trial in trials),
        since=trials[older - 1].number if older else None,
        omitted=len(newest) - len(lines),
        digest=summary,
        curves=_curve_lines(context),
        pending=[pending_line(proposal) for proposal in context.pending[-MAX_PENDING:]],
        most_time=most_time(context),
        remaining=context.remaining,
        prior=_prior_lines(context),
        remarks=told_lines(context),
        held=any(trial.status == "held" for trial in trials),
    )


def _noise_text(trials: Sequence[Trial], sense: Sense) -> str:
    """Return the noise in words; "" while it is unknown."""
    noise = noise_of(trials, sense)
    return "" if noise.scatter is None else str(noise)


def mend_text(trial: Trial) -> str:
    """Return the request to correct a failed trial."""
    edits = _edits_json(trial.proposal)
    failed = trial.result.failed_check if trial.result else None
    tail = trial.result.tail if trial.result else ""
    if failed:
        tail = failed.tail
    return _template("mend").render(trial=trial, edits=edits, tail=tail)


def explore_text(asked: Asked, context: Context) -> str:
    """Return the request for another kind of change, with the edits of the trials it names."""
    by_number = {trial.number: trial for trial in context.trials}
    named = [by_number[number] for number in asked.trials if number in by_number]
    plateau = plateau_of(context.trials)
    return _template("explore").render(
        asked=asked,
        way=way_of(context),
        named=named,
        changes={trial.number: _change(trial, context) for trial in named},
        edits={trial.number: _edits_json(trial.proposal) for trial in named},
        turned=turned_constants(plateau),
        subjects=", ".join(subjects(plateau)),
    )


def _change(trial: Trial, context: Context) -> str:
    """Return a trial's change of the metric with a space before it; "" without one."""
    return "" if trial.delta is None else f" {context.objective.sense.change_text(trial.delta)}"


def assignment_text(context: Context, assignment: Assignment | None) -> str:
    """Return a writer's assignment after a blank line; "" for a single writer."""
    if assignment is None and not context.in_hand:
        return ""
    others = [ASSIGNED[draft.assignment] for draft in context.in_hand if draft.assignment]
    return "\n\n" + rendered("assignment", assignment=assignment, others=others)


def again_text(refusals: Sequence[Refusal], last: bool) -> str:
    """Return the request to correct refused drafts. last: this is the last attempt."""
    return _template("again").render(refusals=refusals, last=last)


def _prior_lines(context: Context) -> list[str]:
    """Return lines on the best trials of other runs, as differences from the incumbent."""
    if not context.prior:
        return []
    prior = [observation for observation in observe(context) if observation.prior]
    best = best_of(fit(context.space, prior), PRIOR_BEST)
    sense = context.objective.sense
    lines = [observation_line(trial, context.space, sense) for trial in best]
    return [shortened(line, MAX_CHANGES_CHARACTERS) for line in lines]


def _ledger_lines(trials: Sequence[Trial], limit: int, sense: Sense) -> list[str]:
    """Return as many trials as fit, in their order.

    The newest few are chosen first, then kept ones, then the newest of the rest.
    """
    recent = {trial.number for trial in trials[-NEWEST:]}

    def rank(trial: Trial) -> tuple[bool, bool]:
        return trial.number not in recent, trial.status not in KEPT | TAKEN

    lines: dict[int, str] = {}
    newest_first = trials[::-1]
    for trial in sorted(newest_first, key=rank):
        line = trial_line(trial, sense)
        limit -= len(line) + 1
        if limit < 0:
            break
        lines[trial.number] = line
    return [lines[number] for number in sorted(lines)]


def _curve_lines(context: Context) -> list[str]:
    """Return the curves of the best and the newest trials that ran."""
    ran = [trial for trial in context.trials if trial.result and trial.result.curve]
    best = _best_scored(ran, context.objective.sense)[:CURVES_BEST]
    chosen = {trial.number: trial for trial in (*best, *ran[-CURVES_NEWEST:])}
    incumbent = incumbent_of(context.trials)
    lines = []
    for number in sorted(chosen):
        trial = chosen[number]
        remarks = signals(trial, incumbent, context.memory_mb, context.objective)
        lines.append(curve_line(trial, remarks))
    return lines


def _best_scored(trials: Sequence[Trial], sense: Sense) -> list[Trial]:
    """Return the trials with a score, best first."""
    scores = {trial.number: trial.value for trial in trials if trial.value is not None}
    scored = [trial for trial in trials if trial.number in scores]
    return sorted(scored, key=lambda trial: sense.loss(scores[trial.number]))


def _edits_json(proposal: Proposal) -> str:
    return json.dumps([edit.model_dump(exclude_none=True) for edit in proposal.edits], indent=1)


def rendered(name: str, **values: object) -> str:
    """Return the prompt of this name with its values."""
    return _template(name).render(**values).strip()


def _template(name: str) -> Template:
    return _templates().get_template(f"{name}.j2")


@cache
def _templates() -> Environment:
    # Autoescape is for HTML; the danger here is a text that closes its fence, which the filter sees
    # to.
    environment = Environment(
        loader=PackageLoader("agent.propose.views", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters["fenced"] = fenced
    environment.filters["plain"] = one_line
    environment.filters["score"] = score_text
    return environment
