"""From a function to a tool: its arguments as a record, and as a schema for any provider."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from pydantic import BaseModel, create_model


def without_run(call: Callable[..., Any], run: str) -> Callable[..., Any]:
    """Return a tool of one run: `call` without its parameter `run`."""
    signature = inspect.signature(call)
    if "run" not in signature.parameters:
        return call

    @wraps(call)
    def bound(*arguments: Any, **options: Any) -> Any:
        return call(*arguments, **options, run=run)

    left = [value for name, value in signature.parameters.items() if name != "run"]
    bound.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    bound.__annotations__ = {
        name: kind for name, kind in call.__annotations__.items() if name != "run"
    }
    return bound


def arguments_of(call: Callable[..., Any]) -> type[BaseModel]:
    """Return a record class that has a function's arguments as fields and validates them."""
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(call).parameters.items():
        required = parameter.default is inspect.Parameter.empty
        fields[name] = (parameter.annotation, ... if required else parameter.default)
    return create_model(call.__name__, **fields)


def schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a record, flat: no references, no titles, no null."""
    schema = arguments.model_json_schema()
    flat = _flat(schema, schema.get("$defs", {}))
    assert isinstance(flat, dict), "the schema of a record is an object"
    return {"type": "object", "properties": {}, **flat}


def _flat(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_flat(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _flat(definitions[part["$ref"].rpartition("/")[2]], definitions)
    choices = [choice for choice in part.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {name: value for name, value in part.items() if name != "anyOf"}
        return _flat({**choices[0], **rest}, definitions)
    dropped = {"title", "$defs", "discriminator"}
    if part.get("default", "") is None:
        dropped.add("default")
    return {
        name: _properties(value, definitions) if name == "properties" else _flat(value, definitions)
        for name, value in part.items()
        if name not in dropped
    }


def _properties(properties: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {name: _flat(value, definitions) for name, value in properties.items()}
