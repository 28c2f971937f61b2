"""A round of random inputs, commits by hand and deaths holds."""

import pytest

from tests.fuzz.inputs import main


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_input_is_lost_or_doubled() -> None:
    assert main(["--rounds", "2", "--seed", "3"]) == 0
