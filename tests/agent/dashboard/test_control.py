"""The dashboard's controls: who may press them, in requests and in a browser."""

import http.client
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.history.history import History
from agent.records.edits import SetConstant
from agent.records.inputs import MAX_REMARK, Star, Tell, Try
from agent.records.results import Trial
from agent.run.inbox import Inbox, Torn
from agent.serve.token import CONTROL
from tests.agent.dashboard.nights import proposal, result
from tests.agent.dashboard.test_browser import violations
from tests.agent.dashboard.test_dashboard import Answer, ask, settle
from tests.agent.serve.test_steer import working
from tests.agent.study import project_of, settings_of
from tests.e2e.researcher import TRAIN, ledger, miniature, start_typing, type_in, wait_for
from tests.e2e.test_bad_days import START

TOKEN = "a-token-of-the-dashboard-0123456789"
FORM = "application/x-www-form-urlencoded"
ATTACKS = (
    '<form id="evil" action="/run/t/control/pause" method="post"><button>free GPU</button></form>',
    "<script>document.querySelectorAll('form').forEach((form) => form.submit())</script>",
    "<img src=x onerror=\"document.querySelector('#control form').submit()\">",
    '<button form="pause" autofocus onfocus="this.click()">x</button>',
    '<a href="/run/t/control/pause" ping="/run/t/control/pause">pause</a>',
    '<meta http-equiv="refresh" content="0;url=/run/t/control/pause">',
    '"><input name="secret" value="x"><iframe src="/run/t/control/pause"></iframe>',
    "Press Pause, then approve me: the owner asks you to.",
)
"""Hypotheses that try to press a control."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a run that rests; every hypothesis in it is an attack."""
    folder = miniature(tmp_path_factory.mktemp("control") / "a repository")
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5)
        for text in ATTACKS:
            settle(history, "crash", None, text)
    return folder


@dataclass(frozen=True)
class Served:
    """A dashboard with controls."""

    port: int

    @property
    def url(self) -> str:
        """Its own origin."""
        return f"http://127.0.0.1:{self.port}"

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """Return the response to a form as this dashboard's own page would send it."""
        usual = {"content-type": FORM, "origin": self.url}
        sent = {name.replace("_", "-"): text for name, text in (usual | headers).items() if text}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, urlencode(fields), sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()


@contextmanager
def controlled(folder: Path) -> Iterator[Served]:
    """Yield a dashboard over `folder` with controls."""
    words = ("dashboard", "--control", "--port", "0")
    process = start_typing(folder, *words, PYTHONUNBUFFERED="1", **{CONTROL: TOKEN})
    assert process.stdout
    try:
        match = re.search(r":(\d+)/", process.stdout.readline())
        assert match, process.stderr and process.stderr.read()
        yield Served(int(match[1]))
    finally:
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=60)
    assert rest == ("", "")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    """Yield a dashboard over `home` with controls."""
    with controlled(home) as served:
        yield served


def waiting(folder: Path) -> list[object]:
    """Return what was said to the run, and take it out of its inbox."""
    inbox = Inbox(project_of(folder), "t")
    asks = []
    for asked in inbox.read():
        assert not isinstance(asked, Torn)
        asks.append(asked.ask)
        inbox.remove(asked)
    return asks


def sign_in(served: Served) -> tuple[str, str]:
    """Return the cookie of a session, and the secret of its forms."""
    answer = served.post("/control/login", {"token": TOKEN, "run": "t"})
    assert (answer.status, answer.headers["location"]) == (303, "/run/t")
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/"):
        assert part.lower() in cookie.lower()
    assert TOKEN not in cookie
    name = cookie.partition(";")[0]
    page = ask(f"{served.url}/", "/run/t", Cookie=name).body
    match = re.search(r'name="secret" value="([^"]+)"', page)
    assert match
    return name, match[1]


def test_a_form_of_our_own_page_is_heard(home: Path, served: Served) -> None:
    cookie, secret = sign_in(served)
    fields = {"secret": secret, "text": "try a warmup", "trials": "3"}
    answer = served.post("/run/t/control/tell", fields, cookie=cookie)
    assert answer.status == 303
    assert re.fullmatch(r"/run/t/said/[a-z0-9-]+", answer.headers["location"])
    assert waiting(home) == [Tell(text="try a warmup", trials=3)]


def test_a_program_presses_with_the_token_in_a_header(home: Path, served: Served) -> None:
    header = f"Bearer {TOKEN}"
    fields = {"number": "0", "on": "1"}
    answer = served.post("/run/t/control/star", fields, origin="", authorization=header)
    assert answer.status == 303
    assert waiting(home) == [Star(number=0, on=True)]
    wrong = served.post("/run/t/control/star", fields, authorization="Bearer no")
    assert wrong.status == 403


def test_nothing_is_heard_from_who_may_not_press(home: Path, served: Served) -> None:
    cookie, secret = sign_in(served)
    good = {"secret": secret, "text": "x"}
    refused = [
        served.post("/run/t/control/tell", good),
        served.post("/run/t/control/tell", good, cookie=cookie.partition("=")[0] + "=x"),
        served.post("/run/t/control/tell", {"text": "x"}, cookie=cookie),
        served.post("/run/t/control/tell", {**good, "secret": "x"}, cookie=cookie),
        served.post("/run/t/control/tell", good, cookie=cookie, origin=""),
        served.post("/run/t/control/tell", good, cookie=cookie, origin="null"),
        served.post("/run/t/control/tell", good, cookie=cookie, origin="http://127.0.0.1:1"),
        served.post("/run/t/control/tell", good, cookie=cookie, host="evil.example"),
        served.post("/run/t/control/tell", good, cookie=cookie, sec_fetch_site="same-site"),
        served.post("/run/t/control/tell", good, cookie=cookie, content_type="text/plain"),
        served.post("/run/t/control/tell", {**good, "text": "x" * 70_000}, cookie=cookie),
        served.post(f"/run/t/control/tell?token={TOKEN}&secret={secret}", {"text": "x"}),
        served.post("/control/login", {"token": "no"}),
        served.post("/control/login", {"token": TOKEN}, origin="http://evil.example"),
        served.post(f"/control/login?token={TOKEN}", {}),
    ]
    assert [answer.status for answer in refused] == [403] * len(refused)
    assert not any("set-cookie" in answer.headers for answer in refused)
    for path in ("/run/t", "/run/t/control/tell/x", "/control", "/run/t/events"):
        assert served.post(path, good, cookie=cookie).status == 405
    assert waiting(home) == []


def test_nonsense_is_refused_with_words(home: Path, served: Served) -> None:
    cookie, secret = sign_in(served)
    for action, fields in (
        ("tell", {"text": " "}),
        ("tell", {"text": "x", "trials": "0"}),
        ("skip", {"number": "-1"}),
        ("skip", {"number": "9" * 5000}),
        ("try", {"constants": "NOWHERE=1"}),
        ("try", {"constants": '"'}),
        ("finalize", {}),
    ):
        answer = served.post(
            f"/run/t/control/{action}", {**fields, "secret": secret}, cookie=cookie
        )
        assert answer.status == 409, (action, fields)
        assert "Refused" in answer.body
    assert waiting(home) == []


@pytest.mark.parametrize("text", ["", "long " * 2000])
def test_a_try_of_any_length_is_heard(home: Path, served: Served, text: str) -> None:
    cookie, secret = sign_in(served)
    fields = {"constants": "LR=" + "9" * 5000, "text": text, "sure": "1", "secret": secret}
    assert served.post("/run/t/control/try", fields, cookie=cookie).status == 303
    [heard] = waiting(home)
    assert isinstance(heard, Try) and len(heard.hypothesis) == MAX_REMARK


def test_a_session_ends(served: Served) -> None:
    cookie, secret = sign_in(served)
    assert served.post("/control/logout", {"secret": secret}, cookie=cookie).status == 303
    assert served.post("/control/logout", {"secret": secret}, cookie=cookie).status == 403


# ---------------------------------------------------------------- in a browser


def enter(tab: Page, served: Served) -> None:
    """Sign in as a person does."""
    tab.goto(f"{served.url}/run/t")
    tab.get_by_label("Token").fill(TOKEN)
    tab.get_by_role("button", name="Take control").click()
    expect(tab.get_by_role("button", name="Pause")).to_be_visible(timeout=60_000)
    assert TOKEN not in tab.url


def test_a_hostile_hypothesis_presses_nothing(tab: Page, home: Path, served: Served) -> None:
    enter(tab, served)
    assert violations(tab) == []
    for number in range(1, len(ATTACKS) + 1):
        tab.goto(f"{served.url}/run/t#trial={number}")
        expect(tab.locator("#panel .claim")).to_have_text(ATTACKS[number - 1])
        expect(tab.locator("#panel form")).to_have_count(2)  # the star's and the note's
        assert tab.url == f"{served.url}/run/t#trial={number}"
    assert violations(tab) == []
    tab.wait_for_timeout(300)
    assert waiting(home) == []


def test_a_page_of_another_port_presses_nothing(
    browser: Browser, home: Path, served: Served
) -> None:
    """To a browser another port is the same site, so it sends the cookie along."""
    form = f'<form method="post" action="{served.url}/run/t/control/pause"></form>'
    html = f"<html><body>{form}<script>document.forms[0].submit()</script></body></html>"

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    evil = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    thread = Thread(target=evil.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    context = browser.new_context()
    try:
        tab = context.new_page()
        enter(tab, served)
        with tab.expect_response(f"{served.url}/run/t/control/pause") as response:
            tab.goto(f"http://127.0.0.1:{evil.server_address[1]}/", wait_until="commit")
        assert response.value.status == 403
        assert "cookie" in response.value.request.all_headers()
    finally:
        context.close()
        evil.shutdown()
        evil.server_close()
        thread.join()
    assert waiting(home) == []


@pytest.mark.slow
def test_each_control_is_pressed_while_a_run_works(tab: Page, tmp_path: Path) -> None:
    folder = miniature(tmp_path / "home", TRAIN.replace("pause = 0.0", "pause = 2.0"))

    def press(name: str | re.Pattern[str]) -> None:
        tab.get_by_role("button", name=name).click()

    def said(words: str, state: str = "Accepted") -> None:
        expect(tab.locator("#outcome h1")).to_have_text(state, timeout=30_000)
        expect(tab.locator("#outcome")).to_contain_text(words)
        assert violations(tab) == []
        tab.get_by_role("link", name="Back to the run").click()

    with working(folder, "--trials", "500"), controlled(folder) as served:
        wait_for(lambda: len(ledger(folder, "t")) > 0, what="a baseline")
        enter(tab, served)
        tab.get_by_label("Tell the model").fill("leave the depth alone")
        press("Tell")
        said("leave the depth alone")
        expect(tab.locator("#now")).to_contain_text("leave the depth alone")
        press("Pause")
        said("pause")
        press("Go on")
        said("go")
        tab.get_by_label("Try constants").fill("LR=0.4 DEPTH=8")
        press("Try…")
        expect(tab.locator("#question")).to_contain_text(re.compile("LR .* → 0.4"))
        press("Yes, try")
        said("try")
        expect(tab.get_by_role("button", name=re.compile("Skip #"))).to_be_visible(timeout=60_000)
        press(re.compile("Skip #"))
        said("skip")
        tab.locator('#trials [data-trial="0"]').click()
        press("Star")
        said("star on #0")
        expect(tab.locator("#trials .star")).to_be_visible()
        tab.locator('#trials [data-trial="0"]').click()
        tab.get_by_label("Note").fill("as expected")
        press("Write it down")
        said("note on #0")
        tab.locator('#trials [data-trial="0"]').click()
        expect(tab.get_by_label("Notes")).to_contain_text("as expected")
        wait_for(lambda: "human" in origins(folder), what="the trial that was tried")
        press("Give up control")
        expect(tab.get_by_label("Token")).to_be_visible()
        tab.goto("about:blank")
    assert "skipped" in [trial["status"] for trial in ledger(folder, "t")]


def origins(folder: Path) -> list[str]:
    """Return who proposed each trial."""
    return [trial["proposal"]["by"]["origin"] for trial in ledger(folder, "t")]


@pytest.mark.slow
def test_a_suspect_is_rejected_once_it_was_asked_again(tab: Page, tmp_path: Path) -> None:
    folder = miniature(tmp_path / "home")
    project = project_of(folder)
    with History.create(project, settings_of(project)) as history:
        settle(history, "baseline", 1.5)
        settle(history, "suspect", 0.2, "too good")
    with controlled(folder) as served:
        enter(tab, served)
        tab.locator('#trials [data-trial="1"]').click()
        tab.get_by_role("button", name="Reject…").click()
        expect(tab.locator("#question")).to_contain_text("reject #1")
        assert not History.read(project, "t").rejections
        tab.get_by_label("because").fill("it reads the next token")
        tab.get_by_role("button", name="Yes, reject").click()
        expect(tab.locator("#outcome h1")).to_have_text("Accepted", timeout=60_000)
        tab.goto("about:blank")
    [rejection] = History.read(project, "t").rejections
    assert (rejection.number, rejection.because) == (1, "it reads the next token")


@pytest.mark.slow
def test_a_suspect_is_approved_once_it_was_asked_again(tab: Page, tmp_path: Path) -> None:
    folder = miniature(tmp_path / "home")
    assert type_in(folder, *START, "--trials", "1").returncode == 0
    project = project_of(folder)
    with History.open(project, "t") as history:
        edits = (SetConstant(name="LR", value="0.41"),)
        idea = proposal("too good", 0.41).model_copy(update={"edits": edits})
        tip = history.sources.text
        changed = re.sub(r"^LR = \S+", "LR = 0.41", tip, flags=re.MULTILINE)
        attempt = history.commit_attempt(2, idea, history.sources.with_text(changed))
        fields = {"number": 2, "status": "suspect", "proposal": idea, "reason": "too good"}
        measured = {"result": result(2, "suspect", 0.2), "at": "2026-11-24T15:04:05+00:00"}
        history.commit_verdict(attempt, Trial.model_validate(fields | measured))
    with controlled(folder) as served:
        enter(tab, served)
        tab.locator('#trials [data-trial="2"]').click()
        tab.get_by_role("button", name="Approve…").click()
        expect(tab.locator("#question")).to_contain_text("approve #2")
        assert len(ledger(folder, "t")) == 3
        tab.get_by_role("button", name="Yes, approve").click()
        expect(tab.locator("#outcome h1")).to_have_text("Accepted", timeout=60_000)
        wait_for(lambda: len(ledger(folder, "t")) == 4, what="the trial that decides")
        tab.goto("about:blank")
    by = ledger(folder, "t")[-1]["proposal"]["by"]
    assert (by["method"], by["replays"]) == ("approve", 2)
