"""States of a run measured again on a real Ray whose nodes die meanwhile."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.night import Night, quiet
from tests.cluster.raylets import Cluster, Raylet, cluster
from tests.e2e.researcher import AUTORESEARCH, fsck, git, wait_for


@pytest.fixture
def two_nodes() -> Iterator[Cluster]:
    with cluster("n1", "n2") as own:
        yield own


@pytest.fixture
def night(tmp_path: Path, two_nodes: Cluster) -> Iterator[Night]:
    """A run that kept something, on this machine."""
    own = Night(tmp_path / "home", **two_nodes.environment)
    own.start("--trials=4", "--method=cmaes")
    assert own.end() == 0, own.account()
    yield own
    own.close()


class Typed:
    """A command that measures states again, while it works."""

    def __init__(self, night: Night, own: Cluster, *words: str) -> None:
        self._errors = night.home.parent / "typed.err"
        self._output = night.home.parent / "typed.out"
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [str(AUTORESEARCH), *words, f"--on={own.on}", "--trust", "--json"],
                cwd=night.home,
                env=night.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    @property
    def errors(self) -> str:
        """What it printed on stderr so far."""
        return self._errors.read_text()

    @property
    def seeds(self) -> set[str]:
        """The seeds under which something was trained so far."""
        return set(re.findall(r"seed (\d+)", self.errors))

    def wait_for_seed(self, count: int) -> None:
        """Wait until something trains under another seed, so many in all."""

        def trains() -> bool:
            assert self._process.poll() is None, self.errors
            return len(self.seeds) == count

        wait_for(trains, 240, f"{count} seeds")

    def end(self) -> int:
        """Wait for its end, and return the exit code."""
        return self._process.wait(300)

    def measured(self) -> dict[str, object]:
        """What it printed at its end."""
        answer: dict[str, object] = json.loads(self._output.read_text())
        return answer


def in_training(own: Cluster) -> Raylet:
    """Return the node on which something trains, once there is one."""
    nodes = [own.nodes["n1"], own.nodes["n2"]]
    wait_for(lambda: any(node.trainings() for node in nodes), 60, "a training")
    return next(node for node in nodes if node.trainings())


def pairs(measured: dict[str, object]) -> list[int]:
    """Return how many pairs each comparison has."""
    comparisons = measured["comparisons"]
    assert isinstance(comparisons, list)
    return [len(comparison["pairs"]) for comparison in comparisons]


@pytest.mark.parametrize("hurt", [Raylet.kill_station, Raylet.power_off])
def test_a_measurement_whose_place_dies_goes_on(
    night: Night, two_nodes: Cluster, hurt: Callable[[Raylet], None]
) -> None:
    before = night.check_whole(4)
    typed = Typed(night, two_nodes, "replicate", "--seeds=3")
    typed.wait_for_seed(2)
    hurt(in_training(two_nodes))
    assert typed.end() == 0, typed.errors
    assert pairs(typed.measured()) == [3]
    assert "was lost" in typed.errors and re.search(r"training (\d) of \1,", typed.errors)
    assert night.check_whole(4) == before
    quiet(two_nodes)


def test_what_was_measured_before_the_last_place_died_is_recorded(
    night: Night, two_nodes: Cluster
) -> None:
    typed = Typed(night, two_nodes, "ablate", "--seeds=3")
    typed.wait_for_seed(3)
    for node in (two_nodes.nodes["n1"], two_nodes.nodes["n2"]):
        node.power_off()
    assert typed.end() != 0
    assert "after 2 of 3 seeds, which are recorded" in typed.errors
    assert "next:  autoresearch doctor --on" in typed.errors
    assert set(pairs(typed.measured())) <= {0, 2}
    assert "ablate" in git(night.home, "log", "--format=%s", "autoresearch/t")
    fsck(night.home)
