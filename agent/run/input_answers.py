"""Answers an input: accepted, with its effect, or refused, with the reason."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import UsageFault
from agent.evaluate.slots import make_slots, this_machine
from agent.project.program import read_program
from agent.records.edits import Refused
from agent.records.inputs import (
    Approve,
    Ask,
    Brief,
    Comment,
    Go,
    Hold,
    Input,
    Pause,
    Reject,
    Release,
    Remember,
    Set,
    Skip,
    Star,
    Tell,
    Try,
    Withdraw,
)
from agent.records.notes import fault_of, notes_of, written
from agent.run.awaiting import awaiting
from agent.run.ledger import Ledger

MAX_REMARKS = 20
"""The most remarks that hold at once; a prompt has room for so many."""
MAX_TRIES = 20
"""The most edits of people that may wait for a slot."""


@dataclass(frozen=True)
class Answer:
    """The answer that is recorded with an input."""

    accepted: bool
    why: str = ""
    """The effect of an accepted input, or the reason of a refusal."""


def answer_to(asked: Input, ledger: Ledger) -> Answer:
    """Return the answer to an input in the run's present state."""
    answer: Callable[[Input, Ledger], Answer] = _ANSWERS[type(asked.ask)]
    return answer(asked, ledger)


def _yes(why: str) -> Answer:
    return Answer(True, why)


def _no(why: str) -> Answer:
    return Answer(False, why)


def _tell(_: Input, ledger: Ledger) -> Answer:
    steering = ledger.steering
    if len(steering.remarks) >= MAX_REMARKS:
        return _no(f"{MAX_REMARKS} remarks hold already: withdraw one of them first")
    number = steering.told + 1
    run = ledger.history.run
    if run.model is None:
        return _yes(f"remark {number}; the method {run.method} asks no model, so nobody reads it")
    return _yes(f"remark {number}, from the next question to the model on")


def _withdraw(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Withdraw)
    number = asked.ask.number
    steering = ledger.steering
    if number in steering.withdrawn:
        return _no(f"remark {number} is withdrawn already")
    if not 1 <= number <= steering.told:
        return _no(f"there is no remark {number}")
    return _yes("the next question to the model leaves it out")


def _try(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Try)
    if len(ledger.human_proposals) >= MAX_TRIES:
        return _no(f"{MAX_TRIES} of your changes wait for a trial already")
    refused = ledger.refusal_of(asked.ask.edits)
    if refused is not None:
        return _no(str(refused))
    if ledger.steering.paused:
        return _yes("the next trial, after `autoresearch go`")
    return _yes("the next trial")


def _pause(_: Input, ledger: Ledger) -> Answer:
    if ledger.steering.paused:
        return _no("it is paused already")
    return _yes("the trials in training finish, and nothing new starts")


def _go(_: Input, ledger: Ledger) -> Answer:
    return _yes("") if ledger.steering.paused else _no("it is not paused")


def _set(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Set)
    elsewhere = any(slot.place for slot in ledger.fleet.slots)
    if asked.ask.workers is not None and not elsewhere:
        try:
            make_slots(asked.ask.workers, *this_machine())
        except UsageFault as fault:
            return _no(fault.message)
    done = measured_count(ledger)
    if asked.ask.trials is not None and asked.ask.trials <= done:
        return _yes(f"{done} trials are measured, so it ends after those in training")
    if asked.ask.workers is not None:
        return _yes(f"{asked.ask.workers} at once, after the verdicts of those in training")
    return _yes("")


def _brief(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Brief)
    history = ledger.history
    if not history.project.program:
        return _no("this project has no program.md")
    if asked.ask.text == history.program:
        return _no("it is the program.md that the run has")
    try:
        read_program(asked.ask.text)
    except UsageFault as fault:
        return _no(fault.message)
    return _yes("it holds from the next proposal on")


def _skip(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Skip)
    number = asked.ask.number
    history = ledger.history
    for trial in history.trials:
        if trial.number == number:
            return _no(f"#{number} has its verdict: {trial.status}")
    for attempt in history.in_flight:
        if attempt.number == number and attempt.proposal.is_baseline:
            return _no("it is the baseline, which everything is compared with")
        if attempt.number == number:
            return _yes("its training is stopped")
    return _no(f"there is no #{number}")


def _approve(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Approve)
    why_not = _not_awaiting(asked.ask.number, ledger)
    if why_not:
        return _no(why_not)
    admitted = ledger.admit(ledger.human_proposal(asked))
    if isinstance(admitted, Refused):
        return _no(f"its edits no longer fit the newest state: {admitted}")
    return _yes("the next trial, under unseen seeds")


def _reject(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Reject)
    why_not = _not_awaiting(asked.ask.number, ledger)
    return _no(why_not) if why_not else _yes("")


def _not_awaiting(number: int, ledger: Ledger) -> str:
    """Return why a trial does not wait for a person's decision; "" if it does."""
    if number in ledger.approved:
        return f"#{number} is approved already"
    try:
        awaiting(ledger.history, number)
    except UsageFault as fault:
        return fault.message
    return ""


def _hold(_: Input, ledger: Ledger) -> Answer:
    if ledger.steering.held:
        return _no("what would be kept is held already")
    return _yes("what would be kept waits for `autoresearch approve N` or `reject N`")


def _release(_: Input, ledger: Ledger) -> Answer:
    return _yes("what is better is kept again") if ledger.steering.held else _no("nothing is held")


def _mark(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Comment | Star)
    number = asked.ask.number
    history = ledger.history
    flying = {attempt.number for attempt in history.in_flight}
    if number is not None and number not in history.numbers | flying:
        return _no(f"there is no #{number}")
    return _yes("")


def _remember(asked: Input, ledger: Ledger) -> Answer:
    assert isinstance(asked.ask, Remember)
    inputs = ledger.history.inputs
    refused = fault_of(asked.ask, notes_of(inputs))
    if refused:
        return _no(refused)
    return _yes(f"note {written(inputs) + 1}" if asked.ask.text else "")


_ANSWERS: dict[type[Ask], Callable[[Input, Ledger], Answer]] = {
    Tell: _tell,
    Withdraw: _withdraw,
    Try: _try,
    Pause: _pause,
    Go: _go,
    Set: _set,
    Brief: _brief,
    Skip: _skip,
    Hold: _hold,
    Release: _release,
    Approve: _approve,
    Reject: _reject,
    Comment: _mark,
    Remember: _remember,
    Star: _mark,
}


def measured_count(ledger: Ledger) -> int:
    """Return how many trials of the run were measured, baselines not counted."""
    trials = ledger.history.trials
    return sum(trial.result is not None and trial.status != "baseline" for trial in trials)
