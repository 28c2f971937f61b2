"""Another loop's branch is adopted, read with every command, and continued in the real sandbox."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import TRAIN, fsck, git, ledger, miniature, statuses, type_in


def upstream(folder: Path) -> Path:
    """A repository with two changes of an agent on the branch exp, and an untracked results.tsv."""
    home = miniature(folder)
    git(home, "switch", "-q", "-c", "exp")
    rows = [
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription",
        "baseline\t1.340000\t0.1\tkeep\tbaseline",
    ]
    hotter = TRAIN.replace("LR = 0.1", "LR = 0.3")
    for message, source in (
        ("raise LR", hotter),
        ("deeper", hotter.replace("DEPTH = 4", "DEPTH = 6")),
    ):
        (home / "train.py").write_text(source)
        git(home, "commit", "-qam", message)
        rows.append(f"{git(home, 'rev-parse', '--short', 'HEAD')}\t1.120000\t0.1\tkeep\t{message}")
    rows.append("1234567\t1.500000\t0.1\tdiscard\tcolder")
    git(home, "switch", "-q", "main")
    (home / "results.tsv").write_text("\n".join(rows) + "\n")
    return home


@pytest.mark.slow
def test_a_branch_is_adopted_looked_at_and_gone_on_from(tmp_path: Path) -> None:
    home = upstream(tmp_path / "upstream")
    arguments = (
        "--results",
        "results.tsv",
        "--model",
        "none",
        "--method",
        "random",
        "--budget",
        "1steps",
        "--tag",
        "t",
    )
    run = type_in(home, "adopt", "exp", *arguments)
    assert run.returncode == 0, run.stderr
    assert "adopted 2 of 2 changes" in run.stdout
    assert "nothing was measured" in run.stdout
    assert run.stdout.endswith("next: autoresearch resume t\n")
    assert statuses(home) == ["reported", "adopted", "adopted", "reported"]
    assert git(home, "show", "autoresearch/t:train.py") == git(home, "show", "exp:train.py")
    assert git(home, "status", "--porcelain") == "?? results.tsv", "the checkout is as it was"

    shown = type_in(home, "show", "1").stdout
    assert "keep 1.120000, self-reported" in shown
    assert "LR 0.1" in shown
    assert "+LR = 0.3" in type_in(home, "diff", "1").stdout
    assert "(1.120000)" in type_in(home, "log", "--kept").stdout
    exported = type_in(home, "export").stdout.splitlines()
    assert [line.split("\t")[1:4] for line in exported[1:]] == [["1.340000", "0.1", "keep"]] + 2 * [
        ["1.120000", "0.1", "keep"]
    ] + [["1.500000", "0.1", "discard"]]
    for command in (("report",), ("report", "--markdown"), ("status",)):
        assert type_in(home, *command).returncode == 0, command
    assert "they say keep 1.120000" in type_in(home, "prompt").stdout

    resumed = type_in(home, "resume", "--trials", "1")
    assert resumed.returncode == 0, resumed.stderr
    baseline, trial = ledger(home)[4:]
    assert (baseline["number"], baseline["status"], trial["against"]) == (4, "baseline", 4)
    assert abs(baseline["result"]["scores"][0]["value"] - 1.12) < 1e-9, "measured here"
    assert git(home, "show", f"{baseline['attempt']}:train.py") == git(home, "show", "exp:train.py")
    for command in (("report",), ("finalize",)):
        assert type_in(home, *command).returncode == 0, command
    fsck(home)


def test_what_was_adopted_can_be_measured_change_by_change(tmp_path: Path) -> None:
    home = upstream(tmp_path / "upstream")
    assert (
        type_in(
            home, "adopt", "exp", "--model", "none", "--budget", "1steps", "--tag", "theirs"
        ).returncode
        == 0
    )
    run = type_in(
        home,
        "start",
        "--model",
        "replay:theirs",
        "--budget",
        "1steps",
        "--tag",
        "ours",
        "--verdict",
        "greedy",
        "--trials",
        "2",
    )
    assert run.returncode == 0, run.stderr
    trials = ledger(home, "ours")
    assert [trial["status"] for trial in trials] == ["baseline", "keep", "keep"]
    assert (
        json.dumps([trial["proposal"]["edits"] for trial in trials[1:]]).count("set_constant") == 2
    )


def test_what_cannot_be_adopted_is_said_with_what_to_type(tmp_path: Path) -> None:
    home = upstream(tmp_path / "upstream")
    for code, *arguments in (
        (3, "nowhere"),
        (2, "main"),
        (2, "missing.tsv"),
        (2, "exp", "--since", "exp"),
        (2, "exp", "--results", "train.py"),
    ):
        run = type_in(home, "adopt", *map(str, arguments))
        assert run.returncode == code, (arguments, run.stderr)
        assert "next:" in run.stderr
    assert git(home, "for-each-ref", "refs/heads/autoresearch") == ""
