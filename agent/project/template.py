"""What `autoresearch init` starts from, and the corpus that its prepare.py reads: out of the wheel or the source tree."""

import site
import sys
import sysconfig
from pathlib import Path

from agent.space import read_constants

PREPARE = "workspace/prepare.py"
_FILES = ("workspace/train.py", PREPARE, "program.md")
CORPUS = "state-of-the-union.jsonl.xz"


def template_files() -> dict[str, str]:
    """Text of each file of the template by its path."""
    package = Path(__file__).parents[1]
    root = package / "_template"
    if not root.is_dir():
        root = package.parent
    return {name: (root / name).read_text(encoding="utf-8") for name in _FILES}


def is_retired(prepare: str) -> bool:
    """Return whether this prepare.py is an old one of the template, with Python's own library as its corpus."""
    return read_constants(prepare).get("CORPUS") == "stdlib" and "def stdlib_documents(" in prepare


def corpus_places() -> tuple[Path, ...]:
    """Return every place where the shipped corpus may lie. No training may see any of them.

    In the source tree, or below the prefix that pip installed the wheel's shared files to.
    """
    prefixes = dict.fromkeys((sys.prefix, sysconfig.get_path("data"), site.getuserbase()))
    installed = [Path(prefix) / "share" / "autoresearch" / CORPUS for prefix in prefixes]
    return (Path(__file__).resolve().parents[2] / "corpus" / CORPUS, *installed)


def shipped_corpus() -> Path | None:
    """Return the file of the shipped corpus, for AUTORESEARCH_CORPUS; None where the installation lacks it."""
    return next((place for place in corpus_places() if place.is_file()), None)
