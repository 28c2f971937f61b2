"""Renders a run as Markdown for a pull request; untrusted text in it is inert."""

import re
from collections.abc import Iterator, Sequence

from agent.dashboard.captions import hardware, kind_of
from agent.dashboard.view import Gain, View
from agent.display.format import Formatter, noise_text, pace_text, proposer, spending, times
from agent.display.held import guard_lines
from agent.display.scores import gain_text
from agent.display.table import counts
from agent.records.inputs import words_of
from agent.records.results import Trial

# A pull request wants what was kept and the shape of what was not, not a thousand rows.
FAILURES = 20
# A name of such words is no markup: an underscore inside a word is a letter.
_WORDS = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
_SPECIAL = re.compile(r"[^\w\s.,;:%=→×±·'\"/?$^-]|:(?=//)|(?<=www)\.|_")


def markdown_report(view: View) -> str:
    """Return the whole report."""
    return "\n".join(
        (*_summary(view), *_kept(view), *_failed(view), *_said(view), *_conditions(view))
    )


def as_markdown(text: str) -> str:
    """Return `text` as one line of plain text in Markdown: no links, mentions or HTML."""
    return _SPECIAL.sub(lambda match: _entity(match[0]), Formatter().line(text))


def _entity(character: str) -> str:
    # GitHub looks for mentions and issue numbers in rendered text: only a comment breaks them.
    return f"&#{ord(character)};" + ("<!-- -->" if character in "@#" else "")


def _summary(view: View) -> Iterator[str]:
    yield f"## autoresearch {as_markdown(view.run.tag)}"
    yield ""
    yield _best(view)
    yield ""
    if view.replicated:
        yield f"- measured again, against the baseline: {as_markdown(str(view.replicated))}"
    if view.about:
        yield f"- scores: {as_markdown(view.about)}"
    yield f"- noise: {noise_text(view.noise, view.formatter)}"
    yield f"- trials: {counts(view.trials)}"
    for name, line in guard_lines(view.trials, view.run.goal):
        yield f"- {name}: {as_markdown(line)}"
    yield f"- time: {pace_text(view.pace)}"
    yield f"- spent: {spending(view.proposed)}"
    yield ""


def _best(view: View) -> str:
    best = view.best
    baseline = view.baseline
    gain = view.gain
    if best is None or baseline is None or gain is None:
        return "No trial has a score yet."
    score = f"**{view.formatter.score(best.value)} {_metric(view)}**"
    if best.number == baseline.number:
        return f"{score} by #{best.number}, the baseline: nothing has beaten it yet."
    sigmas = view.sigmas(-gain)
    noise = f", {times(sigmas)} times the noise" if sigmas is not None else ""
    share = gain_text(best, baseline, view.formatter)
    return f"{score} by #{best.number}: {share} against the baseline{noise}."


def _metric(view: View) -> str:
    """Return the metric's name as plain text in Markdown."""
    name = view.formatter.metric
    return name if _WORDS.fullmatch(name) else as_markdown(name)


def _kept(view: View) -> Iterator[str]:
    yield "### Kept, the largest gain first"
    yield ""
    heads = ("trial", _metric(view), "delta", "÷ noise", "hypothesis", "by")
    rows = [_gain_row(gain, view.formatter) for gain in view.gains]
    yield from _table(heads, rows, "Nothing was kept.")


def _gain_row(gain: Gain, formatter: Formatter) -> tuple[str, ...]:
    trial = gain.trial
    return (
        f"#{trial.number}",
        formatter.score(trial.value),
        formatter.change(-gain.size),
        "" if gain.sigmas is None else times(gain.sigmas),
        as_markdown(trial.proposal.hypothesis),
        as_markdown(proposer(trial.proposal.by)),
    )


def _failed(view: View) -> Iterator[str]:
    failed = [trial for trial in view.trials if trial.value is None and not trial.claim]
    yield f"<details><summary>{len(failed)} without a score</summary>"
    yield ""
    rows = [_failure_row(trial) for trial in failed[-FAILURES:]]
    yield from _table(("trial", "status", "hypothesis", "reason"), rows, "None.")
    yield "</details>"
    yield ""


def _failure_row(trial: Trial) -> tuple[str, ...]:
    texts = (trial.status, trial.proposal.hypothesis, trial.reason)
    return (f"#{trial.number}", *map(as_markdown, texts))


def _said(view: View) -> Iterator[str]:
    """Yield the inputs of people and agents to the run; nothing without any."""
    if not view.inputs:
        return
    yield f"<details><summary>{len(view.inputs)} inputs while it worked</summary>"
    yield ""
    rows = [
        (
            as_markdown(entry.at),
            as_markdown(entry.input.sender),
            as_markdown(words_of(entry.input.ask)),
            as_markdown(entry.answer),
        )
        for entry in view.inputs
    ]
    yield from _table(("at", "by", "input", "answer"), rows, "None.")
    yield "</details>"
    yield ""


def _conditions(view: View) -> Iterator[str]:
    run = view.run
    method = f"{run.method} with {run.model}" if run.model else run.method
    if view.parent:
        yield f"It began at {as_markdown(view.parent)}."
    yield (
        f"Method {as_markdown(method)}, {run.allowance} per trial, seed {run.seed}, "
        f"{run.baseline_repeats} baseline runs, {kind_of(view)} score, "
        f"sandbox tier {as_markdown(view.tiers)}, {as_markdown(hardware(view))}, "
        f"from {run.start_commit[:12]} on {as_markdown(view.branch)}."
    )
    yield ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> Iterator[str]:
    if rows:
        yield f"| {' | '.join(heads)} |"
        yield "|" + " --- |" * len(heads)
        yield from (f"| {' | '.join(row)} |" for row in rows)
    else:
        yield empty
    yield ""
