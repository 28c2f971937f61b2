"""Finds changes of a checkout that git does not look for.

Its index may say to take a file as unchanged (`assume-unchanged`, `skip-worktree`), and a received
one may have the sizes and times of files with another content.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

from agent.errors import HistoryFault
from agent.git.answers import MAX_FILE
from agent.git.plumbing import Plumbing, scratch_index
from agent.git.store import Listed, Store
from agent.project.find import Project
from agent.records.patterns import matches
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.text import one_line

PLAIN = ("100644", "100755")
"""The modes that git has for files."""
FLAGS = ("assume-unchanged", "skip-worktree")
MAX_LISTED = 10


def refuse_veiled(git: Plumbing, project: Project, commit: str) -> None:
    """Raise HistoryFault if code of a run differs from `commit` in the checkout, unseen by git."""
    unlike = list(_unlike(git, project, commit))
    if not unlike:
        return
    with temporary_folder("veiled") as folder, scratch_index(folder) as index:
        git("read-tree", commit, index=index)
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=no")
        listing = git("status", *options, "--", *unlike, index=index)
    changed = [entry[3:] for entry in listing.split("\0")[:-1]]
    if changed:
        names = "\n".join(map(one_line, changed[:MAX_LISTED]))
        paths = shlex.join(changed)
        steps = [f"git update-index --no-{flag} {paths}" for flag in FLAGS]
        steps = [f"cd {shlex.quote(project.root)}", *steps, f"touch {paths}"]
        raise HistoryFault(
            "what would run is not what you see: these files differ from HEAD, and the index of "
            f"the checkout makes git say that they do not:\n{names}",
            f"{' && '.join(steps)}   # then git diff",
        )


def _unlike(git: Plumbing, project: Project, commit: str) -> Iterator[str]:
    """Yield the files of code whose bytes are not those of `commit`, line ends aside."""
    with Store(git) as store:
        listed = [file for file in store.files(commit, project.workspace) if file.mode in PLAIN]
        code = [file for file in listed if _is_code(file.path, project)]
        entries = [(path, store.find(commit, path)) for path in project.named]
        named = [
            Listed(entry.mode, entry.name, path)
            for path, entry in entries
            if entry and entry.mode in PLAIN
        ]
        for size, path in dict.fromkeys(store.sizes_of([*named, *code])):
            place = Path(project.root) / path
            if not place.is_file():
                continue
            if max(size, place.stat().st_size) > MAX_FILE:
                yield path  # git itself compares it
            elif _lines(place.read_bytes()) != _lines(store.file(commit, path) or b""):
                yield path


def _is_code(path: str, project: Project) -> bool:
    return path.endswith(".py") or matches(path, project.files)


def _lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")
