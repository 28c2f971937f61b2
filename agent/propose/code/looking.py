"""Offers tools to a model before it proposes, and answers their calls within bounds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from agent.llm.model import Model, Reply, Request, Turn, looks_by
from agent.propose.context import Context
from agent.propose.looking import Looks
from agent.propose.views.look import look_text, now_text
from agent.records.looks import MAX_LOOKED, Looked

MAX_IGNORED = 2
"""Times that a model may look on after it was told to propose."""


class Looking:
    """The tool calls of one proposal; none if the method or the model has no tools."""

    def __init__(self, context: Context, model: Model) -> None:
        self._by = looks_by(model)
        self._looks: Looks | None = None
        if context.look and self._by != "no":
            self._looks = context.look(context)
        self._ignored = 0

    @property
    def looked(self) -> tuple[Looked, ...]:
        """The tool calls, for the record."""
        return self._looks.looked[:MAX_LOOKED] if self._looks else ()

    @contextmanager
    def offered(self, request: Request) -> Iterator[Request]:
        """Yield the question with the tools, which can be called during the block."""
        if self._looks is None:
            yield request
        elif self._by == "door":
            with self._looks.door() as door:
                text = look_text(self._looks.meter.bounds) if door else ""
                yield _with_rules(request, text).model_copy(update={"door": door})
        else:
            yield self._with_tools(request, self._looks)

    def _with_tools(self, request: Request, looks: Looks) -> Request:
        over = looks.meter.over()
        changed = {"tools": looks.tools, "only": bool(over)}
        if over:
            *before, last = request.blocks
            changed["blocks"] = (*before, f"{last}\n\n{now_text(over)}")
        return _with_rules(request, look_text(looks.meter.bounds)).model_copy(update=changed)

    def wants(self, reply: Reply) -> bool:
        """Return whether an answer calls a tool, within the bounds."""
        looks_up = self._looks is not None and reply.arguments is None and bool(reply.calls)
        return looks_up and self._ignored < MAX_IGNORED

    def answered(self, request: Request, reply: Reply) -> Request:
        """Return the question with the results of an answer's tool calls.

        At a bound it also says that it is time to propose.
        """
        looks = self._looks
        assert looks is not None, "only who has tools looks something up"
        self._ignored += request.only
        meter = looks.meter
        results = tuple(looks.call(call.name, call.arguments) for call in reply.calls)
        meter.turns += 1
        meter.dollars += reply.cost or 0.0
        turn = Turn(
            text=reply.text,
            calls=reply.calls,
            results=results,
            native=reply.native,
            exchange=reply.exchange,
        )
        over = meter.over()
        return request.model_copy(
            update={
                "turns": (*request.turns, turn),
                "closing": now_text(over) if over else "",
                "only": bool(over),
                "index": request.index + 1,
            }
        )


def _with_rules(request: Request, text: str) -> Request:
    if not text:
        return request
    return request.model_copy(update={"system": f"{request.system}\n\n{text}"})


def cost_of(replies: Sequence[Reply]) -> float:
    """Return the known cost of answers in dollars."""
    return sum(reply.cost or 0.0 for reply in replies)
