"""An agent tries and steers: every input through a real client, into a run that really works."""

import re
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from agent.history.history import History
from agent.project.find import find_project
from agent.project.settings import read_settings
from agent.records.inputs import Set
from agent.run.bounds import Bounds, Meter
from agent.run.inbox import Inbox
from agent.serve.sending import sender_of
from tests.agent.serve.client import Call, data, error, inside, talk
from tests.e2e.researcher import TRAIN, git, ledger, miniature, start_typing, wait_for
from tests.e2e.test_bad_days import START

TRY = ("try", "note", "wait")
STEER = ("tell", "withdraw", "pause", "go", "skip", "lower_bounds")


@contextmanager
def working(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Let a run work on `folder` meanwhile, and stop it as Ctrl-C does."""
    process = start_typing(folder, *START, *options)
    try:
        wait_for(lambda: len(git(folder, "branch", "--list", "autoresearch/t")), what="a branch")
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


async def ask(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    """Return the answer of a tool."""
    return data(await client.call_tool(name, arguments))


def test_each_grant_adds_its_tools(home: Path) -> None:
    assert inside(home, [], "try").tools[-3:] == TRY
    assert inside(home, [], "steer").tools[-9:] == (*TRY, *STEER)


def test_a_tool_beyond_the_grant_is_unknown(home: Path) -> None:
    [result] = inside(home, [("tell", {"text": "x"})], "try").results
    assert error(result) == "Unknown tool: tell"
    assert not list((home / ".autoresearch" / "runs" / "t").glob("inbox/*"))


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("--- /dev/null\n+++ b/other.py\n@@ -0,0 +1 @@\n+more\n", "no trial may change"),
        ("--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-nothing\n+more\n", "matches no state"),
        ("--- /dev/null\n+++ b/../x.py\n@@ -0,0 +1 @@\n+more\n", "matches no state"),
        ("words", "matches no state"),
    ],
)
def test_a_patch_of_other_files_or_states_is_refused(home: Path, patch: str, why: str) -> None:
    call = ("try", {"hypothesis": "mine", "patch": patch})
    [result] = inside(home, [call], "try").results
    assert why in error(result)
    assert not list((home / ".autoresearch" / "runs" / "t").glob("inbox/*"))


@pytest.mark.slow
def test_an_agent_drives_a_run(tmp_path: Path) -> None:
    home = miniature(tmp_path / "home", TRAIN.replace("pause = 0.0", "pause = 1.0"))

    async def script(client: Client) -> None:
        waited = await ask(client, "wait", verdicts=0, seconds=120)
        assert waited["rows"][0]["status"] == "baseline"
        tried = await ask(
            client, "try", hypothesis="the best of it", constants={"LR": 0.4, "DEPTH": 8}
        )
        assert (tried["state"], tried["untrusted"]["why"]) == ("accepted", "the next trial")
        told = await ask(client, "tell", text="leave the depth alone")
        assert told["state"] == "accepted"
        number = None
        while number is None:
            await ask(client, "wait", seconds=60)
            rows = (await ask(client, "ledger"))["rows"]
            number = next((row["number"] for row in rows if row["origin"] == "human"), None)
        trial = await ask(client, "trial", number=number)
        assert trial["row"]["status"] == "keep"
        assert trial["row"]["untrusted"]["hypothesis"] == "the best of it"
        before = (home / "train.py").read_text()
        after = re.sub(r"^LR = \S+", "LR = 0.45", before, flags=re.MULTILINE)
        names = ("a/train.py", "b/train.py")
        diff = "".join(unified_diff(before.splitlines(True), after.splitlines(True), *names))
        patched = await ask(client, "try", hypothesis="a patch", patch=diff)
        assert patched["state"] == "accepted", patched["untrusted"]["why"]
        again = await client.call_tool("try", {"hypothesis": "again", "constants": {"DEPTH": 8}})
        assert "has these values already" in error(again)
        noted = await ask(client, "note", text="as expected", trial=number)
        assert noted["state"] == "accepted"
        assert (await ask(client, "pause"))["state"] == "accepted"
        assert (await ask(client, "pause"))["state"] == "refused"
        status = await ask(client, "status")
        assert status["paused"] and "leave the depth alone" in status["untrusted"]["said"][-1]
        assert (await ask(client, "go"))["state"] == "accepted"
        assert (await ask(client, "withdraw", remark=1))["state"] == "accepted"
        flying: list[dict[str, Any]] = []
        while not flying:
            flying = (await ask(client, "status"))["in_flight"]
        skipped = await ask(client, "skip", number=flying[0]["number"])
        assert skipped["state"] == "accepted"
        assert (await ask(client, "lower_bounds", trials=1))["state"] == "accepted"

    with working(home, "--trials", "500") as process:
        talk(home, script, "--allow", "steer")
        assert process.wait(60) == 0, "the lowered bound ends it"
    trials = ledger(home, "t")
    assert "skipped" in [trial["status"] for trial in trials]
    assert len(trials) < 50


@pytest.mark.slow
def test_several_agents_speak_at_once_and_each_is_heard_once(tmp_path: Path) -> None:
    home = miniature(tmp_path / "home", TRAIN.replace("pause = 0.0", "pause = 0.5"))

    def speaker(name: str) -> Callable[[Client], Awaitable[None]]:
        async def script(client: Client) -> None:
            for number in range(6):
                words = {"text": f"{name} {number}", "id": f"{name}-{number}"}
                for _ in range(2):  # a client that repeats itself
                    await ask(client, "note", **words)

        return script

    with working(home, "--trials", "500"), ThreadPoolExecutor() as pool:
        talks = [
            pool.submit(talk, home, speaker(name), "--allow", "try") for name in ("one", "two")
        ]
        for each in talks:
            each.result(170)
        project = find_project(home, read_settings(home))
        wait_for(lambda: len(History.read(project, "t").inputs) >= 12, what="every note")
    inputs = History.read(project, "t").inputs
    assert sorted(admitted.input.id for admitted in inputs) == sorted(
        f"{name}-{number}" for name in ("one", "two") for number in range(6)
    )
    assert all(admitted.accepted for admitted in inputs)


def test_what_is_said_to_a_run_that_rests_waits_for_its_resume(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(home), str(folder))
    git(folder, "branch", "autoresearch/t", "origin/autoresearch/t")
    calls: list[Call] = [
        ("tell", {"text": "try warmup", "id": "mine-1"}),
        ("tell", {"text": "try warmup", "id": "mine-1"}),
        ("wait", {"input": "mine-1", "seconds": 5}),
    ]
    first, second, waited = map(data, inside(folder, calls, "steer").results)
    assert first == second
    assert (first["state"], first["running"]) == ("waiting", False)
    assert not waited["happened"]
    inbox = Inbox(find_project(folder, read_settings(folder)), "t")
    [asked] = inbox.read()
    assert asked.id == "mine-1"
    assert asked.sender.startswith("mcp ")  # type: ignore[union-attr]


def test_only_an_agent_s_remark_can_be_taken_back_by_one(home: Path) -> None:
    [result] = inside(home, [("withdraw", {"remark": 1})], "steer").results
    assert "no remark 1 of an agent's" in error(result)


def test_what_a_client_calls_itself_is_cleaned() -> None:
    assert sender_of(None) == "mcp"
    assert sender_of("claude-code 2.1") == "mcp claude-code 2.1"
    assert sender_of("\x1b[31m\u202e<script>" + "x" * 500) == f"mcp 31mscript{'x' * 50}…"


@pytest.mark.parametrize(
    ("present", "asked", "then"), [(5, 3, 3), (5, 9, 5), (None, 9, 9)], ids=str
)
def test_an_agent_only_lowers_bounds(present: int | None, asked: int, then: int) -> None:
    meter = Meter(Bounds(trials=present, hours=2.0, max_cost=None))
    meter.change(Set(trials=asked, hours=3.0, max_cost=1.0, only_down=True), measured=0)
    assert meter.bounds == Bounds(trials=then, hours=2.0, max_cost=1.0)
    with pytest.raises(ValueError, match="only bounds can be lowered"):
        Set(lift=("hours",), only_down=True)
