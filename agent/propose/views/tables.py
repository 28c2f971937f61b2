"""Tables for a model that advises on constants, and the tools for its answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agent.display.names import short_names
from agent.llm.model import Tool
from agent.propose.search.observe import Observation
from agent.propose.views.text import fenced
from agent.records.objective import Sense, score_text
from agent.records.proposals import Configuration
from agent.records.results import Trial
from agent.space import Parameter, Space

MAX_REASON_CHARACTERS = 200
MAX_KEY = 64
# What providers allow in the names of a tool's arguments.
_FOREIGN = re.compile(r"[^a-zA-Z0-9_.-]+")
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def keys_of(space: Space) -> Mapping[str, str]:
    """Return a short key for each constant, by full name, for tools and tables.

    `conf/base.yaml:optim.betas[0]` is `optim.betas_0`: providers allow few characters.
    """
    keys: dict[str, str] = {}
    for name, short in short_names(space.names).items():
        plain = _FOREIGN.sub("_", short).strip("_")[-MAX_KEY:] or "constant"
        key = name if _is_key(name) else plain
        number = 1
        while key in keys.values():
            number += 1
            key = f"{plain[: MAX_KEY - 5]}_{number}"
        keys[name] = key
    return keys


def _is_key(name: str) -> bool:
    return len(name) <= MAX_KEY and not _FOREIGN.search(name)


def space_text(space: Space) -> str:
    """Return one line a constant: its kind, bounds, scale and current value."""
    keys = keys_of(space)
    lines = [_titled(keys, parameter) for parameter in space.parameters]
    for constraint in space.constraints:
        factors = [keys.get(str(factor), str(factor)) for factor in constraint.of]
        lines.append(
            f"{keys.get(constraint.name, constraint.name)} is a multiple of {' * '.join(factors)}"
        )
    return "The search space; `now` is the incumbent's value:\n" + fenced("\n".join(lines), "text")


def _titled(keys: Mapping[str, str], parameter: Parameter) -> str:
    """Return a constant's line, with its full name if its key differs."""
    key = keys[parameter.name]
    where = f" (that is {parameter.name})" if key != parameter.name else ""
    return parameter_line(parameter, key) + where


def parameter_line(parameter: Parameter, name: str) -> str:
    """Return `MATRIX_LR: float 0.005 .. 0.2, log scale; now 0.04`."""
    now = f"now {parameter.default!r}"
    if parameter.kind == "categorical":
        return f"{name}: one of {', '.join(map(repr, parameter.choices))}; {now}"
    scale = ""
    if parameter.power_of_two:
        scale = ", a power of two"
    elif parameter.log:
        scale = ", log scale"
    return f"{name}: {parameter.kind} {parameter.low} .. {parameter.high}{scale}; {now}"


def observation_line(observation: Observation, space: Space, sense: Sense) -> str:
    """Return `0.974729 DEPTH=9 MATRIX_LR=0.05`: the outcome and what differs from now.

    The outcome is the metric as it was measured; observations hold losses.
    """
    difference = difference_text(observation.configuration, space)
    return f"{_outcome_text(observation, sense)} {difference}"


def _outcome_text(observation: Observation, sense: Sense) -> str:
    outcome = f"failed ({observation.failure})"
    if observation.pending:
        outcome = "in training"
    elif observation.value is not None:
        outcome = score_text(sense.value(observation.value))
    if observation.prior:
        return f"prior {outcome}"
    if observation.estimated:
        return f"pruned, taken for {outcome}"
    return outcome


def difference_text(configuration: Configuration, space: Space) -> str:
    """Return the constants that differ from the present file, or `as now`."""
    default = space.default
    return assigned(space, {n: v for n, v in configuration.items() if default.get(n) != v})


def assigned(space: Space, configuration: Configuration) -> str:
    """Return `DEPTH=9 optim.lr=0.05`, or `as now` for no constant."""
    keys = keys_of(space)
    texts = [f"{keys.get(name, name)}={value!r}" for name, value in configuration.items()]
    return " ".join(texts) or "as now"


def best_of(history: Sequence[Observation], count: int) -> list[Observation]:
    """Return the best `count` scored observations, best first."""
    scored = [
        (trial.value, place) for place, trial in enumerate(history) if trial.value is not None
    ]
    return [history[place] for _, place in sorted(scored)[:count]]


def trials_text(
    history: Sequence[Observation], space: Space, sense: Sense, best: int, newest: int
) -> str:
    """Return the best and the newest observations; constants that a line omits are as now."""
    top = [observation_line(trial, space, sense) for trial in best_of(history, best)]
    last = [observation_line(trial, space, sense) for trial in history[-newest:]]
    return (
        "Scores with the constants that differ from now. The best, best first:\n"
        + fenced("\n".join(top) or "(none)", "text")
        + f"\nThe last {len(last)} of {len(history)}, newest last:\n"
        + fenced("\n".join(last) or "(none)", "text")
    )


def refusals_text(trials: Sequence[Trial]) -> str:
    """Return why the newest proposals were refused; "" if the last one was not."""
    reasons = []
    for trial in reversed(trials):
        if trial.status != "refused":
            break
        reasons.append(trial.reason[:MAX_REASON_CHARACTERS])
    if not reasons:
        return ""
    return "Your last proposals were refused:\n" + fenced("\n".join(reasons), "text")


def propose_tool(space: Space, sense: Sense, many: bool = False, keep: bool = False) -> Tool:
    """Return the tool `propose`, which asks for better scores by `sense`.

    many: it takes a list of configurations. keep: it has a switch to keep the search's proposal.
    """
    keys = keys_of(space)
    schemas = {keys[parameter.name]: _schema(parameter) for parameter in space.parameters}
    configuration = {"type": "object", "properties": schemas}
    side = "lower" if sense.direction == "minimize" else "higher"
    properties: dict[str, Any] = {
        "reason": {
            "type": "string",
            "description": f"Why this should score {side}. One sentence.",
        }
    }
    required = ["reason"]
    if keep:
        properties["keep"] = {
            "type": "boolean",
            "description": "True if the search's own proposal is better than yours.",
        }
    if many:
        properties["configurations"] = {"type": "array", "minItems": 1, "items": configuration}
        required.append("configurations")
    else:
        properties["configuration"] = configuration
        if not keep:
            required.append("configuration")
    return Tool(
        name="propose",
        description="What to try next. Constants that you omit stay as now.",
        parameters={"type": "object", "properties": properties, "required": required},
    )


def _schema(parameter: Parameter) -> dict[str, Any]:
    if parameter.kind == "categorical":
        schema: dict[str, Any] = {"enum": list(parameter.choices)}
        types = {_JSON_TYPES[type(choice)] for choice in parameter.choices}
        if len(types) == 1:
            schema["type"] = types.pop()
        return schema
    kind = "integer" if parameter.kind == "int" else "number"
    return {"type": kind, "minimum": parameter.low, "maximum": parameter.high}


def number_tool(name: str, count: int) -> Tool:
    """Return the tool `predict`, which takes `count` numbers under `name`."""
    numbers: dict[str, Any] = {
        "type": "array",
        "items": {"type": "number"},
        "minItems": count,
        "maxItems": count,
    }
    return Tool(
        name="predict",
        description="One number for each candidate, in their order.",
        parameters={"type": "object", "properties": {name: numbers}, "required": [name]},
    )
