"""The dashboard shows where a run trains what, and what was lost with a place."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from agent.dashboard.render import now_part
from agent.dashboard.watch import Watch
from agent.display.places_file import PlacesFile, places_path, read_places
from agent.history.history import History
from agent.records.events import Judged, PlaceJoined, TrialStarted, TrialWaits
from agent.records.losses import loss_of
from agent.records.results import Attempt
from agent.records.slots import Slot
from agent.run.ledger import Ledger
from agent.space import read_space
from tests.agent.dashboard.nights import night
from tests.agent.display.runs import HOSTILE
from tests.agent.study import project_of, proposal, study, work_on

NODE = PlaceJoined("node-<b>a", (Slot(number=4, cpus=(), machine="3f9a H100", place="node-<b>a"),))


def test_a_session_says_where_it_trains_and_readers_follow(tmp_path: Path) -> None:
    with study(tmp_path) as history:
        work_on(history, [proposal(LR=0.2)], trials=1)
        attempt = Ledger(history, read_space).begin(proposal(LR=0.3))
        assert isinstance(attempt, Attempt)
        history.lose(attempt, loss_of("m", "node-z", HOSTILE, own=True))
        watch = Watch(project_of(tmp_path))
        before = watch.version("t")
        file = PlacesFile(tmp_path, "t")
        assert not places_path(tmp_path, "t").exists(), "one machine has no places"
        file.handle(NODE)
        file.handle(TrialStarted(attempt, 4, seed=0, run=1, place=NODE.place))
        assert watch.version("t") != before
        view = watch.view("t")
        assert view.where == ["node-<b>a (H100), 1 slot: #2"]
        page = now_part(view, [SimpleNamespace(attempt=attempt, curves=None)])  # type: ignore[list-item]
        assert "node-&lt;b&gt;a" in page and "<b>a" not in page
        assert "lost with node-z: " in page
        assert "in training: <strong>#2" in page
        file.handle(TrialWaits(attempt, 2))
        view = watch.view("t")
        page = now_part(view, [SimpleNamespace(attempt=attempt, curves=None)])  # type: ignore[list-item]
        assert "paused, waits for its run 2: <strong>#2" in page
        file.handle(Judged(history.trials[1].model_copy(update={"number": 2})))
        assert read_places(tmp_path, "t").present[0].trials == ()
        PlacesFile(tmp_path, "t")
        assert not places_path(tmp_path, "t").exists(), "a new session begins anew"
    with History.read(project_of(tmp_path), "t") as read:
        assert len(read.losses(attempt)) == 1


def test_what_is_no_record_is_no_place(tmp_path: Path) -> None:
    path = places_path(tmp_path, "t")
    path.parent.mkdir(parents=True)
    path.write_text('{"present": [{"name"')
    assert not read_places(tmp_path, "t").present
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert not read_places(tmp_path, "t").present


def test_a_run_on_one_machine_shows_no_place() -> None:
    view = night(5)
    assert 'class="place"' not in now_part(view, [])
    assert 'class="place"' not in now_part(replace(view, pid=1), [])
