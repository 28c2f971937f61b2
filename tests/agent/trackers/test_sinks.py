"""Trackers: verdicts reach the real trackers and the user's command, and whatever these do, the run goes on."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageFault
from agent.records.events import Event, Judged, RunFinished, RunStarted
from agent.records.results import Trial
from agent.trackers import TRACKERS, open_trackers
from agent.trackers.aside import Aside, Trackers
from agent.trackers.notify import Notify
from tests.agent.dashboard.nights import HOSTILE, night, trial

STARTED = RunStarted(
    "nov24", "autoresearch/nov24", "code", "opus", "300s", "A", 1, (), None, "5e" * 20
)
TRIALS = night(6).trials
EVENTS: tuple[Event, ...] = (STARTED, *map(Judged, TRIALS), RunFinished("6 trials are done"))


def play(
    trackers: Trackers, events: tuple[Event, ...] = EVENTS, error: Exception | None = None
) -> list[str]:
    """What goes wrong when a session has these events, and ends with `error`."""
    said = []
    try:
        with trackers:
            for event in events:
                trackers.handle(event)
                said += trackers.warnings()
            if error:
                raise error
    except Exception as raised:
        assert raised is error
    return said + trackers.warnings()


# ---------------------------------------------------------------- trackers


@pytest.fixture
def tracker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """A tracker by name, where it is installed, offline; told where to write only by its folder."""
    name = str(request.param)
    pytest.importorskip(TRACKERS[name].needs, reason=f"pip install 'autoresearch[{name}]'")
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    return name, tmp_path / "trackers"


EVERY = pytest.mark.parametrize("tracker", TRACKERS, indirect=True)
# Each of them brings warnings of its own about its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@EVERY
def test_verdicts_and_curves_arrive_and_a_resume_goes_on_with_the_same_run(
    tracker: tuple[str, Path],
) -> None:
    name, folder = tracker
    first, second = EVENTS[:4], (STARTED, *EVENTS[4:])
    assert play(open_trackers([name], None, folder), first) == []
    assert play(open_trackers([name], None, folder), second) == []
    READERS[name](folder, TRIALS)


@EVERY
def test_hostile_words_and_failures_are_told_like_any_other(tracker: tuple[str, Path]) -> None:
    name, folder = tracker
    events = [
        Judged(trial(number, "crash", None, None, text)) for number, text in enumerate(HOSTILE)
    ]
    assert play(open_trackers([name], None, folder), (STARTED, *events)) == []


@EVERY
def test_nothing_is_written_beside_the_run(tracker: tuple[str, Path]) -> None:
    name, folder = tracker
    play(open_trackers([name], None, folder), EVENTS[:2])
    assert {path.name for path in folder.parent.iterdir()} <= {"trackers"}


def _tensorboard(folder: Path, trials: tuple[Trial, ...]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [place] = (folder / "tensorboard").iterdir()
    assert place.name == "nov24-" + "5e" * 6
    read = EventAccumulator(str(place))
    read.Reload()
    values = {event.step: event.value for event in read.Scalars("trial/val_bpb")}
    assert values == pytest.approx(
        {one.number: one.value for one in trials if one.value is not None}
    )
    curve = trials[0].result.curve if trials[0].result else ()
    assert [event.step for event in read.Scalars("curve/0000")] == [
        round(100 * share) for share, _ in curve
    ]
    assert [event.value for event in read.Scalars("curve/0000")] == pytest.approx(
        [loss for _, loss in curve]
    )


def _mlflow(folder: Path, trials: tuple[Trial, ...]) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    [run] = client.search_runs([client.get_experiment_by_name("autoresearch").experiment_id])
    assert (run.info.status, run.data.params["method"]) == ("FINISHED", "code")
    assert run.data.tags["autoresearch.ended"] == "6 trials are done"
    values = {
        metric.step: metric.value
        for metric in client.get_metric_history(run.info.run_id, "val_bpb")
    }
    assert values == pytest.approx(
        {one.number: one.value for one in trials if one.value is not None}
    )
    assert len(client.get_metric_history(run.info.run_id, "curve/0000")) == 20
    kept = json.loads(
        (
            folder / "mlflow" / "artifacts" / run.info.run_id / "artifacts" / "trials" / "0003.json"
        ).read_text()
    )
    assert Trial.model_validate(kept) == trials[3]


def _wandb(folder: Path, trials: tuple[Trial, ...]) -> None:
    from wandb.proto.wandb_internal_pb2 import Record

    logs = sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(logs) == 2
    assert all(f"nov24-{'5e' * 6}" in path.name for path in logs)
    records = [Record.FromString(data) for path in logs for data in _records(path.read_bytes())]
    rows = [
        {
            ".".join(item.nested_key) or item.key: json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records
        if record.HasField("history")
    ]
    assert [row["trial"] for row in rows] == [one.number for one in trials]
    assert [row.get("val_bpb") for row in rows] == [one.value for one in trials]
    assert [row["hypothesis"] for row in rows] == [one.proposal.hypothesis for one in trials]
    assert rows[0]["curve._type"] == "table-file" or rows[0]["curve"]["_type"] == "table-file"
    tables = list((folder / "wandb").rglob("*.table.json"))
    assert [*trials[0].result.curve] in [
        [tuple(row) for row in json.loads(path.read_text())["data"]] for path in tables
    ]  # type: ignore[union-attr]


def _records(log: bytes, block: int = 32_768, head: int = 7) -> list[bytes]:
    """The records of a log in LevelDB's format, which wandb writes: pieces with a checksum, a length and a kind before each."""
    found, place = [b""], head
    while place + head <= len(log):
        if block - place % block < head:
            place += block - place % block
            continue
        length, kind = int.from_bytes(log[place + 4 : place + 6], "little"), log[place + 6]
        found[-1] += log[place + head : place + head + length]
        place += head + length
        if kind in (1, 4):  # whole, or the last piece
            found.append(b"")
    return found[:-1]


READERS: dict[str, Any] = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}


# ---------------------------------------------------------------- what goes wrong


class Faulty:
    """Other people's code on a bad day: fails at `at`, remembers what it was told."""

    def __init__(self, at: str, error: BaseException) -> None:
        self._at, self._error = at, error
        self.told: list[str] = []

    def _do(self, what: str) -> None:
        self.told.append(what)
        if what == self._at:
            raise self._error

    def open(self, run: RunStarted) -> None:
        self._do("open")

    def verdict(self, trial: Trial) -> None:
        self._do("verdict")

    def close(self, reason: str, failed: bool) -> None:
        self._do(f"close {reason} {failed}")


@pytest.mark.parametrize(
    "error", [OSError("the server is gone"), SystemExit(1), KeyboardInterrupt()]
)
def test_a_failing_sink_is_a_warning_once(error: BaseException) -> None:
    tracker = Faulty("verdict", error)
    [said] = play(Trackers([Aside("it", tracker)]))
    assert said.startswith("it failed, the run goes on: ")
    assert tracker.told == ["open", *["verdict"] * 6, "close 6 trials are done False"], (
        "a server may be back"
    )


def test_a_sink_that_cannot_open_is_told_nothing_more() -> None:
    tracker = Faulty("open", OSError("no"))
    assert play(Trackers([Aside("it", tracker)])) == ["it failed, the run goes on without it: no"]
    assert tracker.told == ["open"]


def test_a_fault_of_the_run_is_told_as_one() -> None:
    tracker = Faulty("", OSError())
    assert (
        play(Trackers([Aside("it", tracker)]), EVENTS[:2], error=ValueError("the branch was moved"))
        == []
    )
    assert tracker.told[-1] == "close the branch was moved True"


def test_a_hanging_sink_is_left_behind() -> None:
    let_go = threading.Event()

    class Hanging(Faulty):
        def verdict(self, trial: Trial) -> None:
            let_go.wait(60)

    said = play(Trackers([Aside("it", Hanging("", OSError()), grace=0.2)]))
    let_go.set()
    assert said == ["it was not done 0 s after the end, and is left behind"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("carrier-pigeon", "no tracker is called"),
        ("", "no tracker"),
        ("tensorboard:", "no tracker"),
        ("wandb;x", "no tracker"),
    ],
)
def test_a_sink_that_is_none_is_refused_before_anything_runs(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFault, match=says) as caught:
        open_trackers([text], None, tmp_path)
    assert "tensorboard" in str(caught.value)


def test_a_sink_that_is_not_installed_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageFault) as caught:
        open_trackers(["wandb:lab"], None, tmp_path)
    assert caught.value.next_command == "pip install 'autoresearch[wandb]'"


# ---------------------------------------------------------------- the command

LISTENER = """
import json, os, sys
about = {name: text for name, text in os.environ.items() if name.startswith("AUTORESEARCH_") and name != "AUTORESEARCH_CACHE"}
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([sys.argv[2:], about, json.load(sys.stdin)]) + "\\n")
"""


def listener(folder: Path) -> tuple[str, Path]:
    """A command that writes down how it was called, and where it does."""
    script, log = folder / "listen.py", folder / "a log"
    script.write_text(LISTENER)
    return f"{sys.executable} {script} '{log}' 'two words' $HOME `id` ;", log


def calls(log: Path) -> list[tuple[list[str], dict[str, str], dict[str, Any]]]:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]  # type: ignore[misc]


def test_the_command_is_run_at_a_keep_and_at_the_end_and_no_shell_reads_it(tmp_path: Path) -> None:
    command, log = listener(tmp_path)
    assert play(open_trackers([], command, tmp_path)) == []
    heard = calls(log)
    kept = [one for one in TRIALS if one.status == "keep"]
    assert [about["AUTORESEARCH_EVENT"] for _, about, _ in heard] == [*["keep"] * len(kept), "end"]
    assert all(words == ["two words", "$HOME", "`id`", ";"] for words, _, _ in heard)
    _, about, said = heard[0]
    assert (about["AUTORESEARCH_TRIAL"], about["AUTORESEARCH_RUN"]) == (
        str(kept[0].number),
        "nov24",
    )
    assert about["AUTORESEARCH_HYPOTHESIS"] == kept[0].proposal.hypothesis
    assert Trial.model_validate(said["trial"]) == kept[0]
    assert heard[-1][2]["text"] == "6 trials are done"


@pytest.mark.parametrize("text", [*HOSTILE, "$(touch pwned)", "'; touch pwned; '", "x" * 500_000])
def test_hostile_hypotheses_are_only_data(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command, log = listener(tmp_path)
    assert (
        play(
            open_trackers([], command, tmp_path),
            (STARTED, Judged(trial(1, "keep", 0.9, -0.1, text))),
        )
        == []
    )
    _, about, said = calls(log)[0]
    assert said["trial"]["proposal"]["hypothesis"] == text
    assert (
        about["AUTORESEARCH_HYPOTHESIS"].isprintable()
        and len(about["AUTORESEARCH_HYPOTHESIS"]) <= 1_000
    )
    assert not (tmp_path / "pwned").exists()


def test_an_error_is_told_as_one(tmp_path: Path) -> None:
    command, log = listener(tmp_path)
    play(open_trackers([], command, tmp_path), EVENTS[:1], error=UsageFault("no key"))
    assert [(about["AUTORESEARCH_EVENT"], said["text"]) for _, about, said in calls(log)] == [
        ("error", "no key")
    ]


def test_a_command_that_fails_or_hangs_is_a_warning(tmp_path: Path) -> None:
    [said] = play(
        open_trackers(
            [], f"{sys.executable} -c 'import sys; sys.exit(\"no network\\x1b[2J\")'", tmp_path
        )
    )
    assert (
        said.startswith("--notify failed, the run goes on: ")
        and "no network\\x1b" in said
        and said.isprintable()
    )
    began = time.monotonic()
    [said] = play(
        Trackers([Aside("--notify", Notify("sh -c 'sleep 600 & wait'", timeout=0.2))]), EVENTS[:1]
    )
    assert "took longer than 0 s" in said
    assert time.monotonic() - began < 300, "the sleep was ended with it"


@pytest.mark.parametrize("command", ["", "no-such-command x", "echo 'unbalanced"])
def test_a_command_that_cannot_run_is_refused_before_anything_does(
    command: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFault, match="--notify"):
        open_trackers([], command, tmp_path)
