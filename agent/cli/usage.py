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
    if match is None:
        return message.replace("Value error, ", "")
    choices = re.findall(r"'([^']*)'", match["choices"])
    parameter = error.param
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
    return unknown(f"value for {name}", match["value"], choices)
