"""A run as Markdown for a pull request: where it stands, what did it, what failed. Whatever was written by others is inert."""

import re
from collections.abc import Iterator, Sequence

from agent.display.pen import Pen, bpb, duration, proposer, spending
from agent.display.table import counts
from agent.pages.captions import hardware
from agent.pages.story import Gain, Story
from agent.records import Trial

# A pull request wants what was kept and the shape of what was not, not a thousand rows.
FAILURES = 20
_SPECIAL = re.compile(r"[^\w\s.,;:%=→×±·'\"/?$^-]|:(?=//)|(?<=www)\.|_")


def markdown_report(story: Story) -> str:
    """The whole text."""
    return "\n".join((*_standing(story), *_kept(story), *_failed(story), *_conditions(story)))


def inert(text: str) -> str:
    """`text` as one line that Markdown shows letter for letter: no link, image, mention or HTML comes to life."""
    return _SPECIAL.sub(lambda match: _entity(match[0]), Pen().line(text))


def _entity(character: str) -> str:
    # GitHub looks for mentions and issue numbers in the text that it has already rendered: only a comment comes between.
    return f"&#{ord(character)};" + ("<!-- -->" if character in "@#" else "")


def _standing(story: Story) -> Iterator[str]:
    best, baseline, gain = story.best, story.baseline, story.gain
    yield f"## autoresearch {inert(story.run.tag)}"
    yield ""
    if best is None or baseline is None or gain is None or not baseline.value:
        yield "No trial has a score yet."
    else:
        sigmas = story.sigmas(-gain)
        noise = f", {sigmas:.1f} times the noise" if sigmas is not None else ""
        share = f"{gain:+.6f} ({gain / baseline.value:+.2%})"
        yield f"**{bpb(best.value)} val_bpb** by #{best.number}: {share} against the baseline{noise}."
    yield ""
    if story.replicated:
        yield f"- measured again, against the baseline: {inert(str(story.replicated))}"
    yield f"- noise: {story.noise}"
    yield f"- trials: {counts(story.trials)}"
    elapsed = f" in {duration(story.elapsed_seconds)}" if story.elapsed_seconds else ""
    yield f"- spent: {spending(story.trials)}, {duration(story.training_seconds)} of training{elapsed}"
    yield ""


def _kept(story: Story) -> Iterator[str]:
    yield "### Kept, the largest gain first"
    yield ""
    rows = [_gain_row(gain) for gain in story.gains]
    yield from _table(("trial", "val_bpb", "delta", "÷ noise", "hypothesis", "by"), rows, "Nothing was kept.")


def _gain_row(gain: Gain) -> tuple[str, ...]:
    trial, sigmas = gain.trial, "" if gain.sigmas is None else f"{gain.sigmas:.1f}"
    said, by = inert(trial.proposal.hypothesis), inert(proposer(trial.proposal.by))
    return f"#{trial.number}", bpb(trial.value), f"{-gain.size:+.6f}", sigmas, said, by


def _failed(story: Story) -> Iterator[str]:
    failed: list[Trial] = [trial for trial in story.trials if trial.value is None and not trial.claim]
    yield f"<details><summary>{len(failed)} without a score</summary>"
    yield ""
    rows = [
        (f"#{one.number}", inert(one.status), inert(one.proposal.hypothesis), inert(one.reason)) for one in failed[-FAILURES:]
    ]
    yield from _table(("trial", "status", "hypothesis", "reason"), rows, "None.")
    yield "</details>"
    yield ""


def _conditions(story: Story) -> Iterator[str]:
    run = story.run
    method = f"{run.method} with {run.model}" if run.model else run.method
    yield (
        f"Method {inert(method)}, {run.budget} a trial, seed {run.seed}, {run.baseline_repeats} baseline runs, "
        f"{'sealed' if run.score == 'sealed' else 'self-reported'} score, sandbox tier {inert(story.tiers)}, "
        f"{inert(hardware(story))}, "
        f"from {run.start_commit[:12]} on {inert(story.branch)}."
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
