"""Bad days of a real Ray on loopback: nothing lost, nothing doubled, no process left behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.night import Night, quiet
from tests.cluster.raylets import Cluster, cluster
from tests.e2e.researcher import wait_for

TRIALS = 8


@pytest.fixture
def two_nodes() -> Iterator[Cluster]:
    with cluster("n1", "n2") as own:
        yield own


@pytest.fixture
def night(tmp_path: Path, two_nodes: Cluster) -> Iterator[Night]:
    own = Night(tmp_path / "home", **two_nodes.environment)
    yield own
    own.close()


def started(night: Night, own: Cluster, trials: int = TRIALS) -> None:
    """Start a night, and wait until n1 is in the middle of a trial."""
    night.start(f"--on={own.on}", f"--trials={trials}")
    night.wait_for_training(own.nodes["n1"])


def places_of(night: Night) -> set[str]:
    """The places on which something was trained."""
    return {event["place"] for event in night.events("TrialStarted")}


def test_a_killed_station_loses_one_training_and_no_trial(night: Night, two_nodes: Cluster) -> None:
    started(night, two_nodes)
    two_nodes.nodes["n1"].kill_station()
    assert night.end() == 0, night.account()
    night.check_whole(TRIALS)
    assert places_of(night) == {"n1", "n2"}
    assert [event["place"] for event in night.events("TrainingLost")] == ["n1"]
    quiet(two_nodes)


def test_a_killed_raylet_loses_one_training_and_no_trial(night: Night, two_nodes: Cluster) -> None:
    started(night, two_nodes)
    two_nodes.nodes["n1"].kill_raylet()
    assert night.end() == 0, night.account()
    night.check_whole(TRIALS)
    assert [event["place"] for event in night.events("TrainingLost")] == ["n1"]
    quiet(two_nodes)


def test_a_node_without_power_loses_one_training_and_comes_back(
    night: Night, two_nodes: Cluster
) -> None:
    started(night, two_nodes)
    two_nodes.nodes["n1"].power_off()
    wait_for(lambda: night.events("TrainingLost"), 120, "the loss")
    two_nodes.add("n3")
    assert night.end() == 0, night.account()
    night.check_whole(TRIALS)
    quiet(two_nodes)


def test_a_node_that_hangs_is_given_up_and_ends_its_own_training(
    night: Night, two_nodes: Cluster
) -> None:
    started(night, two_nodes)
    hanging = two_nodes.nodes["n1"]
    hanging.signal_all(signal.SIGSTOP)
    try:
        assert night.end() == 0, night.account()
    finally:
        hanging.signal_all(signal.SIGCONT)
    night.check_whole(TRIALS)
    assert "n1" in {event["place"] for event in night.events("PlaceLeft")}
    quiet(two_nodes)


def test_a_killed_head_ends_the_night_and_another_cluster_goes_on(
    night: Night, two_nodes: Cluster, tmp_path: Path
) -> None:
    started(night, two_nodes)
    two_nodes.nodes["head"].power_off()
    assert night.end() != 0
    assert "autoresearch resume" in night.errors()
    quiet(two_nodes, 120)
    two_nodes.close()
    with cluster("n1") as other:
        night.environment |= other.environment
        night.resume(f"--on={other.on}", f"--trials={TRIALS}")
        assert night.end() == 0, night.account()
        quiet(other)
    assert len(night.check_whole(len(measured(night)))) > TRIALS


def measured(night: Night) -> list[dict[str, object]]:
    """The trials that were measured, without baselines."""
    from tests.e2e.researcher import ledger

    found = ledger(night.home, "t")
    return [trial for trial in found if trial["result"] and trial["status"] != "baseline"]


def test_a_killed_driver_leaves_nothing_and_resume_runs_the_very_attempts(
    night: Night, two_nodes: Cluster
) -> None:
    from tests.e2e.researcher import git, in_flight

    started(night, two_nodes, trials=50)
    wait_for(lambda: in_flight(night.home), 60, "an attempt in flight")
    night.kill()
    night.end()
    waiting = {git(night.home, "rev-parse", ref) for ref in in_flight(night.home)}
    assert waiting, "it was killed in the middle of a trial"
    quiet(two_nodes, 120)
    night.resume(f"--on={two_nodes.on}", "--trials=2")
    assert night.end() == 0, night.account()
    found = night.check_whole(len(measured(night)))
    assert waiting <= {trial["attempt"] for trial in found}
    quiet(two_nodes)


def test_two_drivers_share_one_cluster(night: Night, two_nodes: Cluster, tmp_path: Path) -> None:
    other = Night(tmp_path / "other", **two_nodes.environment)
    try:
        night.start(f"--on={two_nodes.on}", "--trials=3", "--workers=1")
        other.start(f"--on={two_nodes.on}", "--trials=3", "--workers=1")
        assert (night.end(), other.end()) == (0, 0), night.account() + other.account()
    finally:
        other.close()
    night.check_whole(3)
    other.check_whole(3)
    quiet(two_nodes)


def test_sigterm_ends_the_driver_resumable_and_its_trainings_at_once(
    night: Night, two_nodes: Cluster
) -> None:
    started(night, two_nodes, trials=50)
    os.kill(night.driver.pid, signal.SIGTERM)  # type: ignore[union-attr]
    night.end(60)
    quiet(two_nodes, 30)
    night.resume(f"--on={two_nodes.on}", "--trials=1")
    assert night.end() == 0, night.account()
    night.check_whole(len(measured(night)))
