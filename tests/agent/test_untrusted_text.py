"""Text of others is printable wherever it reaches a human, a model or git."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request as HttpRequest

from agent.dashboard.render import environment
from agent.dashboard.server import _not_found
from agent.display.format import Formatter
from agent.edit.files import Sources
from agent.edit.source import refuse
from agent.errors import HistoryFault
from agent.history.text import prose
from agent.llm.faults import tidy
from agent.llm.model import Reply
from agent.propose.advise.advice import reason_of
from agent.propose.code.reply import read_reply
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.events import RunStarted
from agent.trackers.aside import Aside
from sandbox.ground.text import printable

ROOT = Path(__file__).parents[2]
HOSTILE = "red \x1b[31m\x1b]0;owned\x07 \u202ekcab\u2066 \r\x08 \u200b\x9b2J pile" + "\u0335" * 30
EDITS = [{"kind": "set_constant", "name": "LR", "value": "0.2"}]


def of_a_reply(text: str) -> str:
    reply = Reply(model="m", arguments={"hypothesis": text, "edits": EDITS})
    drafts = read_reply(reply, Sources.of("LR = 1\n"))
    assert not isinstance(drafts, Refused)
    return drafts[0].hypothesis


def of_a_tracker(text: str) -> str:
    tracker = Aside("t", object())  # type: ignore[arg-type]
    tracker._fail(ValueError(text))
    return "\n".join(tracker.warnings())


def of_the_dashboard(text: str) -> str:
    request = HttpRequest({"type": "http"})
    return bytes(_not_found(request, HistoryFault(text)).body).decode()


DOORS: dict[str, Callable[[str], str]] = {
    "the terminal, a line": Formatter().line,
    "the terminal, a block": Formatter().block,
    "a page": lambda text: environment().from_string("{{ text }}").render(text=text),
    "a page that is not found": of_the_dashboard,
    "a commit message": prose,
    "a prompt": fenced,
    "a refusal": lambda text: refuse("no-op", text, text).hint,
    "a hypothesis": of_a_reply,
    "a model's reason": lambda text: reason_of(Reply(model="m", arguments={"reason": text})),
    "a provider's error": lambda text: tidy(text, ""),
    "a tracker's error": of_a_tracker,
}


@pytest.mark.parametrize("door", DOORS)
def test_what_passes_is_printable(door: str) -> None:
    shown = DOORS[door](HOSTILE)
    assert "red" in shown
    assert printable(shown) == shown


def test_no_other_module_decides_what_is_printable() -> None:
    own = re.compile(r"isprintable|unicode_escape|unicodedata\.category|ascii\(.*\)\[1:-1\]")
    folders = (ROOT / "agent", ROOT / "sandbox")
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    deciding = [path.name for path in modules if own.search(path.read_text(encoding="utf-8"))]
    assert deciding == ["text.py"]


def test_a_notification_is_printable_in_the_environment(tmp_path: Path) -> None:
    from agent.trackers.notify import Command, Notify

    target = tmp_path / "told.json"
    code = f"import json, os; json.dump(dict(os.environ), open({str(target)!r}, 'w'))"
    script = tmp_path / "tell.py"
    script.write_text(code)
    notify = Notify(Command(f"{sys.executable} {script}"))
    notify.open(RunStarted("t", "autoresearch/t", "code", None, "300s", "A", 1, (), None))
    notify.close(HOSTILE, failed=True)
    environment_of_command = json.loads(target.read_text())
    text = environment_of_command["AUTORESEARCH_TEXT"]
    assert "red" in text
    assert printable(text) == text
