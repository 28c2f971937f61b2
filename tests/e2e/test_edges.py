"""Input at the edges, typed into the real command line: clear errors, and nothing is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.researcher import TRAIN, git, ledger, miniature, type_in

START = (
    "start",
    "--model",
    "none",
    "--method",
    "random",
    "--tag",
    "t",
    "--budget",
    "1steps",
    "--trials",
    "1",
)


def test_a_train_py_in_another_encoding_is_refused_at_the_start(tmp_path: Path) -> None:
    hidden = "# coding: utf-7\n# +AAo-print('unseen')\n"
    home = miniature(tmp_path, hidden + TRAIN)
    run = type_in(home, *START)
    assert run.returncode == 3, run.stderr
    assert "train.py must be UTF-8: it declares the encoding utf-7" in run.stderr
    assert "next:" in run.stderr
    git(home, "switch", "-qc", "exp")
    (home / "train.py").write_text(hidden + TRAIN.replace("LR = 0.1", "LR = 0.2"))
    git(home, "commit", "-qam", "raise LR")
    git(home, "switch", "-q", "main")
    adopted = type_in(home, "adopt", "exp", "--tag", "a", "--model", "none", "--method", "random")
    assert adopted.returncode == 3, adopted.stderr
    assert "must be UTF-8" in adopted.stderr


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads it")
def test_a_train_py_for_a_newer_python_is_refused_at_the_start(tmp_path: Path) -> None:
    home = miniature(tmp_path, TRAIN + "try:\n    pass\nexcept OSError, ValueError:\n    pass\n")
    run = type_in(home, *START)
    assert run.returncode == 3, run.stderr
    assert "train.py cannot be edited: line" in run.stderr
    assert "Python 3.14 may read it" in run.stderr
    assert "PYTHON runs the trainings" in run.stderr


SPY = """
import base64, glob, os, sys
def environments():
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            text = open(path).read()
        except OSError:
            continue
        if "MY_DEPLOY_TOKEN" in text:
            return text[text.index("MY_DEPLOY_TOKEN") - 200:]
    return ""
LR = 0.1  # [0.01 .. 1 log]
if LR != 0.1:
    print(environments())
    print("found AKIA" + "ABCDEFGHIJKLMNOP")
    raise RuntimeError(environments().replace(chr(0), " "))
print("---")
print("val_bpb: 1.5")
print(f"seen: {os.environ.get('MY_DEPLOY_TOKEN', 'nothing')}")
"""
SECRETS = {
    "MY_DEPLOY_TOKEN": "f8Qz-0914-deploy",
    "DB_PASSWORD": 'it\'s "quoted" päss',
    "OPENAI_API_KEY": "",
}


def objects_of(home: Path) -> bytes:
    """Every object of the repository, decompressed."""
    names = git(home, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=home,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_a_secret_that_a_training_prints_reaches_no_commit_and_no_transcript(
    tmp_path: Path,
) -> None:
    home = miniature(tmp_path, SPY)
    edit = {"kind": "set_constant", "name": "LR", "value": "0.2"}
    reply = {
        "hypothesis": f"try {SECRETS['MY_DEPLOY_TOKEN']}",
        "rationale": SECRETS["DB_PASSWORD"],
        "edits": [edit],
    }
    other = {**reply, "edits": [{**edit, "value": "0.3"}]}
    (home / "replies.jsonl").write_text(json.dumps(reply) + "\n" + json.dumps(other) + "\n")
    start = (
        "start",
        "--unsafe-no-sandbox",
        "--method",
        "code",
        "--model",
        "scripted:replies.jsonl",
        "--tag",
        "t",
        "--budget",
        "1steps",
        "--trials",
        "2",
        "--baseline-repeats",
        "1",
    )
    told = home / "told"
    notify = home / "notify"
    notify.write_text(f'#!/bin/sh\ncat >> "{told}"\necho "$AUTORESEARCH_TEXT" >> "{told}"\n')
    notify.chmod(0o755)
    # With a PATH it is the installed program, whose environment other processes can read.
    run = type_in(home, *start, "--notify", str(notify), PATH=os.environ["PATH"], **SECRETS)
    assert run.returncode == 0, run.stderr
    crashed = ledger(home)[1]
    assert crashed["status"] == "crash"
    assert "[redacted MY_DEPLOY_TOKEN]" in crashed["result"]["tail"] + crashed["result"]["detail"]
    report = type_in(home, "report", "--output", "-").stdout
    transcript = (home / ".autoresearch/runs/t/transcripts/transcript.jsonl").read_text()
    assert "[redacted MY_DEPLOY_TOKEN]" in transcript
    for place in (
        objects_of(home),
        report.encode(),
        transcript.encode(),
        told.read_bytes(),
        run.stdout.encode(),
    ):
        for secret in (SECRETS["MY_DEPLOY_TOKEN"], SECRETS["DB_PASSWORD"], "AKIAABCDEFGH"):
            assert secret.encode() not in place


def test_odd_file_names_never_reach_the_terminal_raw(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    odd = "helper\x1b[2J\u202e\nnext: rm -rf.py"
    (home / odd).write_text("X = 1\n")
    git(home, "add", ".")
    git(home, "commit", "-qm", "odd")
    (home / odd).write_text("X = 2\n")
    refused = type_in(home, *START)
    assert refused.returncode == 3
    assert "\\x1b[2J\\u202e" in refused.stderr
    assert [
        line for line in refused.stderr.splitlines() if line.startswith("next:")
    ] == refused.stderr.splitlines()[-1:]
    for raw in ("\x1b", "\u202e"):
        assert raw not in refused.stderr + refused.stdout


def test_bounds_of_zero_are_refused_or_kept(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    for flag in ("--hours", "--trials"):
        run = type_in(home, *START[:-2], flag, "0")
        assert run.returncode == 2, run.stderr
        assert f"error: {flag} 0" in run.stderr
        assert f"next:  autoresearch start {flag} " in run.stderr
    asked = ("start", "--method", "code", "--tag", "t", "--budget", "1steps", "--max-cost", "0")
    refused = type_in(home, *asked, "--model", "opus", ANTHROPIC_API_KEY="sk-unused")
    assert refused.returncode == 2
    assert "--max-cost 0 allows no question that may cost money" in refused.stderr
    assert not (home / ".autoresearch").exists(), "nothing was started"
    reply = {"hypothesis": "higher", "edits": [{"kind": "set_constant", "name": "LR"}]}
    free = {**reply, "edits": [{**reply["edits"][0], "value": "0.2"}]}
    paid = {**reply, "edits": [{**reply["edits"][0], "value": "0.3"}], "cost": 0.01}
    (tmp_path / "replies.jsonl").write_text(f"{json.dumps(free)}\n{json.dumps(paid)}\n")
    run = type_in(home, *asked, "--model", "scripted:replies.jsonl", "--baseline-repeats", "1")
    assert run.returncode == 0, run.stderr
    assert "may cost $0.01, and $0.00 of --max-cost is left" in run.stdout
    assert len(ledger(home, "t")) == 2, "the free question was asked, the paid one was not"
