"""A program of the user's own is started where some of their files are not."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.walls import mask
from tests.sandbox.as_user import PYTHON, whoever

WAYS = {"bubblewrap": "_bubblewrap", "own": "_own"}
# Reads, then tries to take the mask away: by unmounting, with rights in a namespace of its own, and
# through other processes.
BREAK = """
import ctypes, glob, json, os, sys
secret, open_file = sys.argv[1:3]
libc = ctypes.CDLL(None, use_errno=True)
def look(path):
    try:
        return open(path).read()
    except OSError as error:
        return type(error).__name__
found = [look(secret), look(open_file)]
libc.umount2(os.path.dirname(secret).encode(), 2)
found.append(look(secret))
libc.unshare(0x10000000 | 0x20000)
libc.umount2(os.path.dirname(secret).encode(), 2)
found.append(look(secret))
found += sorted({look(f"{root}{secret}") for root in glob.glob("/proc/[0-9]*/root")} & {"tokens"})
print(json.dumps(found))
"""


def answers(way: str) -> Any:
    """Return what a masked program gets out of a hidden folder, a hidden file and the rest."""
    python = PYTHON if os.geteuid() else sys.executable
    mask.launcher_interpreter = lambda: python  # type: ignore[attr-defined]
    build = getattr(mask, WAYS[way])
    with tempfile.TemporaryDirectory() as home:
        place = Path(home).resolve()
        (place / "hidden").mkdir()
        (place / "hidden" / "secret").write_text("tokens")
        (place / "beside").write_text("open")
        against = mask._reason_against(build)
        if against:
            return {"against": against}
        argv = build(
            [python, "-I", "-S", "-c", BREAK, str(place / "hidden/secret"), str(place / "beside")],
            [str(place / "hidden")],
        )
        run = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
        code = subprocess.run(
            build([python, "-c", "raise SystemExit(7)"], [str(place / "hidden")]),
            check=False,
            timeout=30,
        )
        return {"found": json.loads(run.stdout or "[]"), "err": run.stderr, "code": code.returncode}


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("way", sorted(WAYS))
def test_what_is_hidden_stays_hidden(way: str, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        mask, "launcher_interpreter", mask.launcher_interpreter
    )  # given back afterwards
    answer = whoever(who, answers, way)
    if "against" in answer:
        pytest.skip(f"not possible here: {answer['against']}")
    assert answer["found"] == [
        "FileNotFoundError",
        "open",
        "FileNotFoundError",
        "FileNotFoundError",
    ], answer["err"]
    assert answer["code"] == 7
