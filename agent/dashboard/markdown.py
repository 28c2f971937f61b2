"""A run as Markdown for a pull request: where it stands, what did it, what failed. Whatever was written by others is inert."""

import re
from collections.abc import Iterator, Sequence

from agent.dashboard.captions import hardware
from agent.dashboard.view import Gain, View
from agent.display.format import Formatter, bpb, duration, proposer, spending
from agent.display.table import counts
from agent.records.results import Trial

# A pull request wants what was kept and the shape of what was not, not a thousand rows.
FAILURES = 20
_SPECIAL = re.compile(r"[^\w\s.,;:%=→×±·'\"/?$^-]|:(?=//)|(?<=www)\.|_")


def markdown_report(view: View) -> str:
    """The whole text."""
    return "\n".join((*_standing(view), *_kept(view), *_failed(view), *_conditions(view)))


def inert(text: str) -> str:
    """`text` as one line that Markdown shows letter for letter: no link, image, mention or HTML comes to life."""
    return _SPECIAL.sub(lambda match: _entity(match[0]), Formatter().line(text))


def _entity(character: str) -> str:
    # GitHub looks for mentions and issue numbers in the text that it has already rendered: only a comment comes between.
    return f"&#{ord(character)};" + ("<!-- -->" if character in "@#" else "")


def _standing(view: View) -> Iterator[str]:
    best, baseline, gain = view.best, view.baseline, view.gain
    yield f"## autoresearch {inert(view.run.tag)}"
    yield ""
    if best is None or baseline is None or gain is None or not baseline.value:
        yield "No trial has a score yet."
    else:
        sigmas = view.sigmas(-gain)
        noise = f", {sigmas:.1f} times the noise" if sigmas is not None else ""
        share = f"{gain:+.6f} ({gain / baseline.value:+.2%})"
        yield f"**{bpb(best.value)} val_bpb** by #{best.number}: {share} against the baseline{noise}."
    yield ""
    if view.replicated:
        yield f"- measured again, against the baseline: {inert(str(view.replicated))}"
    yield f"- noise: {view.noise}"
    yield f"- trials: {counts(view.trials)}"
    elapsed = f" in {duration(view.elapsed_seconds)}" if view.elapsed_seconds else ""
    yield f"- spent: {spending(view.trials)}, {duration(view.training_seconds)} of training{elapsed}"
    yield ""


def _kept(view: View) -> Iterator[str]:
    yield "### Kept, the largest gain first"
    yield ""
    rows = [_gain_row(gain) for gain in view.gains]
    yield from _table(
        ("trial", "val_bpb", "delta", "÷ noise", "hypothesis", "by"), rows, "Nothing was kept."
    )


def _gain_row(gain: Gain) -> tuple[str, ...]:
    trial, sigmas = gain.trial, "" if gain.sigmas is None else f"{gain.sigmas:.1f}"
    said, by = inert(trial.proposal.hypothesis), inert(proposer(trial.proposal.by))
    return f"#{trial.number}", bpb(trial.value), f"{-gain.size:+.6f}", sigmas, said, by


def _failed(view: View) -> Iterator[str]:
    failed: list[Trial] = [
        trial for trial in view.trials if trial.value is None and not trial.claim
    ]
    yield f"<details><summary>{len(failed)} without a score</summary>"
    yield ""
    rows = [
        (f"#{one.number}", inert(one.status), inert(one.proposal.hypothesis), inert(one.reason))
        for one in failed[-FAILURES:]
    ]
    yield from _table(("trial", "status", "hypothesis", "reason"), rows, "None.")
    yield "</details>"
    yield ""


def _conditions(view: View) -> Iterator[str]:
    run = view.run
    method = f"{run.method} with {run.model}" if run.model else run.method
    yield (
        f"Method {inert(method)}, {run.budget} a trial, seed {run.seed}, {run.baseline_repeats} baseline runs, "
        f"{'sealed' if run.score == 'sealed' else 'self-reported'} score, sandbox tier {inert(view.tiers)}, "
        f"{inert(hardware(view))}, "
        f"from {run.start_commit[:12]} on {inert(view.branch)}."
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
