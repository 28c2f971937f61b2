"""Reads a hypothesis and typed edits from a model's reply, or says where it is wrong."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field, ValidationError

from agent.edit.files import Sources, apply_edits, difference
from agent.edit.source import parse_tree
from agent.llm.model import MAX_JSON_DEPTH, Reply, deeper
from agent.llm.slips import without_extra_commas
from agent.propose.code.patch import patch_edits
from agent.propose.code.places import placed
from agent.propose.code.tool import MAX_CANDIDATES, PROPOSE
from agent.records.bounded import MAX_DERIVED, Derived
from agent.records.edits import MAX_PROPOSED, Edit, Refused, RewriteFile
from agent.records.objective import LOWER, Sense
from sandbox.ground.record import Record
from sandbox.ground.redaction import redacted, secrets_in
from sandbox.ground.text import one_line

MAX_HYPOTHESIS_CHARACTERS = 200
MAX_RATIONALE_CHARACTERS = 4_000
MAX_REPLY_CHARACTERS = 2**21
# A fenced file with a smaller share of the incumbent's definitions is a snippet, not a whole file.
WHOLE_FILE_SHARE = 0.5
MAX_WRAPPED = 3
WRAPPERS = ("arguments", "parameters", "input", "function", PROPOSE)
"""Names under which models put the arguments of a call into the arguments."""
NO_HYPOTHESIS = "a rewritten file, without an explanation"
_WORD = re.compile(r"\w*")
_FENCE = "```"


class Draft(Record):
    """A proposal as a model writes it."""

    hypothesis: str = Field(min_length=1)
    rationale: str = ""
    expected: Derived | None = None
    """The change that the model predicts, as a difference of losses: negative is better."""
    edits: tuple[Edit, ...] = Field(min_length=1, max_length=MAX_PROPOSED)


def read_reply(reply: Reply, sources: Sources, sense: Sense = LOWER) -> tuple[Draft, ...] | Refused:
    """Return the drafts in a reply, best first, or why there is none.

    They come from the tool call, from JSON in the text, or from a diff or a whole file in a fence.
    sources: the incumbent, which a diff applies to and a rewritten file is compared with.
    sense: of the metric, whose change is predicted.
    """
    if reply.cut_off:
        return _unreadable(
            "the reply was cut off at the limit of output tokens", "propose smaller edits"
        )
    if len(reply.text) > MAX_REPLY_CHARACTERS:
        return _unreadable(
            f"the reply is longer than {MAX_REPLY_CHARACTERS} characters", "propose smaller edits"
        )
    arguments = reply.arguments
    if arguments is None:
        arguments = _json_in(reply.text)
    if deeper(arguments, MAX_JSON_DEPTH):
        return _unreadable(
            "the arguments are nested too deeply",
            "call the tool `propose` with a flat list of edits",
        )
    if arguments is None:
        candidates = [_from_text(reply.text, sources)]
    else:
        proposed = _candidates(_unwrapped(arguments))
        candidates = [_validated(candidate, sense) for candidate in proposed]
    candidates = [_without_secrets(candidate, sources) for candidate in candidates]
    drafts = [draft for draft in candidates if isinstance(draft, Draft)]
    if not drafts:
        return next(refused for refused in candidates if isinstance(refused, Refused))
    return tuple(_as_edits(draft, sources) for draft in drafts)


def _candidates(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments of the call, then those of its alternatives."""
    alternatives = _listed(arguments.get("alternatives"))
    if not isinstance(alternatives, list):
        return [arguments]
    others = [other for other in map(_decoded, alternatives) if isinstance(other, dict)]
    return [arguments, *others[: MAX_CANDIDATES - 1]]


def _validated(arguments: dict[str, Any], sense: Sense) -> Draft | Refused:
    try:
        return Draft.model_validate(_normalized(arguments, sense))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "arguments"
        return _unreadable(place, first["msg"])


def _without_secrets(candidate: Draft | Refused, sources: Sources) -> Draft | Refused:
    """Refuse a draft that writes a secret of this process into a file: it would be committed.

    What the files hold already may stay there.
    """
    if isinstance(candidate, Refused):
        return candidate
    written = [str(value) for value in _values_of(candidate.edits)]
    names = set()
    for value, name in secrets_in("\n".join(written)).items():
        if not any(value in text for text in sources.files.values()):
            names.add(name)
    if not names:
        return candidate
    return _unreadable(f"an edit holds the value of {', '.join(sorted(names))}", "leave it out")


def _values_of(edits: Iterable[Edit]) -> Iterator[Any]:
    """Yield what stands in the fields of edits."""
    for edit in edits:
        yield from edit.model_dump().values()


def _normalized(arguments: dict[str, Any], sense: Sense) -> dict[str, Any]:
    """Correct common, unambiguous mistakes.

    These are edits as JSON in a string, a single edit without a list, and a bare number as a value.
    """
    edits = _listed(arguments.get("edits"))
    if isinstance(edits, list):
        edits = [_normalized_edit(_decoded(edit)) for edit in edits]
    rationale = str(arguments.get("rationale") or "")
    return {
        "hypothesis": _line(arguments.get("hypothesis")),
        "rationale": redacted(rationale)[:MAX_RATIONALE_CHARACTERS],
        "expected": _expected(arguments.get("expected"), sense),
        "edits": edits,
    }


def _listed(value: Any) -> Any:
    """Return a list that came as JSON in a string, or as its one object."""
    value = _decoded(value)
    return [value] if isinstance(value, dict) else value


def _decoded(value: Any) -> Any:
    """Return what a string holds as JSON; anything else as it is."""
    return _parsed(value) if isinstance(value, str) else value


def _normalized_edit(edit: Any) -> Any:
    if not isinstance(edit, dict):
        return edit
    value = edit.get("value")
    if edit.get("kind") == "set_constant" and isinstance(value, bool | int | float):
        return {**edit, "value": repr(value)}
    return edit


def _expected(value: Any, sense: Sense) -> float | None:
    """Return a predicted change of the metric as a difference of losses; None if not a number.

    The number may be in a text.
    """
    try:
        change = float(str(value).strip().removesuffix("%"))
    except (ValueError, OverflowError):
        return None
    if not abs(change) <= MAX_DERIVED:
        return None
    return sense.delta_of(change)


def _line(text: Any) -> Any:
    """Return a hypothesis as one printable line: it becomes the subject of a commit."""
    if not isinstance(text, str):
        return text
    return one_line(text, MAX_HYPOTHESIS_CHARACTERS)


# ---------------------------------------------------------------- JSON in the text


def _json_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object with edits in a text, fenced or bare."""
    candidates = [body for name, body in fences(text) if name in ("", "json")]
    start = text.find("{")
    end = text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        value = _parsed(candidate)
        if isinstance(value, dict) and "edits" in _unwrapped(value):
            return value
    return None


def _unwrapped(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments in a tool call that was written out as one, or put into another."""
    for _ in range(MAX_WRAPPED):
        inner = [_decoded(arguments.get(key)) for key in WRAPPERS]
        inside = next((value for value in inner if isinstance(value, dict)), None)
        if "edits" in arguments or inside is None:
            break
        arguments = inside
    return arguments


def _parsed(text: str) -> Any:
    """Return the JSON in `text`, or None if it repeats a name or holds NaN or infinity.

    Commas too many are left out; line ends in texts are kept.
    """
    for candidate in (text, without_extra_commas(text)):
        try:
            return json.loads(
                candidate,
                strict=False,
                object_pairs_hook=_unique,
                parse_constant=_refuse_constant,
            )
        except (ValueError, RecursionError):
            continue
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raise ValueError if a name is repeated, which is ambiguous."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a name is repeated")
    return unique


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


# ---------------------------------------------------------------- code in fences


def fences(text: str) -> list[tuple[str, str]]:
    """Return the first word after the opening of each fence, and its content.

    Takes linear time, whatever the text.
    """
    blocks: list[tuple[str, str]] = []
    start = text.find(_FENCE)
    while start >= 0:
        line_end = text.find("\n", start)
        end = text.find(_FENCE, line_end + 1)
        if line_end < 0 or end < 0:
            break
        word = _WORD.match(text, start + len(_FENCE), line_end)
        blocks.append((word[0] if word else "", text[line_end + 1 : end]))
        start = text.find(_FENCE, end + len(_FENCE))
    return blocks


def _looks_like_diff(body: str) -> bool:
    inside = False
    for line in body.split("\n"):
        if inside and line.startswith(("+", "-")):
            return True
        inside = inside or line.startswith("@@ ")
    return False


def _from_text(text: str, sources: Sources) -> Draft | Refused:
    """Return a diff or a whole file in a fence; the first line of the prose is the hypothesis."""
    edits = _diffs_in(text, sources) or _file_in(text, sources.text)
    if isinstance(edits, Refused):
        return edits
    if len(edits) > MAX_PROPOSED:
        return _unreadable(f"the diff makes {len(edits)} edits", f"make at most {MAX_PROPOSED}")
    prose = re.sub(r"```.*?```", " ", text, flags=re.DOTALL).strip()
    first, _, _ = prose.partition("\n")
    return Draft(
        hypothesis=_line(first) or NO_HYPOTHESIS,
        rationale=redacted(prose)[:MAX_RATIONALE_CHARACTERS],
        edits=edits,
    )


def _diffs_in(text: str, sources: Sources) -> tuple[Edit, ...] | Refused | None:
    """Return the fenced diffs of a reply as edits; None without a diff."""
    diffs = []
    for name, body in fences(text):
        if name in ("diff", "patch") or _looks_like_diff(body):
            diffs.append(body)
    return patch_edits(sources, "\n".join(diffs)) if diffs else None


def _file_in(text: str, source: str) -> tuple[Edit, ...] | Refused:
    """Return the longest fenced Python text as the new train.py, if it is a complete file."""
    files = [body for name, body in fences(text) if name in ("python", "py")]
    if not files:
        return _unreadable(
            "no call of the tool, no JSON, no diff and no file", "call the tool `propose`"
        )
    code: str = max(files, key=len)
    names = _definitions(code)
    if names is None:
        return _unreadable("the file in the reply is not Python", "call the tool `propose`")
    present = _definitions(source)
    if present and len(names & present) < WHOLE_FILE_SHARE * len(present):
        return _unreadable(
            "the code in the reply is not the whole file",
            "call the tool `propose` with typed edits",
        )
    return (RewriteFile(code=code),)


def _definitions(code: str) -> set[str] | None:
    """Return the names that a file defines at its top; None if it does not parse."""
    tree = parse_tree(code)
    if isinstance(tree, Refused):
        return None
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _as_edits(draft: Draft, sources: Sources) -> Draft:
    """Return a draft with resolved paths, and with rewritten files reduced to their changes.

    A draft that cannot be applied is returned as it is, for the ledger to refuse.
    """
    edits = tuple(placed(edit, sources) for edit in draft.edits)
    draft = draft.model_copy(update={"edits": edits})
    if not any(isinstance(edit, RewriteFile) for edit in edits):
        return draft
    applied = apply_edits(sources, edits)
    if isinstance(applied, Refused):
        return draft
    return draft.model_copy(update={"edits": difference(sources, applied) or edits})


def _unreadable(where: str, hint: str) -> Refused:
    return Refused(reason="unreadable", where=where, hint=hint)
