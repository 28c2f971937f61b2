"""Where a script's own packages are imported from, where nothing installs them."""

from pathlib import Path

import pytest

from agent.project.interpreter import Interpreter, own_interpreter
from agent.project.layout import import_roots


@pytest.mark.parametrize(
    ("script", "package", "roots"),
    [
        ("scripts/train.py", "src/spins/model.py", ("src",)),
        ("src/spins/train.py", "src/spins/model.py", ("src",)),
        ("scripts/train.py", "spins/__init__.py", (".",)),
        ("train.py", "spins/__init__.py", ()),
        ("train.py", "spins.py", ()),
        ("scripts/train.py", "python/spins.py", ("python",)),
        ("scripts/train.py", "other/spins.txt", ()),
    ],
)
def test_the_folder_of_an_own_package(
    tmp_path: Path, script: str, package: str, roots: tuple[str, ...]
) -> None:
    path = tmp_path / package
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    found = import_roots(script, "import numpy\nfrom spins import fit\n", tmp_path, python())
    assert found == roots


def test_what_is_installed_or_sees_to_its_path_itself_is_left_alone(tmp_path: Path) -> None:
    for name in ("src/torch", "src/json", "src/spins"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.py").write_text("")
    assert import_roots("a/train.py", "import torch, json\n", tmp_path, python()) == ()
    own = "import sys\nsys.path.append('src')\nimport spins\n"
    assert import_roots("a/train.py", own, tmp_path, python()) == ()
    assert import_roots("a/train.c", "int main() { return 0; }", tmp_path, python()) == ()
    assert import_roots("a/train.py", f"import {'a' * 300}\n", tmp_path, python()) == ()
    editable = python().model_copy(update={"sources": (str(tmp_path / "src"),)})
    assert import_roots("a/train.py", "import spins\n", tmp_path, editable) == ("src",)


def python() -> Interpreter:
    return own_interpreter()
