"""The versions of the packages that trainings on a node may import, which tell machines apart."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from sandbox.walls.mounts import package_folders, read_venv

MOST = 10_000
"""Packages of one environment."""
LONGEST = 200
"""Characters of a name or a version."""
KINDS = (".dist-info", ".egg-info")
OURS = "autoresearch"
"""The harness itself, which the hash of its source identifies."""
PYTHON = "python"
DIGITS = 6
SHOWN = 4
"""Further differences are counted."""


def packages_of(python: str) -> dict[str, str]:
    """Return the version of each package that is installed for an interpreter, and its own.

    They are read from the names of folders; nothing is started. Drivers and libraries that no
    package of Python brings are not among them.
    """
    prefix = Path(python).parent.parent
    venv = read_venv(prefix)
    versions = {PYTHON: venv.version} if venv and venv.version else {}
    for folder in map(Path, package_folders(prefix)):
        versions.setdefault(PYTHON, folder.parent.name)
        for path in sorted(folder.iterdir()):
            if path.suffix in KINDS:
                name, _, version = path.stem.partition("-")
                versions.setdefault(name.lower()[:LONGEST], version[:LONGEST])
    versions.pop(OURS, None)
    return dict(list(versions.items())[:MOST])


def digest_of(packages: Mapping[str, str]) -> str:
    """Return some digits that tell two sets of packages apart."""
    return hashlib.sha256(repr(sorted(packages.items())).encode()).hexdigest()[:DIGITS]


def differences(packages: Mapping[str, str], usual: Mapping[str, str]) -> str:
    """Return how packages differ from the usual ones: `numpy 2.1.0 for 2.2.0, no scipy`."""
    words = []
    for name in sorted({*packages, *usual}):
        own = packages.get(name)
        other = usual.get(name)
        if own == other:
            continue
        if own is None:
            words.append(f"no {name}")
        elif other is None:
            words.append(f"{name} {own} beside")
        else:
            words.append(f"{name} {own} for {other}")
    more = [f"and {len(words) - SHOWN} more"] if len(words) > SHOWN else []
    return ", ".join([*words[:SHOWN], *more])
