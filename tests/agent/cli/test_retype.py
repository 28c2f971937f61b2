"""An error whose next command is the one that was typed, with a change."""

import sys
from pathlib import Path
from typing import Any

import pytest

from agent.cli import app
from agent.cli.ending import ended
from agent.cli.lab import opened
from agent.cli.retype import again, instead
from agent.cli.run_log import RunLog
from agent.cli.slurm import GoingOn, place_of_trials
from agent.cli.slurm_options import OnSlurm
from agent.cli.stop import continues
from agent.cli.working import Working, manner_of
from agent.display.places_file import PlacesFile
from agent.errors import PlaceLost, UsageFault
from agent.evaluate.where import Where
from agent.git.home import run_folder
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.events import PlaceJoined
from agent.records.slots import Slot
from tests.agent.evaluate.cluster.direct import DirectCluster, bench_on
from tests.agent.evaluate.cluster.test_places import Exporter


def test_flags_come_before_the_end_of_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "resume", "--on", "slurm", "--", "a night"])
    assert again() == "autoresearch resume --on slurm -- 'a night'"
    assert again("--trust") == "autoresearch resume --on slurm --trust -- 'a night'"
    assert instead("--on", "--on ray") == "autoresearch resume --on ray -- 'a night'"


@pytest.mark.parametrize(
    ("typed", "then"),
    [
        ("replicate 8 --on rya --seeds 3", "replicate 8 --seeds 3 --on ray"),
        ("replicate 8 --on=slurm --seeds 3", "replicate 8 --seeds 3 --on ray"),
        ("ablate --on ray:$(id)", "ablate --on ray://head:10001"),
        ("resume t --on local:x --hours 2", "resume t --hours 2 --on local"),
        ("doctor --on slurm", "doctor --on ray"),
    ],
)
def test_a_wrong_place_is_mended_in_what_was_typed(
    typed: str, then: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["autoresearch", *typed.split()])
    with pytest.raises(UsageFault) as caught:
        app(typed.split(), prog_name="autoresearch", standalone_mode=False)
    assert ended(caught.value) == UsageFault.exit_code
    assert f"next:  autoresearch {then}\n" in capsys.readouterr().err


def test_a_run_that_lost_every_place_goes_on_with_the_words_of_its_session(here: Path) -> None:
    on = "ray://head:10001"
    slurm = OnSlurm()
    manner = manner_of(
        on, slurm, 4, ["wandb"], None, trust=False, unsafe=False, detach=False, as_json=False
    )
    project = find_project(here, Settings())
    log = RunLog(project, "t")
    nothing: Any = None
    words = (manner.words(), ["--hours=4"])
    working = Working(nothing, nothing, manner, log, nothing, (), nothing, *words)
    going_on = GoingOn(log, working.resume)
    place = place_of_trials(manner.where, slurm, nothing, project, going_on)
    with pytest.raises(PlaceLost) as lost, place:
        raise PlaceLost("gone", "autoresearch resume")
    own = "--hours=4 --workers=4 --tracker=wandb"
    assert lost.value.next_command == f"autoresearch resume t {own} --on={on}"


def test_a_stop_says_how_a_run_on_a_cluster_goes_on_there(here: Path) -> None:
    project = find_project(here, Settings())
    assert continues(project, "t") == "`autoresearch resume t` continues it"
    joined = PlaceJoined("n1", (Slot(number=0, cpus=(0,), place="n1"),))
    (run_folder(here, "t")).mkdir(parents=True, exist_ok=True)
    PlacesFile(here, "t").handle(joined)
    assert "with the same --on" in continues(project, "t")


def test_a_cluster_that_cannot_be_reached_leaves_the_command_to_type_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["autoresearch", "replicate", "8", "--on", "ray", "--seeds", "3"]
    monkeypatch.setattr(sys, "argv", typed)
    cluster = DirectCluster(tmp_path, 1)
    cluster.is_cut_off = True
    bench = bench_on(cluster, tmp_path / "trials", Exporter())
    with pytest.raises(PlaceLost) as lost, opened(bench, Where("ray")):
        pytest.fail("there is no place")
    doctor = "autoresearch doctor --on ray   # once a node is fit: "
    assert lost.value.next_command == doctor + " ".join(typed)
