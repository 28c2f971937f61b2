"""Builds the documentation site: `make docs`. The README is its first page, docs/ is most of it.

Links to files of the repository that are no page are shown as their paths: the site has only pages.
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
OF_ROOT = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "SECURITY.md": "reporting.md",
}
"""Pages that lie beside docs/, and what they are called on the site."""
SKIPPED = frozenset({".py"})
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")
_CELL_CODE = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")


def main() -> None:
    """Write the pages, and build the site from them."""
    if PAGES.exists():
        shutil.rmtree(PAGES)
    PAGES.mkdir()
    for name, page in OF_ROOT.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        (PAGES / page).write_text(page_of(text, ""), encoding="utf-8")
    for path in sorted(DOCS.iterdir()):
        if path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            (PAGES / path.name).write_text(page_of(text, "docs/"), encoding="utf-8")
        elif path.is_file() and path.suffix not in SKIPPED:
            shutil.copy(path, PAGES / path.name)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)


def page_of(text: str, folder: str) -> str:
    """Return a page as the site has it; `folder` is where it lies in the repository."""
    linked = _LINK.sub(lambda match: _led(match, folder), text)
    pictured = re.sub(r'(src|srcset)="docs/', r'\1="', linked)
    lines = [_row(line) if line.startswith("|") else line for line in pictured.split("\n")]
    return "\n".join(lines)


def _led(match: re.Match[str], folder: str) -> str:
    """Return a link to another page as one of the site, and any other as a path."""
    label = match[1]
    anchor = match[3] or ""
    path = match[2].replace("\\_", "_")
    within = path.removeprefix("../") if path.startswith("../") else folder + path
    if within in OF_ROOT:
        return f"[{label}]({OF_ROOT[within]}{anchor})"
    if within.startswith("docs/"):
        return f"[{label}]({within.removeprefix('docs/')}{anchor})"
    named = label.strip("`").replace("\\_", "_")
    return f"`{within}`" if named == within else f"{label} (`{within}`)"


def _row(line: str) -> str:
    """Return a row of a table with the bars in its code as this renderer reads them."""
    return _CELL_CODE.sub(_with_bars, line)


def _with_bars(match: re.Match[str]) -> str:
    parts = [escape(part) for part in match[1].split("\\|")]
    return f"<code>{'&#124;'.join(parts)}</code>"


if __name__ == "__main__":
    main()
