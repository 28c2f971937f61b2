"""A project's own evaluator on a node: hidden data goes there, and no training finds it."""

import threading
from pathlib import Path

import pytest

from agent.cli.build import Elsewhere, Kit, bench_of
from agent.evaluate import engines
from agent.evaluate.bench import Assignment
from agent.evaluate.cluster.measures import ClusterBench
from agent.evaluate.cluster.terms import Terms
from agent.evaluate.engines import Engine
from agent.evaluate.where import Where
from agent.history.history import History
from agent.project.settings import Caps, read_settings
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Order
from sandbox.tiers.choose import Chosen
from sandbox.tiers.plain import Plain
from tests.agent.evaluate.cluster.direct import DirectCluster
from tests.agent.evaluate.test_evaluated import FILES, history

assert history  # a fixture

CURIOUS = """
import os
SHIFT = 1


def answer(x):
    return x + SHIFT


if __name__ == "__main__":
    found = []
    for folder, _, names in os.walk("/"):
        if folder.startswith(("/proc", "/sys")):
            continue
        for name in names:
            is_hash = len(name) == 64 and set(name) <= set("0123456789abcdef")
            found += [name] if name == "labels.txt" or is_hash else []
    print("found:", found)
    open("answers.txt", "w").write(str(answer(1)))
"""


@pytest.fixture
def _curious(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "sub/fit.py", CURIOUS)


@pytest.mark.usefixtures("_curious", "history")
def test_a_node_evaluates_and_shows_a_training_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    run: History = request.getfixturevalue("history")
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    cluster = DirectCluster(tmp_path / "nodes", 1)

    def open_direct(plan: object, terms: Terms, *others: object) -> ClusterBench:
        return ClusterBench(plan, terms, lambda: cluster, *others)  # type: ignore[arg-type]

    table = {**engines.ENGINES, "direct": Engine("stations here", lambda: open_direct)}
    monkeypatch.setattr(engines, "ENGINES", table)
    # As a node that shares no file system with the driver would say.
    monkeypatch.setattr("agent.evaluate.cluster.station.to_send", lambda paths, *_: tuple(paths))
    settings = read_settings(tmp_path / "sub")
    elsewhere = Elsewhere(Where("direct"), None, False, "")
    bench = bench_of(run, Kit(settings, (), Chosen(Plain(), ""), None, Caps(), elsewhere))
    bench.open(lambda _: None, threading.Event())
    proposal = Proposal(hypothesis="as it is", by=Provenance(method="x", origin="baseline"))
    attempt = run.commit_attempt(0, proposal, run.sources)
    order = Order(commit=attempt.commit, seed=0)
    assignment = Assignment(attempt, order, bench.slots[0], 1, None)
    result = bench.run(assignment, lambda _: None, threading.Event())
    bench.close()
    assert result is not None and result.status == "scored", result
    [score] = result.scores
    assert (score.value, score.kind, score.also) == (1, "evaluated", {"calls": 2})
    [log] = (tmp_path / ".autoresearch").rglob("train-0-slot0.log")
    assert "found: []" in log.read_text()
