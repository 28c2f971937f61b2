"""Reads a tool call that a model wrote as text and its server did not recognise."""

import re
from collections.abc import Iterator
from typing import Any

from agent.llm.slips import first_value, object_of

_MARK = re.compile(
    r"<tool_calls?>|\[TOOL_CALLS\]|<function=(?P<name>[\w.-]{1,64})>|<\|python_tag\|>"
    r"|<\|tool_call\|>|functools(?=\[)"
)
"""Prefixes of calls in the templates of Hermes, Mistral, Llama, Granite and Phi."""
_DEEPSEEK = "｜DSML｜"
"""What DeepSeek's newer models put into each of their tags."""
_BETWEEN = r"(?::\d{1,4})?(?:\s|<[^<>]{1,60}>|\[ARGS\]|commentary|json|```){0,8}(?=\{)"
"""Separators between a tool's name and its arguments."""
_PARAMETER = re.compile(r"<parameter(?:=| +name=\")([\w.-]{1,64})\"?(?: [^<>]{0,60})?>")
_KEY = re.compile(r"<arg_key>\s*([\w.-]{1,64})\s*</arg_key>\s*<arg_value>")


def call_in(text: str, tool: str) -> dict[str, Any] | None:
    """Return the arguments of a call of `tool` in a model's text, or None.

    Known forms: `<tool_call>{"name": …, "arguments": …}`, `[TOOL_CALLS][{…}]`,
    `<function=NAME>{…}`, the object alone, a name with its arguments behind it as DeepSeek, Kimi,
    gpt-oss and Mistral write it, and parameters as tags (Qwen, GLM).
    """
    text = text.replace(_DEEPSEEK, "")
    mark = _MARK.search(text)
    behind = text[mark.end() :] if mark else text
    value = first_value(behind)
    if mark and mark["name"] == tool and isinstance(value, dict):
        return value
    for call in value if isinstance(value, list) else [value]:
        arguments = _arguments_of(call, tool)
        if arguments is not None:
            return arguments
    return _behind_name(text, tool) or _in_tags(text, tool)


def _arguments_of(call: Any, tool: str) -> dict[str, Any] | None:
    if not isinstance(call, dict):
        return None
    if isinstance(call.get("function"), dict):
        call = call["function"]
    if tool not in (call.get("name"), call.get("tool_name")):
        return None
    for key in ("arguments", "parameters", "input"):
        arguments = call.get(key)
        if isinstance(arguments, str):
            arguments = object_of(arguments)
        if isinstance(arguments, dict):
            return arguments
    return None


def _behind_name(text: str, tool: str) -> dict[str, Any] | None:
    name = re.search(rf"(?:functions\.|[>\]=]){re.escape(tool)}{_BETWEEN}", text)
    return object_of(text[name.end() :]) if name else None


def _in_tags(text: str, tool: str) -> dict[str, Any] | None:
    """Return parameters that have tags of their own, after a tag with the tool's name."""
    opened = re.search(
        rf"<function={re.escape(tool)}>|<invoke +name=\"{re.escape(tool)}\">"
        rf"|<tool_call>\s*{re.escape(tool)}\s*(?=<arg_key>)",
        text,
    )
    if opened is None:
        return None
    behind = text[opened.end() :]
    arguments = dict(_tagged(behind, _PARAMETER, "</parameter>"))
    return arguments or dict(_tagged(behind, _KEY, "</arg_value>")) or None


def _tagged(text: str, opening: re.Pattern[str], closing: str) -> Iterator[tuple[str, Any]]:
    """Yield each name with its value, which is JSON or plain text."""
    at = opening.search(text)
    while at:
        end = text.find(closing, at.end())
        if end < 0:
            return
        plain = text[at.end() : end].strip()
        value = first_value(plain) if plain.startswith(("{", "[")) else None
        yield at[1], plain if value is None else value
        at = opening.search(text, end)
