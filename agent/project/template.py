"""The files that `autoresearch init` writes, and the corpus that its prepare.py reads.

They come out of the wheel or the source tree.
"""

import site
import sys
import sysconfig
from pathlib import Path

from agent.project.find import CORPORA
from agent.space import read_constants

PREPARE = "workspace/prepare.py"

_FILES = ("workspace/train.py", PREPARE, f"workspace/{CORPORA}", "program.md")
CORPUS = "state-of-the-union.jsonl.xz"


def template_files() -> dict[str, str]:
    """Return the text of each file of the template, by its path."""
    package = Path(__file__).parents[1]
    root = package / "_template"
    if not root.is_dir():
        root = package.parent
    return {name: (root / name).read_text(encoding="utf-8") for name in _FILES}


def beside_prepare() -> dict[str, str]:
    """Return the text of each further file of the template that its prepare.py imports, by name."""
    return {CORPORA: template_files()[f"workspace/{CORPORA}"]}


def is_retired(prepare: str) -> bool:
    """Return whether this prepare.py is an old one of the template.

    Its corpus was Python's own library.
    """
    return read_constants(prepare).get("CORPUS") == "stdlib" and "def stdlib_documents(" in prepare


def corpus_places() -> tuple[Path, ...]:
    """Return every place where the shipped corpus may lie; no training may see any of them.

    The source tree, and the prefixes where pip installs the shared files of a wheel.
    """
    prefixes = dict.fromkeys((sys.prefix, sysconfig.get_path("data"), site.getuserbase()))
    installed = [Path(prefix) / "share" / "autoresearch" / CORPUS for prefix in prefixes]
    return (Path(__file__).resolve().parents[2] / "corpus" / CORPUS, *installed)


def shipped_corpus() -> Path | None:
    """Return the file of the shipped corpus, or None where the installation lacks it."""
    return next((place for place in corpus_places() if place.is_file()), None)
