"""Variables that are handed on by name: never a secret, and concealed in what is recorded."""

import pytest

from agent.errors import UsageFault
from agent.project.settings import read_settings
from agent.project.trust import Reach
from agent.project.variables import MAX_NAME, MAX_VALUE, fault_of_variable, handed_on
from sandbox.ground import redaction


@pytest.fixture(autouse=True)
def _nothing_concealed(monkeypatch):
    monkeypatch.setattr(redaction, "_concealed", {})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("HF_TOKEN", "looks like a secret"),
        ("aws_secret_access_key", "looks like a secret"),
        ("DB_PASSWORD", "looks like a secret"),
        ("LD_PRELOAD", "every run gets its own"),
        ("AUTORESEARCH_SEED", "every run gets its own"),
        ("DATA_DIR=/x", "names only"),
        ("", "no name of a variable"),
    ],
)
def test_a_name_that_is_refused_says_why(tmp_path, name, why):
    (tmp_path / "autoresearch.toml").write_text(f'environment = ["DATA_DIR", "{name}"]\n')
    with pytest.raises(UsageFault, match=why):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        ("x" * MAX_NAME, True),
        ("x" * (MAX_NAME + 1), False),
        ("9X", False),
        ("PATH", False),
        ("MY_PATH", True),
        ("CUDA_VISIBLE_DEVICES", False),
        ("MY_AUTORESEARCH_X", True),
        ("DYLD_X", False),
    ],
)
def test_a_name_is_handed_on_whole(name, possible):
    assert (fault_of_variable(name) is None) == possible


def test_values_are_handed_on_and_concealed():
    values = handed_on(("DATA_DIR",), {"DATA_DIR": "/data/imagenet", "OTHER": "1"})
    assert values == {"DATA_DIR": "/data/imagenet"}
    said = redaction.redacted("no file '/data/imagenet/x'", {})
    assert said == "no file '[redacted DATA_DIR]/x'"


def test_what_is_not_set_or_holds_a_key_is_refused():
    with pytest.raises(UsageFault, match="DATA_DIR is not set here") as fault:
        handed_on(("DATA_DIR",), {})
    assert fault.value.next_command.startswith("export DATA_DIR=")
    for value in ("https://user:pass@example.com", "hf_" + "a1" * 15):
        with pytest.raises(UsageFault, match="value of URL looks like a secret's"):
            handed_on(("URL",), {"URL": value})
    for value in ("a\0b", "x" * (MAX_VALUE + 1)):
        with pytest.raises(UsageFault, match="URL"):
            handed_on(("URL",), {"URL": value})
    assert handed_on(("URL",), {"URL": "x" * MAX_VALUE})
    assert redaction.redacted("user:pass@example.com", {}) == "user:pass@example.com"


def test_they_are_listed_among_what_reaches_out(tmp_path):
    [item] = Reach(root=tmp_path, variables=("DATA_DIR",)).items()
    assert "DATA_DIR" in item.line
