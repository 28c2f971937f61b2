"""Shows a model what it wrote before: notes, rationales and untried ideas."""

from collections.abc import Iterator, Sequence

from agent.propose.context import Context
from agent.propose.views.prompt import rendered
from agent.records.results import TAKEN, Trial
from sandbox.ground.text import one_line

MAX_REASONS = 8
"""Trials whose rationale is shown."""
REASON = 300
"""Characters of a rationale."""
MAX_IDEAS = 12
IDEA = 160
"""Characters of an alternative."""
MODELS = ("llm", "scripted")


def memory_text(context: Context) -> str:
    """Return the notes, the rationales and the alternatives that come back, or ""."""
    notes = [f"{note.number}. {one_line(note.text, 1_000)}" for note in context.notes]
    reasons = list(_reasons(context.trials)) if context.remembers else []
    ideas = list(_ideas(context)) if context.remembers else []
    if not (notes or reasons or ideas):
        return ""
    return rendered("memory", notes=notes, reasons=reasons, ideas=ideas)


def _reasons(trials: Sequence[Trial]) -> Iterator[str]:
    """Yield a line for each rationale of the newest trials, and of earlier kept ones."""
    own = [t for t in trials if t.proposal.by.origin in MODELS and t.proposal.rationale]
    newest = own[-MAX_REASONS // 2 :]
    kept = [trial for trial in own if trial.status in TAKEN and trial not in newest]
    for trial in [*kept[len(newest) - MAX_REASONS :], *newest]:
        yield f"#{trial.number} {trial.status}: {one_line(trial.proposal.rationale, REASON)}"


def _ideas(context: Context) -> Iterator[str]:
    """Yield the newest alternatives that were not proposed since."""
    tried = {proposal.hypothesis.casefold() for proposal in context.proposals}
    ideas: dict[str, None] = {}
    for proposal in reversed(context.proposals):
        for idea in proposal.alternatives:
            if idea.casefold() not in tried:
                ideas.setdefault(one_line(idea, IDEA))
    yield from list(ideas)[:MAX_IDEAS]
