"""The dashboard as a process over a real repository: access, live updates, and no writes."""

import http.client
import re
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from agent.dashboard.guard import is_loopback
from agent.dashboard.slots import Slots
from agent.dashboard.view import read_view
from agent.dashboard.watch import Watch
from agent.history.history import History
from agent.history.runs import transcripts_of
from agent.llm.model import Request, Tool
from agent.llm.recorded import Recorded
from agent.llm.scripted import Scripted
from agent.records.results import Trial
from tests.agent.dashboard.nights import HOSTILE, proposal, result
from tests.agent.dashboard.test_browser import violations
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import git, miniature, start_typing


def settle(
    history: History, status: str, value: float | None, hypothesis: str = "an idea", **by: object
) -> Trial:
    """Commit an attempt and its verdict; `by` goes into the provenance."""
    number = history.next_number
    source = history.sources.text
    if number:
        source = source.replace("LR = 0.1 ", f"LR = 0.{number + 2}1 ")
    proposed = proposal(hypothesis, 0.5)
    proposed = proposed.model_copy(update={"by": proposed.by.model_copy(update=by)})
    attempt = history.commit_attempt(number, proposed, history.sources.with_text(source))
    delta = None if value is None or not history.trials else value - 1.5
    trial = Trial.model_validate(
        {
            "number": number,
            "status": status,
            "proposal": attempt.proposal,
            "reason": hypothesis,
            "delta": delta,
            "result": result(number, status, value),
            "at": "2026-11-24T15:04:05+00:00",
        }
    )
    return history.commit_verdict(attempt, trial)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with the runs t (baseline, keep, hostile crashes) and u (empty)."""
    folder = miniature(tmp_path_factory.mktemp("dashboard") / "a repository")
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5)
        settle(history, "keep", 1.4, "hotter")
        for text in HOSTILE:
            settle(history, "crash", None, text)
    with History.create(project, settings_of(project, tag="u")):
        pass
    logs = folder / ".autoresearch" / "runs" / "t" / "trials" / "0001"
    logs.mkdir(parents=True)
    (logs / "train-<b>0.log").write_text("<img src=x onerror=window.pwned=1>\x1b[31m\n")
    return folder


@contextmanager
def dashboard(folder: Path, *words: str) -> Iterator[str]:
    """Yield the address of a dashboard over `folder`; ended as a user ends it."""
    process = start_typing(folder, "dashboard", "--port", "0", *words, PYTHONUNBUFFERED="1")
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Yield the address of a dashboard over `home`."""
    with dashboard(home) as address:
        yield address.rstrip("/")


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: Message
    body: str


def ask(address: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """Return the response to one request."""
    match = re.search(r":(\d+)", address.partition("//")[2])
    assert match
    connection = http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=30)
    with closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read().decode())


def test_other_hosts_and_origins_are_refused(address: str) -> None:
    port = address.rpartition(":")[2]
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "localhost.evil.example",
        "192.0.2.1",
        "",
        "localhost:1:2",
        "a@localhost",
    ):
        assert ask(address, "/", Host=host).status == 403, host
    for origin in (
        "http://evil.example",
        "null",
        "http://localhost:1",
        f"https://localhost.evil.example:{port}",
    ):
        assert ask(address, "/run/t", Origin=origin).status == 403, origin
    for host in ("localhost", "127.0.0.1", "[::1]", "LOCALHOST"):
        assert ask(address, "/", Host=f"{host}:{port}").status == 200, host
    assert ask(address, "/run/t", Origin=f"http://127.0.0.1:{port}").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_every_method_but_reading_is_refused(address: str, method: str) -> None:
    assert ask(address, "/run/t", method).status == 405


def test_every_response_has_a_strict_policy(address: str) -> None:
    nonces = set()
    for path in ("/", "/run/t", "/compare?run=t&run=u"):
        answer = ask(address, path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy
        assert "*" not in policy
        nonces.add(policy.partition("nonce-")[2].partition("'")[0])
        assert answer.body.count("<script nonce=") == 1
    assert len(nonces) == 3
    for path in ("/run/t/trial/1", "/nowhere", "/run/nobody"):
        policy = ask(address, path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path",
    [
        "/run/nobody",
        "/run/..",
        "/run/--help",
        "/run/%2e%2e%2f",
        "/run/t%00",
        "/run/t/trial/99",
        "/run/t/trial/-1",
        "/run/a;b",
        "/run/nobody/events",
        "/etc/passwd",
        "/compare?run=nobody",
        "/run/" + "x" * 5000,
    ],
)
def test_what_is_not_there_is_not_found(address: str, path: str) -> None:
    answer = ask(address, path)
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/plain")


def test_beyond_this_machine_a_token_is_needed(home: Path) -> None:
    with dashboard(home, "--host", "0.0.0.0") as address:
        token = address.partition("token=")[2]
        assert len(token) >= 32
        for path in ("/", "/run/t", "/run/t/events", "/?token=wrong", "/?token="):
            assert ask(address, path).status == 401, path
        answer = ask(address, f"//elsewhere.example/run/t?run=t&token={token}")
        assert (answer.status, answer.headers["location"]) == (
            303,
            "/elsewhere.example/run/t?run=t",
        )
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
        assert ask(address, "/run/t", Cookie=cookie.partition(";")[0]).status == 200
        assert ask(address, "/run/t", Cookie=cookie.partition("=")[0] + "=x").status == 401
        assert ask(address, "/", Cookie=cookie.partition(";")[0], Host="evil.example").status == 403


def test_loopback_is_reached_by_this_machine_only() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.8.8", "::1")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "localhost.example", "")))


def test_a_port_that_is_taken_names_the_next_command(home: Path, address: str) -> None:
    process = start_typing(home, "dashboard", "--port", address.rpartition(":")[2])
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "autoresearch dashboard --port 0" in errors


def state_of(folder: Path) -> tuple[str, str, list[Path]]:
    """Return the refs, the status and the files of a repository."""
    files = sorted(folder.rglob("*"))
    return git(folder, "for-each-ref"), git(folder, "status", "--porcelain"), files


def test_looking_changes_nothing(home: Path, address: str) -> None:
    before = state_of(home)
    for path in ("/", "/run/t", "/run/t/trial/1", "/compare"):
        assert ask(address, path).status == 200
    assert state_of(home) == before


def test_the_begin_of_each_attempt_is_that_of_its_commit(home: Path) -> None:
    history = History.read(project_of(home), "t")
    begun = history.begun()
    assert set(begun) == {trial.attempt for trial in history.trials}
    for commit, seconds in begun.items():
        assert seconds == int(git(home, "log", "-1", "--format=%ct", commit))
    assert History.read(project_of(home), "u").begun() == {}


def test_a_run_is_read_again_only_if_a_ref_moved(home: Path) -> None:
    watch = Watch(project_of(home))
    assert watch.view("t").trials[0] is watch.view("t").trials[0]
    assert watch.version("t") == watch.version("t") != watch.version("u")
    assert sorted(watch.tags()) == ["t", "u"]


# ---------------------------------------------------------------- in a browser


def test_what_the_model_was_asked_is_folded_beside_its_trial_and_stays_text(
    tab: Page, tmp_path: Path
) -> None:
    folder = miniature(tmp_path / "asked")
    project = project_of(folder)
    attack = "<img src=x onerror=window.pwned=1></pre><script>window.pwned=1</script>\x1b[31m"
    model = Recorded(
        Scripted([{"text": attack, "hypothesis": attack}]), transcripts_of(project, "t")
    )
    tool = Tool(name="propose", description="", parameters={})
    reply = model.complete(Request(system=attack, blocks=("train.py as it is", attack), tool=tool))
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5)
        settle(history, "keep", 1.4, calls=1, exchanges=(reply.exchange,))
        settle(history, "keep", 1.3, calls=2, exchanges=("0123456789ab",))
    with dashboard(folder) as address:
        tab.goto(f"{address}run/t#trial=1")
        summary = tab.locator("#content .exchange summary")
        expect(summary).to_contain_text("Question 1 of 1")
        expect(tab.locator("#content .exchange pre").first).not_to_be_visible()
        summary.click()
        expect(tab.locator("#content .exchange pre").first).to_have_text(
            attack.replace("\x1b", "\\x1b")
        )
        expect(tab.locator("#content .exchange")).to_contain_text("arguments of propose")
        assert tab.evaluate("window.pwned") is None
        assert violations(tab) == []
        tab.goto(f"{address}run/t#trial=2")
        expect(tab.locator("#content")).to_contain_text("No question is on this machine")
        tab.goto("about:blank")


def test_pages_are_accessible_and_hostile_text_does_nothing(tab: Page, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("compare t").check()
    tab.get_by_label("compare u").check()
    assert violations(tab) == []
    tab.get_by_role("button", name="Compare").click()
    expect(tab).to_have_url(re.compile(r"/compare\?run=\w&run=\w"))
    assert violations(tab) == []
    tab.get_by_role("link", name="t", exact=True).click()
    for number in range(1, len(HOSTILE) + 2):
        tab.locator(f'#trials [data-trial="{number}"]').click()
        expect(tab.locator("#panel h2")).to_contain_text(f"#{number} ")
    tab.goto(f"{address}/run/t#trial=1")
    expect(tab.locator("#content .log")).to_have_text(
        "<img src=x onerror=window.pwned=1>\\x1b[31m\n"
    )
    assert tab.evaluate("window.pwned") is None
    assert violations(tab) == []


def test_a_verdict_appears_by_itself_and_moves_nothing_that_is_read(
    tab: Page, tmp_path: Path
) -> None:
    folder = miniature(tmp_path / "live")
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history, dashboard(folder) as address:
        tab.goto(f"{address}run/t")
        expect(tab.locator("#now")).to_contain_text("running")
        expect(tab.locator("#all")).to_contain_text("No trials yet")
        settle(history, "baseline", 1.5)
        expect(tab.locator("#trials tbody tr")).to_have_count(1)
        settle(history, "keep", 1.4, "hotter")
        expect(tab.locator("#trials tbody tr")).to_have_count(2)
        expect(tab.locator("#summary")).to_contain_text("1.4")
        tab.get_by_role("searchbox").fill("hott")
        tab.locator("#trials tbody tr:visible").click()
        expect(tab.locator("#panel h2")).to_contain_text("#1")
        tab.get_by_label("training curve of trial 1", exact=True).uncheck()
        tab.locator("#smooth").fill("0.5")
        settle(history, "keep", 1.3, "hotter still")
        expect(tab.locator("#shown")).to_have_text("2 of 3 trials")
        expect(tab.locator("#drawn li a")).to_have_text(["#0"])
        expect(tab.locator("#smoothness")).to_have_text("0.50")
        tab.get_by_role("textbox", name="Trials").fill("0, 2")
        expect(tab.locator("#drawn .curve")).to_have_count(2)
        expect(tab.locator("#panel h2")).to_contain_text("#1")
        expect(tab.get_by_role("searchbox")).to_have_value("hott")
        history.commit_attempt(
            history.next_number,
            proposal("hottest", 0.9),
            history.sources.with_text(history.sources.text.replace("DEPTH = 4", "DEPTH = 5")),
        )
        logs = folder / ".autoresearch" / "runs" / "t" / "trials" / "0003"
        logs.mkdir(parents=True)
        (logs / "train-0.log").write_text("step 00001 (25.0%) | loss: 3.250000 |\n")
        expect(tab.locator("#now")).to_contain_text("#3 hottest")
        expect(tab.locator("#now")).to_contain_text("25 % of the training, loss 3.2500")
        tab.goto("about:blank")


@pytest.mark.slow
def test_a_real_run_is_followed_while_it_trains(tab: Page, tmp_path: Path) -> None:
    folder = miniature(tmp_path / "real")
    with dashboard(folder) as address:
        tab.goto(address)
        expect(tab.locator("#runs")).to_contain_text("no run here yet")
        options = ("--trials", "3", "--budget", "5steps", "--tag", "real")
        run = start_typing(folder, "start", "--method", "random", *options)
        expect(tab.locator("#runs")).to_contain_text("real", timeout=60_000)
        tab.get_by_role("link", name="real").click()
        expect(tab.locator("#trials tbody tr")).to_have_count(4, timeout=120_000)
        run.communicate(timeout=60)
        expect(tab.locator("#now")).to_contain_text("not running", timeout=30_000)
        tab.goto("about:blank")
    assert run.returncode == 0
    assert git(folder, "status", "--porcelain") == ""
    slots = Slots(read_view(History.read(project_of(folder), "real")))
    assert [span.number for span in slots.spans] == [0, 1, 2, 3]
    assert slots.lanes == 1
