"""Commands of pages about a night that is over, typed as they stand where two nights were."""

import re
import shlex
from pathlib import Path

import pytest

from tests.e2e.researcher import git, miniature, statuses, type_in

ROOT = Path(__file__).parent.parent
BRIEF = "---\ntrials: 1\nbudget: 5s\n---\n# Goal\nLower val_bpb.\n"
TYPED = {
    "README.md": "In the morning",
    "docs/branches-of-runs.md": "",
    "docs/your-repository.md": "How noisy is it?",
    "docs/steer.md": "",
    "docs/notifications.md": "",
}
"""Pages, and the heading below which commands are typed; all of the page without one."""
SERVES = {"dashboard"}
"""Commands that last until they are ended; their own tests start them."""
TO_INSTALL = re.compile(r"^(pip|export|#)")


def typed(page: str) -> list[list[str]]:
    """Return the words of each command of `autoresearch` in the blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if heading := TYPED[page]:
        text = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
        if not TO_INSTALL.match(line)
    ]
    commands = [shlex.split(line, comments=True) for line in lines]
    assert all(words[0] == "autoresearch" for words in commands), commands
    return [words[1:] for words in commands if words[1] not in SERVES]


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    """Return a repository with a night of eight trials, and one that began at its seventh."""
    home = miniature(tmp_path / "nights")
    (home / "program.md").write_text(BRIEF)
    git(home, "commit", "-qam", "a brief")
    night = ("start", "--model", "none", "--method", "random")
    for words in (
        (*night, "--tag", "nov24", "--trials", "8"),
        (*night, "--tag", "nov25", "--trials", "7", "--from", "nov24#7"),
        ("try", "--set", "LR=0.4", "--set", "DEPTH=8"),
        ("resume", "--trials", "1"),
    ):
        run = type_in(home, *words)
        assert run.returncode == 0, run.stderr
    assert statuses(home, "nov25")[8] == "keep"
    return home


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_can_be_typed_in_the_morning(page: str, nights: Path) -> None:
    commands = typed(page)
    assert commands
    for words in commands:
        run = type_in(nights, *words, HOME=str(nights.parent))
        assert run.returncode == 0, (words, run.stdout, run.stderr)
