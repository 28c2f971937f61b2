"""Turns typer's errors about a typed command into faults like all others."""

import re
from typing import Any

from typer.exceptions import TyperException

from agent.errors import UsageFault, unknown

_NO_CHOICE = re.compile(r": (?:Value error, )?'(?P<value>.*)' is not one of (?P<choices>'.*')\.")


def usage_fault(error: TyperException) -> UsageFault:
    """Return the fault for `error`, with the nearest name in place of an unknown one."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "autoresearch"
    return UsageFault(_message(error, context), f"{command} --help")


def _message(error: Any, context: Any) -> str:
    if hasattr(error, "possibilities"):  # an unknown option
        options: list[str] = []
        for parameter in context.command.get_params(context):
            if parameter.param_type_name == "option":
                options += parameter.opts
        return unknown("option", error.option_name, options, "")
    message: str = error.format_message()
    match = _NO_CHOICE.search(message)
    if match is not None:
        choices = re.findall(r"'([^']*)'", match["choices"])
        return unknown(f"value for {_name_of(error.param)}", match["value"], choices)
    problem = _problem_of(error.__cause__)
    return f"{_name_of(error.param)} {problem}" if problem else message


def _name_of(parameter: Any) -> str:
    """Return the name of an option or an argument, as --help has it."""
    name: str = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
    return name or parameter.name.upper()


def _problem_of(cause: BaseException | None) -> str | None:
    """Return what is wrong with a value: `'two': must be a whole number`; None if unknown."""
    # Most commands start without pydantic.
    from pydantic import ValidationError

    from agent.project.settings import problem_of

    if not isinstance(cause, ValidationError):
        return None
    typed = cause.errors(include_url=False)[0]["input"]
    return f"{typed!r}: {problem_of(cause)[1]}"
