"""Says why the edits of an attempt cast doubt on the score that it prints."""

from agent.edit.replaced import replaced_in
from agent.history.history import History
from agent.records.results import Attempt, Result


def doubt_of(history: History, attempt: Attempt, result: Result) -> str:
    """Return what an attempt replaces of what measures; "" for nothing.

    That is prepare.py, and what else speaks of measuring among the modules that the run imports and
    no edit may touch. Other scores than printed ones do not come from there.
    """
    if result.own[-1].kind != "self-reported":
        return ""
    project = history.project
    prepare = project.outside(project.prepare) if project.prepare else ""
    before = history.sources_at(attempt.parent)
    after = history.sources_at(attempt.commit)
    for path, text in history.imported_at(attempt.parent).items():
        reason = replaced_in(before, after, path, text, every=path == prepare)
        if reason:
            return reason
    return ""
