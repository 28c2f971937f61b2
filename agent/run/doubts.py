"""Says why the edits of an attempt cast doubt on the score that it prints."""

from agent.edit.replaced import replaced_in
from agent.history.history import History
from agent.records.results import Attempt, Result


def doubt_of(history: History, attempt: Attempt, result: Result) -> str:
    """Return what an attempt replaces of the prepare.py that measures; "" for nothing.

    Other scores than printed ones do not come from there.
    """
    prepare = history.project.prepare
    if prepare is None or result.own[-1].kind != "self-reported":
        return ""
    before = history.sources_at(attempt.parent)
    after = history.sources_at(attempt.commit)
    return replaced_in(before, after, prepare, history.file_at(attempt.parent, prepare))
