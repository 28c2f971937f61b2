"""Reads a model's reply into a hypothesis and typed edits; whatever is none is refused with the place where it fails."""

import ast
import json
import re
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError

from agent.edit import apply, diff
from agent.llm.model import MAX_JSON_DEPTH, Reply, Tool, deeper
from agent.propose.code.patch import apply_patch
from agent.records.bounded import MAX_DERIVED, Derived
from agent.records.edits import Edit, Refused, RewriteFile
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted

MAX_HYPOTHESIS_CHARACTERS = 200
MAX_RATIONALE_CHARACTERS = 4_000
# A fenced file that has fewer of the incumbent's definitions than this is a snippet, not the whole file.
WHOLE_FILE_SHARE = 0.5
MAX_CANDIDATES = 4
MAX_REPLY_CHARACTERS = 2**21
_WORD = re.compile(r"\w*")
_KINDS: tuple[type[BaseModel], ...] = get_args(get_args(Edit)[0])


class Draft(Record):
    """A proposal as a model writes it; expected: the change of val_bpb that it predicts."""

    hypothesis: str = Field(min_length=1)
    rationale: str = ""
    expected: Derived | None = None
    edits: tuple[Edit, ...] = Field(min_length=1)


def propose_tool() -> Tool:
    """The tool `propose`, its schema made from the edit records and flat enough for every provider: no references, no consts."""
    edits = {"type": "array", "minItems": 1, "items": {"anyOf": [_plain(kind) for kind in _KINDS]}}
    properties = {
        "hypothesis": {
            "type": "string",
            "description": "One line: what changes and why it should lower val_bpb.",
        },
        "expected": {
            "type": "number",
            "description": "The change of val_bpb that you predict, such as -0.004.",
        },
        "rationale": {
            "type": "string",
            "description": "What in the ledger or the source speaks for it. A few sentences.",
        },
        "edits": {**edits, "description": "Applied in order to train.py, all or none."},
    }
    one = {"type": "object", "properties": properties, "required": ["hypothesis", "edits"]}
    others = {
        "type": "array",
        "maxItems": MAX_CANDIDATES - 1,
        "items": one,
        "description": "Other experiments, best first: the first one that is not refused is tried.",
    }
    schema = {**one, "properties": {**properties, "alternatives": others}}
    return Tool(
        name="propose",
        description="Propose one experiment: typed edits to train.py.",
        parameters=schema,
    )


def read_reply(reply: Reply, source: str) -> tuple[Draft, ...] | Refused:
    """The drafts in `reply`, best first: from the tool call, from JSON in its text, from a diff or a whole file in a fence.

    `source` is the incumbent, which a diff is made on and against which a rewritten file is differenced. Refused where not one
    draft can be read.
    """
    if reply.cut_off:
        return _unreadable(
            "the reply was cut off at the limit of output tokens", "propose smaller edits"
        )
    if len(reply.text) > MAX_REPLY_CHARACTERS:
        return _unreadable(
            f"the reply is longer than {MAX_REPLY_CHARACTERS} characters", "propose smaller edits"
        )
    arguments = reply.arguments if reply.arguments is not None else _json_in(reply.text)
    if deeper(arguments, MAX_JSON_DEPTH):
        return _unreadable(
            "the arguments are nested too deeply",
            "call the tool `propose` with a flat list of edits",
        )
    if arguments is None:
        found = [_from_text(reply.text, source)]
    else:
        others = arguments.get("alternatives")
        others = (
            [other for other in others if isinstance(other, dict)]
            if isinstance(others, list)
            else []
        )
        found = [_validated(one) for one in (arguments, *others[: MAX_CANDIDATES - 1])]
    drafts = tuple(_differenced(draft, source) for draft in found if isinstance(draft, Draft))
    return drafts or next(draft for draft in found if isinstance(draft, Refused))


def _validated(arguments: dict[str, Any]) -> Draft | Refused:
    try:
        return Draft.model_validate(_tidied(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "arguments"
        return _unreadable(place, first["msg"])


def _tidied(arguments: dict[str, Any]) -> dict[str, Any]:
    """What models get wrong and cannot be misread: edits as JSON in a string, one edit without a list, a bare number as value."""
    edits = arguments.get("edits")
    if isinstance(edits, str):
        edits = _parsed(edits)
    if isinstance(edits, dict):
        edits = [edits]
    if isinstance(edits, list):
        edits = [_tidied_edit(edit) if isinstance(edit, dict) else edit for edit in edits]
    hypothesis = _line(arguments.get("hypothesis"))
    rationale = redacted(str(arguments.get("rationale") or ""))[:MAX_RATIONALE_CHARACTERS]
    return {
        "hypothesis": hypothesis,
        "rationale": rationale,
        "expected": _number(arguments.get("expected")),
        "edits": edits,
    }


def _number(value: Any) -> float | None:
    """A finite number, also as text; what a model is unsure of (`a little`) is no prediction."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) <= MAX_DERIVED else None


def _tidied_edit(edit: dict[str, Any]) -> dict[str, Any]:
    if edit.get("kind") == "set_constant" and isinstance(edit.get("value"), bool | int | float):
        return {**edit, "value": repr(edit["value"])}
    return edit


def _line(text: Any) -> Any:
    """A hypothesis becomes a commit's subject: one printable line."""
    if not isinstance(text, str):
        return text
    line = " ".join("".join(c if c.isprintable() else " " for c in redacted(text)).split())
    return (
        line
        if len(line) <= MAX_HYPOTHESIS_CHARACTERS
        else line[: MAX_HYPOTHESIS_CHARACTERS - 1] + "…"
    )


def _json_in(text: str) -> dict[str, Any] | None:
    """The JSON object with edits that a reply without a tool call holds, fenced or bare."""
    candidates = [body for name, body in fences(text) if name in ("", "json")]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        value = _parsed(candidate)
        if isinstance(value, dict) and isinstance(
            value.get("arguments", value.get("parameters")), dict
        ):
            value = value.get("arguments", value.get("parameters"))
        if isinstance(value, dict) and "edits" in value:
            return value
    return None


def fences(text: str) -> list[tuple[str, str]]:
    """Return the first word behind the opening of each fence, and what is inside. Takes linear time, whatever the text."""
    found: list[tuple[str, str]] = []
    start = text.find("```")
    while start >= 0:
        line_end = text.find("\n", start)
        end = text.find("```", line_end + 1)
        if line_end < 0 or end < 0:
            break
        word = _WORD.match(text, start + 3, line_end)
        found.append((word[0] if word else "", text[line_end + 1 : end]))
        start = text.find("```", end + 3)
    return found


def _looks_like_diff(body: str) -> bool:
    inside = False
    for line in body.split("\n"):
        if inside and line.startswith(("+", "-")):
            return True
        inside = inside or line.startswith("@@ ")
    return False


def _from_text(text: str, source: str) -> Draft | Refused:
    """A diff or a whole file in a fence, the first line of the prose as its hypothesis."""
    code = _diff_in(text, source) or _file_in(text, source)
    if isinstance(code, Refused):
        return code
    prose = re.sub(r"```.*?```", " ", text, flags=re.DOTALL).strip()
    hypothesis = (
        _line(prose.splitlines()[0] if prose else "")
        or "a rewritten train.py, without a word of explanation"
    )
    return Draft(
        hypothesis=hypothesis,
        rationale=redacted(prose)[:MAX_RATIONALE_CHARACTERS],
        edits=(RewriteFile(code=code),),
    )


def _diff_in(text: str, source: str) -> str | Refused | None:
    """The file that the fenced diffs of a reply make of `source`; None where there is none."""
    diffs = [
        body for name, body in fences(text) if name in ("diff", "patch") or _looks_like_diff(body)
    ]
    return apply_patch(source, "\n".join(diffs)) if diffs else None


def _file_in(text: str, source: str) -> str | Refused:
    files = [body for name, body in fences(text) if name in ("python", "py")]
    if not files:
        return _unreadable(
            "no call of the tool, no JSON, no diff and no file", "call the tool `propose`"
        )
    code: str = max(files, key=len)
    have, want = _definitions(code), _definitions(source)
    if have is None:
        return _unreadable("the file in the reply is not Python", "call the tool `propose`")
    if want and len(have & want) < WHOLE_FILE_SHARE * len(want):
        return _unreadable(
            "the code in the reply is not the whole file",
            "call the tool `propose` with typed edits",
        )
    return code


def _definitions(code: str) -> set[str] | None:
    """The names that a file defines at its top; None where it does not parse."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    named = {
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    return named | {target.id for target in targets if isinstance(target, ast.Name)}


def _differenced(draft: Draft, source: str) -> Draft:
    """A rewritten file as the edits that it amounts to; left as it is where it cannot be applied, for the ledger to refuse."""
    if not any(isinstance(edit, RewriteFile) for edit in draft.edits):
        return draft
    applied = apply(source, draft.edits)
    if isinstance(applied, Refused):
        return draft
    return draft.model_copy(update={"edits": diff(source, applied.source) or draft.edits})


def _plain(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of one edit kind without titles, defaults and consts."""
    properties = {}
    for name, field in kind.model_fields.items():
        if name == "kind":
            properties[name] = {"type": "string", "enum": [field.default]}
        else:
            properties[name] = {"type": "string"}
    required = ["kind", *(name for name, field in kind.model_fields.items() if field.is_required())]
    return {
        "type": "object",
        "description": kind.__doc__ or "",
        "properties": properties,
        "required": required,
    }


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; ValueError where a name comes twice, of which nobody knows which one is meant."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name comes twice")
    return made


def _parsed(text: str) -> Any:
    """Return the JSON in `text`; None where it is none, has a name twice, or holds NaN or infinity."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON's")


def _unreadable(where: str, hint: str) -> Refused:
    return Refused(reason="unreadable", where=where, hint=hint)
