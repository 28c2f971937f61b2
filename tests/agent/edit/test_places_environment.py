"""Constants that are defaults of environment variables: found, and set within their calls."""

from textwrap import dedent

import pytest

from agent.edit.diff import diff
from agent.records.edits import SetConstant
from agent.space import read_constants, read_space
from tests.agent.edit.pairs import made

CODE = dedent(
    """
    import os
    from os import environ, getenv

    LR = float(environ.get("LR", "0.1"))  # rate
    batch = int(os.environ.get("BATCH", 64))
    name = os.getenv("RUN", "first")
    missing = float(os.environ["X"])
    table = rows.get("a", 3)

    class Hyperparameters:
        layers = int(os.environ.get("LAYERS", "9"))
        beta2: float = float(getenv("BETA2", default=0.95))

    settings = dict(dropout=float(os.environ.get("DROPOUT", 0.2)))
    print(LR, batch, name, missing, table, Hyperparameters, settings)
    """
)


def test_defaults_of_environment_variables_are_constants() -> None:
    assert read_constants(CODE) == {
        "LR": 0.1,
        "batch": 64,
        "name": "first",
        "Hyperparameters.layers": 9,
        "Hyperparameters.beta2": 0.95,
        "settings.dropout": 0.2,
    }


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("LR", "0.3", 'get("LR", "0.1"))  # rate', 'get("LR", 0.3))  # rate'),
        ("batch", "2**5", '"BATCH", 64', '"BATCH", 2**5'),
        ("Hyperparameters.layers", "12", '"LAYERS", "9"', '"LAYERS", 12'),
        ("Hyperparameters.beta2", "0.9", "default=0.95", "default=0.9"),
        ("settings.dropout", "0.1", '"DROPOUT", 0.2', '"DROPOUT", 0.1'),
    ],
)
def test_one_is_set_within_its_call(name: str, value: str, old: str, new: str) -> None:
    changed = CODE.replace(old, new)
    edit = SetConstant(name=name, value=value)
    assert made(CODE, edit) == changed
    assert diff(CODE, changed) == (edit,)


def test_a_text_that_a_call_turns_into_a_number_has_a_range() -> None:
    parameters = {each.name: each for each in read_space(CODE).parameters}
    assert parameters["LR"].kind == "float"
    assert parameters["Hyperparameters.layers"].kind == "int"
    assert "name" not in parameters
