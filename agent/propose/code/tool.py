"""The tool `propose` of the coding agent, its schema made from the edit records."""

from typing import Any, get_args

from pydantic import BaseModel

from agent.llm.model import Tool
from agent.propose.views.goal import expected_words, metric_name, verb
from agent.records.edits import AddFile, DeleteFile, Edit, RenameFile
from agent.records.objective import VAL_BPB, Objective
from agent.records.sources import TRAIN

PROPOSE = "propose"
MAX_CANDIDATES = 4
"""A proposal and its alternatives."""
_WHOLE_FILES = (AddFile, DeleteFile, RenameFile)
_KINDS: tuple[type[BaseModel], ...] = get_args(get_args(Edit)[0])


def propose_tool(
    several_files: bool = False, main: str = TRAIN, objective: Objective = VAL_BPB
) -> Tool:
    """Return the tool, flat enough for every provider: no references, no constants.

    several_files: whether edits may touch more than `main`, the program.
    """
    where = "the project" if several_files else main
    properties = _properties(several_files, main, where, objective)
    required = ["hypothesis", "edits"]
    experiment = {"type": "object", "properties": properties, "required": required}
    alternatives = {
        "type": "array",
        "maxItems": MAX_CANDIDATES - 1,
        "items": experiment,
        "description": "Other experiments, best first: the first that is not refused is tried.",
    }
    return Tool(
        name=PROPOSE,
        description=f"Propose one experiment: typed edits to {where}.",
        parameters={**experiment, "properties": {**properties, "alternatives": alternatives}},
    )


def _properties(
    several_files: bool, main: str, where: str, objective: Objective
) -> dict[str, dict[str, Any]]:
    """Return the schemas of an experiment's parts. where: the name of what edits may touch."""
    kinds = [kind for kind in _KINDS if several_files or not issubclass(kind, _WHOLE_FILES)]
    expected = expected_words(objective)
    return {
        "hypothesis": {
            "type": "string",
            "description": "One line: what changes and why it should "
            f"{verb(objective)} {metric_name(objective)}.",
        },
        "expected": {
            "type": "number",
            "description": f"{expected[0].upper()}{expected[1:]}.",
        },
        "rationale": {
            "type": "string",
            "description": "The evidence in the ledger or the source. A few sentences.",
        },
        "edits": {
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [_edit_schema(kind, several_files, main) for kind in kinds]},
            "description": f"Applied in order to {where}, all or none.",
        },
    }


def _edit_schema(kind: type[BaseModel], several_files: bool, main: str) -> dict[str, Any]:
    """Return the JSON schema of one edit kind without titles, defaults and constants."""
    properties: dict[str, Any] = {}
    required = []
    for name, field in kind.model_fields.items():
        if name == "file" and not several_files:
            continue
        properties[name] = {"type": "string"}
        if name == "file" and not field.is_required():
            properties[name]["description"] = f"The file's path; {main} without it."
        if name == "kind":
            properties[name]["enum"] = [field.default]
        if name == "kind" or field.is_required():
            required.append(name)
    return {
        "type": "object",
        "description": kind.__doc__ or "",
        "properties": properties,
        "required": required,
    }
