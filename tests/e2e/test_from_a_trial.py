"""A morning that begins again at a trial that was not kept, a night there, and what is adopted."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agent.trackers.test_notify import receiver
from tests.e2e.researcher import (
    TRAIN,
    fsck,
    git,
    kill,
    ledger,
    miniature,
    start_typing,
    statuses,
    type_in,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SHORT = ("--model", "none", "--budget", "1steps", "--baseline-repeats", "1")


def started(folder: Path, *words: str, **environment: str) -> str:
    """What a start printed that went well."""
    run = type_in(folder, "start", *words, **environment)
    assert run.returncode == 0, run.stderr
    return run.stdout


def night(folder: Path) -> Path:
    """A repository with the run nov24, in which something was discarded."""
    home = miniature(folder)
    started(home, *SHORT, "--method", "random", "--seed", "3", "--trials", "4", "--tag", "nov24")
    assert "discard" in statuses(home, "nov24")
    return home


def unkept(folder: Path) -> int:
    """The number of the first trial of nov24 that was discarded."""
    return statuses(folder, "nov24").index("discard")


def adopted(trials: list[dict[str, Any]]) -> list[str]:
    """The trials of other runs that these repeat."""
    names = [trial["proposal"]["by"].get("adopts") for trial in trials]
    return [name for name in names if name]


def tried(folder: Path) -> list[dict[str, Any]]:
    """The trials of nov24 that a user gave to it."""
    trials = ledger(folder, "nov24")
    return [trial for trial in trials if trial["proposal"]["by"]["origin"] == "human"]


def test_from_an_unkept_trial_through_a_night_and_back(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="pip install 'autoresearch[notify]'")
    home = night(tmp_path / "r")
    number = unkept(home)
    [trial] = [each for each in ledger(home, "nov24") if each["number"] == number]
    (home / "train.py").write_text("LR = 7\n")
    (home / "program.md").write_text("# Another goal\n")
    notes = home / "notes"
    notes.mkdir()
    with receiver() as server:
        words = ("--from", f"nov24#{number}", "--warm", "nov24", "--tag", "nov25")
        told = {"AUTORESEARCH_NOTIFY": f"{server.address('ok')} {server.address('bad')}"}
        printed = started(notes, *words, "--model", "none", "--trials", "5", **told)
        titles = [message["title"] for message in server.messages]
    assert f"from       nov24#{number} (discard)" in printed
    assert "measured as in nov24" in printed
    assert f"that of nov24#{number}; this folder's program.md is another one" in printed
    assert "prior trials of nov24" in printed
    assert "1steps of training a trial (as in the run that it begins at)" in printed
    assert printed.count("failed, the run goes on: ") == 1 and "hushhushhush" not in printed
    assert (home / "train.py").read_text() == "LR = 7\n", "the checkout is as it was"
    trials = ledger(home, "nov25")
    assert git(home, "show", f"{trials[0]['attempt']}:train.py") == git(
        home, "show", f"{trial['attempt']}:train.py"
    )
    kept = [each["number"] for each in trials if each["status"] in ("keep", "simplify")]
    assert kept, "from a discarded state there is a way up"
    for each in kept:
        assert any(title.startswith(f"nov25: #{each} kept: val_bpb ") for title in titles)
    assert titles.count("nov25: ended") == 2

    for command in (("list",), ("status", "nov25"), ("log", "nov25")):
        assert f"nov24#{number}" in type_in(home, *command).stdout, command
    before = len(ledger(home, "nov24"))
    run = type_in(notes, "adopt", "nov25")
    assert run.returncode == 0, run.stderr
    assert "to measure in autoresearch/nov24" in run.stdout
    added = ledger(home, "nov24")[before:]
    assert adopted(added) == [f"nov25#{each}" for each in kept]
    assert {each["status"] for each in added} & {"keep", "simplify", "refused", "discard"}
    again = type_in(home, "adopt", "nov25", "--into", "nov24")
    assert again.returncode == 0 and "were proposed in autoresearch/nov24" in again.stdout
    together = type_in(home, "adopt", "nov25", "--into", "nov24", "--together")
    assert together.returncode in (0, 2), together.stderr
    assert git(home, "status", "--porcelain", "--untracked-files=no").split()[::2] == ["M", "M"]
    git(home, "checkout", "-q", ".")
    resumed = type_in(home, "resume", "nov25", "--trials", "1")
    assert resumed.returncode == 0, resumed.stderr
    clean = type_in(home, "finalize", "--branch", "nov25", "--to", "clean")
    assert clean.returncode == 0, clean.stderr
    subjects = git(home, "log", "--format=%s", "clean").splitlines()
    assert subjects[-2:] == [f"Begin at nov24#{number}", "start"]
    fsck(home)


def test_another_objective_and_a_clone_of_the_child_alone(tmp_path: Path) -> None:
    home = night(tmp_path / "r")
    number = unkept(home)
    (home / "autoresearch.toml").write_text('metric = "num_steps"\ndirection = "maximize"\n')
    named = type_in(home, "status", "nov24").stdout
    assert "`autoresearch start --from nov24` begins a run" in named
    words = ("--from", f"nov24#{number}", "--trials", "1", "--tag", "nov25", "--model", "none")
    printed = started(home, *words)
    assert "so it governs; another objective: metric: num_steps, val_bpb in nov24" in printed
    assert "num_steps, higher is better" in type_in(home, "status", "nov25").stdout
    run = type_in(home, "adopt", "nov24", "--into", "nov25")
    assert run.returncode in (0, 2), run.stderr
    if run.returncode == 0:
        assert "here they are measured by num_steps, higher is better" in run.stdout
    git(home, "commit", "-qam", "by hand", "--allow-empty")
    git(tmp_path, "clone", "-q", "--single-branch", "-b", "autoresearch/nov25", str(home), "clone")
    clone = tmp_path / "clone"
    assert f"nov24#{number}, not here" in type_in(clone, "list").stdout
    gone = type_in(clone, "start", "--from", f"nov24#{number}")
    assert gone.returncode == 3 and "git branch autoresearch/nov24" in gone.stderr
    printed = started(clone, *SHORT, "--from", "nov25#0", "--trials", "1", "--tag", "nov26")
    assert "from       nov25#0 (baseline)" in printed
    fsck(clone)


def test_a_running_parent_is_begun_at_and_adopting_survives_kills(tmp_path: Path) -> None:
    home = night(tmp_path / "r")
    number = unkept(home)
    running = start_typing(home, "resume", "nov24", "--trials", "200")
    before = len(statuses(home, "nov24"))
    wait_for(lambda: len(statuses(home, "nov24")) > before, what="a trial of the parent")
    words = ("--from", f"nov24#{number}", "--trials", "8", "--tag", "nov25", "--model", "none")
    started(home, *words, "--method", "random", "--seed", "5")
    kept = [each["number"] for each in ledger(home, "nov25") if each["status"] == "keep"]
    assert len(kept) > 1
    given = type_in(home, "adopt", f"nov25#{kept[0]}", "--into", "nov24")
    assert given.returncode == 0, given.stderr
    assert f"given to autoresearch/nov24: try: nov25#{kept[0]}: " in given.stdout
    wait_for(lambda: tried(home), what="the trial that was given")
    again = type_in(home, "adopt", f"nov25#{kept[0]}", "--into", "nov24")
    assert "were proposed in autoresearch/nov24" in again.stdout
    kill(running, signal.SIGINT)
    assert len(tried(home)) == 1
    for _ in range(3):
        adopting = start_typing(home, "adopt", "nov25", "--into", "nov24")
        count = len(adopted(ledger(home, "nov24")))
        wait_for(
            lambda before=count, process=adopting: (
                len(adopted(ledger(home, "nov24"))) > before or process.poll() is not None
            ),
            what="an adopted trial, or the end",
        )
        kill(adopting)
    run = type_in(home, "resume", "nov24", "--trials", "1")
    assert run.returncode == 0, run.stderr
    run = type_in(home, "adopt", "nov25", "--into", "nov24")
    assert run.returncode == 0, run.stderr
    names = adopted(ledger(home, "nov24"))
    assert sorted(set(names)) == sorted(f"nov25#{each}" for each in kept[1:])
    assert len(names) == len(set(names)), "none is lost, and none doubled"
    fsck(home)


def test_a_command_hears_of_a_night_in_a_users_own_file(tmp_path: Path) -> None:
    home = miniature(tmp_path / "r", TRAIN)
    log = tmp_path / "told.jsonl"
    script = tmp_path / "tell.py"
    script.write_text(f"import sys; open({str(log)!r}, 'a').write(sys.stdin.read())\n")
    config = tmp_path / "config" / "autoresearch" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[notify]\ncommand = "{sys.executable} {script}"\nevents = ["end"]\n')
    config.chmod(0o600)
    own = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    tested = type_in(home, "notify", "--test", **own)
    assert tested.returncode == 0 and "sent    the notify command" in tested.stdout, tested.stderr
    printed = started(home, *SHORT, "--trials", "1", "--tag", "t", **own)
    assert "told       the notify command" in printed
    messages = [json.loads(line) for line in log.read_text().splitlines()]
    assert [message["title"] for message in messages] == ["autoresearch: a test", "t: ended"]
    assert messages[1]["next"] == "autoresearch log t"
    quiet = type_in(home, "resume", "t", "--trials", "1", "--notify", "none", **own)
    assert quiet.returncode == 0
    assert len(log.read_text().splitlines()) == 2
    inside = {"XDG_CONFIG_HOME": str(home / "config")}
    os.renames(config, home / "config" / "autoresearch" / "config.toml")
    refused = type_in(home, "resume", "t", "--trials", "1", **inside)
    assert refused.returncode == 6 and "lies in the repository itself" in refused.stderr
    assert len(log.read_text().splitlines()) == 2
