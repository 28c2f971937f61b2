"""A scripted training that talks to its run, and a loop that hears it."""

from collections.abc import Callable, Sequence

from agent.history.history import History
from agent.records.events import Event
from agent.records.inputs import (
    Admitted,
    Ask,
    words_of,
)
from agent.run.inbox import new_input, send, wait_for_answer
from sandbox.ground.outcome import Outcome, RunSpec
from tests.agent.study import (
    ListProposer,
    loop_of,
    proposal,
    source_of,
    train,
)

ANSWER_SECONDS = 60
MANY = [proposal(LR=0.2), proposal(LR=0.3), proposal(LR=0.35), proposal(DEPTH=6), proposal(DEPTH=7)]


class Steered:
    """A scripted training that says something to the run when a trial with `mark` trains."""

    def __init__(self, history: History, mark: str, *asks: Ask | Callable[[], None]) -> None:
        self._history = history
        self._mark = mark
        self._asks = list(asks)
        self.answers: list[Admitted] = []
        self.trained: list[str] = []

    def __call__(self, spec: RunSpec) -> tuple[Outcome, str]:
        self.trained.append(source_of(spec))
        if self._mark in source_of(spec):
            while self._asks:
                self._say(self._asks.pop(0))
        return train(spec)

    def _say(self, ask: Ask | Callable[[], None]) -> None:
        if callable(ask):
            ask()
            return
        history = self._history
        asked = new_input(ask, "ada")
        send(history.project, history.tag, asked)
        answer = wait_for_answer(history.project, history.tag, asked.id, ANSWER_SECONDS)
        assert answer is not None, f"{words_of(ask)} was not answered"
        self.answers.append(answer)


def work(
    history: History, script: Steered, proposals: Sequence[object] = MANY, trials: int | None = 3
) -> list[Event]:
    return list(loop_of(history, ListProposer(proposals), script, trials, heard=True).events())


def statuses(history: History) -> list[str]:
    return [trial.status for trial in history.trials]
