"""Names further files to edit, where train.py has no constant that is searched."""

import json
from pathlib import Path

from agent.project.find import Project
from agent.project.look import look_at
from agent.project.settings import FILE
from agent.records.sources import Sources

MAX_FILES = 3


def advice(project: Project, sources: Sources) -> str:
    """Return which files may hold the constants, and the line that has them edited; "" for none."""
    folder = Path(project.root) / (project.workspace or "")
    fixed = {project.outside(path) for path in project.fixed}
    read = look_at(folder, sources.main).files
    there = [path for path in read if path not in sources.files and path not in fixed]
    if not there:
        return ""
    paths = there[:MAX_FILES]
    patterns = json.dumps([*sources.patterns, *paths], ensure_ascii=False)
    return f"{sources.main} reads {', '.join(paths)}: files = {patterns} in {FILE} has more edited"
