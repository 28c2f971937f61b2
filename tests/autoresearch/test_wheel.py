"""The wheel holds what it needs outside the clone. tests/e2e/test_three_users.py works with it."""

import zipfile
from pathlib import Path

import pytest

from tests.autoresearch.installed import ROOT, build_wheel, offline, type_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source tree."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with the dependencies installed here."""
    return offline(wheel, tmp_path_factory.mktemp("environment"))


def test_it_holds_the_three_packages_the_template_and_the_corpus(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    assert {"agent", "autoresearch", "sandbox"} == {top for top in tops if ".d" not in top}
    for name in ("workspace/train.py", "workspace/prepare.py", "program.md"):
        assert f"agent/_template/{name}" in names
    for package in ("agent", "autoresearch", "sandbox"):
        assert f"{package}/py.typed" in names
    assert any(name.endswith("share/autoresearch/state-of-the-union.jsonl.xz") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_nothing_of_the_source_tree_is_used(environment: Path, tmp_path: Path) -> None:
    code = "import agent, autoresearch, sandbox, sys; print(agent.__file__, autoresearch.__file__,"
    code += " sandbox.__file__, *sys.path, sep='\\n')"
    places = type_in(environment, tmp_path, "python", "-c", code).splitlines()
    inside = [place for place in places if Path(place) == ROOT or "/tests/" in place]
    packages = {str(Path(place).parent.parent) for place in places[:3]}
    assert not inside
    assert packages == {str(next(environment.parent.glob("lib/python*/site-packages")))}
