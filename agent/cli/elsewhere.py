"""Where constants may be if train.py has none that is searched: files that it imports or names."""

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from agent.project.find import Project
from agent.project.settings import FILE
from agent.records.sources import Sources

MAX_FILES = 3
_IMPORT = re.compile(r"^[ \t]{0,40}(?:from|import)[ \t]{1,4}(\w[\w.]{0,100})", re.MULTILINE)
_SETTINGS = re.compile(r"[\"']([\w][\w./-]{0,100}\.(?:ya?ml|toml|json))[\"']")


def advice(project: Project, sources: Sources) -> str:
    """Return which files may hold the constants, and the line that has them edited; "" for none."""
    folder = Path(project.root) / (project.workspace or "")
    fixed = {project.outside(path) for path in project.fixed}
    there = [
        path
        for path in dict.fromkeys(_read_by(sources))
        if path not in sources.files and path not in fixed and (folder / path).is_file()
    ]
    if not there:
        return ""
    paths = there[:MAX_FILES]
    patterns = json.dumps([*sources.patterns, *paths], ensure_ascii=False)
    return f"{sources.main} reads {', '.join(paths)}: files = {patterns} in {FILE} has more edited"


def _read_by(sources: Sources) -> Iterator[str]:
    """Yield paths that the modules which train.py imports may have, and settings that it names."""
    beside = PurePosixPath(sources.main).parent
    for module in _IMPORT.findall(sources.text):
        path = module.replace(".", "/") + ".py"
        yield path
        yield str(beside / path)
    for path in _SETTINGS.findall(sources.text):
        if path != FILE:
            yield path
            yield str(beside / path)
