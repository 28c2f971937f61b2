"""A key in the keyring: the model is asked with it, and no log, commit or training sees it."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.researcher import TRAIN, git, ledger, miniature, type_in
from tests.e2e.test_code_agent import KEY, NIGHT, OPUSES, the_key_is_nowhere
from tests.loopback.anthropic_server import AnthropicServer
from tests.loopback.openai_server import OpenAIServer
from tests.loopback.wire import Status, Step, Text, ToolCall

pytest.importorskip("keyring")
ROOT = Path(__file__).parent.parent.parent
# Says all that a training can see of its surroundings.
NOSY = TRAIN + 'print("environment:", dict(os.environ))\n'


@pytest.mark.slow
def test_a_key_in_the_keyring_is_used_and_stays_there(tmp_path: Path) -> None:
    home = miniature(tmp_path / "home", NOSY)
    secrets = tmp_path / "secrets.json"
    ring = {
        "PYTHON_KEYRING_BACKEND": "tests.e2e.filekeyring.FileKeyring",
        "KEYRING_FILE": str(secrets),
        "PYTHONPATH": str(ROOT),
    }
    with AnthropicServer(NIGHT[:1], OPUSES) as server:
        secrets.write_text(
            json.dumps(
                {
                    server.url: {"ANTHROPIC_API_KEY": KEY},
                    "autoresearch": {"ANTHROPIC_API_KEY": "sk-other"},
                }
            )
        )
        environment = {"ANTHROPIC_BASE_URL": server.url, **ring}
        run = type_in(
            home,
            "start",
            "--method",
            "code",
            "--budget",
            "1steps",
            "--trials",
            "1",
            "--tag",
            "t",
            **environment,
        )
        sent = [str(request.headers) for request in server.requests]
        doctor = type_in(home, "doctor", "--json", **environment)
    assert run.returncode == 0, run.stderr
    assert "opus (inferred), key from ANTHROPIC_API_KEY in the keyring" in run.stdout
    assert sent and all(KEY in headers for headers in sent), (
        "this address's key, and never another's"
    )
    assert [trial["status"] for trial in ledger(home, "t")] == ["baseline", "keep"]
    logs = "".join(path.read_text() for path in (home / ".autoresearch").rglob("*.log"))
    assert "environment:" in logs and "FileKeyring" not in logs, (
        "the training's environment is its own"
    )
    the_key_is_nowhere(home)
    assert KEY not in run.stdout + run.stderr + doctor.stdout + doctor.stderr + git(
        home, "log", "--all", "-p"
    )
    states = {
        finding["what"]: finding["found"] for finding in json.loads(doctor.stdout)["findings"]
    }
    assert (states["ANTHROPIC_API_KEY"], states["OPENAI_API_KEY"]) == ("in the keyring", "not set")


def telling(key: str) -> list[Step]:
    """Return the answers of a provider that quotes the key wherever it can."""
    rate = {"kind": "set_constant", "name": "LR", "value": "0.2"}
    idea = {
        "hypothesis": f"use {key}",
        "rationale": f"{quote(key, safe='')} {key}",
        "edits": [rate],
    }
    written = {"kind": "replace_text", "old": "pause = 0.0", "new": f"pause = 0.0  # {key}"}
    return [
        ToolCall({"words": key}, name="ledger"),
        ToolCall({"text": f"the key is {key}"}, name="note"),
        Text(f"I refuse {key}"),
        ToolCall({**idea, "edits": [written]}, name="propose"),
        Status(503, f"down for {key}"),
        ToolCall(idea, name="propose", text=key),
        Status(401, f"bad key {key[:-3]}... {quote(key, safe='')}"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "key",
    [
        "gsk_AbCd1234EfGh5678IjKl9012MnOp",
        "0123456789abcdef0123456789abcdef",
        "sk/aB+3==x7Qp'z!%&*()",
        "correcthorsebattery",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2ln",
    ],
    ids=["groq", "hex", "signs", "words", "token"],
)
def test_a_key_that_its_provider_quotes_is_nowhere(tmp_path: Path, key: str) -> None:
    home = miniature(tmp_path / "home", TRAIN)
    words = ["--model", "openai:m", "--method", "code", "--fill", "none", "--tag", "t"]
    bounds = ["--trials", "2", "--budget", "1steps", "--baseline-repeats", "1"]
    with OpenAIServer(telling(key)) as server:
        given = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": key}
        run = type_in(home, "start", *words, *bounds, **given)
    assert run.returncode == 5 and "is OPENAI_API_KEY right?" in run.stderr
    assert [trial["status"] for trial in ledger(home, "t")] == ["baseline", "keep"]
    files = [path for path in home.rglob("*") if path.is_file() and "objects" not in path.parts]
    said = [run.stdout, run.stderr, git(home, "log", "--all", "-p", "--format=%B")]
    texts = [*said, *(path.read_text(errors="replace") for path in files)]
    for form in (key, key[:-3], quote(key, safe=""), json.dumps(key)[1:-1]):
        assert not [text for text in texts if form in text]
