"""Reads a tool call that a model wrote as text and its server did not recognise."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from agent.llm.called import plain_name
from agent.llm.model import Call, Request
from agent.llm.python_calls import MAX_TRIED, plain_value, python_call
from agent.llm.slips import first_value, object_of, values_in

_MARK = re.compile(
    r"<(?:\w{1,20}[:_])?tool_calls?>|\[TOOL_CALLS\]|<TOOLCALL>|<function_calls>"
    r"|<\|?tool_call(?:_start)?\|?>|<\|python_(?:tag|start)\|>|<\|action_start\|>(?:<\|plugin\|>)?"
    r"|<\|START_ACTION\|>|<\|tools_prefix\|>|functools(?=\[)"
)
"""Prefixes of calls in the templates of Hermes, Qwen, Mistral, Nemotron, OLMo, Granite, Phi, LFM,
Llama, InternLM, Command and Apertus."""
_IN_PYTHON = re.compile(rf"(?:{_MARK.pattern})\s*(\[?\{{')")
_CODE = re.compile(r"```(?:python|py|diff|patch)\b")
"""A fence whose content is an answer itself."""
_FUNCTION = r"<(?:\w{1,20}:)?(?:function|invoke)(?:=| +name=)\"?"
_DEEPSEEK = "｜DSML｜"
"""What DeepSeek's newer models put into each of their tags."""
_BETWEEN = (
    r"(?::\d{1,4})?(?:\s|<[^<>]{1,60}>|\[CALL_ID\]\w{1,40}|\[ARGS\]|commentary|code|json|```){0,8}"
    r"(?=\{)"
)
"""Separators between a tool's name and its arguments."""
_PARAMETER = re.compile(
    r"<(?:\w{1,20}:)?parameter(?:=| +name=\")([\w.-]{1,64})\"?(?: [^<>]{0,60})?>"
)
_END_OF_PARAMETER = re.compile(r"</(?:\w{1,20}:)?parameter>")
_KEY = re.compile(r"<arg_key>\s*([\w.-]{1,64})\s*</arg_key>\s*<arg_value>")
_END_OF_VALUE = re.compile(r"</arg_value>")
_GEMMAS_TEXT = re.compile(r"<escape>(.*?)<escape>|<\|\"\|>(.*?)<\|\"\|>", re.DOTALL)
_BARE_NAME = re.compile(r'(?<!\\)"(?:[^"\\]|\\.)*+"|([{,]\s*)(\w{1,64})(?=:)', re.DOTALL)
_NAMES = ("name", "tool_name", "tool", "action", "function")
_ARGUMENTS = ("arguments", "parameters", "input", "args", "action_input")


def written(text: str, request: Request) -> tuple[dict[str, Any] | None, tuple[Call, ...]]:
    """Return the answer that a model wrote as text, or the first look; None and () for neither."""
    arguments = call_in(text, request.tool.name)
    if arguments is not None:
        return arguments, ()
    for tool in request.tools:
        looked = call_in(text, tool.name)
        if looked is not None:
            id_ = f"call_{len(request.turns)}"  # an id may come once in a conversation
            return None, (Call(id=id_, name=tool.name, arguments=looked),)
    return None, ()


def call_in(text: str, tool: str) -> dict[str, Any] | None:
    """Return the arguments of a call of `tool` in a model's text, or None.

    Known forms: an object with the name and the arguments, alone, in a list, in prose or behind a
    mark; a name with its arguments behind it (DeepSeek, Kimi, gpt-oss, Mistral, Gemma); parameters
    as tags (Qwen, GLM, Claude, MiniMax); and a call in Python (Llama, Gemma, LFM, OLMo).
    """
    if tool not in text:
        return None
    text = text.replace(_DEEPSEEK, "")
    for value in _values(text):
        for call in value if isinstance(value, list) else [value]:
            arguments = _arguments_of(call, tool)
            if arguments is not None:
                return arguments
    arguments = _behind_name(text, tool) or _in_tags(text, tool)
    if arguments or _CODE.search(text):
        return arguments
    return python_call(text, tool, _MARK)


def _values(text: str) -> Iterator[Any]:
    """Yield the JSON values in a text, and what stands behind marks as Python writes it."""
    yield from values_in(text)
    for begun in islice(_IN_PYTHON.finditer(text), MAX_TRIED):
        yield plain_value(text, begun.start(1))


def _arguments_of(call: Any, tool: str) -> dict[str, Any] | None:
    if not isinstance(call, dict):
        return None
    inner = call.get("tool_calls")
    if isinstance(inner, list) and inner:
        return _arguments_of(inner[0], tool)
    if isinstance(call.get("function"), dict):
        call = call["function"]
    if len(call) == 1:
        only = call.get(tool)
        return only if isinstance(only, dict) else None
    names = [call.get(key) for key in _NAMES]
    if not any(isinstance(name, str) and plain_name(name) == tool for name in names):
        return None
    for key in _ARGUMENTS:
        arguments = call.get(key)
        if isinstance(arguments, str):
            arguments = object_of(arguments)
        if isinstance(arguments, dict):
            return arguments
    return None


def _behind_name(text: str, tool: str) -> dict[str, Any] | None:
    name = re.search(rf"(?:functions\.|call:|[>\]=\"]){re.escape(tool)}\"?>?{_BETWEEN}", text)
    if name is None:
        return None
    behind = text[name.end() :]
    return object_of(behind) or object_of(_quoted(behind))


def _quoted(text: str) -> str:
    """Return an object of Gemma's as JSON: its names have no quotes, its texts marks instead."""
    text = _GEMMAS_TEXT.sub(lambda match: json.dumps(match[1] or match[2]), text)
    return _BARE_NAME.sub(lambda match: f'{match[1]}"{match[2]}"' if match[2] else match[0], text)


def _in_tags(text: str, tool: str) -> dict[str, Any] | None:
    """Return parameters that have tags of their own, after a tag with the tool's name."""
    name = re.escape(tool)
    opened = re.search(rf"{_FUNCTION}{name}\"?>|<tool_call>\s*{name}\s*(?=<arg_key>)", text)
    if opened is None:
        return None
    behind = text[opened.end() :]
    arguments = dict(_tagged(behind, _PARAMETER, _END_OF_PARAMETER))
    return arguments or dict(_tagged(behind, _KEY, _END_OF_VALUE)) or None


def _tagged(
    text: str, opening: re.Pattern[str], closing: re.Pattern[str]
) -> Iterator[tuple[str, Any]]:
    """Yield each name with its value, which is JSON, a literal of Python, or plain text."""
    at = opening.search(text)
    while at:
        end = closing.search(text, at.end())
        if end is None:
            return
        plain = text[at.end() : end.start()].strip()
        value = None
        if plain.startswith(("{", "[")):
            value = first_value(plain)
            value = plain_value(plain) if value is None else value
        yield at[1], plain if value is None else value
        at = opening.search(text, end.end())
