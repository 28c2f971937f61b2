"""The morning after, as typed: kept changes are measured again, taken out, and finalized."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import git, ledger, miniature, type_in


@pytest.mark.slow
def test_a_night_is_replicated_ablated_and_finalized(tmp_path: Path) -> None:
    home = miniature(tmp_path / "a night")
    nothing = type_in(home, "replicate")
    assert (nothing.returncode, nothing.stderr) == (
        3,
        "error: There is no run here yet.\nnext:  autoresearch start\n",
    )
    start = (
        "start",
        "--model",
        "none",
        "--method",
        "cmaes",
        "--tag",
        "t",
        "--budget",
        "60s",
        "--trials",
        "4",
    )
    assert type_in(home, *start).returncode == 0
    before = ledger(home, "t")
    kept = [trial["number"] for trial in before if trial["status"] == "keep"]
    assert kept, "CMA-ES starts with small steps far from the best: some of four go the right way"

    run = type_in(home, "replicate", "--json")
    assert run.returncode == 0, run.stderr
    measurement = json.loads(run.stdout)
    [comparison] = measurement["comparisons"]
    assert (measurement["kind"], measurement["against"], comparison["trial"]) == (
        "replicate",
        "the baseline #0",
        kept[-1],
    )
    assert comparison["verdict"] == "better"
    assert {pair["seed"] for pair in comparison["pairs"]}.isdisjoint({0, 1, 2}), (
        "seeds by which nothing was decided"
    )
    assert "training 6 of 6" in run.stderr

    status = json.loads(type_in(home, "status", "--json").stdout)
    assert status["replicated"]["trial"] == kept[-1]
    assert "against the baseline #0" in type_in(home, "show", str(kept[-1])).stdout

    ablated = type_in(home, "ablate", "--seeds", "2")
    assert ablated.returncode == 0, ablated.stderr
    assert ablated.stdout.count("without #") == len(kept)
    assert "worse" in ablated.stdout

    finalized = type_in(home, "finalize", "--to", "tuned")
    assert finalized.returncode == 0, finalized.stderr
    assert len(git(home, "log", "--format=%s", "main..tuned").splitlines()) == len(kept)
    assert git(home, "show", "tuned:train.py") == git(home, "show", "autoresearch/t:train.py")

    assert ledger(home, "t") == before, "the ledger is as it was"
    assert type_in(home, "resume", "t", "--trials", "1").returncode == 0
    assert [trial["number"] for trial in ledger(home, "t")] == list(range(6)), (
        "and goes on, without a new baseline"
    )
    log = git(home, "log", "--first-parent", "--format=%s", "autoresearch/t")
    assert "ablate" in log
    assert f"replicate #{kept[-1]} against the baseline #0" in log
