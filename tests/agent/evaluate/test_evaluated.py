"""A run with an evaluator of its own, from its settings to a result, in a real sandbox."""

import subprocess
import threading
from pathlib import Path

import pytest

from agent.cli.build import Kit, bench_of
from agent.evaluate.bench import Assignment
from agent.evaluate.slots import Slot
from agent.history.history import History
from agent.project.find import find_project
from agent.project.flags import read_flags
from agent.project.objective import objective_of, stated_otherwise
from agent.project.program import FrontMatter
from agent.project.settings import Caps, read_settings
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Order
from sandbox.tiers.choose import Chosen
from tests.agent.study import settings_of
from tests.sandbox.every_tier import ISOLATING, RUNNERS, why_not

TOML = """
train = "fit.py"
metric = "right"
direction = "maximize"
also = ["calls"]

[evaluate]
command = "python tools/evaluate.py --strict"
hidden = ["labels.txt"]
outputs = ["answers.txt"]
"""
FILES = {
    "sub/autoresearch.toml": TOML,
    "sub/fit.py": (
        "import os\nSHIFT = 1\n\n\ndef answer(x):\n    return x + SHIFT\n\n\n"
        'if __name__ == "__main__":\n    print("right: 99")\n'
        '    assert not os.path.exists("labels.txt")\n'
        '    open("answers.txt", "w").write(str(answer(1)))\n'
    ),
    "sub/labels.txt": "2\n",
    "sub/helper.py": "def same(a, b):\n    return float(a) == float(b)\n",
    "sub/tools/evaluate.py": (
        "import sys\nfrom autoresearch_evaluate import Candidate, output, report\n"
        "from helper import same\n"
        'assert sys.argv[1:] == ["--strict", "--split", "val"]\n'
        'label = open("labels.txt").read()\n'
        "with Candidate() as candidate:\n"
        '    called = candidate.call("fit:answer", 1)\n'
        'report(right=same(open(output("answers.txt")).read(), label), calls=called)\n'
    ),
}


@pytest.fixture
def history(tmp_path: Path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *words], cwd=tmp_path, check=True)
    settings = read_settings(tmp_path / "sub")
    project = find_project(tmp_path / "sub", settings)
    objective = objective_of(project, settings, FrontMatter(), read_flags("start"))
    run = settings_of(project, objective=objective)
    with History.create(project, run) as history:
        yield history


def test_a_run_is_measured_by_its_evaluator(history: History, tmp_path: Path) -> None:
    tier = next((tier for tier in ISOLATING if why_not(tier) is None), None)
    if tier is None:
        pytest.skip("no tier runs here")
    settings = read_settings(tmp_path / "sub")
    slot = Slot(number=0, cpus=())
    kit = Kit(settings, (slot,), Chosen(RUNNERS[tier](), tier), None, Caps())
    bench = bench_of(history, kit)
    proposal = Proposal(hypothesis="as it is", by=Provenance(method="x", origin="baseline"))
    attempt = history.commit_attempt(0, proposal, history.sources)
    order = Order(commit=attempt.commit, seed=0)
    assignment = Assignment(attempt, order, slot, 1, None)
    result = bench.run(assignment, lambda _: None, threading.Event())
    assert result is not None and result.status == "scored", result
    [score] = result.scores
    assert (score.value, score.kind, score.also, score.line) == (1, "evaluated", {"calls": 2}, "")


def test_the_record_governs_whatever_the_settings_say_by_now(
    history: History, tmp_path: Path
) -> None:
    toml = tmp_path / "sub/autoresearch.toml"
    toml.write_text(TOML.partition("[evaluate]")[0])
    settings = read_settings(tmp_path / "sub")
    project = find_project(tmp_path / "sub", settings)
    assert (project.score, project.evaluate) == ("printed", None)
    with History.read(project, history.branch) as again:
        assert again.project.score == "evaluated"
        assert again.project.hides("sub/labels.txt")
        [note] = stated_otherwise(again.run, project, settings, FrontMatter())
        assert "evaluate: none here now, python tools/evaluate.py --strict; hidden labels" in note
