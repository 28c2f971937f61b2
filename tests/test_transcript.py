"""docs/transcript.md is what its command makes, and says that the model's replies are scripted."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.transcript import REPLIES, TRIALS, night, page

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "transcript.md"


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^````{language}\n(.*?)\n````$", text, re.MULTILINE | re.DOTALL)


def test_the_page_says_what_it_is_and_holds_the_replies_of_its_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "**The model's replies are scripted**" in text
    assert "python -m benchmarks.transcript docs/transcript.md" in text
    replies = [json.loads(block) for block in blocks(text, "json")]
    assert replies == list(REPLIES[: len(replies)])
    assert len(set(re.findall(r"\*\*#(\d+)\*\*", text))) == TRIALS, (
        "what became of each trial is told"
    )
    assert "docs/transcript.md" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_command_still_makes_such_a_page(tmp_path: Path) -> None:
    night(tmp_path / "research", "2steps", 2)
    text = page(tmp_path / "research")
    replies = [json.loads(block) for block in blocks(text, "json")]
    assert replies == list(REPLIES[: len(replies)]) and len(replies) >= 3
    assert "unknown-name: constant LEARNING_RATE" in text
    assert re.search(r"It became \*\*#2\*\*", text)
    assert "#0 baseline" in blocks(text, "text")[-1]
