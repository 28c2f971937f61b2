"""Runs of format 1, made by the last version that wrote it (693209c), each a bundle of all refs.

night     code with a scripted model, 2 workers: keeps, discards, a replay, a refusal, a crash;
          and a later `replicate`
adopted   another loop's branch, adopted and reported, and a trial since
warm      begun with three prior trials
suspects  two suspects, one approved and one rejected
flight    killed with attempt #2 in flight, measured once
forged    tests/agent/history/forging.py's make_night

NAME.json holds what that version printed: `log --json`, `status --json`, and `export`.
"""

import json
from pathlib import Path
from typing import Any

from tests.e2e.researcher import git

HERE = Path(__file__).parent


def unpacked(name: str, folder: Path) -> Path:
    """Return `folder` as a repository with the refs of a bundle, and main checked out."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "fetch", "-q", "--update-head-ok", str(HERE / f"{name}.bundle"), "refs/*:refs/*")
    git(folder, "reset", "-q", "--hard")
    return folder


def printed(name: str) -> dict[str, Any]:
    """Return what the old version printed of a bundle's run."""
    data: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return data
