"""The commands about models, on real runs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli import app
from tests.agent.study import ListProposer, loop_of, proposal, study


def typed(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_prompt_shows_the_next_question_word_for_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with study(tmp_path, trials=7, max_cost=2.0) as history:
        bad = proposal(LR=0.9, hypothesis="see \x1b[2J", cost=0.5)
        list(loop_of(history, ListProposer([proposal(LR=0.3, hypothesis="a larger rate"), bad]), trials=2).events())
    monkeypatch.chdir(tmp_path)
    shown = typed("prompt")
    for told in (
        "Lower val_bpb.",
        "LR = 0.3 [0.01 .. 1 log]",
        '"a larger rate"',
        "5 trials, $1.50",
        "===== about ",
        "see \\x1b[2J",
    ):
        assert told in shown, told
    assert "\x1b" not in shown
    asked = json.loads(typed("prompt", "t", "--json"))
    assert asked["system"] in shown and all(block in shown for block in asked["blocks"])
    assert asked["tool"]["name"] == "propose" and asked["index"] == 2
