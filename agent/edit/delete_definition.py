"""DeleteDefinition: remove one function or class with the comments directly above it."""

from agent.edit.replace_definition import definition_span
from agent.edit.source import Source, first_line
from agent.records.edits import DeleteDefinition, Refused


def delete_definition(source: Source, edit: DeleteDefinition) -> str | Refused:
    """Return the file's new text without the definition and the blank lines above it.

    A block that would be empty gets a `pass`.
    """
    place = source.find(edit.name)
    if isinstance(place, Refused):
        return place
    _, end = definition_span(source, place.node)
    line = first_line(place.node)
    if len(place.block.body) == 1 and place.block.owner:
        bare = end == len(source.text) and not source.text.endswith(("\n", "\r"))
        filler = source.indent_of(place.node) + "pass" + ("" if bare else source.newline)
        return source.splice(source.line_start(line), end, filler)
    is_first = place.block.body.index(place.node) == 0
    return source.splice(_top(source, line, is_first), end, "")


def _top(source: Source, line: int, is_first: bool) -> int:
    """Return where the comments and blank lines above `line` begin.

    Above the first statement of a block, only comments directly above count.
    """
    while line > 1 and source.lines(line - 1, line - 1).lstrip().startswith("#"):
        line -= 1
    if not is_first:
        while line > 1 and not source.lines(line - 1, line - 1).strip():
            line -= 1
    return source.line_start(line)
