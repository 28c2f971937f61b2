"""A model as the adviser on constants: asks it for one proposal, reads what it answers, and books what that cost."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from agent.llm.model import Model, Reply, Request, Tool
from agent.propose.context import Context, Unreadable
from agent.propose.search.observe import Key, Observation, constants_of, fit, key_of, observe
from agent.propose.search.search import proposal_of
from agent.propose.views.tables import parameter_line, refusals_text, space_text
from agent.propose.views.text import fenced
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Parameter, Space

MAX_REPLY_CHARACTERS = 2_000
MAX_PROGRAM_CHARACTERS = 8_000
MAX_REASON_CHARACTERS = 200
SYSTEM = """You tune the constants of a training script. A trial trains for {budget} and gives a score, val_bpb; lower is better.
Answer with the tool alone. What the researcher wrote about the goal:
{program}"""


class Advice:
    """One proposal of `method` in the making; it may take several questions."""

    def __init__(self, method: str, model: Model, context: Context) -> None:
        self._method, self._model, self._context = method, model, context
        self._began = time.monotonic()
        self._replies: list[Reply] = []
        self.space = context.space
        self.seen: Sequence[Observation] = fit(context.space, observe(context))

    # ------------------------------------------------------------ asking

    def ask(self, text: str, tool: Tool, space: Space | None = None) -> Reply:
        """The reply to `text` under the bounds of the space (or of a part of it) and above the newest refusals."""
        program = fenced(self._context.program, "", MAX_PROGRAM_CHARACTERS)
        request = Request(
            system=SYSTEM.format(budget=self._context.budget, program=program),
            blocks=(
                space_text(space or self.space),
                "\n".join(filter(None, (text, refusals_text(self._context.trials)))),
            ),
            tool=tool,
            index=_asked_before(self._context) + len(self._replies),
        )
        self._replies.append(self._model.complete(request))
        return self._replies[-1]

    # ------------------------------------------------------------ reading

    @cached_property
    def tried(self) -> set[Key]:
        """The keys of all that was tried, is pending, was refused, or stands: what is not to be proposed again."""
        space = self.space
        refused = [
            constants_of(trial.proposal)
            for trial in self._context.trials
            if trial.status == "refused"
        ]
        again = {key_of(space.repair({**space.default, **constants})) for constants in refused}
        here = {observation.key for observation in self.seen if not observation.prior}
        return again | here | {key_of(space.repair(space.default))}

    def read_one(self, reply: Reply) -> Configuration | Refused:
        """The new configuration of a reply; Refused where it has none, or one that was tried before."""
        arguments = arguments_of(reply)
        return (
            arguments
            if isinstance(arguments, Refused)
            else self._new(read_configuration(arguments.get("configuration"), self.space))
        )

    def read_many(self, reply: Reply) -> list[Configuration] | Refused:
        """The new configurations of a reply, as new_among gives them."""
        configurations = configurations_of(reply, self.space)
        return (
            configurations
            if isinstance(configurations, Refused)
            else self.new_among(configurations)
        )

    def new_among(
        self, configurations: Sequence[Configuration | Refused]
    ) -> list[Configuration] | Refused:
        """Those that are new, each once; why the last was refused where none is."""
        read = [self._new(configuration) for configuration in configurations]
        found = {
            key_of(configuration): configuration
            for configuration in read
            if not isinstance(configuration, Refused)
        }
        return list(found.values()) or next(
            refused for refused in reversed(read) if isinstance(refused, Refused)
        )

    def _new(self, configuration: Configuration | Refused) -> Configuration | Refused:
        if isinstance(configuration, Refused) or key_of(configuration) not in self.tried:
            return configuration
        return Refused(
            reason="already-tried",
            where="configuration",
            hint="give at least one constant a value that is new",
        )

    # ------------------------------------------------------------ answering

    def proposal(
        self, configuration: Configuration, reason: str = "", by_model: bool = True
    ) -> Proposal:
        """`configuration` as edits of the tip; by_model: whether the model chose it, or the search whose choice it let stand."""
        return proposal_of(self._context, configuration, self.provenance(by_model), reason)

    def answer(self, read: Configuration | Refused) -> Proposal | Unreadable:
        """What was read of the last reply as a proposal with the model's reason, or as none."""
        if isinstance(read, Refused):
            return self.unreadable(read)
        return self.proposal(read, reason_of(self._replies[-1]))

    def unreadable(self, refused: Refused) -> Unreadable:
        """The last reply as no proposal; it cost tokens and is recorded."""
        last = self._replies[-1]
        text = fenced(
            last.text or str(last.arguments or "(an empty reply)"), "", MAX_REPLY_CHARACTERS
        )
        return Unreadable(by=self.provenance(), reply=text, reason=refused)

    def provenance(self, by_model: bool = True) -> Provenance:
        """All replies of this proposal together; their cost is unknown where one of them is. Without any it took no time."""
        costs = [reply.cost for reply in self._replies]
        known = [cost for cost in costs if cost is not None]
        return Provenance(
            method=self._method,
            origin=self._model.origin if by_model else "search",
            model=self._replies[-1].model if self._replies else self._model.name,
            input_tokens=sum(reply.input_tokens for reply in self._replies),
            cached_tokens=sum(reply.cached_tokens for reply in self._replies),
            output_tokens=sum(reply.output_tokens for reply in self._replies),
            cost=sum(known) if costs and len(known) == len(costs) else None,
            seconds=time.monotonic() - self._began if self._replies else 0.0,
            calls=len(self._replies),
            exchanges=tuple(reply.exchange for reply in self._replies if reply.exchange),
        )


def _asked_before(context: Context) -> int:
    """How many questions this run has put to a model."""
    return sum(
        p.by.calls for p in (*(trial.proposal for trial in context.trials), *context.pending)
    )


def arguments_of(reply: Reply) -> dict[str, Any] | Refused:
    """The tool's arguments; Refused where it was not called or the reply was cut off."""
    if reply.cut_off:
        return unreadable(
            "the reply was cut off at the limit of output tokens", "answer in fewer words"
        )
    return (
        reply.arguments
        if reply.arguments is not None
        else unreadable("no call of the tool", "call the tool")
    )


def configurations_of(reply: Reply, space: Space) -> list[Configuration | Refused] | Refused:
    """The configurations of a reply that has a list of them, each as read_configuration reads it."""
    arguments = arguments_of(reply)
    given = arguments if isinstance(arguments, Refused) else arguments.get("configurations")
    if isinstance(given, Refused):
        return given
    if not isinstance(given, list) or not given:
        return unreadable("configurations", "a list of configurations")
    return [read_configuration(one, space) for one in given]


def read_configuration(value: object, space: Space) -> Configuration | Refused:
    """A configuration as it would run, clipped and snapped into the space; Refused where it is none or names no constant."""
    if not isinstance(value, dict) or not value:
        return unreadable("configuration", "an object with a value for each constant that changes")
    for name, given in value.items():
        parameter = next((p for p in space.parameters if p.name == name), None)
        if parameter is None:
            return unreadable(
                f"{str(name)[:80]!r} is not in the search space",
                f"there are {', '.join(space.names)}",
            )
        if not _is_of_kind(given, parameter):
            return unreadable(f"{name} = {str(given)[:80]!r}", parameter_line(parameter))
    return space.repair({**space.default, **value})


def read_numbers(reply: Reply, name: str, count: int) -> list[float] | Refused:
    """The `count` finite numbers of a reply."""
    arguments = arguments_of(reply)
    given = arguments if isinstance(arguments, Refused) else arguments.get(name)
    if isinstance(given, Refused):
        return given
    numbers = [float(n) for n in given if _is_number(n)] if isinstance(given, list) else []
    return (
        numbers
        if isinstance(given, list) and len(numbers) == len(given) == count
        else unreadable(name, f"{count} numbers")
    )


def reason_of(reply: Reply) -> str:
    """The model's own reason in one line."""
    said = str((reply.arguments or {}).get("reason") or "")
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[
        :MAX_REASON_CHARACTERS
    ]


def unreadable(where: str, hint: str) -> Refused:
    """The refusal of a reply that is not what was asked for."""
    return Refused(reason="unreadable", where=where, hint=hint)


def _is_of_kind(given: object, parameter: Parameter) -> bool:
    if parameter.kind == "categorical":
        return any(str(choice) == str(given) for choice in parameter.choices)
    return _is_number(given)


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e300
