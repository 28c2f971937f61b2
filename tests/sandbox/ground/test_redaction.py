"""Secrets leave no text; words that only look a little like one stay."""

import json

import pytest

from sandbox.ground.redaction import redacted, redacted_data
from sandbox.score.printed import parse_summary

ENVIRONMENT = {
    "DEPLOY_TOKEN": "abc-123-XYZ",
    "DB_PASSWORD": 'it\'s "q"\n',
    "SHORT_KEY": "abc",
    "HOME": "/home/somebody",
    "LONG_SECRET": "abc-123-XYZ-more",
    "TLS_PRIVATE_KEY": "first line of it\nsecond line of it",
}


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("it was abc-123-XYZ.", "it was [redacted DEPLOY_TOKEN]."),
        ("abc-123-XYZ-more", "[redacted LONG_SECRET]"),
        ("second line of it", "[redacted TLS_PRIVATE_KEY]"),
        ("abc /home/somebody", "abc /home/somebody"),
        (repr('it\'s "q"\n'), "'[redacted DB_PASSWORD]\\n'"),
        (json.dumps('it\'s "q"'), '"[redacted DB_PASSWORD]"'),
        ("sk-ant-" + "api03-a1b2c3d4e5f6g7h8i9", "[redacted key]"),
        ("ghp_" + "a1b2c3d4e5f6g7h8i9j0k1", "[redacted key]"),
        ("hf_" + "abcdefghijklmnopqrstuv", "[redacted key]"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", "[redacted key]"),
        ("https://me:pass" + "word@host/x.git", "https://[redacted password]@host/x.git"),
        (
            "-----BEGIN OPENSSH PRIVATE " + "KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----",
            "[redacted private key]",
        ),
        ("the task-specific-learning-rate-schedule of sk-learn-estimators-in-general", None),
        ("step 00001 (50.0%) | loss: 2.5", None),
        ("a 0123456789abcdef0123456789abcdef01234567 commit", None),
        ("http://localhost:8787/a@b", None),
    ],
)
def test_what_is_taken_out(text: str, safe: str | None) -> None:
    assert redacted(text, ENVIRONMENT) == (text if safe is None else safe)


def test_data_keeps_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "abc-123-XYZ")
    data = {"a": ["abc-123-XYZ", 1, None, {"b": "abc-123-XYZ"}], "c": 0.5}
    assert redacted_data(data) == {
        "a": ["[redacted DEPLOY_TOKEN]", 1, None, {"b": "[redacted DEPLOY_TOKEN]"}],
        "c": 0.5,
    }


def test_a_fact_that_is_a_secret_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "abc-123-XYZ")
    assert parse_summary("---\nseen: abc-123-XYZ\nnum_steps: 3\n") == {"num_steps": 3}
