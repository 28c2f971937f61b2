"""An old run on Python's own library: read as ever, resumed on other data with a new baseline.

old_corpus.bundle holds a real one, of format 1, made by the version before the corpus was shipped:
a small model, 6 steps a trial; a baseline, four discards, two keeps, and attempt #7 in flight when
its process was killed.
"""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import git, in_flight, ledger, statuses, type_in

BUNDLE = Path(__file__).with_name("old_corpus.bundle")
BEFORE = ["baseline", "discard", "discard", "keep", "discard", "keep", "discard"]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The old run in a repository, with its attempt in flight."""
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    home = tmp_path / "r"
    home.mkdir()
    git(home, "init", "-q", "-b", "main")
    git(home, "fetch", "-q", "--update-head-ok", str(BUNDLE), "refs/*:refs/*")
    git(home, "reset", "-q", "--hard")
    assert in_flight(home) == ["refs/autoresearch/old/7"]
    return home


def test_it_is_read_as_ever(old: Path, tmp_path: Path) -> None:
    before = git(old, "for-each-ref")
    assert statuses(old) == BEFORE
    assert "4.029152" in type_in(old, "status", "old").stdout
    for command in (
        ["show", "5"],
        ["diff", "0", "5"],
        ["export", "--format", "jsonl", "-o", str(tmp_path / "x.jsonl")],
    ):
        run = type_in(old, *command)
        assert run.returncode == 0, run.stderr
    run = type_in(old, "report", "-o", str(tmp_path / "report.html"))
    assert run.returncode == 0 and "4.029152" in (tmp_path / "report.html").read_text(), run.stderr
    assert git(old, "for-each-ref") == before


@pytest.mark.parametrize(
    "command",
    [["start", "--model", "none", "--trials", "1"], ["replicate", "5", "--branch", "old"]],
)
def test_nothing_is_trained_on_its_data_any_more(old: Path, command: list[str]) -> None:
    run = type_in(old, *command, *(["--trust"] if command[0] == "replicate" else []))
    assert run.returncode == 3
    assert "Python's own library, which every training can read" in run.stderr
    assert "autoresearch resume" in run.stderr
    assert git(old, "for-each-ref", "refs/heads").count("\n") == 1, "no run was begun"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_resume_goes_on_on_other_data_behind_a_new_baseline(old: Path) -> None:
    run = type_in(old, "resume", "old", "--trials", "1", timeout=900)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "a new baseline comes first, and no older score is compared with it" in run.stdout
    trials = ledger(old, "old")
    after = trials[len(BEFORE) :]
    assert [trial["status"] for trial in trials[: len(BEFORE)]] == BEFORE
    assert sorted(trial["status"] for trial in after[:2]) == ["baseline", "refused"], after
    refused, baseline, tried = sorted(
        after,
        key=lambda trial: (
            ("refused", "baseline").index(trial["status"])
            if trial["status"] in ("refused", "baseline")
            else 2
        ),
    )
    assert refused["number"] == 7 and "other data" in refused["reason"]
    assert (tried["against"], tried["proposal"]["by"]["replays"]) == (baseline["number"], 7)
    assert in_flight(old) == []
    subjects = git(old, "log", "--first-parent", "--format=%s%n%b", "autoresearch/old")
    assert (
        "measure on other data from here on" in subjects
        and "which every training can read" in subjects
    )
    prepare = git(old, "show", "autoresearch/old:workspace/prepare.py")
    assert 'CORPUS = "sotu"' in prepare
    for constant in ("VOCAB_SIZE = 512", "SEQUENCE_LENGTH = 64", "VAL_TOKENS = 4096"):
        assert constant in prepare, "the owner's own stay"
    shown = type_in(old, "status", "old", "--json")
    assert json.loads(shown.stdout)["best"]["number"] in (baseline["number"], tried["number"])
    again = type_in(old, "resume", "old", "--trials", "1", timeout=900)
    assert again.returncode == 0 and "new baseline" not in again.stdout, again.stdout + again.stderr
    assert [trial["status"] for trial in ledger(old, "old")].count("baseline") == 2
