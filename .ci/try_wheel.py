"""Tries a wheel or sdist as a stranger would: a kept change in a repository, a method of one's own.

python3.13 .ci/try_wheel.py dist/autoresearch-*.whl --extras keyring,mcp

The Python that runs this file is the one that is tried; it needs nothing but git.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

FIT = """\
import random

RATE = 0.9  # [0.001 .. 1 log]
DEPTH = 3  # [1 .. 8]

random.seed(0)
error = abs(RATE - 0.1) + 0.1 * abs(DEPTH - 5) + 0.001 * random.random()
print(f"test accuracy: {100 - 20 * error:.2f}%")
"""
SETTINGS = """\
train = "fit.py"
metric = "test accuracy"
direction = "maximize"
noise = "none"
"""
NIGHT = ("start", "--model", "none", "--trials", "8", "--trust", "--tag", "night")
ASK = """\
import autoresearch
space = autoresearch.read_space(open("fit.py").read())
print(autoresearch.ask("trust", space, [autoresearch.Observation(space.default, 1.0)], seed=0))
"""
PLUGIN = """\
def suggest(space, observations, seed):
    best = min(
        (trial for trial in observations if trial.value is not None), key=lambda trial: trial.value
    )
    constant = space.parameters[seed % len(space.parameters)]
    bound = constant.low if seed % 2 else constant.high
    middle = (best.configuration[constant.name] + bound) / 2
    return space.repair({**best.configuration, constant.name: middle})
"""
MODULES = {
    "cluster": "ray",
    "keyring": "keyring",
    "mcp": "mcp",
    "mlflow": "mlflow",
    "notify": "apprise",
    "smac": "smac",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "workspace": "torch",
}
"""What each extra must bring, where that is asked."""


def run(folder: Path, *command: str | Path, **variables: str) -> str:
    """Run a command and return what it prints; end this program if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def repository(folder: Path) -> Path:
    """Make a repository with a training of a few lines."""
    folder.mkdir()
    (folder / "fit.py").write_text(FIT, encoding="utf-8")
    (folder / "autoresearch.toml").write_text(SETTINGS, encoding="utf-8")
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", ".")
    author = ("-c", "user.name=Stranger", "-c", "user.email=stranger@example.org")
    run(folder, "git", *author, "commit", "-qm", "a training")
    return folder


def environment(folder: Path, package: Path, extras: str, constraints: Path | None) -> Path:
    """Install the package into an empty environment, and return the folder of its programs."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    asked = f"{package}[{extras}]" if extras else str(package)
    pinned = ["-c", str(constraints)] if constraints else []
    quiet = ("-q", "--disable-pip-version-check")
    run(folder, programs / "python", "-m", "pip", "install", *quiet, asked, *pinned)
    run(folder, programs / "python", "-m", "pip", "check")
    return programs


def first_hour(programs: Path, folder: Path) -> None:
    """Run a night of a few trials, read it in every usual way, and ask the library."""
    home = folder.parent / "home"
    home.mkdir()
    places = {"HOME": str(home), "AUTORESEARCH_CACHE": str(home / "cache")}
    command = programs / "autoresearch"
    print(run(folder, command, "--version", **places).strip())
    run(folder, command, *NIGHT, **places)
    statuses = [trial["status"] for trial in _log(folder, command, "night", places)]
    if "keep" not in statuses or len(statuses) != 9:
        sys.exit(f"the night was to have a baseline, eight trials and a keep: {statuses}")
    for words in (("status",), ("show", "1"), ("report",), ("methods",), ("export",)):
        run(folder, command, *words, **places)
    run(folder, programs / "python", "-c", ASK, **places)
    (home / "halving.py").write_text(PLUGIN, encoding="utf-8")
    own = ("--method", "halving:suggest", "--trials", "2", "--tag", "own")
    run(folder, command, "start", "--trust", *own, PYTHONPATH=str(home), **places)
    methods = {trial["proposal"]["by"]["method"] for trial in _log(folder, command, "own", places)}
    if methods != {"baseline", "halving:suggest"}:
        sys.exit(f"a method of one's own was to propose two trials: {methods}")


def _log(folder: Path, command: Path, tag: str, places: dict[str, str]) -> list[dict[str, Any]]:
    """Return the trials of a run."""
    trials: list[dict[str, Any]] = json.loads(run(folder, command, "log", tag, "--json", **places))
    return trials


def main() -> None:
    """Try one package under this Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--extras", default="", help="as in workspace,keyring")
    parser.add_argument("--constraints", type=Path)
    options = parser.parse_args()
    constraints = options.constraints.resolve() if options.constraints else None
    with tempfile.TemporaryDirectory() as name:
        place = Path(name).resolve()
        package = options.package.resolve()
        programs = environment(place / "environment", package, options.extras, constraints)
        for extra in filter(None, options.extras.split(",")):
            if extra in MODULES:
                run(place, programs / "python", "-c", f"import {MODULES[extra]}")
        first_hour(programs, repository(place / "repository"))
    which = f"Python {sys.version.split()[0]}, {options.package.name}"
    print(f"{which}, extras: {options.extras or 'none'}: a kept change in a new repository")


if __name__ == "__main__":
    main()
