"""Writes the template of `autoresearch init` with a preset's constants."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from agent.edit import Applied, apply
from agent.errors import ProjectFault, UsageFault, near_names, unknown
from agent.git.plumbing import Plumbing
from agent.git.repository import writable
from agent.project.presets import NEED_ACCELERATOR, PRESETS, RANGES
from agent.project.settings import FILE
from agent.project.template import template_files


def scaffold(folder: Path, preset: str) -> Iterator[str]:
    """Write the template into `folder`, and yield lines for the user.

    The folder may exist, but must not have one of the files. Without a repository, one is made with
    a first commit. Raise UsageFault for an unknown preset, ProjectFault if the files cannot be
    written.
    """
    if preset not in PRESETS:
        meant = near_names(preset, PRESETS) or ("cpu",)
        command = f"autoresearch init --preset {meant[0]}"
        raise UsageFault(unknown("preset", preset, PRESETS), command)
    writable(folder / FILE)
    files = _files(preset)
    enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    for name in files:
        writable(folder / name)
        if os.path.lexists(folder / name):
            raise ProjectFault(
                f"{folder / name} exists already; nothing was written.",
                f"{enter}autoresearch start",
            )
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            yield f"wrote {path}"
    except OSError as error:
        raise ProjectFault(
            f"Cannot write {path}: {error.strerror}.", "autoresearch init OTHER-FOLDER"
        ) from None
    yield from _commit(folder, list(files), enter)
    yield "next: edit program.md, then"
    yield f"  {enter}autoresearch start --model opus"


def written_files(name: str) -> frozenset[bytes]:
    """Return the content of the template's file `name` as `init` writes it, under each preset."""
    text = template_files()[name]
    return frozenset(_with_preset(name, text, preset).encode() for preset in PRESETS)


def needy_preset(name: str, content: bytes) -> str | None:
    """Return the preset that needs an accelerator and writes this content; None if none does."""
    text = template_files()[name]
    for preset in sorted(NEED_ACCELERATOR):
        if _with_preset(name, text, preset).encode() == content:
            return preset
    return None


def _files(preset: str) -> dict[str, str]:
    """Return the files for a preset, by path."""
    files = {}
    for name, text in template_files().items():
        files[name] = _with_preset(name, text, preset)
    if RANGES[preset]:
        lines = [f'{constant} = "{text}"' for constant, text in RANGES[preset].items()]
        files[FILE] = "\n".join(["[ranges]", *lines, ""])
    return files


def _with_preset(name: str, text: str, preset: str) -> str:
    edits = PRESETS[preset].get(name)
    if not edits:
        return text
    applied = apply(text, edits)
    assert isinstance(applied, Applied), f"preset {preset} does not fit {name}: {applied}"
    return applied.source


def _commit(folder: Path, names: list[str], enter: str) -> Iterator[str]:
    git = Plumbing(folder)
    if git.try_("rev-parse", "--git-dir") is not None:
        yield f"commit them: {enter}git add {' '.join(names)} && git commit -m 'Add the research'"
        return
    git("init", "--quiet", "--initial-branch=main")
    git("add", "--force", "--", *names)
    git("commit", "--quiet", "--no-verify", "--message=Start from the autoresearch template")
    yield f"made a git repository in {folder.resolve()} with one commit"
