"""What a release rests on: its version, bounds with reasons, workflows that name what is there."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.researcher import git

ROOT = Path(__file__).parent.parent
METADATA = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))


def parsed(path: Path) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands_of(workflow: Path) -> Iterator[str]:
    """Yield what the steps of a workflow run."""
    for job in parsed(workflow)["jobs"].values():
        for step in job["steps"]:
            yield from step.get("run", "").splitlines()


def release_notes(tag: str) -> subprocess.CompletedProcess[str]:
    """Ask for the notes of a tag."""
    command = [sys.executable, str(ROOT / ".ci" / "release_notes.py"), tag]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_upper_bound_has_its_reason_beside_it() -> None:
    bound = re.compile(r'"[\w.\[\]-]+[^"]*(?:<|==|~=)[^"]*"')
    part = METADATA.split("\ndependencies = [")[1].split("\n[project.scripts]")[0]
    lines = [line for line in part.splitlines() if bound.search(line)]
    assert len(lines) >= 3
    assert [line for line in lines if "  # " not in line] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_only_what_is_there(workflow: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = 0
    for command in commands_of(workflow):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
            named += 1
        for path in re.findall(r"\.ci/[\w.]+", command):
            assert (ROOT / path).is_file(), path
            named += 1
    assert named >= 2


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_waits_only_for_jobs_that_are_there(workflow: Path) -> None:
    jobs = parsed(workflow)["jobs"]
    for job in jobs.values():
        needs = job.get("needs", [])
        assert set([needs] if isinstance(needs, str) else needs) <= jobs.keys()


def test_every_python_that_the_package_names_is_tried_before_a_release() -> None:
    named = re.findall(r"Python :: (3\.\d+)", METADATA)
    for workflow in WORKFLOWS:
        tried = parsed(workflow)["jobs"]["stranger"]["strategy"]["matrix"]["python"]
        assert tried == named


def test_a_tag_without_its_notes_or_with_another_version_is_refused() -> None:
    assert "The loop" in release_notes("v0.1.0").stdout
    for tag, problem in (("0.1.0", "is tagged as in"), ("v9.9.9", "names 0.1.0")):
        refused = release_notes(tag)
        assert refused.returncode == 1 and problem in refused.stderr and not refused.stdout


def test_the_page_on_an_index_leads_to_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    for name in ("README.md", "pyproject.toml", ".ci/package_page.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    there = "https://example.org/ada/autoresearch"
    command = [sys.executable, str(tmp_path / ".ci" / "package_page.py"), there, "v1.2.3"]
    subprocess.run(command, check=True)
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    led = re.findall(r'(?:\]\(|src="|srcset=")([^)"]+)', page)
    paths = [re.fullmatch(rf"{there}/(blob|raw)/v1\.2\.3/([^#]+)(?:#.+)?", link) for link in led]
    assert len(led) > 30 and all(paths)
    for path in filter(None, paths):
        assert (ROOT / path[2]).exists(), path[2]
        assert (path[1] == "raw") == path[2].endswith((".png", ".svg")), path[2]
    metadata = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))
    assert metadata["project"]["urls"]["Repository"] == there


def test_issues_ask_for_what_the_program_can_print() -> None:
    assert len(FORMS) >= 3
    for path in FORMS:
        form = parsed(path)
        assert form["name"] and form["description"]
        fields = [part["id"] for part in form["body"] if part["type"] != "markdown"]
        assert len(fields) == len(set(fields)) > 0


def test_the_citation_and_the_hooks_name_what_is_there() -> None:
    citation = parsed(ROOT / "CITATION.cff")
    assert citation["title"] == "autoresearch" and citation["license"] == "MIT"
    [hooks] = parsed(ROOT / ".pre-commit-config.yaml")["repos"]
    programs = {hook["entry"].split()[0] for hook in hooks["hooks"]}
    assert programs == {".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/python"}


@pytest.mark.slow
def test_a_clone_and_an_sdist_of_it_have_the_version_of_the_tag(tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(ROOT), "clone")
    clone = tmp_path / "clone"
    for tag in git(clone, "tag").split():
        git(clone, "tag", "-d", tag)
    assert ".dev" in built(clone, "sdist", tmp_path / "untagged"), "a clone without tags"
    git(clone, "tag", "v7.8.9")
    assert built(clone, "sdist", tmp_path / "tagged") == "autoresearch-7.8.9.tar.gz"
    with tarfile.open(tmp_path / "tagged" / "autoresearch-7.8.9.tar.gz") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    unpacked = tmp_path / "unpacked" / "autoresearch-7.8.9"
    name = built(unpacked, "wheel", tmp_path / "wheel")
    assert name == "autoresearch-7.8.9-py3-none-any.whl"


def built(source: Path, target: str, folder: Path) -> str:
    """Build a distribution from a source tree, and return the name of its file."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = folder.iterdir()
    return path.name
