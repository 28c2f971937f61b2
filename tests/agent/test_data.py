"""prepare.py is run without keys, and its failures are told apart."""

from pathlib import Path

import pytest

from agent.data import prepare_data
from agent.errors import ProjectFault


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prepare.py"
    path.write_text(text)
    return path


def test_the_last_line_says_where_the_data_is(tmp_path: Path) -> None:
    path = script(tmp_path, """print("working"); print('{"data": "/d", "fingerprint": "f"}')""")
    assert (prepare_data(path).data, prepare_data(path).fingerprint) == ("/d", "f")


def test_it_gets_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    text = """import os, json; print(json.dumps({"data": os.environ.get("ANTHROPIC_API_KEY", "-"), "fingerprint": "f"}))"""
    assert prepare_data(script(tmp_path, text)).data == "-"


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "", "print('no json')", "print('{}')", "print('[1]')"])
def test_anything_else_is_a_fault_with_the_command_to_type(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectFault) as fault:
        prepare_data(script(tmp_path, text))
    assert "prepare.py" in str(fault.value.next_command)
