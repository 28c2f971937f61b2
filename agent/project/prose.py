"""Tells the texts of a repository that edits may change, such as prompts, from its data."""

import ast
import re
from pathlib import Path, PurePosixPath

from agent.project.scripts import texts_of
from sandbox.ground.plain_files import start_of

_TEMPLATES = (".prompt", ".j2", ".jinja", ".jinja2", ".tmpl", ".tpl")
_PROSE = (".txt", ".md", *_TEMPLATES)
_HOLDING = (".txt", ".md", ".json")
_TRAIN = re.compile(r"(?i)^train(ing)?")
"""Begins the name of settings, as in train.yaml."""
_SETTINGS = re.compile(r"(?i)conf|cfg|setting|param|option")
_PROMPT = re.compile(r"(?i)prompt|system|instruct|template")
_NO_PROSE = re.compile(r"(?i)(readme|license|licence|requirements|changelog|program|notice).*")
_DATA = re.compile(
    r"(?i)(.*[_\-.])?(data|datasets?|corpus|corpora|inputs?|train(ing)?|val(id|idation)?|dev|tests?|"
    r"eval|labels?|targets?|answers?|questions?|cases|expected|gold|references?|names|words|vocab)"
    r"([_\-.].*)?"
)
"""Names of folders and files of text that hold what is learnt or measured, and are no prompts."""
MAX_BYTES = 1 << 15
"""Bytes of a prompt or of settings; a longer text is data."""


def prose_in(
    folder: Path, tree: ast.Module, script: str, files: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the files of text, such as prompts, that strings of a script name; no data."""
    here = PurePosixPath(script).parent
    texts = {name for name in files if name.endswith(_PROSE)}
    texts = {name for name in texts if not _NO_PROSE.fullmatch(PurePosixPath(name).name)}
    named: dict[str, None] = {}
    for text in texts_of(tree):
        for path in (text.removeprefix("./"), str(here / text)):
            if path in texts and not is_data(folder, path):
                named[path] = None
    return tuple(named)


def is_data(folder: Path, name: str) -> bool:
    """Return whether a text that a script names holds what is learnt or measured, by name or size.

    An edit that may change such a text could choose its own score.
    """
    path = PurePosixPath(name)
    parts = path.parts if path.suffix in _HOLDING else (*path.parts[:-1], _TRAIN.sub("", path.stem))
    is_named = path.suffix in _TEMPLATES or _PROMPT.search(path.name) or _SETTINGS.search(name)
    if not is_named and any(map(_DATA.fullmatch, parts)):
        return True
    try:
        return len(start_of(folder / name, MAX_BYTES + 1) or b"") > MAX_BYTES
    except OSError:
        return True
