"""Constants of any file have names that a provider's tool may carry, and answers lead back."""

import re
from dataclasses import replace

import pytest

from agent.edit.files import Sources, apply_edits
from agent.propose import METHODS
from agent.propose.advise.advice import read_configuration
from agent.propose.search.observe import Observation
from agent.propose.views.tables import keys_of, observation_line, propose_tool, space_text
from agent.records.edits import Refused
from agent.records.objective import LOWER
from agent.records.proposals import Proposal
from agent.space import read_space
from tests.agent.propose.advise.test_advice import Listening
from tests.agent.propose.example import context

# What Anthropic's API allows in the names of a tool's arguments.
ALLOWED = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
DEEP = "x" * 90
PROJECT = Sources(
    {
        "train.py": (
            "import argparse\n\nLR = 0.1\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--weight-decay", type=float, default=0.1)\n'
        ),
        "model/net.py": "from dataclasses import dataclass\n\n\n@dataclass\n"
        "class Config:\n    dropout: float = 0.1\n",
        "conf/base.yaml": f"optim:\n  lr: 0.1\n  betas: [0.9, 0.99]\n{DEEP}_lr: 0.1\n",
        "conf/new.yaml": "optim:\n  lr: 0.1\n  betas_0: 0.9\n",
    },
    patterns=("train.py", "model/*.py", "conf/*.yaml"),
)
SPACE = read_space(PROJECT)


def test_every_name_is_allowed_and_none_is_used_twice() -> None:
    keys = keys_of(SPACE)
    assert len(SPACE.names) == 9 and tuple(keys) == SPACE.names
    assert all(map(ALLOWED.fullmatch, keys.values()))
    assert len(set(keys.values())) == len(keys)
    assert keys["LR"] == "LR" and keys["--weight-decay"] == "--weight-decay"
    assert keys["model/net.py:Config.dropout"] == "Config.dropout"
    assert keys["conf/base.yaml:optim.betas[0]"] == "optim.betas_0"
    assert keys["conf/base.yaml:optim.lr"] == "base.yaml_optim.lr"
    schema = propose_tool(SPACE, LOWER).parameters["properties"]["configuration"]
    assert list(schema["properties"]) == list(keys.values())


def test_the_tables_say_what_a_short_name_stands_for() -> None:
    text = space_text(SPACE)
    assert "(that is conf/base.yaml:optim.betas[0])" in text
    assert "(that is LR)" not in text
    tried = Observation({**SPACE.default, "conf/base.yaml:optim.betas[0]": 0.95}, 1.5)
    assert observation_line(tried, SPACE, LOWER) == "1.500000 optim.betas_0=0.95"


def test_an_answer_may_use_either_name() -> None:
    for key in ("optim.betas_0", "conf/base.yaml:optim.betas[0]"):
        configuration = read_configuration({key: 0.95}, SPACE)
        assert not isinstance(configuration, Refused)
        assert configuration == {**SPACE.default, "conf/base.yaml:optim.betas[0]": 0.95}
    unknown = read_configuration({"optim.betas_9": 0.95}, SPACE)
    assert isinstance(unknown, Refused) and "optim.betas" in unknown.hint
    wrong = read_configuration({"optim.betas_0": "high"}, SPACE)
    assert isinstance(wrong, Refused) and wrong.hint.startswith("optim.betas_0: float")


@pytest.mark.parametrize("method", ["llm-hps", "llm-curves"])
def test_an_adviser_sets_constants_in_their_own_files(method: str) -> None:
    chosen = {"optim.betas_0": 0.95, "LR": 0.2, "Config.dropout": 0.3, "base.yaml_optim.lr": 0.3}
    answer = {"reason": "r", "configuration": chosen, "configurations": [chosen]}
    model = Listening([answer])
    asked = replace(context(source=PROJECT.text), sources=PROJECT, space=SPACE)
    proposal = METHODS[method].build(model).propose(asked)
    assert isinstance(proposal, Proposal)
    applied = apply_edits(PROJECT, proposal.edits)
    assert isinstance(applied, Sources)
    assert "LR = 0.2" in applied.text
    assert "dropout: float = 0.3" in applied.files["model/net.py"]
    assert "lr: 0.3\n  betas: [0.95, 0.99]" in applied.files["conf/base.yaml"]
    assert applied.files["conf/new.yaml"] == PROJECT.files["conf/new.yaml"]
