"""Refuses a project whose files no edit could be made in."""

from shlex import quote

from agent.edit.encoding import NOT_UTF_8, foreign_encoding
from agent.edit.files import Sources
from agent.edit.files.one import is_python
from agent.edit.newer_syntax import needs_newer
from agent.edit.source import read
from agent.errors import ProjectFault
from agent.project.find import Project
from agent.records.edits import Refused
from agent.records.sources import is_utf8


def refuse_unreadable(project: Project, sources: Sources) -> None:
    """Raise ProjectFault if a file is not UTF-8, or Python would read it as something else.

    Edits of such a file would not be safe. Also if train.py is written for a newer Python than this
    one: every edit of it would be refused.
    """
    for name, text in sources.files.items():
        if is_python(name):
            fault = foreign_encoding(text)
        else:
            fault = None if is_utf8(text) else NOT_UTF_8
        if fault:
            path = project.inside(name)
            raise ProjectFault(
                f"{path} must be UTF-8: {fault}",
                f"$EDITOR {quote(path)}   # save it as UTF-8, and commit it",
            )
    parsed = read(sources.text) if is_python(sources.main) else None
    if isinstance(parsed, Refused) and needs_newer(parsed):
        raise ProjectFault(
            f"{project.train} cannot be edited: {parsed.where}.",
            "PYTHON -m pip install .   # in a clone of autoresearch; PYTHON runs the trainings",
        )
