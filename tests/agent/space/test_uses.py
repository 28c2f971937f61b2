"""What a file makes of its names, through every spelling of an access."""

import pytest

from agent.edit.source import MAX_CHARACTERS
from agent.space.uses import uses_of


@pytest.mark.parametrize(
    "access", ["lr", "args.lr", "self.config.lr", 'cfg["lr"]', "cfg['optim']['lr']", "LR"]
)
def test_an_access_counts_for_its_last_part(access: str) -> None:
    assert "learning_rate" in uses_of(f"build(learning_rate={access})")["lr"]


def test_camel_case_and_underscores_are_one_name() -> None:
    uses = uses_of("Dropout(config.dropRate)\nDropout(drop_rate)\n")
    assert set(uses) == {"drop_rate"}


def test_the_default_of_an_option_is_no_use() -> None:
    assert uses_of("parser.add_argument('--lr', default=LR, type=float)") == {}


def test_one_end_of_a_layer_does_not_make_a_width() -> None:
    uses = uses_of("Linear(8, CLASSES)\nLinear(8, HIDDEN)\nLinear(HIDDEN, 8)\n")
    assert uses["classes"] == frozenset()
    assert uses["hidden"] == {"width"}


def test_a_loop_over_layers_is_no_training() -> None:
    assert "as_epochs" not in uses_of("for i in range(DEPTH): layers.append(f())").get("depth", "")


@pytest.mark.parametrize(
    "text", ["", "def (", "x = (" * 5000, "\0", "x = 1\n" * MAX_CHARACTERS, "f(" * 300 + ")" * 300]
)
def test_a_file_that_does_not_parse_has_no_uses(text: str) -> None:
    assert uses_of(text) == {}
