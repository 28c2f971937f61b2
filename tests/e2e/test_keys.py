"""A key in the keyring: the model is asked with it, and no log, commit or training sees it."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import TRAIN, git, ledger, miniature, type_in
from tests.e2e.test_code_agent import KEY, NIGHT, OPUSES, the_key_is_nowhere
from tests.loopback.anthropic_server import AnthropicServer

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
