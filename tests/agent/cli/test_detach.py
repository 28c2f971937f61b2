"""What becomes of a process in the background that ends before its session begins."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import typer

from agent.cli.detach import READY, go_on, words_of
from agent.cli.run_log import RunLog
from agent.cli.session import _listen
from agent.display import choose_display
from agent.display.places_file import PlacesFile
from agent.errors import PlaceLost
from agent.evaluate.bench import PlaceListener
from agent.history.waits import Waits
from agent.project.find import find_project
from agent.project.settings import Settings
from agent.records.events import RunStarted
from agent.trackers import Trackers
from tests.agent.run.nodes import Nodes, bench_of, loop_over
from tests.agent.study import ListProposer, proposal, study


def test_flags_are_typed_again_as_they_were() -> None:
    words = words_of(
        trials=0, hours=1.5, memory=None, tracker=["a", "b"], trust=True, detach=False, notify="x y"
    )
    assert words == [
        "--trials=0",
        "--hours=1.5",
        "--tracker=a",
        "--tracker=b",
        "--trust",
        "--notify=x y",
    ]


def test_why_no_session_began_is_printed_with_its_exit_code(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RunLog(find_project(here, Settings()), "t")
    log.line("of an earlier session")
    with pytest.raises(typer.Exit) as ended:
        go_on(log, ["--workers=0"], as_json=False)
    log.close()
    printed = capfd.readouterr()
    assert ended.value.exit_code == 2
    assert printed.out == ""
    assert "--workers" in printed.err
    assert "earlier session" not in printed.err
    assert "Traceback" not in printed.err


class NoneFit(Nodes):
    """A cluster of which no node is fit."""

    def open(self, listen: PlaceListener, cancel: threading.Event) -> None:
        """Find no place."""
        raise PlaceLost("no node of the cluster can train")


@pytest.mark.parametrize(("engine", "told"), [(Nodes, b"ready"), (NoneFit, b"")])
def test_a_session_elsewhere_has_begun_once_a_place_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: type[Nodes], told: bytes
) -> None:
    """Else `start --detach` would leave an empty run behind that it says goes on."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    monkeypatch.setenv(READY, str(writer))
    started = RunStarted("t", "autoresearch/t", "tpe", None, "20s", "A", 0, (), 1)
    with study(tmp_path) as history:
        nodes = engine(bench_of(history), {"a": 1})
        loop = loop_over(history, nodes, ListProposer([proposal(LR=0.2)]), 1)
        log = RunLog(history.project, "t")
        places = PlacesFile(tmp_path, "t")
        with (
            suppress(PlaceLost),
            choose_display(True) as display,
            Waits(history.project, "t") as waits,
        ):
            _listen(loop, started, Trackers(), log, display, places, waits, is_here=False)
        log.close()
    if not told:
        os.close(writer)
    assert os.read(reader, 10) == told
    os.close(reader)
