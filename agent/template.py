"""What `autoresearch init` starts from: the bundled workspace and program.md, out of the wheel or the source tree."""

from pathlib import Path

_FILES = ("workspace/train.py", "workspace/prepare.py", "program.md")


def template_files() -> dict[str, str]:
    """Text of each file of the template by its path."""
    here = Path(__file__).parent
    root = here / "_template" if (here / "_template").is_dir() else here.parent
    return {name: (root / name).read_text(encoding="utf-8") for name in _FILES}
