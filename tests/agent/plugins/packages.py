"""Writes small installed packages with entry points, for tests."""

import textwrap
from pathlib import Path


def write_package(
    folder: Path, name: str, entry_points: dict[str, dict[str, str]], code: str, version: str = "1"
) -> Path:
    """Write a package as pip would install it into `folder`, and return the folder.

    entry_points: by group, then by name, `module:attribute`. The module is called like the package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    about = folder / f"{name}-{version}.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    lines = []
    for group, entries in entry_points.items():
        lines.append(f"[{group}]")
        lines += [f"{entry} = {value}" for entry, value in entries.items()]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
