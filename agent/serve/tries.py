"""The tools of the grant `try`: an agent's own trials and notes, and waiting for verdicts."""

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
from anyio.to_thread import run_sync
from mcp.server.mcpserver import Context
from pydantic import Field

from agent.errors import UsageFault
from agent.records.edits import MAX_PROPOSED, Edit
from agent.records.inputs import MAX_REMARK, Comment, InputId, Try
from agent.records.proposals import Value
from agent.serve.read import Run
from agent.serve.rows import row_of
from agent.serve.sending import InputSender, input_state
from agent.serve.served import Repository
from agent.serve.tool_answers import InputState, Waited

MAX_PATCH = 200_000
"""Characters."""
MAX_WAIT = 300
MAX_NEW = 20
LOOK_SECONDS = 0.5

Id = Annotated[
    InputId | None,
    Field(description="An id of your own: a call that is repeated with it counts once."),
]
Words = Annotated[str, Field(min_length=1, max_length=MAX_REMARK)]


def client_of(context: Context[Any, Any]) -> str | None:
    """Return what the agent's client calls itself."""
    parameters = context.session.client_params
    return parameters.client_info.name if parameters else None


class TryTools:
    """The tools of an agent that adds trials and notes to a run."""

    def __init__(self, repository: Repository, sender: InputSender) -> None:
        self._repository = repository
        self._sender = sender

    def try_(
        self,
        context: Context[Any, Any],
        hypothesis: Annotated[Words, Field(description="What you expect of it, and why.")],
        edits: Annotated[
            list[Edit], Field(max_length=MAX_PROPOSED, description="Typed edits, made in order.")
        ] = [],  # noqa: B006 -- pydantic copies it
        constants: Annotated[
            dict[str, Value] | None,
            Field(description="New values of constants, by their names in the tool `constants`."),
        ] = None,
        patch: Annotated[
            str | None,
            Field(
                max_length=MAX_PATCH,
                description="A unified diff, as `git diff` writes it: of the run's newest state, "
                "or of the last commit of the checkout.",
            ),
        ] = None,
        run: Run = None,
        id: Id = None,
    ) -> InputState:
        """Have edits of yours run as the next trial: a patch, typed edits, or constants.

        It is isolated, scored and judged like any other; its result is in the ledger.
        Edits to files that edits may not touch, and what was tried already, are refused.
        """
        every = [*self._changes(run, patch, constants or {}), *edits]
        if not every:
            raise UsageFault("There is nothing to try: give a patch, edits or constants.")
        ask = Try(hypothesis=hypothesis, edits=tuple(every))
        return self._sender.send(run, ask, client_of(context), id)

    def _changes(
        self, run: str | None, patch: str | None, constants: dict[str, Value]
    ) -> tuple[Edit, ...]:
        """Return the edits of a patch, and those that set constants."""
        if not patch and not constants:
            return ()
        from agent.run.given import Giver  # libcst takes long to load

        edits: list[Edit] = []
        with self._repository.reading(run) as served:
            giver = Giver(served.history, Path(served.history.project.root))
            if patch:
                edits += giver.of_patch(patch.encode("utf-8", "replace")).edits
            if constants:
                values = [f"{name}={value}" for name, value in constants.items()]
                edits += giver.of_values(values).edits
        return tuple(edits)

    def note(
        self,
        context: Context[Any, Any],
        text: Annotated[Words, Field(description="What is to be kept for later readers.")],
        trial: Annotated[
            int | None, Field(ge=0, le=10**9, description="The trial that it is about.")
        ] = None,
        run: Run = None,
        id: Id = None,
    ) -> InputState:
        """Write a note into the run's record, on a trial or on the run. No proposal sees it."""
        ask = Comment(text=text, number=trial)
        return self._sender.send(run, ask, client_of(context), id)

    async def wait(
        self,
        seconds: Annotated[int, Field(ge=1, le=MAX_WAIT, description="How long at most.")] = 30,
        verdicts: Annotated[
            int | None,
            Field(
                ge=0,
                le=10**9,
                description="How many verdicts you know of: it returns at once if there are more. "
                "Default: those that there are now.",
            ),
        ] = None,
        input: Annotated[
            InputId | None,
            Field(description="Wait for the answer to this input instead of a verdict."),
        ] = None,
        run: Run = None,
    ) -> Waited:
        """Wait until a trial has its verdict, or an input its answer; or the run is over."""
        tag = await run_sync(self._repository.tag, run)
        look = partial(self._look, tag, input)
        count = verdicts
        deadline = time.monotonic() + seconds
        while True:
            waited = await run_sync(look, count)
            if waited.happened or not waited.running or time.monotonic() >= deadline:
                return waited
            if count is None:
                count = waited.verdicts
            await anyio.sleep(LOOK_SECONDS)

    def _look(self, tag: str, input: str | None, count: int | None) -> Waited:
        """Return the new verdicts and answers. count: how many verdicts the caller has seen."""
        answered = None if input is None else self._sender.answer(tag, input)
        with self._repository.reading(tag) as served:
            trials = served.view.trials
            new = trials[len(trials) if count is None else count :]
            rows = [row_of(trial, served.view.formatter) for trial in new[:MAX_NEW]]
            running = served.view.pid is not None
            heard = []
            if answered:
                asked = answered.input
                heard.append(input_state(tag, asked.id, asked.ask, answered, running))
            happened = bool(answered) if input else bool(rows)
            return Waited(
                run=tag,
                running=running,
                happened=happened,
                verdicts=len(trials) - len(new) + len(rows),
                rows=tuple(rows),
                inputs=tuple(heard),
            )
