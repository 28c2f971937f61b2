"""Modules that a run's files import and no edit may touch: which, and never what is hidden."""

import subprocess
from pathlib import Path

import pytest

from agent.edit.files import Sources
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.imported import imported_modules
from agent.history.sources import sources_in
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.records.evaluator import Evaluator
from agent.records.objective import Objective
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.study import settings_of

FILES = {
    "fit.py": "import os\nimport numpy\nfrom prepare import load\nfrom pkg import net, secret\n"
    "from . import sibling\nimport linked\n",
    "prepare.py": "def load():\n    return 1\n",
    "pkg/__init__.py": "from pkg import deep\n",
    "pkg/net.py": "from . import near\nfrom .. import up\n",
    "pkg/near.py": "N = 1\n",
    "pkg/secret.py": "ANSWER = 42\n",
    "pkg/unused.py": "U = 1\n",
    "up.py": "U = 2\n",
    "os.py": "O = 1\n",
    "autoresearch.toml": 'train = "fit.py"\nmetric = "accuracy"\ndirection = "maximize"\n',
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("imported")
    for name, text in FILES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "linked.py").symlink_to("/etc/passwd")
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *words], cwd=root, check=True)
    return root


def imported(
    root: Path, evaluate: Evaluator | None = None, files: tuple[str, ...] = ()
) -> set[str]:
    project = find_project(root, read_settings(root))
    project = project.model_copy(update={"files": files, "evaluate": evaluate})
    return set(imported_modules(Plumbing(root), "HEAD", project, sources_in(project, "HEAD")))


def test_what_the_program_imports_of_the_project_is_there(root: Path) -> None:
    assert imported(root) == {"prepare.py", "pkg/__init__.py", "pkg/net.py", "pkg/secret.py"}


def test_what_edits_may_touch_is_not_and_its_own_imports_count(root: Path) -> None:
    both = imported(root, files=("fit.py", "pkg/net.py"))
    assert both == {"prepare.py", "pkg/__init__.py", "pkg/secret.py", "pkg/near.py", "up.py"}


def test_what_an_evaluator_hides_is_never_shown(root: Path) -> None:
    evaluator = Evaluator(command="python evaluate.py", hidden=("pkg/secret.py", "prep*.py"))
    assert imported(root, evaluator) == {"pkg/__init__.py", "pkg/net.py"}


def test_prepare_that_no_trial_gets_is_never_shown(root: Path) -> None:
    project = find_project(root, read_settings(root)).model_copy(update={"score": "sealed"})
    assert project.prepare == "prepare.py"
    shown = imported_modules(Plumbing(root), "HEAD", project, sources_in(project, "HEAD"))
    assert "prepare.py" not in shown


def test_what_supplies_the_data_is_shown_whatever_a_file_imports(root: Path) -> None:
    project: Project = find_project(root, read_settings(root))
    for text in ("def (", "", "import nowhere"):
        sources = Sources({"fit.py": text}, "fit.py", ("fit.py",))
        shown = imported_modules(Plumbing(root), "HEAD", project, sources)
        assert shown == {"prepare.py": FILES["prepare.py"]}


def test_a_ledger_gives_methods_the_kind_of_score_and_what_is_imported(root: Path) -> None:
    project = find_project(root, read_settings(root))
    objective = Objective(metric="accuracy", direction="maximize", folder=".")
    settings = settings_of(project, score="printed", objective=objective)
    with History.create(project, settings) as history:
        context = Ledger(history, lambda sources: read_space(sources.text)).context(())
    assert context.score == "printed" and context.objective == objective
    assert context.imported["prepare.py"] == FILES["prepare.py"]
