"""Verdicts reach the real trackers and the user's command; whatever these do, the run goes on."""

import json
import sys
import threading
import time
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageFault
from agent.records.events import Event, Heard, Judged, ModelWaited, RunFinished, RunStarted
from agent.records.inputs import Admitted, Input, Pause
from agent.records.results import Trial
from agent.trackers import TRACKERS, open_trackers
from agent.trackers.aside import Aside, Trackers
from agent.trackers.notify import Command, Notify
from agent.trackers.targets import Targets
from tests.agent.dashboard.nights import HOSTILE, night, trial

NOBODY = Targets()
STARTED = RunStarted(
    "nov24", "autoresearch/nov24", "code", "opus", "300s", "A", 1, (), None, "5e" * 20
)
TRIALS = night(6).trials
EVENTS: tuple[Event, ...] = (STARTED, *map(Judged, TRIALS), RunFinished("6 trials are done"))


def session(
    trackers: Trackers, events: tuple[Event, ...] = EVENTS, error: Exception | None = None
) -> list[str]:
    """Return the warnings of a session with these events, which ends with `error`."""
    warnings = []
    try:
        with trackers:
            for event in events:
                trackers.handle(event)
                warnings += trackers.warnings()
            if error:
                raise error
    except Exception as raised:
        assert raised is error
    return warnings + trackers.warnings()


# ---------------------------------------------------------------- trackers


@pytest.fixture
def tracker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """Return a tracker that is installed, offline, and the folder that it is told to write to."""
    name = str(request.param)
    pytest.importorskip(TRACKERS[name].needs[0], reason=f"pip install 'autoresearch[{name}]'")
    for variable in ("MLFLOW_TRACKING_URI", "WANDB_DIR", "WANDB_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    return name, tmp_path / "trackers"


EVERY = pytest.mark.parametrize("tracker", TRACKERS, indirect=True)
# Each of them warns about its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@EVERY
def test_verdicts_and_curves_arrive_and_a_resume_continues_the_same_run(
    tracker: tuple[str, Path],
) -> None:
    name, folder = tracker
    for events in (EVENTS[:4], (STARTED, *EVENTS[4:])):
        assert session(open_trackers([name], NOBODY, folder), events) == []
    READERS[name](folder, TRIALS)


@EVERY
def test_hostile_text_and_failures_are_told_like_any_other(tracker: tuple[str, Path]) -> None:
    name, folder = tracker
    trials = [trial(number, "crash", None, None, text) for number, text in enumerate(HOSTILE)]
    events = (STARTED, *map(Judged, trials))
    assert session(open_trackers([name], NOBODY, folder), events) == []


@EVERY
def test_nothing_is_written_beside_the_run(tracker: tuple[str, Path]) -> None:
    name, folder = tracker
    session(open_trackers([name], NOBODY, folder), EVENTS[:2])
    assert {path.name for path in folder.parent.iterdir()} <= {"trackers"}


def scores_of(trials: tuple[Trial, ...]) -> dict[int, float]:
    """Return the scores by the number of the trial."""
    return {each.number: each.value for each in trials if each.value is not None}


def _tensorboard(folder: Path, trials: tuple[Trial, ...]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    [place] = (folder / "tensorboard").iterdir()
    assert place.name == "nov24-" + "5e" * 6
    read = EventAccumulator(str(place))
    read.Reload()
    values = {event.step: event.value for event in read.Scalars("trial/val_bpb")}
    assert values == pytest.approx(scores_of(trials))
    curve = trials[0].result.curve if trials[0].result else ()
    points = read.Scalars("curve/0000")
    assert [point.step for point in points] == [round(100 * share) for share, _ in curve]
    assert [point.value for point in points] == pytest.approx([loss for _, loss in curve])


def _mlflow(folder: Path, trials: tuple[Trial, ...]) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}")
    [run] = client.search_runs([client.get_experiment_by_name("autoresearch").experiment_id])
    assert (run.info.status, run.data.params["method"]) == ("FINISHED", "code")
    assert run.data.tags["autoresearch.ended"] == "6 trials are done"
    metrics = client.get_metric_history(run.info.run_id, "val_bpb")
    values = {metric.step: metric.value for metric in metrics}
    assert values == pytest.approx(scores_of(trials))
    assert len(client.get_metric_history(run.info.run_id, "curve/0000")) == 20
    artifacts = folder / "mlflow" / "artifacts" / run.info.run_id / "artifacts"
    record = json.loads((artifacts / "trials" / "0003.json").read_text())
    assert Trial.model_validate(record) == trials[3]


def _wandb(folder: Path, trials: tuple[Trial, ...]) -> None:
    from wandb.proto.wandb_internal_pb2 import Record

    logs = sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(logs) == 2
    assert all(f"nov24-{'5e' * 6}" in path.name for path in logs)
    rows: list[dict[str, Any]] = []
    for data in chain.from_iterable(_records(path.read_bytes()) for path in logs):
        record = Record.FromString(data)
        if record.HasField("history"):
            rows.append(_row(record.history.item))
    assert [row["trial"] for row in rows] == [each.number for each in trials]
    assert [row.get("val_bpb") for row in rows] == [each.value for each in trials]
    assert [row["hypothesis"] for row in rows] == [each.proposal.hypothesis for each in trials]
    assert rows[0]["curve._type"] == "table-file" or rows[0]["curve"]["_type"] == "table-file"
    files = [json.loads(path.read_text()) for path in (folder / "wandb").rglob("*.table.json")]
    assert trials[0].result is not None
    assert [list(point) for point in trials[0].result.curve] in [file["data"] for file in files]


def _row(items: Any) -> dict[str, Any]:
    return {".".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _records(log: bytes, block: int = 32_768, head: int = 7) -> list[bytes]:
    """Return the records of a log in LevelDB's format, which wandb writes.

    Each piece has a header with a checksum, a length and a kind.
    """
    records = [b""]
    place = head
    while place + head <= len(log):
        if block - place % block < head:
            place += block - place % block
            continue
        length = int.from_bytes(log[place + 4 : place + 6], "little")
        kind = log[place + 6]
        records[-1] += log[place + head : place + head + length]
        place += head + length
        if kind in (1, 4):  # whole, or the last piece
            records.append(b"")
    return records[:-1]


READERS: dict[str, Any] = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}


# ---------------------------------------------------------------- what goes wrong


class Faulty:
    """A tracker that fails at `at`, and remembers its calls."""

    def __init__(self, at: str, error: BaseException) -> None:
        self._at = at
        self._error = error
        self.calls: list[str] = []

    def _do(self, what: str) -> None:
        self.calls.append(what)
        if what == self._at:
            raise self._error

    def open(self, run: RunStarted) -> None:
        self._do("open")

    def verdict(self, trial: Trial) -> None:
        self._do("verdict")

    def close(self, reason: str, failed: bool) -> None:
        self._do(f"close {reason} {failed}")


def test_the_folder_of_a_tracker_is_there_when_it_opens(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "t" / "trackers"

    class Writing(Faulty):
        def open(self, run: RunStarted) -> None:
            (folder / "began.txt").write_text(run.tag)

    assert session(Trackers([Aside("it", Writing("", OSError()), folder=folder)])) == []
    assert (folder / "began.txt").exists()


@pytest.mark.parametrize(
    "error", [OSError("the server is gone"), SystemExit(1), KeyboardInterrupt()]
)
def test_a_failing_tracker_is_a_warning_once(error: BaseException) -> None:
    tracker = Faulty("verdict", error)
    [warning] = session(Trackers([Aside("it", tracker)]))
    assert warning.startswith("it failed, the run goes on: ")
    assert tracker.calls == ["open", *["verdict"] * 6, "close 6 trials are done False"], (
        "a server may be back"
    )


def test_a_tracker_that_cannot_open_is_told_nothing_more() -> None:
    tracker = Faulty("open", OSError("no"))
    assert session(Trackers([Aside("it", tracker)])) == [
        "it failed, the run goes on without it: no"
    ]
    assert tracker.calls == ["open"]


def test_a_fault_of_the_run_is_told_as_one() -> None:
    tracker = Faulty("", OSError())
    moved = ValueError("the branch was moved")
    assert session(Trackers([Aside("it", tracker)]), EVENTS[:2], error=moved) == []
    assert tracker.calls[-1] == "close the branch was moved True"


def test_a_hanging_tracker_is_abandoned() -> None:
    let_go = threading.Event()

    class Hanging(Faulty):
        def verdict(self, trial: Trial) -> None:
            let_go.wait(60)

    warnings = session(Trackers([Aside("it", Hanging("", OSError()), grace=0.2)]))
    let_go.set()
    assert warnings == ["it was not done 0 s after the end, and is abandoned"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("carrier-pigeon", "Unknown tracker .carrier-pigeon."),
        ("", "is none of"),
        ("tensorboard:", "is none of"),
        ("wandb;x", "is none of"),
    ],
)
def test_a_sink_that_is_none_is_refused_before_anything_runs(
    text: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFault, match=says) as caught:
        open_trackers([text], NOBODY, tmp_path)
    assert "tensorboard" in str(caught.value)


def test_a_tracker_that_is_not_installed_names_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageFault) as caught:
        open_trackers(["wandb:lab"], NOBODY, tmp_path)
    assert caught.value.next_command == "pip install 'autoresearch[wandb]'"


# ---------------------------------------------------------------- the command

LISTENER = """
import json, os, sys
about = {name: text for name, text in os.environ.items() if name.startswith("AUTORESEARCH_")}
about.pop("AUTORESEARCH_CACHE", None)
with open(sys.argv[1], "a") as file:
    file.write(json.dumps([sys.argv[2:], about, json.load(sys.stdin)]) + "\\n")
"""


def listener(folder: Path) -> tuple[str, Path]:
    """Return a command that writes down how it was called, and the file it writes to."""
    script = folder / "listen.py"
    log = folder / "a log"
    script.write_text(LISTENER)
    return f"{sys.executable} {script} '{log}' 'two words' $HOME `id` ;", log


def test_a_tracker_that_hears_people_need_not_hear_of_waits() -> None:
    class Listening(Faulty):
        def heard(self, admitted: Admitted) -> None:
            said.append(admitted)

    said: list[Admitted] = []
    stamp = "2026-11-24T01:00:00+00:00"
    asked = Admitted(input=Input(id="a", ask=Pause(), sent=stamp), at=stamp, accepted=True)
    waited = ModelWaited(stamp, "down")
    events = (*EVENTS[:1], Heard(asked), waited)
    session(Trackers([Aside("it", Listening("", OSError()))]), events)
    assert said == [asked]


def calls(log: Path) -> list[tuple[list[str], dict[str, str], dict[str, Any]]]:
    """Return the arguments, the variables and the standard input of each call."""
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]  # type: ignore[misc]


def test_the_command_is_run_at_a_keep_and_at_the_end_and_no_shell_reads_it(tmp_path: Path) -> None:
    command, log = listener(tmp_path)
    assert session(open_trackers([], Targets(command=command), tmp_path)) == []
    made = calls(log)
    kept = [each for each in TRIALS if each.status == "keep"]
    events = [about["AUTORESEARCH_EVENT"] for _, about, _ in made]
    assert events == [*["keep"] * len(kept), "end"]
    assert all(words == ["two words", "$HOME", "`id`", ";"] for words, _, _ in made)
    _, about, message = made[0]
    assert about["AUTORESEARCH_TRIAL"] == str(kept[0].number)
    assert about["AUTORESEARCH_RUN"] == "nov24"
    assert about["AUTORESEARCH_HYPOTHESIS"] == kept[0].proposal.hypothesis
    assert Trial.model_validate(message["trial"]) == kept[0]
    assert about["AUTORESEARCH_TITLE"].startswith(f"nov24: #{kept[0].number} kept: val_bpb ")
    assert about["AUTORESEARCH_NEXT"] == f"autoresearch show {kept[0].number} --branch nov24"
    assert made[-1][2]["text"] == "nov24 ended: 6 trials are done"


@pytest.mark.parametrize("text", [*HOSTILE, "$(touch pwned)", "'; touch pwned; '", "x" * 500_000])
def test_hostile_hypotheses_are_only_data(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command, log = listener(tmp_path)
    events = (STARTED, Judged(trial(1, "keep", 0.9, -0.1, text)))
    assert session(open_trackers([], Targets(command=command), tmp_path), events) == []
    _, about, message = calls(log)[0]
    assert message["trial"]["proposal"]["hypothesis"] == text
    assert about["AUTORESEARCH_HYPOTHESIS"].isprintable()
    assert len(about["AUTORESEARCH_HYPOTHESIS"]) <= 1_000
    assert not (tmp_path / "pwned").exists()


def test_an_error_is_told_as_one(tmp_path: Path) -> None:
    command, log = listener(tmp_path)
    session(
        open_trackers([], Targets(command=command), tmp_path),
        EVENTS[:1],
        error=UsageFault("no key"),
    )
    [(_, about, message)] = calls(log)
    assert about["AUTORESEARCH_EVENT"] == "error"
    assert message["text"] == "nov24 stopped by an error: no key"


def test_a_command_that_fails_or_hangs_is_a_warning(tmp_path: Path) -> None:
    failing = f"{sys.executable} -c 'import sys; sys.exit(\"no network\\x1b[2J\")'"
    [warning] = session(open_trackers([], Targets(command=failing), tmp_path))
    assert warning.startswith("the notify command failed, the run goes on: ")
    assert "no network\\x1b" in warning and warning.isprintable()
    began = time.monotonic()
    hanging = Notify(Command("sh -c 'sleep 600 & wait'", timeout=0.2))
    [warning] = session(Trackers([Aside("--notify", hanging)]), EVENTS[:1])
    assert "took longer than 0 s" in warning
    assert time.monotonic() - began < 300, "the sleep was ended with it"


def test_no_half_of_a_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TOKEN", "0123456789" * 5)
    failing = Command(f"sh -c 'echo {'x' * 99}{'0123456789' * 5}{'y' * 170} >&2; exit 3'")
    [warning] = session(Trackers([Aside("--notify", Notify(failing))]), EVENTS[:1])
    assert "456789" not in warning and warning.endswith("yyy")


@pytest.mark.parametrize(
    ("command", "warnings"),
    [("setsid sleep 9 & echo told", []), ("setsid sleep 9 & wait", ["took longer than 3 s"])],
)
def test_what_a_command_leaves_behind_holds_no_message_up(
    command: str, warnings: list[str]
) -> None:
    channel = Notify(Command(f"sh -c '{command}'", timeout=3.0))
    given = session(Trackers([Aside("--notify", channel)]), EVENTS[:1])
    assert len(given) == len(warnings)
    assert all(words in warning for words, warning in zip(warnings, given, strict=True))


@pytest.mark.parametrize("command", ["", "no-such-command x", "echo 'unbalanced"])
def test_a_command_that_cannot_run_is_refused_before_anything_does(
    command: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFault, match="--notify"):
        open_trackers([], Targets(command=command), tmp_path)
