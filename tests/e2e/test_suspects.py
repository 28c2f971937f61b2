"""A score too good to be true, as typed: held back, then approved or rejected."""

import json
from itertools import chain
from pathlib import Path

import pytest

from tests.e2e.researcher import TRAIN, git, ledger, miniature, statuses, type_in

SETTINGS = 'plausible = "1.15 .. 9"\n'
REPLIES = [
    {"hypothesis": "too good", "edits": [{"kind": "set_constant", "name": "LR", "value": "0.4"}]},
    {"hypothesis": "another", "edits": [{"kind": "set_constant", "name": "LR", "value": "0.35"}]},
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository after a short night that held two trials back."""
    looks = 'print("AT", os.getcwd(), os.environ["AUTORESEARCH_OUT"])\n'
    home = miniature(tmp_path / "a night", TRAIN.replace("time.sleep(pause)\n", looks))
    (home / "autoresearch.toml").write_text(SETTINGS)
    git(home, "add", ".")
    git(home, "commit", "-qm", "what is plausible")
    script = tmp_path / "replies.jsonl"
    script.write_text("".join(json.dumps(reply) + "\n" for reply in REPLIES))
    start = (
        "start",
        "--method",
        "code",
        "--model",
        f"scripted:{script}",
        "--tag",
        "t",
        "--budget",
        "1s",
        "--trials",
        "2",
    )
    run = type_in(home, *start)
    assert run.returncode == 0, run.stderr
    return home


def test_a_suspect_waits_is_approved_or_rejected_and_nothing_is_decided_twice(home: Path) -> None:
    assert statuses(home, "t") == ["baseline", "suspect", "suspect"]
    tip = git(home, "show", "autoresearch/t:train.py")
    assert "LR = 0.1" in tip
    log = type_in(home, "log").stdout
    assert "autoresearch approve 1, or reject 1" in log

    wrong = type_in(home, "approve", "0")
    assert (wrong.returncode, wrong.stderr) == (
        2,
        "error: #0 is neither suspect nor held; its verdict is baseline.\n"
        "next:  autoresearch show 0\n",
    )
    assert type_in(home, "reject", "9").returncode == 2

    rejected = type_in(home, "reject", "2", "--because", "LR 0.35 is too good to be true")
    assert rejected.returncode == 0, rejected.stderr
    assert "LR 0.35 is too good to be true" in type_in(home, "log").stdout
    assert "LR 0.35 is too good to be true" in type_in(home, "show", "2").stdout
    assert git(home, "show", "autoresearch/t:train.py") == tip
    assert "already rejected" in type_in(home, "approve", "2").stderr

    approved = type_in(home, "approve", "1")
    assert approved.returncode == 0, approved.stderr
    trials = ledger(home, "t")
    assert [trial["status"] for trial in trials] == ["baseline", "suspect", "suspect", "keep"]
    assert trials[3]["proposal"]["by"]["origin"] == "human"
    assert trials[3]["proposal"]["by"]["replays"] == 1
    seeds = {score["seed"] for score in trials[1]["result"]["scores"]}
    assert seeds.isdisjoint(score["seed"] for score in trials[3]["result"]["scores"])
    assert "LR = 0.4" in git(home, "show", "autoresearch/t:train.py")
    assert "approved: run again as #3, keep" in type_in(home, "show", "1").stdout
    assert "already approved" in type_in(home, "approve", "1").stderr

    logs = [path.read_text() for path in (home / ".autoresearch").rglob("*-?.log")]
    assert len(logs) >= 10
    lines = chain.from_iterable(map(str.splitlines, logs))
    seen = {line for line in lines if line.startswith("AT ")}
    assert len(seen) == 1, "no training can tell that it is measured again, or as the incumbent"


PREPARE = """TIME_BUDGET = 1


def evaluate_bpb(lr):
    return 1.0 + abs(lr - 0.4)
"""
UPSTREAM = """import time

from prepare import TIME_BUDGET, evaluate_bpb

LR = 0.1
began = time.time()
while time.time() - began < TIME_BUDGET:
    time.sleep(0.01)
print("---")
print(f"val_bpb: {evaluate_bpb(LR)}")
"""
BEGAN = "began = time.time()"
INSTEAD = {
    "binds evaluate_bpb of prepare.py anew": "evaluate_bpb = lambda lr: 1.29",
    "changes TIME_BUDGET of prepare.py": "import prepare\nprepare.TIME_BUDGET = 2\nLR = 0.11",
}


@pytest.mark.slow
def test_a_training_that_replaces_what_prepare_measures_waits(tmp_path: Path) -> None:
    home = miniature(tmp_path / "upstream", UPSTREAM)
    (home / "prepare.py").write_text(PREPARE)
    git(home, "commit", "-qam", "what measures")
    script = tmp_path / "replies.jsonl"
    edits = [
        {"kind": "replace_statements", "old": BEGAN, "new": f"{code}\n{BEGAN}"}
        for code in INSTEAD.values()
    ]
    lines = [json.dumps({"hypothesis": "instead", "edits": [edit]}) for edit in edits]
    script.write_text("\n".join(lines) + "\n")
    model = ("--method", "code", "--model", f"scripted:{script}")
    run = type_in(home, "start", *model, "--tag", "t", "--trials", "2")
    assert run.returncode == 0, run.stderr
    assert statuses(home, "t") == ["baseline", "suspect", "suspect"]
    reasons = [trial["reason"] for trial in ledger(home, "t")[1:]]
    for reason, words in zip(reasons, INSTEAD, strict=True):
        assert reason.startswith(f"it {words}")
    approved = type_in(home, "approve", "1")
    assert approved.returncode == 0, approved.stderr
    assert statuses(home, "t")[3:] == ["keep"]


METRICS = "def closeness(lr):\n    return 1.0 - abs(lr - 0.4)\n"
OWN = "from metrics import closeness\n\nLR = 0.1\nprint(f'acc: {closeness(LR)}')\n"


@pytest.mark.slow
def test_a_training_that_replaces_a_module_of_its_repository_waits(tmp_path: Path) -> None:
    home = miniature(tmp_path / "own", OWN)
    (home / "metrics.py").write_text(METRICS)
    (home / "autoresearch.toml").write_text('metric = "acc"\ndirection = "maximize"\n')
    git(home, "add", ".")
    git(home, "commit", "-qam", "what measures")
    script = tmp_path / "replies.jsonl"
    codes = ("LR = 0.1\ncloseness = lambda lr: 0.71", "LR = 0.11")
    edits = [{"kind": "replace_statements", "old": "LR = 0.1", "new": code} for code in codes]
    lines = [json.dumps({"hypothesis": "instead", "edits": [edit]}) for edit in edits]
    script.write_text("\n".join(lines) + "\n")
    model = ("--method", "code", "--model", f"scripted:{script}")
    run = type_in(home, "start", *model, "--tag", "t", "--trials", "2")
    assert run.returncode == 0, run.stderr
    assert statuses(home, "t")[:2] == ["baseline", "suspect"]
    assert statuses(home, "t")[2] in ("keep", "discard")
    assert ledger(home, "t")[1]["reason"].startswith("it binds closeness of metrics.py anew")
