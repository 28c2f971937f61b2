"""A project whose environment is not the harness's, and whose script lies in a folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.researcher import git, statuses, type_in

TRAIN = """
import os
import sys
import only_here
import mypkg
LR = 0.1  # [0.01 .. 1 log]
os.makedirs("out", exist_ok=True)
open("out/model.pt", "w").write("x")
assert open("data/x").read() == "x"
assert sys.prefix.endswith("project/.venv"), sys.prefix
assert "scratch/workspace/src" in mypkg.__file__, mypkg.__file__
print("---")
print("val_bpb:", 1 + abs(LR - only_here.BEST))
"""


@pytest.mark.slow
def test_a_night_on_the_projects_own_python(tmp_path: Path) -> None:
    home = tmp_path / "project"
    files = {
        "scripts/train.py": TRAIN,
        "src/mypkg.py": "",
        "data/x": "x",
        ".gitignore": ".venv\ndata/\nout/\n",
        "autoresearch.toml": 'train = "scripts/train.py"\nread_only = ["data"]\n',
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    command = [sys.executable, "-m", "venv", "--without-pip", home / ".venv"]
    subprocess.run(command, check=True)
    [packages] = (home / ".venv/lib").glob("python3*/site-packages")
    (packages / "only_here.py").write_text("BEST = 0.4\n")
    (packages / "_project.pth").write_text(f"{home}/src\n")
    git(home, "init", "-q", "-b", "main")
    git(home, "add", "-A")
    git(home, "commit", "-qm", "start")
    done = type_in(home, "start", "--model", "none", "--trials", "2", "--budget", "5s")
    assert done.returncode == 0, done.stderr
    assert f"{home}/.venv/bin/python" in done.stdout + done.stderr
    assert statuses(home)[0] == "baseline"
