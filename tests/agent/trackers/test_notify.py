"""What a user is told of a run: when, in which words, by whom, and by whose settings."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.errors import Fault, TrustFault, UsageFault
from agent.project.program import read_program
from agent.project.settings import FILE, read_settings
from agent.records.events import ModelWaited, RunStarted
from agent.records.inputs import Admitted, Input, Set
from agent.records.objective import Objective
from agent.records.results import Trial
from agent.trackers import open_channels
from agent.trackers.aside import Aside, Trackers
from agent.trackers.messages import OCCASIONS, Message, Messages, chat_line, sample
from agent.trackers.notify import Notify
from agent.trackers.targets import Targets, read_targets, targets_of
from sandbox.ground.redaction import redacted
from tests.agent.dashboard import nights
from tests.agent.trackers.test_trackers import session

# Apprise's own dependencies warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore")

RUN = RunStarted(
    *("nov24", "autoresearch/nov24", "code", "opus", "300s", "A", 1, (), None),
    objective=Objective(metric="val_acc", direction="maximize"),
    patience=3,
)


def trial(
    number: int,
    status: str,
    value: float | None,
    delta: float | None = None,
    hypothesis: str = "try it",
) -> Trial:
    return nights.trial(number, status, value, delta, hypothesis)


BASELINE = trial(0, "baseline", 0.8)


def paid(number: int, dollars: float) -> Trial:
    """A discard whose proposal cost so much."""
    made = trial(number, "discard", 0.7, 0.1)
    by = made.proposal.by.model_copy(update={"cost": dollars, "calls": 1})
    return made.model_copy(update={"proposal": made.proposal.model_copy(update={"by": by})})


def told(*trials: Trial, run: RunStarted = RUN) -> list[Message]:
    messages = Messages(run)
    return [message for each in trials for message in messages.of_verdict(each)]


def test_a_keep_is_told_with_run_trial_change_score_and_what_to_type() -> None:
    [message] = told(BASELINE, trial(1, "keep", 0.83, -0.03, "raise LR"))
    assert message.title == "nov24: #1 kept: val_acc 0.830000 (+0.030000)"
    assert message.body.splitlines()[0] == "nov24 #1 kept: raise LR"
    assert "score: val_acc 0.830000 (+0.030000)" in message.body
    assert "changed: " in message.body
    assert message.body.endswith("\n\nnext: autoresearch show 1 --branch nov24")
    assert message.about["delta"] == "+0.030000"


@pytest.mark.parametrize("status", ["suspect", "held"])
def test_a_hold_says_that_it_waits_and_names_no_score(status: str) -> None:
    [message] = told(BASELINE, trial(1, status, 0.99, -0.19))
    assert (message.event, message.title) == ("hold", "nov24: #1 waits for you")
    assert message.next_command == "autoresearch approve 1 --branch nov24"
    assert "0.99" not in message.body


def test_a_plateau_is_told_once_and_again_after_a_keep() -> None:
    losers = [trial(number, "discard", 0.7, 0.1) for number in range(1, 6)]
    [message] = told(BASELINE, *losers)
    assert message.event == "plateau"
    assert message.text == "nov24 has measured 3 trials since the last keep."
    assert "best: val_acc 0.800000 by #0, the baseline" in message.body
    later = [trial(number, "discard", 0.7, 0.1) for number in range(7, 10)]
    events = [each.event for each in told(BASELINE, *losers, trial(6, "keep", 0.9, -0.1), *later)]
    assert events == ["plateau", "keep", "plateau"]
    resumed = replace(RUN, trials=(BASELINE, *losers[:2]))
    assert [each.event for each in told(*losers[2:], run=resumed)] == ["plateau"]
    resumed = replace(RUN, trials=(BASELINE, *losers[:3]))
    assert told(*losers[3:], run=resumed) == []


def test_three_quarters_of_the_money_are_told_once() -> None:
    run = replace(RUN, max_cost=4.0, patience=99)
    [message] = told(BASELINE, *(paid(number, 1.0) for number in range(1, 5)), run=run)
    assert (message.event, message.title) == ("money", "nov24: $3.06 of $4.00 spent")
    assert told(BASELINE, paid(1, 9.0), run=replace(run, max_cost=None)) == []
    assert told(BASELINE, trial(1, "discard", 0.7, 0.1), run=replace(run, max_cost=0.0)) == []


def test_bounds_that_are_set_meanwhile_hold_from_then_on() -> None:
    messages = Messages(replace(RUN, max_cost=4.0))
    list(messages.of_verdict(BASELINE))
    stamp = "2026-11-24T01:00:00+00:00"

    def say(**bounds: object) -> None:
        ask = Set.model_validate(bounds)
        asked = Input(id="a", ask=ask, sent=stamp)
        messages.hear(Admitted(input=asked, at=stamp, accepted=True))

    say(max_cost=40.0, patience=1)
    [message] = messages.of_verdict(paid(1, 3.9))
    assert message.event == "plateau"
    say(lift=("max_cost",))
    assert list(messages.of_verdict(paid(2, 39.0))) == []


@pytest.mark.parametrize(("failed", "event"), [(False, "end"), (True, "error")])
def test_the_end_says_what_the_night_came_to(failed: bool, event: str) -> None:
    messages = Messages(RUN)
    for each in (BASELINE, trial(1, "keep", 0.83, -0.03, "raise LR")):
        list(messages.of_verdict(each))
    message = messages.of_end("8 hours used", failed)
    assert message.event == event
    assert "8 hours used" in message.text
    assert "best: val_acc 0.830000 by #1, " in message.body
    assert message.body.count("raise LR") == 1
    assert "trials: 1 measured, 1 kept" in message.body


def test_a_model_that_is_away_is_told_once_until_it_answers_again() -> None:
    messages = Messages(RUN)
    list(messages.of_verdict(BASELINE))

    def waits(until: str = "2026-11-24T23:15:00+00:00") -> list[Message]:
        return list(messages.of_wait(ModelWaited(until, "OpenAI answered 503: down" * bool(until))))

    [message] = waits()
    assert (message.event, message.title) == ("wait", "nov24: goes on without its model")
    assert "nov24 is waiting for the model until" in message.text
    assert "OpenAI answered 503: down" in message.text
    assert message.next_command == "autoresearch status nov24"
    list(messages.of_verdict(trial(1, "discard", 0.7, 0.1)))
    assert waits("") == waits() == []
    list(messages.of_verdict(paid(2, 0.1)))
    assert len(waits()) == 1


def test_nobody_is_called_together_by_what_a_model_wrote() -> None:
    text = "see @everyone, <!channel>, <@U123>, <#C1>\x1b[2J\nmAP@0.5 <= 3"
    shown = chat_line(text)
    assert "@everyone" not in shown and "<!" not in shown and "<@" not in shown
    assert shown.isprintable() and "mAP@0.5 <= 3" in shown
    [message] = told(BASELINE, trial(1, "keep", 0.83, -0.03, text))
    assert "@everyone" not in message.body + message.title
    assert len(message.body.splitlines()) < 8


def test_only_the_events_that_are_asked_for_are_sent() -> None:
    sent: list[Message] = []

    class Channel:
        def send(self, message: Message) -> None:
            sent.append(message)

    notify = Notify(Channel(), ("end",))
    notify.open(RUN)
    notify.verdict(BASELINE)
    notify.verdict(trial(1, "keep", 0.83, -0.03))
    notify.close("done", failed=False)
    assert [message.event for message in sent] == ["end"]


# ---------------------------------------------------------------- Apprise


class Receiver(ThreadingHTTPServer):
    """A service on this machine that takes messages; below /bad it fails, below /slow it hangs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[dict[str, Any]] = []
        self.over = threading.Event()

    def address(self, path: str) -> str:
        """Return the address, as Apprise reads it, with a password in it."""
        return f"json://me:hushhushhush@127.0.0.1:{self.server_port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        message = json.loads(self.rfile.read(length))
        if self.path.startswith("/slow"):
            self.server.over.wait(60)
        self.server.messages.append(message)
        self.send_response(500 if self.path.startswith("/bad") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Receiver]:
    pytest.importorskip("apprise", reason="pip install 'autoresearch[notify]'")
    with receiver() as own:
        yield own


def listening(*addresses: str, grace: float = 30.0) -> Trackers:
    channels = open_channels(Targets(apprise=addresses))
    return Trackers([Aside(name, Notify(channel), grace) for name, channel in channels])


def night() -> tuple[Trial, ...]:
    return (BASELINE, trial(1, "keep", 0.83, -0.03, "raise LR"), trial(2, "crash", None))


def events_of(trials: tuple[Trial, ...]) -> tuple[Any, ...]:
    from agent.records.events import Judged, RunFinished

    return (RUN, *map(Judged, trials), RunFinished("8 hours used"))


def test_apprise_takes_messages_to_a_service(server: Receiver) -> None:
    assert session(listening(server.address("ok")), events_of(night())) == []
    assert [message["title"] for message in server.messages] == [
        "nov24: #1 kept: val_acc 0.830000 (+0.030000)",
        "nov24: ended",
    ]
    assert "next: autoresearch log nov24" in server.messages[-1]["message"]


def test_a_service_that_fails_is_said_once_and_without_its_password(server: Receiver) -> None:
    trackers = listening(server.address("bad"), server.address("ok"))
    warnings = session(trackers, events_of(night()))
    assert len(warnings) == 1
    assert "failed, the run goes on: " in warnings[0] and "500" in warnings[0]
    assert "hushhushhush" not in warnings[0]
    assert len(server.messages) == 4, "each was told all the same"


def test_a_service_that_hangs_is_abandoned(server: Receiver) -> None:
    warnings = session(listening(server.address("slow"), grace=0.1), events_of(night()[:2]))
    assert len(warnings) == 1
    assert "is abandoned" in warnings[0]


def test_a_test_message_reaches_a_service_or_says_why_not(server: Receiver) -> None:
    addresses = (server.address("ok"), server.address("bad"))
    [(name, fine), (_, failing)] = open_channels(Targets(apprise=addresses))
    assert "hushhushhush" not in name
    assert redacted(f"at {addresses[0]}") == "at [redacted address_1]"
    fine.send(sample())
    assert server.messages[0]["title"] == "autoresearch: a test"
    with pytest.raises(Fault, match="500"):
        failing.send(sample())


def test_an_address_that_apprise_does_not_know_is_refused_without_its_key() -> None:
    pytest.importorskip("apprise", reason="pip install 'autoresearch[notify]'")
    with pytest.raises(UsageFault) as caught:
        open_channels(Targets(apprise=("nonsense://secretkey",)))
    assert "nonsense://" in caught.value.message and "secretkey" not in caught.value.message


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageFault) as caught:
        open_channels(Targets(apprise=("json://127.0.0.1",)))
    assert caught.value.next_command == "pip install 'autoresearch[notify]'"


# ---------------------------------------------------------------- whose settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "config.toml"
    path.parent.mkdir()
    path.write_text('[notify]\ncommand = "cat"\napprise = ["json://a/b"]\nevents = ["end"]\n')
    path.chmod(0o600)
    return path


@pytest.fixture
def usual(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That file, as the user's own."""
    monkeypatch.setattr("agent.trackers.targets.config_file", lambda: file)
    return file


def test_a_flag_comes_before_variables_and_these_before_the_file(usual: Path) -> None:
    own = Targets(command="cat", apprise=("json://a/b",), events=("end",))
    assert targets_of({}, None) == own
    variables = {"AUTORESEARCH_NOTIFY": " json://c  json://d ", "AUTORESEARCH_NOTIFY_COMMAND": "ls"}
    by_variables = targets_of(variables, None)
    assert by_variables.apprise == ("json://c", "json://d") and by_variables.command == "ls"
    assert by_variables.events == ("end",)
    assert targets_of(variables, None, "true").command == "true"
    assert targets_of(variables, None, "none") == Targets()


def test_a_command_for_all_runs_is_no_file_of_the_folder_it_tells_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a typed one means the file here, which may be a stranger's."""
    home = tmp_path / "home"
    here = tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
        (folder / "tell").write_text("#!/bin/sh\ntouch told\n")
        (folder / "tell").chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(here)
    for typed, teller in ((None, home), ("./tell", here)):
        targets = targets_of({"AUTORESEARCH_NOTIFY_COMMAND": "./tell"}, here, typed)
        [(_, channel)] = open_channels(targets)
        channel.send(sample())
        assert [folder for folder in (home, here) if (folder / "told").exists()] == [teller]
        (teller / "told").unlink()


def test_nobody_is_told_without_settings(tmp_path: Path) -> None:
    assert read_targets(tmp_path / "nothing.toml", None) == Targets()
    assert Targets().events == OCCASIONS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[notify", "config.toml: "),
        ("notify = 1", "notify is a table"),
        ("[notifi]", "Unknown table 'notifi'. Did you mean 'notify'?"),
        ("[notify]\naprise = []", "Unknown setting 'aprise'. Did you mean 'apprise'?"),
        ('[notify]\nevents = ["kepp"]', "events.0"),
        ("[notify]\ncommand = 3", "command"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageFault) as caught:
        read_targets(file, None)
    assert message in caught.value.message


def test_a_file_that_others_could_have_written_or_can_read_is_refused(file: Path) -> None:
    file.chmod(0o620)
    with pytest.raises(TrustFault, match="can be written by others"):
        read_targets(file, None)
    file.chmod(0o604)
    with pytest.raises(TrustFault, match="others can read it") as caught:
        read_targets(file, None)
    assert caught.value.next_command == f"chmod 600 {file}"


def test_a_repository_names_nobody(file: Path, tmp_path: Path) -> None:
    with pytest.raises(TrustFault, match="lies in the repository itself"):
        read_targets(file, tmp_path.resolve())
    link = tmp_path.parent / f"{tmp_path.name}-link.toml"
    link.symlink_to(file)
    with pytest.raises(TrustFault, match="lies in the repository itself"):
        read_targets(link, tmp_path.resolve())
    (tmp_path / FILE).write_text('[notify]\ncommand = "curl evil"\n')
    with pytest.raises(UsageFault, match="the user's to say"):
        read_settings(tmp_path)
    with pytest.raises(UsageFault, match="the user's to say"):
        read_program("---\nnotify: curl evil\n---\nBe bold.\n")
