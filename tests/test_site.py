"""The documentation site: every page has its place, and nothing in it leads nowhere."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def pages_in(nav: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the pages of a navigation, in its order."""
    for entry in nav:
        for place in entry.values():
            if isinstance(place, str):
                yield place
            else:
                yield from pages_in(place)


def test_every_page_has_one_place_in_the_site() -> None:
    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    placed = list(pages_in(nav))
    assert len(placed) == len(set(placed))
    assert set(placed) == {"index.md", *(path.name for path in (ROOT / "docs").glob("*.md"))}


@pytest.mark.slow
@pytest.mark.skipif(find_spec("zensical") is None, reason="pip install 'autoresearch[docs]'")
def test_the_site_is_built_without_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "docs/build.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first = (ROOT / ".site" / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"#:]+\.html)', first)
    assert links and all((ROOT / ".site" / link).exists() for link in links)
