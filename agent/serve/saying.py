"""Says things to a run for an agent: each is one input, recorded with its answer by the run."""

import re
from pathlib import Path

from agent.errors import UsageFault
from agent.history.homes import Run, find_run, homes, runs_of
from agent.records.inputs import Admitted, Ask, words_of
from agent.run.inbox import NotSent, answer_of, new_input, send, wait_for_answer
from agent.serve.quoted import line
from agent.serve.served import Repository
from agent.serve.tool_answers import Said, SaidText
from sandbox.ground.text import shortened

ANSWER_SECONDS = 10.0
"""How long a tool waits for the run's answer."""
AGENT = "mcp"
MAX_AGENT = 60
"""Characters of what an agent's client calls itself."""


def sender_of(client: str | None) -> str:
    """Return who speaks: `mcp`, and what the agent's client calls itself."""
    name = shortened(re.sub(r"[^\w .+-]", "", client or ""), MAX_AGENT)
    return f"{AGENT} {name}".strip()


class Mouth:
    """Sends inputs to the runs of a repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def home(self, run: str | None) -> Run:
        """Return a run with the checkout in which a process works on it."""
        places = homes(Path(self._repository.around.project.root))
        return find_run(runs_of(places), self._repository.tag(run))

    def say(self, run: str | None, ask: Ask, client: str | None, id: str | None = None) -> Said:
        """Send an input, and return its answer, or that it waits. Raise UsageFault if it cannot."""
        return self.say_as(run, ask, sender_of(client), id)

    def say_as(self, run: str | None, ask: Ask, sender: str, id: str | None = None) -> Said:
        """Do the same. sender: who says it."""
        target = self.home(run)
        asked = new_input(ask, sender, id)
        sent = send(target.home, target.tag, asked)
        if isinstance(sent, NotSent):
            raise UsageFault(sent.reason, sent.next_command)
        answer = wait_for_answer(target.home, target.tag, asked.id, ANSWER_SECONDS)
        return said(target.tag, asked.id, ask, answer, sent.pid is not None)

    def answer(self, run: str | None, id: str) -> Admitted | None:
        """Return the answer to an input, once it has one."""
        target = self.home(run)
        return answer_of(target.home, target.tag, id)


def said(run: str, id: str, ask: Ask, answer: Admitted | None, running: bool) -> Said:
    """Return what became of an input: of the first one with its id, if there were two."""
    if answer is None:
        text = SaidText(what=line(words_of(ask)), why="")
        return Said(run=run, id=id, state="waiting", running=running, untrusted=text)
    text = SaidText(what=line(words_of(answer.input.ask)), why=line(answer.why))
    state = "accepted" if answer.accepted else "refused"
    return Said(run=run, id=id, state=state, running=running, untrusted=text)
