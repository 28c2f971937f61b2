"""Every shell block of the documentation is typed: here as it stands, or by the test that is named.

What needs a GPU, a cluster, a model with a key or days is typed here with one more option, which
makes it small (`SMALL`): its option names and values are read, and a start shows its plan. What is
typed for agents' clients is given to them by tests/agent/serve/test_clients.py; other programs that
are not ours are only known by name, to tests/test_tutorials.py.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, dropwhile
from pathlib import Path

import pytest

from tests.agent.benchmark.test_past import automl, rows
from tests.e2e.researcher import git, miniature, statuses, type_in
from tests.test_tutorials import PAGES, ROOT

BRIEF = "---\ntrials: 1\nbudget: 5s\n---\n# Goal\nLower val_bpb.\n"
FIT = '''"""Fit a line: one number is printed."""
RATE = 0.1
print(f"test accuracy: {0.9 - abs(RATE - 0.3):.4f}")
'''
EVALUATED = {
    "fit.py": '''"""Fit a threshold, and predict with it."""
from pathlib import Path

BOUND = 0.5
lines = Path("inputs.csv").read_text().splitlines()
Path("predictions.csv").write_text("\\n".join(str(int(float(line) > BOUND)) for line in lines))
''',
    "evaluate.py": '''"""Compare the predictions with the labels."""
from pathlib import Path

labels = Path("labels.csv").read_text().splitlines()
predictions = Path("predictions.csv").read_text().splitlines()
right = sum(a == b for a, b in zip(labels, predictions, strict=True))
print(f"accuracy: {right / len(labels):.4f}")
''',
    "inputs.csv": "0.1\n0.6\n0.7\n0.9\n",
    "labels.csv": "0\n0\n1\n1\n",
}
NIGHT = ("start", "--model", "none", "--method", "random")


def repository(folder: Path, files: dict[str, str]) -> Path:
    """Return a new repository with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Start")
    return folder


def own(folder: Path) -> Path:
    """Return somebody's repository before `init`."""
    recipe = "train:\n\tpython fit.py\n"
    return repository(folder, {"fit.py": FIT, "Makefile": recipe, "conf/base.yaml": "seed: 1\n"})


def evaluated(folder: Path) -> Path:
    """Return somebody's repository whose score a script of its own computes."""
    return repository(folder, EVALUATED)


def past(folder: Path) -> Path:
    """Return a folder with a file of past trials."""
    folder.mkdir()
    automl(folder / "h200.json", rows())
    return folder


def nights(folder: Path) -> Path:
    """Return a repository with a night of eight trials, and one that began at its seventh."""
    home = miniature(folder)
    (home / "program.md").write_text(BRIEF)
    git(home, "commit", "-qam", "a brief")
    for words in (
        (*NIGHT, "--tag", "nov24", "--trials", "8"),
        (*NIGHT, "--tag", "nov25", "--trials", "7", "--from", "nov24#7"),
        ("try", "--set", "LR=0.4", "--set", "DEPTH=8"),
        ("resume", "--trials", "1"),
    ):
        run = type_in(home, *words)
        assert run.returncode == 0, run.stderr
    assert statuses(home, "nov25")[8] == "keep"
    return home


PLACES: dict[str, Callable[[Path], Path]] = {
    "README.md": nights,
    "README.md: Already have a repository?": own,
    "docs/agents.md": nights,
    "docs/bench-300-fresh.md": past,
    "docs/bench-300.md": past,
    "docs/bench-workspace.md": past,
    "docs/bench.md": past,
    "docs/branches-of-runs.md": nights,
    "docs/evaluate.md": evaluated,
    "docs/gpu.md": nights,
    "docs/notifications.md": nights,
    "docs/researcher.md": nights,
    "docs/sixteen-gpus.md": nights,
    "docs/sixteen-gpus.md: 2. The project, on the login node": own,
    "docs/steer.md": nights,
    "docs/your-repository.md": own,
    "docs/your-repository.md: How noisy is it?": nights,
}
"""Where the commands of a page are typed, or those below one of its headings."""
ELSEWHERE = {
    "README.md: Try it": "tests/e2e/test_three_users.py",
    "CONTRIBUTING.md": "tests/test_tutorials.py",
    "docs/first-night.md": "tests/test_tutorials.py",
}
"""Pages, or sections, whose commands another test types."""
FRESH = {"docs/evaluate.md", "docs/your-repository.md: Answers as flags"}
"""Where each command is one of several to choose from, and is typed in a place of its own."""
SMALL = {
    "bench": "--trials 1 --seeds 1",
    "init --preset": "--anyway",
    "init": "--yes",
    "skill": "--yes",
    "start --on": "--dry-run",
    "start --model opus": "--dry-run",
    "start": "--trials 1 --model none",
}
"""What is typed behind a command that has these words; the first row that fits counts."""
NOT_HERE = {
    "dashboard": "tests/e2e/test_three_users.py",
    "start --notes": "tests/e2e/test_looking.py",
    "mcp": "tests/agent/serve/test_transports.py",
    "doctor --on": "tests/agent/evaluate/cluster/test_commands.py",
    "resume --on": "tests/cluster/test_slurm.py",
}
"""Commands that last until they are ended, or need a cluster or notes: what tests them instead."""
_VARIABLE = re.compile(r"\w+=\S*$")
_FENCE = re.compile(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """The commands of `autoresearch` in one shell block, and where they are typed."""

    page: str
    heading: str
    commands: tuple[tuple[str, ...], ...]

    def of(self, table: Iterable[str]) -> str | None:
        """Return the row of a table that this section is in."""
        names = (f"{self.page}: {self.heading}", self.page)
        return next((name for name in names if name in table), None)


def sections_of(path: Path) -> Iterator[Section]:
    """Yield a section for each shell block of a page."""
    heading = ""
    for match in _FENCE.finditer(path.read_text(encoding="utf-8")):
        title, language, block = match.groups()
        heading = title or heading
        if language == "sh":
            yield Section(path.relative_to(ROOT).as_posix(), heading, tuple(typed(block)))


def typed(block: str) -> Iterator[tuple[str, ...]]:
    """Yield the words behind each `autoresearch` of a block."""
    for line in re.sub(r"(^|\s)#.*", "", block, flags=re.MULTILINE).splitlines():
        for part in line.split("&&"):
            words = [*dropwhile(_VARIABLE.match, shlex.split(part))]
            if words[:1] == ["autoresearch"] and not row_of(words, NOT_HERE):
                more = SMALL.get(row_of(words, SMALL) or "", "")
                yield (*words[1:], *more.split())


def row_of(words: Sequence[str], table: Iterable[str]) -> str | None:
    """Return the first row all of whose words are typed."""
    return next((row for row in table if {*row.split()} <= {*words}), None)


SECTIONS = list(chain.from_iterable(map(sections_of, PAGES)))
TYPED = sorted({section.page for section in SECTIONS if section.of(PLACES)})


def test_every_shell_block_is_typed_by_a_test() -> None:
    for section in SECTIONS:
        assert section.of(PLACES) or section.of(ELSEWHERE), section
    pages = {section.page for section in SECTIONS}
    headings = {f"{section.page}: {section.heading}" for section in SECTIONS}
    assert {*PLACES, *ELSEWHERE, *FRESH} <= pages | headings
    for path in (*ELSEWHERE.values(), *NOT_HERE.values()):
        assert (ROOT / path).is_file(), path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", TYPED)
def test_the_commands_of_a_page_can_be_typed(page: str, tmp_path: Path) -> None:
    sections = [section for section in SECTIONS if section.page == page]
    for section in sections:
        if section.of(ELSEWHERE) != f"{page}: {section.heading}":
            type_section(section, tmp_path)


def type_section(section: Section, folder: Path) -> None:
    """Type the commands of a section, each of which must end with 0."""
    make = PLACES[str(section.of(PLACES))]
    home = folder / make.__name__
    for number, words in enumerate(section.commands):
        if section.of(FRESH):
            home = folder / f"{make.__name__}-{number}"
        if "smac" in words and not find_spec("smac"):
            continue  # an extra of its own
        if not home.exists():
            make(home)
        key = "sk-ant-none"
        run = type_in(home, *words, timeout=800, HOME=str(folder), ANTHROPIC_API_KEY=key)
        assert run.returncode == 0, (words, run.stdout, run.stderr)
