"""Which packages a training needs before it starts."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.project.find import Project
from agent.project.interpreter import Interpreter, own_interpreter
from agent.project.packages import WORKSPACE, packages_of, require_packages
from tests.agent.study import make_repository, project_of


def test_only_what_is_imported_at_the_top_counts() -> None:
    source = "import torch.nn\nfrom pyarrow import csv\n    import tiktoken\nimport torches\n"
    assert packages_of([source, "import rustbpe", "from safetensors.torch import load"]) == {
        *("torch", "pyarrow", "rustbpe", "safetensors")
    }


def wanting(project: Project, source: str, interpreter: Interpreter) -> ProjectFault:
    with pytest.raises(ProjectFault) as fault:
        require_packages(project, source, interpreter)
    return fault.value


def without(monkeypatch: pytest.MonkeyPatch, names: Sequence[str]) -> None:
    """Let Python find none of these packages."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_what_the_sources_name_and_a_sealed_score_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, WORKSPACE)
    project = project_of(make_repository(tmp_path)).model_copy(update={"score": "printed"})
    require_packages(project, "import numpy\n", own_interpreter())
    sealed = project.model_copy(update={"score": "sealed"})
    fault = wanting(sealed, "import pyarrow\n", own_interpreter())
    assert "scored without pyarrow, safetensors, torch: not installed here" in fault.message
    assert fault.next_command == 'python -m pip install "autoresearch[workspace]"'
    (tmp_path / "prepare.py").write_text("import rustbpe\n")
    assert "without rustbpe: not" in wanting(project, "", own_interpreter()).message
    for prepare in (None, "gone.py"):
        require_packages(project.model_copy(update={"prepare": prepare}), "", own_interpreter())


def test_an_interpreter_of_the_project_needs_what_scores_are_computed_with(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path)).model_copy(update={"score": "printed"})
    packages = tmp_path / "packages"
    (packages / "torch").mkdir(parents=True)
    own = own_interpreter().model_copy(
        update={"origin": "settings", "path": "/a b/python", "packages": (str(packages),)}
    )
    require_packages(project, "import rustbpe\n", own)
    sealed = project.model_copy(update={"score": "sealed"})
    fault = wanting(sealed, "", own)
    assert "scored without safetensors: not installed for /a b/python" in fault.message
    assert (fault.next_command or "").startswith("'/a b/python' -m pip install safetensors ")
    (packages / "safetensors.py").touch()
    require_packages(sealed, "", own)
