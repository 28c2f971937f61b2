"""One proposal by a model that advises on constants: its questions, its replies, its cost."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from agent.errors import ModelFault, unknown
from agent.llm.model import Model, Reply, Request, Tool
from agent.llm.slips import object_of
from agent.propose.context import Context, Unreadable
from agent.propose.questions import ask_within, provenance_of, questions_asked, unfinished
from agent.propose.search.observe import Key, Observation, constants_of, fit, key_of, observe
from agent.propose.search.search import proposal_of
from agent.propose.views.goal import metric_name, most_time, span_of
from agent.propose.views.remarks import told_lines
from agent.propose.views.tables import keys_of, parameter_line, refusals_text, space_text
from agent.propose.views.text import fenced
from agent.records.bounded import is_number
from agent.records.edits import Refused
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.space import Parameter, Space
from sandbox.ground.text import one_line

MAX_REPLY_CHARACTERS = 2_000
MAX_PROGRAM_CHARACTERS = 8_000
MAX_REASON_CHARACTERS = 200
MAX_VALUE_CHARACTERS = 80
LARGEST_NUMBER = 1e300
SYSTEM = """\
You tune the constants of a {what} {span} and gets a score,
{metric}; {better}. {most_time}Answer only by calling the tool. The researcher describes the goal:
{program}"""
TRAINS = "training script. Each trial trains"
RUNS = "program. Each trial runs it"


class Advice:
    """Builds one proposal of `method`, with one question or several."""

    def __init__(self, method: str, model: Model, context: Context) -> None:
        self._method = method
        self._model = model
        self._context = context
        self._began = time.monotonic()
        self._replies: list[Reply] = []
        self.space = context.space
        self.sense = context.objective.sense
        """Turns the losses of the history back into values of the metric, and replies into
        losses."""
        self.history: Sequence[Observation] = fit(context.space, observe(context))

    # ------------------------------------------------------------ asking

    def ask(self, text: str, tool: Tool, space: Space | None = None) -> Reply:
        """Ask the model; the prompt is the space, then `text`, then the last refusals.

        Raise MoneySpent where it might cost more than may be spent.
        """
        program = fenced(self._context.program, "", MAX_PROGRAM_CHARACTERS)
        refusals = refusals_text(self._context.trials)
        lines = "\n".join(told_lines(self._context))
        remarks = f"The owner of this run has told you:\n{fenced(lines, 'text')}" if lines else ""
        limit = most_time(self._context)
        request = Request(
            system=SYSTEM.format(
                what=TRAINS if self._context.score == "sealed" else RUNS,
                span=span_of(self._context),
                most_time=f"{limit} " if limit else "",
                metric=metric_name(self._context.objective),
                better=self._context.objective.better,
                program=program,
            ),
            blocks=(
                space_text(space or self.space),
                "\n".join(part for part in (text, refusals, remarks) if part),
            ),
            tool=tool,
            index=questions_asked(self._context) + len(self._replies),
        )
        try:
            reply = ask_within(self._model, request, self._context.dollars, self._replies)
        except ModelFault as fault:
            raise unfinished(fault, self._replies, self.provenance()) from None
        if reply.arguments is None and not reply.cut_off:
            # A server without tools is asked for the same JSON as text.
            reply = reply.model_copy(update={"arguments": object_of(reply.text)})
        self._replies.append(reply)
        return reply

    # ------------------------------------------------------------ reading

    @cached_property
    def tried(self) -> set[Key]:
        """The keys of all configurations that must not be proposed again.

        These are the present constants and all configurations that were tried, refused or are
        pending.
        """
        default = self.space.default
        keys = {observation.key for observation in self.history if not observation.prior}
        keys.add(key_of(self.space.repair(default)))
        for trial in self._context.trials:
            if trial.status == "refused":
                refused = {**default, **constants_of(trial.proposal, self._context.sources)}
                keys.add(key_of(self.space.repair(refused)))
        return keys

    def read_one(self, reply: Reply) -> Configuration | Refused:
        """Return the configuration in a reply if it is new, or why it is refused."""
        arguments = arguments_of(reply)
        if isinstance(arguments, Refused):
            return arguments
        return self._new(read_configuration(arguments.get("configuration"), self.space))

    def read_many(self, reply: Reply) -> list[Configuration] | Refused:
        """Return the new configurations in a reply; see new_among."""
        configurations = configurations_of(reply, self.space)
        if isinstance(configurations, Refused):
            return configurations
        return self.new_among(configurations)

    def new_among(
        self, configurations: Sequence[Configuration | Refused]
    ) -> list[Configuration] | Refused:
        """Return the distinct new configurations; if there are none, why the last was refused."""
        new: dict[Key, Configuration] = {}
        refused = unreadable("configurations", "a list of configurations")
        for configuration in map(self._new, configurations):
            if isinstance(configuration, Refused):
                refused = configuration
            else:
                new[key_of(configuration)] = configuration
        return list(new.values()) or refused

    def _new(self, configuration: Configuration | Refused) -> Configuration | Refused:
        if isinstance(configuration, Refused) or key_of(configuration) not in self.tried:
            return configuration
        return Refused(
            reason="already-tried",
            where="configuration",
            hint="give at least one constant a new value",
        )

    # ------------------------------------------------------------ answering

    def proposal(
        self, configuration: Configuration, reason: str = "", by_model: bool = True
    ) -> Proposal:
        """Return `configuration` as edits of the tip.

        by_model: whether the model chose it; False if it left the search method's choice.
        """
        by = self.provenance()
        if not by_model:
            by = by.model_copy(update={"origin": "search"})
        return proposal_of(self._context, configuration, by, reason)

    def answer(self, read: Configuration | Refused) -> Proposal | Unreadable:
        """Return the last reply's configuration as a proposal with the model's reason."""
        if isinstance(read, Refused):
            return self.unreadable(read)
        return self.proposal(read, reason_of(self._replies[-1]))

    def unreadable(self, refused: Refused) -> Unreadable:
        """Return the last reply as an unreadable one, for the ledger to record."""
        last = self._replies[-1]
        text = last.text or str(last.arguments or "(an empty reply)")
        reply = fenced(text, "", MAX_REPLY_CHARACTERS)
        return Unreadable(by=self.provenance(), reply=reply, reason=refused)

    def provenance(self) -> Provenance:
        """Return the provenance of this proposal, with the sums over its replies."""
        seconds = time.monotonic() - self._began if self._replies else 0.0
        return provenance_of(self._method, self._model, self._replies, seconds)


def arguments_of(reply: Reply) -> dict[str, Any] | Refused:
    """Return the arguments of the tool call, or a refusal if it is missing or cut off."""
    if reply.cut_off:
        return unreadable(
            "the reply was cut off at the limit of output tokens", "answer in fewer words"
        )
    if reply.arguments is None:
        return unreadable("the tool was not called", "call the tool")
    return reply.arguments


def configurations_of(reply: Reply, space: Space) -> list[Configuration | Refused] | Refused:
    """Return the configurations in a reply; see `read_configuration`."""
    arguments = arguments_of(reply)
    if isinstance(arguments, Refused):
        return arguments
    values = arguments.get("configurations")
    if not isinstance(values, list) or not values:
        return unreadable("configurations", "a list of configurations")
    return [read_configuration(value, space) for value in values]


def read_configuration(value: object, space: Space) -> Configuration | Refused:
    """Return a configuration clipped to the bounds and snapped to the levels of the space."""
    if not isinstance(value, dict) or not value:
        return unreadable("configuration", "an object with a value for each constant that changes")
    keys = keys_of(space)
    parameters = {keys[parameter.name]: parameter for parameter in space.parameters}
    parameters |= {parameter.name: parameter for parameter in space.parameters}
    configuration = dict(space.default)
    for key, given in value.items():
        parameter = parameters.get(str(key))
        if parameter is None:
            return unreadable("configuration", unknown("constant", str(key), keys.values()))
        if not _is_of_kind(given, parameter):
            text = str(given)[:MAX_VALUE_CHARACTERS]
            return unreadable(f"{key} = {text!r}", parameter_line(parameter, key))
        configuration[parameter.name] = given
    return space.repair(configuration)


def read_numbers(reply: Reply, name: str, count: int) -> list[float] | Refused:
    """Return the `count` finite numbers of a reply."""
    arguments = arguments_of(reply)
    if isinstance(arguments, Refused):
        return arguments
    values = arguments.get(name)
    if not isinstance(values, list) or len(values) != count or not all(map(_is_usable, values)):
        return unreadable(name, f"{count} numbers")
    return [float(value) for value in values]


def reason_of(reply: Reply) -> str:
    """Return the model's own reason in one line."""
    reason = str((reply.arguments or {}).get("reason") or "")
    return one_line(reason, MAX_REASON_CHARACTERS)


def unreadable(where: str, hint: str) -> Refused:
    """Return the refusal of a reply in the wrong form. hint: the right one."""
    return Refused(reason="unreadable", where=where, hint=hint)


def _is_of_kind(value: object, parameter: Parameter) -> bool:
    if parameter.kind == "categorical":
        return any(str(choice) == str(value) for choice in parameter.choices)
    return _is_usable(value)


def _is_usable(value: object) -> bool:
    return is_number(value) and abs(value) < LARGEST_NUMBER
