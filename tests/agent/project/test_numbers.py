"""Names of numbers in what a hostile training prints."""

import pytest

from agent.project import numbers
from agent.project.numbers import numbers_in


def test_names_without_an_end_are_tried_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes to read a name for the first time is milliseconds."""
    tried = []

    class Form(numbers.Form):
        def __init__(self, name: str) -> None:
            tried.append(name)
            super().__init__(name)

    monkeypatch.setattr(numbers, "Form", Form)
    monkeypatch.setattr(numbers, "MAX_TRIED", 300)
    lines = [f"a name {'x' * (number % 40)}{number}z: 1" for number in range(1000)]
    found = numbers_in(["loss: 0.5", *lines, "loss: 0.25"])
    assert (found[-1].name, found[-1].value, found[-1].times) == ("loss", 0.25, 2)
    assert len(tried) == 300
