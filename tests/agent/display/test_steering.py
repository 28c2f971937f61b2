"""What was said to a run, as lines: who, when, what, and the answer."""

from agent.display.steering import input_lines, remark_lines, state_lines
from agent.records.inputs import Admitted, Ask, Hold, Input, Pause, Skip, Tell
from agent.records.steering import steering_of

AT = "2026-11-29T02:30:59+01:00"


def admitted(ask: Ask, accepted: bool = True, sender: str = "ada", why: str = "") -> Admitted:
    name = f"k-{ask.kind}"
    asked = Input(id=name, ask=ask, sender=sender, sent=AT)
    return Admitted(input=asked, at=AT, accepted=accepted, why=why, trials=4)


def test_an_input_is_told_with_its_answer_and_in_one_time_zone() -> None:
    refused = admitted(Skip(number=5), accepted=False, why="#5 has its verdict: keep")
    assert input_lines([refused, admitted(Pause(), sender="")]) == [
        "2026-11-29 01:30 UTC ada: skip #5 (refused: #5 has its verdict: keep)",
        "2026-11-29 01:30 UTC pause (accepted)",
    ]


def test_what_holds_is_told_with_the_command_that_ends_it() -> None:
    inputs = [
        admitted(Pause()),
        admitted(Hold(), sender="mcp: codex"),
        admitted(Tell(text="try warmup", trials=3)),
        admitted(Pause(), accepted=False),
    ]
    assert state_lines(steering_of(inputs, 5)) == [
        "paused by ada since 2026-11-29 01:30 UTC: `autoresearch go` lets it go on",
        "what would be kept is held by mcp: codex since 2026-11-29 01:30 UTC: "
        "`autoresearch hold --off` ends that",
        "remark 1 by ada, for 3 trials from #4 on: try warmup",
    ]
    assert remark_lines(steering_of(inputs, 7)) == []
    assert state_lines(steering_of([], 0)) == []
