"""Builds the documentation site: `make docs`. The README is its first page, docs/ is the rest.

Links to files of the repository beside docs/ are shown as their paths: the site has only pages.
The build is strict: a link to a page or a heading that is not there ends it.
"""

import re
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = ROOT / ".site-pages"
"""What the site is built from, as zensical.toml says."""
SKIPPED = frozenset({".py"})
_OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)([^)#]+)(?:#[^)]*)?\)")
_CELL_CODE = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
_LICENCES = re.compile(r"\[([^\]]+)\]\(((?:[A-Z]+(?:\.md)?)|examples/|corpus/README\.md)\)")


def main() -> None:
    """Write the pages, and build the site from them."""
    if PAGES.exists():
        shutil.rmtree(PAGES)
    PAGES.mkdir()
    (PAGES / "index.md").write_text(first_page(), encoding="utf-8")
    for path in sorted(DOCS.iterdir()):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            (PAGES / path.name).write_text(within(text), encoding="utf-8")
        elif path.is_file() and path.suffix not in SKIPPED:
            shutil.copy(path, PAGES / path.name)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def first_page() -> str:
    """Return the README as a page of the site: its links lead from docs/, not to it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = _LICENCES.sub(r"\1 (`\2`)", text)
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r'(src|srcset)="docs/', r'\1="', text)


def within(text: str) -> str:
    """Return the text of a page with the links that leave docs/ as paths of the repository."""
    linked = _OUTSIDE.sub(_path, text.replace("](../README.md", "](index.md"))
    lines = [_row(line) if line.startswith("|") else line for line in linked.split("\n")]
    return "\n".join(lines)


def _row(line: str) -> str:
    """Return a row of a table with the bars in its code as this renderer reads them."""
    return _CELL_CODE.sub(_with_bars, line)


def _with_bars(match: re.Match[str]) -> str:
    parts = [escape(part) for part in match[1].split("\\|")]
    return f"<code>{'&#124;'.join(parts)}</code>"


def _path(match: re.Match[str]) -> str:
    label = match[1].strip("`")
    path = match[2]
    return f"`{path}`" if label == path else f"{match[1]} (`{path}`)"


if __name__ == "__main__":
    main()
