"""What an evaluator hides, at each door: a trial's files and .git, prompts, diffs, other models."""

import subprocess
import unicodedata
from pathlib import Path

import pytest

from agent.cli.reach import kept_from_models
from agent.edit.files import Sources, apply_edits
from agent.errors import UsageFault
from agent.history.history import History
from agent.history.visible import VisibleFiles
from agent.project.find import find_project
from agent.project.flags import read_flags
from agent.project.objective import objective_of
from agent.project.program import FrontMatter
from agent.project.settings import read_settings
from agent.propose.views.prompt import ledger_text, source_text, system_text
from agent.records.edits import AddFile, Refused, RewriteFile
from agent.records.opening import Opening
from agent.records.patterns import covers
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import settings_of

SECRET = "known-to-the-evaluator-only"
TOML = """
train = "fit.py"
metric = "acc"
files = ["*.py", "!evaluate.py", "lib/*.py"]
read_only = ["data"]

[evaluate]
command = "python evaluate.py"
hidden = ["data/val.txt", "lib/checks.py"]
test = ["data/test.txt"]
public = "EVAL.md"
outputs = ["out.csv"]
"""
FILES = {
    "fit.py": "import evaluate\nfrom lib import checks, net\nLR = 0.5\n",
    "evaluate.py": f"def answer():\n    '''{SECRET}'''\n",
    "lib/checks.py": f"def {SECRET.replace('-', '_')}():\n    '''{SECRET}'''\n",
    "lib/net.py": "W = 1\n",
    "data/val.txt": SECRET,
    "data/test.txt": SECRET,
    "EVAL.md": "It counts right answers.\n",
    "autoresearch.toml": TOML.replace('"lib/*.py"', '"lib/net.py"'),
}


def git(root: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory):
    root = tmp_path_factory.mktemp("hidden")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "start")
    settings = read_settings(root)
    project = find_project(root, settings)
    objective = objective_of(project, settings, FrontMatter(), read_flags("start"))
    with History.create(project, settings_of(project, objective=objective)) as history:
        yield history


def test_a_trial_gets_none_of_it_and_its_git_knows_of_none(history, tmp_path: Path) -> None:
    history.export(history.tip, tmp_path / "room")
    room = tmp_path / "room"
    paths = {str(path.relative_to(room)) for path in room.rglob("*") if path.is_file()}
    named = {path for path in paths if not path.startswith(".git/")}
    assert named == {"fit.py", "lib/net.py", "EVAL.md", "autoresearch.toml"}
    assert git(room, "ls-files").split() == sorted(named)
    assert git(room, "status", "--porcelain") == ""
    blob = git(Path(history.project.root), "rev-parse", "HEAD:data/val.txt").strip()
    with pytest.raises(subprocess.CalledProcessError):
        git(room, "cat-file", "-e", blob)
    for path in room.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_the_evaluator_gets_all_of_it(history, tmp_path: Path) -> None:
    history.export_whole(tmp_path / "evaluator", "test")
    for name, text in FILES.items():
        assert (tmp_path / "evaluator" / name).read_text() == text


def test_the_files_of_the_test_split_are_there_for_it_alone(history, tmp_path: Path) -> None:
    for split, there in (("val", False), ("test", True)):
        history.export_whole(tmp_path / split, split)
        assert (tmp_path / split / "data/test.txt").exists() == there


def test_each_opening_of_the_test_split_is_a_commit_that_counts_itself(history) -> None:
    before = history.tip
    for number in (1, 2):
        stamp = "2026-11-29T01:00:00+00:00"
        opening = Opening(number=number, command="replicate", states="#1", at=stamp)
        history.open_test(opening)
    root = Path(history.project.root)
    with History.read(history.project, history.branch) as again:
        assert [opening.number for opening in again.openings] == [1, 2]
        assert history.openings == again.openings
        assert not again.warnings
    subjects = git(root, "log", "--format=%s", f"{before}..{history.branch}").splitlines()
    assert subjects[0] == "open the test split, time 2: replicate"
    assert git(root, "rev-parse", f"{history.tip}^{{tree}}") == git(
        root, "rev-parse", f"{before}^{{tree}}"
    )


def test_no_prompt_has_it(history) -> None:
    ledger = Ledger(history, lambda sources: read_space(sources, {}, {}))
    context = ledger.context(())
    text = "\n".join(write(context) for write in (system_text, source_text, ledger_text))
    assert "It counts right answers." in text and "out.csv" in text
    assert SECRET not in text and SECRET.replace("-", "_") not in text
    assert set(context.imported) == set()
    assert set(context.sources.files) == {"fit.py", "lib/net.py"}


@pytest.mark.parametrize("path", ["evaluate.py", "lib/checks.py"])
def test_no_edit_brings_another(history, path: str) -> None:
    sources: Sources = history.sources
    for edit in (
        AddFile(file=path, code="print('acc: 1')\n"),
        RewriteFile(file=path, code="print('acc: 1')\n"),
    ):
        assert isinstance(apply_edits(sources, [edit]), Refused)


@pytest.mark.parametrize("path", ["Evaluate.py", "DATA/val.txt", "data/VAL.TXT", "lib/Checks.py"])
def test_a_hidden_name_in_other_letters_is_hidden(history, path: str) -> None:
    """A file system that takes one for the other would show it by another name."""
    assert history.project.hides(path) and not history.project.edits(path)


def test_a_hidden_name_with_other_accents_is_hidden() -> None:
    whole, apart = (unicodedata.normalize(form, "donn\u00e9es/*.csv") for form in ("NFC", "NFD"))
    for pattern in (whole, apart):
        for path in (whole, apart):
            assert covers(path.replace("*", "test"), (pattern,))
    assert not covers("donnees/test.csv", (whole,))


def test_no_diff_shows_how_a_human_changed_it(history) -> None:
    root = Path(history.project.root)
    for name in ("evaluate.py", "data/val.txt", "lib/checks.py", "lib/net.py"):
        (root / name).write_text(f"# {SECRET}, changed\n" if name != "lib/net.py" else "W = 2\n")
    git(root, "commit", "-q", "-a", "-m", "by hand")
    changed = git(root, "rev-parse", "HEAD").strip()
    for text in (history.diff(f"{changed}^", changed), history.diffs([changed])[changed]):
        assert "W = 2" in text and SECRET not in text


def test_no_tool_of_an_outside_agent_reads_it_at_any_commit(history) -> None:
    visible = VisibleFiles(history.project, history.run.goal)
    for commit in (history.tip, history.run.start_commit):
        assert set(visible.at(commit)) == {"EVAL.md", "autoresearch.toml", "fit.py", "lib/net.py"}
        for path in ("evaluate.py", "data/val.txt", "data/test.txt", "lib/checks.py"):
            with pytest.raises(UsageFault, match="There is no file"):
                visible.text(commit, path)


def test_other_programs_that_propose_are_kept_from_it(history) -> None:
    root = Path(history.project.root)
    hidden = set(kept_from_models(history.project))
    assert {root / "evaluate.py", root / "data/val.txt", root / ".git"} <= hidden
