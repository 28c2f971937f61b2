"""What `autoresearch init` writes: the template with a preset's constants, and a first commit where there was no repository."""

from collections.abc import Iterator
from pathlib import Path

import git

from agent.edit import Applied, apply
from agent.errors import ProjectFault, UsageFault
from agent.presets import PRESETS, RANGES
from agent.settings import FILE
from agent.template import template_files

_NOBODY = git.Actor("autoresearch", "autoresearch@localhost")


def scaffold(folder: Path, preset: str) -> Iterator[str]:
    """Write the template into `folder`, which may exist but not hold one already; yields what to tell the user."""
    if preset not in PRESETS:
        raise UsageFault(f"no preset is called {preset!r}; there are {', '.join(PRESETS)}", "autoresearch init --preset cpu")
    files = {name: _with_preset(name, text, preset) for name, text in template_files().items()}
    if RANGES[preset]:
        files[FILE] = "\n".join(["[ranges]", *(f'{name} = "{text}"' for name, text in RANGES[preset].items()), ""])
    if taken := [name for name in files if (folder / name).exists()]:
        raise ProjectFault(f"{folder / taken[0]} exists already; nothing was written", "autoresearch start")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        yield f"wrote {path}"
    yield from _commit(folder, list(files))
    yield "next: edit program.md, then"
    yield ("  " if folder == Path() else f"  cd {folder} && ") + "autoresearch start --model opus"


def _with_preset(name: str, text: str, preset: str) -> str:
    edits = PRESETS[preset].get(name)
    if not edits:
        return text
    applied = apply(text, edits)
    assert isinstance(applied, Applied), f"preset {preset} does not fit {name}: {applied}"
    return applied.source


def _commit(folder: Path, names: list[str]) -> Iterator[str]:
    try:
        with git.Repo(folder, search_parent_directories=True):
            yield f"commit them: git add {' '.join(names)} && git commit -m 'Add the research'"
    except git.InvalidGitRepositoryError:
        with git.Repo.init(folder, initial_branch="main") as repo:
            repo.index.add(names)
            repo.index.commit("Start from the autoresearch template", author=_NOBODY, committer=_NOBODY, skip_hooks=True)
            yield f"made a git repository in {folder.resolve()} with one commit"
