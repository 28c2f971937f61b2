"""The messages that several rooms share."""

from agent.errors import MAX_NAME, unknown


def test_an_unknown_name_is_answered_with_the_closest_one() -> None:
    message = unknown("method", "trsut", ["random", "trust", "tpe"])
    assert message == "Unknown method 'trsut'. Did you mean 'trust'?"


def test_without_a_close_name_all_are_listed() -> None:
    message = unknown("method", "zzz", ["random", "trust"])
    assert message == "Unknown method 'zzz'. Choose from: random, trust."


def test_a_long_name_is_cut() -> None:
    message = unknown("method", "z" * 10_000, ["random"])
    assert "z" * MAX_NAME in message
    assert "z" * (MAX_NAME + 1) not in message
