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

from docs.build import OF_ROOT, page_of

ROOT = Path(__file__).parent.parent
needs_zensical = pytest.mark.skipif(
    find_spec("zensical") is None, reason="pip install 'autoresearch[docs]'"
)


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
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert set(placed) == pages | set(OF_ROOT.values())
    assert pages.isdisjoint(OF_ROOT.values())


def test_a_link_leads_to_a_page_of_the_site_or_is_a_path() -> None:
    text = "[a](CHANGELOG.md) [b](docs/SECURITY.md#x) [`c.py`](c.py) [d](e/) [f](SECURITY.md)"
    led = "[a](changes.md) [b](SECURITY.md#x) `c.py` d (`e/`) [f](reporting.md)"
    assert page_of(text, "") == led
    text = "[a](../CONTRIBUTING.md) [b](b.md#x) [c](../c.py) [d](https://d) [![e](e.png)](f.md)"
    led = "[a](contributing.md) [b](b.md#x) c (`c.py`) [d](https://d) [![e](e.png)](f.md)"
    assert page_of(text, "docs/") == led


@pytest.fixture(scope="module")
def site() -> Path:
    """The built site."""
    done = subprocess.run(
        [sys.executable, "docs/build.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / ".site"


@pytest.mark.slow
@needs_zensical
def test_no_link_of_the_site_leads_nowhere(site: Path) -> None:
    pages = sorted(site.glob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src|srcset)="([^":#?]+)(?:[#?][^"]*)?"', text):
            assert (site / link.lstrip("/")).exists(), (page.name, link)


@pytest.mark.slow
@needs_zensical
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|source|iframe)[^>]*(?:src|srcset)=\"http[^>]*", text)
        loaded += re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*href="http[^>]*', text)
        loaded += re.findall(r'<link[^>]*href="http[^>]*rel="(?:stylesheet|preconnect)', text)
        assert loaded == [], page.name


@pytest.mark.slow
@needs_zensical
def test_bars_in_the_code_of_tables_are_shown_without_backslashes(site: Path) -> None:
    text = (site / "settings.html").read_text(encoding="utf-8")
    assert "a &#124; b" in text or "a | b" in text
    assert not re.search(r"<td>[^\n]*\\\|", text)
