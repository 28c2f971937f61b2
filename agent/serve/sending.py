"""Sends an agent's inputs to a run, which records each of them with its answer."""

import re
from pathlib import Path

from agent.errors import UsageFault
from agent.history.homes import Run, find_run, homes, runs_of
from agent.records.inputs import Admitted, Ask, words_of
from agent.run.inbox import NotSent, answer_of, new_input, send, wait_for_answer
from agent.serve.quoted import line
from agent.serve.served import Repository
from agent.serve.tool_answers import InputState, InputText
from sandbox.ground.text import shortened

ANSWER_SECONDS = 10.0
"""How long a tool waits for the run's answer."""
AGENT = "mcp"
MAX_AGENT = 60
"""The most characters of the name of an agent's client."""


def sender_of(client: str | None) -> str:
    """Return the sender of an input: `mcp`, and the name of the agent's client."""
    name = shortened(re.sub(r"[^\w .+-]", "", client or ""), MAX_AGENT)
    return f"{AGENT} {name}".strip()


class InputSender:
    """Sends inputs to the runs of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def home(self, run: str | None) -> Run:
        """Return a run with the checkout in which a process works on it."""
        places = homes(Path(self._repository.around.project.root))
        return find_run(runs_of(places), self._repository.tag(run))

    def send(
        self, run: str | None, ask: Ask, client: str | None, id: str | None = None
    ) -> InputState:
        """Send an agent's input and wait for its answer; see `send_as`. client: its name."""
        return self.send_as(run, ask, sender_of(client), id)

    def send_as(self, run: str | None, ask: Ask, sender: str, id: str | None = None) -> InputState:
        """Send an input, and return its state: answered, or waiting after ANSWER_SECONDS.

        run: TAG, or None as in Repository.tag. sender: as recorded. id: makes a repeated call count
        once. Raise UsageFault if the input cannot be sent."""
        target = self.home(run)
        asked = new_input(ask, sender, id)
        sent = send(target.home, target.tag, asked)
        if isinstance(sent, NotSent):
            raise UsageFault(sent.reason, sent.next_command)
        answer = wait_for_answer(target.home, target.tag, asked.id, ANSWER_SECONDS)
        return input_state(target.tag, asked.id, ask, answer, sent.pid is not None)

    def answer(self, run: str | None, id: str) -> Admitted | None:
        """Return the answer to an input, once it has one."""
        target = self.home(run)
        return answer_of(target.home, target.tag, id)


def input_state(run: str, id: str, ask: Ask, answer: Admitted | None, running: bool) -> InputState:
    """Return the state of an input, given its answer or None.

    Where the answer is about an earlier input with the same id, the state describes that one."""
    if answer is None:
        text = InputText(what=line(words_of(ask)), why="")
        return InputState(run=run, id=id, state="waiting", running=running, untrusted=text)
    text = InputText(what=line(words_of(answer.input.ask)), why=line(answer.why))
    state = "accepted" if answer.accepted else "refused"
    return InputState(run=run, id=id, state=state, running=running, untrusted=text)
