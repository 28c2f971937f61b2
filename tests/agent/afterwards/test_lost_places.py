"""States measured again at places that are lost meanwhile, with real stations and sandboxes."""

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.afterwards.remeasure import Compared, compare
from agent.afterwards.side_by_side import State
from agent.records.events import Event, TrainingLost, TrialStarted
from tests.agent.evaluate.cluster.direct import DirectCluster, bench_on

SEEDS = (3, 4, 5)
BETTER = State("better", "b", 1)
BASELINE = State("baseline", "a", 0)
TRAIN = """
import os
print("accuracy:", {quality} + int(os.environ["AUTORESEARCH_SEED"]))
"""


def export(commit: str, folder: Path) -> None:
    """Write a training whose accuracy is 10 more for BETTER, and the seed's number more."""
    folder.mkdir()
    quality = 60 if commit == BETTER.commit else 50
    (folder / "train.py").write_text(TRAIN.format(quality=quality))


@pytest.fixture
def cluster(tmp_path: Path) -> DirectCluster:
    tmp_path.chmod(0o755)
    (tmp_path / "nodes").mkdir()
    return DirectCluster(tmp_path / "nodes", 2)


class Heard:
    """What is told of the trainings; `hurts` is called at the start of each."""

    def __init__(self, hurts: Callable[[TrialStarted, int], None]) -> None:
        self.hurts = hurts
        self.trained: list[tuple[str, int, str, str]] = []
        self.lost: list[str] = []

    def __call__(self, event: Event, number: int, total: int) -> None:
        """Note a training, or the loss of one."""
        if isinstance(event, TrialStarted):
            count = f"{number} of {total}"
            self.trained.append((event.attempt.commit, event.seed, event.place, count))
            self.hurts(event, len(self.trained))
        elif isinstance(event, TrainingLost):
            self.lost.append(event.place)


def measured(cluster: DirectCluster, folder: Path, heard: Heard) -> Compared:
    """Compare BETTER with BASELINE, one at a time."""
    bench = bench_on(cluster, folder / "trials", export, workers=1)
    bench.open(lambda _: None, threading.Event())
    with closing(bench):
        return compare(bench, [BETTER], BASELINE, SEEDS, heard, threading.Event(), None)


def leave(cluster: DirectCluster, name: str) -> None:
    """Have a node die with its station."""
    cluster.alive = [node for node in cluster.alive if node.name != name]
    cluster.lines[name].state = "gone"


def gains(compared: Compared) -> list[tuple[int, float]]:
    """Return each seed with the gain that was measured under it."""
    [comparison] = compared.comparisons
    return [(pair.seed, pair.candidate - pair.incumbent) for pair in comparison.pairs]


def test_a_lost_place_costs_one_seed_which_runs_elsewhere(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    heard = Heard(lambda event, count: leave(cluster, event.place) if count == 4 else None)
    compared = measured(cluster, tmp_path, heard)
    assert gains(compared) == [(3, 10.0), (4, 10.0), (5, 10.0)]
    assert heard.lost == ["n0"] and compared.lost is None
    assert heard.trained == [
        ("a", 3, "n0", "1 of 6"),
        ("b", 3, "n0", "2 of 6"),
        ("b", 4, "n0", "3 of 6"),
        ("a", 4, "n0", "4 of 6"),
        ("b", 4, "n1", "3 of 6"),
        ("a", 4, "n1", "4 of 6"),
        ("a", 5, "n1", "5 of 6"),
        ("b", 5, "n1", "6 of 6"),
    ]


def test_a_station_that_dies_alone_comes_back_on_its_node(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    def die(event: TrialStarted, count: int) -> None:
        if count == 1:
            cluster.lines[event.place].state = "gone"

    cluster.alive = cluster.alive[:1]
    heard = Heard(die)
    compared = measured(cluster, tmp_path, heard)
    assert gains(compared) == [(3, 10.0), (4, 10.0), (5, 10.0)]
    assert heard.lost == ["n0"] and len(heard.trained) == 7


def test_where_no_place_is_left_the_finished_seeds_are_compared(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    cluster.alive = cluster.alive[:1]
    heard = Heard(lambda event, count: leave(cluster, event.place) if count == 4 else None)
    compared = measured(cluster, tmp_path, heard)
    assert gains(compared) == [(3, 10.0)]
    assert compared.seeds == 1 and compared.lost is not None


def test_on_another_kind_of_machine_all_seeds_are_trained_again(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    cluster.says["n1"] = {"machine": "0a1b2c3d another"}
    heard = Heard(lambda event, count: leave(cluster, event.place) if count == 4 else None)
    compared = measured(cluster, tmp_path, heard)
    assert gains(compared) == [(3, 10.0), (4, 10.0), (5, 10.0)]
    assert compared.machine == "0a1b2c3d another"
    assert [seed for _, seed, place, _ in heard.trained if place == "n1"] == [3, 3, 4, 4, 5, 5]
    assert heard.trained[-1][-1] == "6 of 6"


def test_a_state_that_takes_its_machine_down_has_failed_and_no_other(
    cluster: DirectCluster, tmp_path: Path
) -> None:
    def die(event: TrialStarted, count: int) -> None:
        if event.attempt.commit == BETTER.commit:
            cluster.lines[event.place].state = "gone"

    heard = Heard(die)
    compared = measured(cluster, tmp_path, heard)
    [comparison] = compared.comparisons
    assert comparison.failure.startswith("crash: takes its machine down: 3 were lost under it")
    assert compared.lost is None and compared.seeds == len(SEEDS)
    assert [seed for commit, seed, *_ in heard.trained if commit == "a"][-2:] == [4, 5]
