"""The folders of prepared data in the user's cache: held-out data, which no run may see."""

import os
from pathlib import Path

import platformdirs


def data_root() -> Path:
    """Return the folder of prepared data: $AUTORESEARCH_CACHE, or `prepared` in the user's cache.

    Not `data` there, which karpathy/autoresearch's prepare.py uses.
    """
    own = os.environ.get("AUTORESEARCH_CACHE")
    if own:
        return Path(os.path.realpath(Path(own).expanduser()))
    return _usual()


def cache_folders() -> tuple[Path, ...]:
    """Return every folder in which prepared data may lie, whatever the environment says now."""
    return tuple(dict.fromkeys((data_root(), _usual())))


def _usual() -> Path:
    return Path(os.path.realpath(Path(platformdirs.user_cache_dir("autoresearch")) / "prepared"))
