"""Every shell command of the documentation: tutorials are typed, all others are at least known.

Commands of `autoresearch` in any page are parsed by tests/test_docs.py and tests/test_hints.py.
"""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.e2e.researcher import clean_environment

ROOT = Path(__file__).parent.parent
PAGES = sorted((*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"))
TYPED = ("first-night.md",)
"""Pages whose blocks of shell commands are typed from the first to the last, in one folder."""
EVERYWHERE = {
    ".",
    "$EDITOR",
    "apt",
    "cat",
    "cd",
    "chmod",
    "claude",
    "codex",
    "cp",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "llama-server",
    "mkdir",
    "npm",
    "npx",
    "ollama",
    "pip",
    "printf",
    "pytest",
    "python",
    "python3",
    "ray",
    "rsync",
    "sbatch",
    "scancel",
    "sed",
    "sinfo",
    "squeue",
    "srun",
    "ssh",
    "sudo",
    "uv",
    "vllm",
}
"""Programs that are not ours; what they are given is theirs to refuse."""
MODULES = ("venv", "pip", "http.server", "pre_commit")
"""Likewise, behind `python -m`; the last one is installed by the page that types it."""
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HERE = re.compile(r"<<'(\w+)'.*?^\1$", re.DOTALL | re.MULTILINE)
_VARIABLE = re.compile(r"^\w+=\S*$")


def blocks_of(page: Path) -> list[str]:
    """Return the blocks of shell commands of a page."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def commands_of(block: str) -> list[list[str]]:
    """Return the words of each command; without comments, here-documents and assignments."""
    text = _HERE.sub("", block).replace("\\\n", " ")
    commands = []
    for line in text.splitlines():
        for part in re.split(r"&&|\|\||\||;", line.partition(" #")[0]):
            words = part.split()
            while words and _VARIABLE.match(words[0]):
                words.pop(0)
            if words and not words[0].startswith("#"):
                commands.append(words)
    return commands


def problem(words: list[str]) -> str | None:
    """Return why a command cannot be typed in this repository; None if it can."""
    program = Path(words[0]).name
    if program == "autoresearch":
        return None
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        target = next((word for word in words[1:] if "=" not in word and word[0] != '"'), "start")
        known = re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE)
        return None if known else f"no target {target}"
    if program.startswith("python") and words[1:2] == ["-m"]:
        is_known = words[2] in MODULES or find_spec(words[2])
        return None if is_known else f"no module {words[2]}"
    if program.startswith("python") and words[1:] and words[1].startswith(("docs/", ".ci/")):
        return None if (ROOT / words[1]).is_file() else f"no file {words[1]}"
    return None if words[0] in EVERYWHERE or program in EVERYWHERE else f"what is {words[0]}?"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_known(page: Path) -> None:
    wrong = []
    for block in blocks_of(page):
        wrong += [(words, why) for words in commands_of(block) if (why := problem(words))]
    assert wrong == []


def test_mistakes_are_found() -> None:
    assert problem(["make", "strat"]) and problem(["python", "-m", "benchmarks.nothing"])
    assert problem(["python", "docs/nothing.py"]) and problem(["autoreserch", "log"])
    assert commands_of("cat > a <<'END'\nmake strat\nEND\nA=1 make docs && cd x  # now\n") == [
        ["cat", ">", "a"],
        ["make", "docs"],
        ["cd", "x"],
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TYPED)
def test_a_tutorial_can_be_typed(name: str, tmp_path: Path) -> None:
    page = ROOT / "docs" / name
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = clean_environment(HOME=str(home), PATH=path)
    variables["AUTORESEARCH_CACHE"] = str(home / "cache")
    script = "\n".join(["set -euo pipefail", *blocks_of(page)])
    typed = subprocess.run(
        ["bash", "-c", script],
        cwd=work,
        env=variables,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert typed.returncode == 0, typed.stdout[-4000:] + typed.stderr[-4000:]
    log = [str(Path(sys.executable).parent / "autoresearch"), "log", "--json"]
    [project] = [path for path in work.iterdir() if (path / ".git").is_dir()]
    trials = json.loads(subprocess.run(log, cwd=project, capture_output=True, check=True).stdout)
    assert "keep" in {trial["status"] for trial in trials}
