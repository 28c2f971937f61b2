"""Call a function of the tests in another process as a user without rights, and return its answer.

Run as a module: argv is who, `module:function` and its arguments as JSON; the last line printed
is the answer as JSON.
"""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.every_tier import ROOT, RUNNERS, Place
from tests.sandbox.unprivileged import become_nobody

PYTHON = "/usr/bin/python3"


def call(who: str, function: Any, *arguments: Any) -> Any:
    """Return what `function(*arguments)` returns in a process of its own.

    who: "as is", or "nobody".

    Skips where nobody cannot be tried.
    """
    if who == "nobody" and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if who == "nobody" and not Path(PYTHON).exists():
        pytest.skip(f"no {PYTHON} that every user may run")
    name = f"{function.__module__}:{function.__name__}"
    command = [sys.executable, "-m", "tests.sandbox.as_user", who, name, json.dumps(arguments)]
    ran = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def whoever(who: str, function: Any, *arguments: Any) -> Any:
    """Call `function` as `who`: "as is", or "nobody"."""
    if who == "nobody":
        return call(who, function, *arguments)
    return function(*arguments)


class OwnPlace(Place):
    """A place whose launcher and runs use a Python that every user may run."""

    def given(self) -> dict[str, Any]:
        return {"python": PYTHON}


def place_of(tier: str, home: Path) -> Place:
    """Return `tier` on the folders in `home`, for whoever calls."""
    if os.geteuid() == 0:
        return Place(RUNNERS[tier](), home)
    return OwnPlace(RUNNERS[tier](launcher=PYTHON), home)  # type: ignore[call-arg]


def main() -> None:
    """Become nobody and call."""
    module, _, function = sys.argv[2].partition(":")
    target = getattr(importlib.import_module(module), function)
    importlib.import_module("sandbox.walls.jail.start")
    if sys.argv[1] == "nobody":
        become_nobody()
    print(json.dumps(target(*json.loads(sys.argv[3]))))


if __name__ == "__main__":
    main()
