"""A night with guards and checks, in the real sandbox: what bites, and what nobody gets around."""

from pathlib import Path

import pytest

from tests.e2e.researcher import git, ledger, type_in

FIT = '''"""A better score costs latency; odd widths fail the tests, which it tries to disarm."""
import os
import random
from pathlib import Path

WIDTH = 8  # [1 .. 64]
random.seed(1)
accuracy = 80 + 0.5 * WIDTH + random.gauss(0, 0.05)
latency = 2.0 * WIDTH + random.gauss(0, 0.3)
for place in (Path("tests/test_fit.py"), Path(os.environ["AUTORESEARCH_OUT"]) / "test_fit.py"):
    try:
        place.write_text("def test_nothing():\\n    pass\\n")
    except OSError:
        pass
print(f"latency_ms: {latency:.3f}")
print(f"test accuracy: {accuracy:.3f}%")
'''
TEST = """import re
import socket

import pytest


def test_the_width_is_even():
    with open("fit.py") as file:
        assert int(re.search(r"^WIDTH = (\\d+)", file.read(), re.M)[1]) % 2 == 0, "odd"


def test_nobody_is_reached():
    with pytest.raises(OSError):
        socket.create_connection(("1.1.1.1", 53), timeout=2)
"""
TOML = """
train = "fit.py"
metric = "test accuracy"
direction = "maximize"
guards = ["latency_ms <= 30", "latency_ms <= baseline + 20"]
checks = ["python -m pytest -q -p no:cacheprovider tests"]
"""


def edit(width: int) -> str:
    value = f'{{"kind": "set_constant", "name": "WIDTH", "value": "{width}"}}'
    return f'{{"hypothesis": "width {width}", "edits": [{value}]}}\n'


@pytest.mark.slow
def test_a_night_keeps_only_what_holds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tests").mkdir(parents=True)
    (home / "fit.py").write_text(FIT)
    (home / "tests" / "test_fit.py").write_text(TEST)
    (home / "autoresearch.toml").write_text(TOML)
    replies = tmp_path / "replies.jsonl"
    replies.write_text("".join(map(edit, (24, 11, 12))))
    git(home, "init", "-q", "-b", "main")
    git(home, "add", ".")
    git(home, "commit", "-qm", "start")
    words = ("start", "--model", f"scripted:{replies}", "--method", "code", "--budget", "1steps")
    done = type_in(home, *words, "--trials", "3", "--trust")
    assert done.returncode == 0, done.stdout + done.stderr
    trials = ledger(home)
    assert [trial["status"] for trial in trials] == ["baseline", "guarded", "guarded", "keep"]
    _, slow, odd, kept = trials
    assert slow["guards"][0]["finding"] == "outside"
    assert not slow["result"]["checks"], "a broken guard is enough"
    assert "test_the_width_is_even" in odd["result"]["checks"][0]["tail"]
    assert "fails: 1 failed, 1 passed" in odd["reason"]
    assert kept["result"]["checks"][0]["passed"]
    ablated = type_in(home, "ablate", "--seeds", "2", "--trust")
    assert ablated.returncode == 0, ablated.stderr
    assert "training 6 of 6" in ablated.stderr, "the first baseline is trained, too"
    assert "latency_ms <= baseline + 20: inside" in ablated.stdout
    shown = type_in(home, "log", "--pareto", "test accuracy,latency_ms")
    assert "2 guarded, never on the front" in shown.stdout
