"""What a model that advises on constants is shown: the space, the trials and refusals as text, and the tools to answer with."""

from collections.abc import Sequence
from typing import Any

from agent.llm.model import Tool
from agent.propose.search.observe import Observation
from agent.propose.views.text import fenced
from agent.records.results import Trial
from agent.space import Parameter, Space

MAX_REASON_CHARACTERS = 200


def space_text(space: Space) -> str:
    """One line a constant: its kind, bounds, scale and value in the file as it stands."""
    lines = [parameter_line(parameter) for parameter in space.parameters]
    lines += [
        f"{c.name} is a whole multiple of {' * '.join(map(str, c.of))}" for c in space.constraints
    ]
    return "The search space; `now` is the incumbent's value:\n" + fenced("\n".join(lines), "text")


def parameter_line(parameter: Parameter) -> str:
    """`MATRIX_LR: float 0.005 .. 0.2, log scale; now 0.04`"""
    now = f"now {parameter.default!r}"
    if parameter.kind == "categorical":
        return f"{parameter.name}: one of {', '.join(map(repr, parameter.choices))}; {now}"
    scale = ", a power of two" if parameter.power_of_two else ", log scale" if parameter.log else ""
    return f"{parameter.name}: {parameter.kind} {parameter.low} .. {parameter.high}{scale}; {now}"


def observation_line(seen: Observation, space: Space) -> str:
    """`0.974729 DEPTH=9 MATRIX_LR=0.05`: the outcome and what differs from the file as it stands; another run's is `prior`."""
    outcome = (
        "in training"
        if seen.pending
        else f"{seen.value:.6f}"
        if seen.value is not None
        else f"failed ({seen.failure})"
    )
    different = [
        f"{name}={value!r}"
        for name, value in seen.configuration.items()
        if space.default.get(name) != value
    ]
    whose = "prior " if seen.prior else "given up, taken for " if seen.estimated else ""
    return f"{whose}{outcome} {' '.join(different) or 'as now'}"


def best_of(seen: Sequence[Observation], count: int) -> list[Observation]:
    """The best `count` that were scored, best first."""
    scored = [(o.value, place) for place, o in enumerate(seen) if o.value is not None]
    return [seen[place] for _, place in sorted(scored)[:count]]


def trials_text(seen: Sequence[Observation], space: Space, best: int, newest: int) -> str:
    """The best and the newest observations; what they do not name is as now."""
    top = [observation_line(o, space) for o in best_of(seen, best)]
    last = [observation_line(o, space) for o in seen[-newest:]]
    return (
        "Scores with the constants that differ from now. The best, best first:\n"
        + fenced("\n".join(top) or "(none)", "text")
        + f"\nThe last {len(last)} of {len(seen)}, newest last:\n"
        + fenced("\n".join(last) or "(none)", "text")
    )


def refusals_text(trials: Sequence[Trial]) -> str:
    """Why the newest proposals were refused, if they were."""
    reasons = []
    for trial in reversed(trials):
        if trial.status != "refused":
            break
        reasons.append(trial.reason[:MAX_REASON_CHARACTERS])
    return (
        "Your last proposals were refused:\n" + fenced("\n".join(reasons), "text")
        if reasons
        else ""
    )


def propose_tool(space: Space, many: bool = False, keep: bool = False) -> Tool:
    """The tool `propose`. many: a list of configurations. keep: with a switch to let the search's own proposal stand."""
    one = {"type": "object", "properties": {p.name: _schema(p) for p in space.parameters}}
    properties: dict[str, Any] = {
        "reason": {"type": "string", "description": "Why this should score lower. One sentence."}
    }
    if keep:
        properties["keep"] = {
            "type": "boolean",
            "description": "True: the search's own proposal is better than yours.",
        }
    name = "configurations" if many else "configuration"
    properties[name] = {"type": "array", "minItems": 1, "items": one} if many else one
    schema = {
        "type": "object",
        "properties": properties,
        "required": ["reason"] if keep else ["reason", name],
    }
    return Tool(
        name="propose",
        description="What to train next. Constants that are left out stay as now.",
        parameters=schema,
    )


def _schema(parameter: Parameter) -> dict[str, Any]:
    if parameter.kind == "categorical":
        kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
        types = {kinds[type(choice)] for choice in parameter.choices}
        return {
            "enum": list(parameter.choices),
            **({"type": types.pop()} if len(types) == 1 else {}),
        }
    kind = "integer" if parameter.kind == "int" else "number"
    return {"type": kind, "minimum": parameter.low, "maximum": parameter.high}


def number_tool(name: str, count: int) -> Tool:
    """The tool `predict`, which takes `count` numbers under `name`."""
    numbers: dict[str, Any] = {
        "type": "array",
        "items": {"type": "number"},
        "minItems": count,
        "maxItems": count,
    }
    schema = {"type": "object", "properties": {name: numbers}, "required": [name]}
    return Tool(
        name="predict",
        description="One number for each candidate, in their order.",
        parameters=schema,
    )
