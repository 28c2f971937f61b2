"""The inputs to a run as lines of text: remarks, the state, and each input."""

from collections.abc import Sequence

from agent.display.format import utc_time
from agent.records.inputs import Admitted, words_of
from agent.records.steering import Remark, Steering


def input_line(admitted: Admitted) -> str:
    """Return `ada: skip #5 (accepted: its training is stopped)`."""
    asked = admitted.input
    who = f"{asked.sender}: " if asked.sender else ""
    return f"{who}{words_of(asked.ask)} ({admitted.answer})"


def remark_lines(steering: Steering) -> list[str]:
    """Return a line for each remark that holds."""
    return [_remark_line(remark) for remark in steering.remarks]


def _remark_line(remark: Remark) -> str:
    tell = remark.tell
    ends = ""
    if tell.trials is not None:
        ends = f", for {tell.trials} trials from #{remark.admitted.trials} on"
    elif tell.until:
        ends = f", until {tell.until}"
    sender = remark.admitted.input.sender
    who = f" by {sender}" if sender else ""
    return f"remark {remark.number}{who}{ends}: {tell.text}"


def state_lines(steering: Steering) -> list[str]:
    """Return lines on what holds now: a pause, a hold, remarks."""
    lines = []
    if steering.paused:
        lines.append(f"paused{_by(steering.paused)}: `autoresearch go` lets it go on")
    if steering.held:
        what = f"what would be kept is held{_by(steering.held)}"
        lines.append(f"{what}: `autoresearch hold --off` ends that")
    return [*lines, *remark_lines(steering)]


def input_lines(inputs: Sequence[Admitted]) -> list[str]:
    """Return a line about each input, with the time."""
    return [f"{_when(admitted.at)} {input_line(admitted)}" for admitted in inputs]


def _by(admitted: Admitted) -> str:
    sender = admitted.input.sender
    since = _when(admitted.at)
    return f" by {sender} since {since}" if sender else f" since {since}"


def _when(stamp: str) -> str:
    return utc_time(stamp) or "an unknown time"
