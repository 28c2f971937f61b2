"""Prints the part of CHANGELOG.md about a release, if all that names a version names this one.

python .ci/release_notes.py v1.2.3
"""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = ("plugin/.claude-plugin/plugin.json", "plugin/.codex-plugin/plugin.json")


def notes(version: str, changelog: str) -> str:
    """Return the lines below the heading of a version; end this program if there are none."""
    heading = rf"^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)"
    match = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    if match is None or not match[1].strip():
        sys.exit(f"CHANGELOG.md has no lines below a heading '## {version}'")
    return match[1].strip()


def main() -> None:
    """Check one tag, and print its notes."""
    [tag] = sys.argv[1:]
    version = tag.removeprefix("v")
    if tag == version or not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        sys.exit(f"a release is tagged as in v1.2.3, not {tag}")
    for path in PLUGINS:
        named = json.loads((ROOT / path).read_text(encoding="utf-8"))["version"]
        if named != version:
            sys.exit(f"{path} names {named}, the tag {version}")
    print(notes(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
