"""DeleteDefinition: remove one function or class with the comments directly above it."""

from agent.edit.replace_definition import definition_span
from agent.edit.source import Source, first_line
from agent.records.edits import DeleteDefinition, Refused


def delete_definition(source: Source, edit: DeleteDefinition) -> str | Refused:
    """The file's new text; a block that would be empty gets a `pass`. The blank lines above go with the definition."""
    place = source.find(edit.name)
    if isinstance(place, Refused):
        return place
    _, end = definition_span(source, place.node)
    if len(place.block.body) == 1 and place.block.owner:
        start = source.line_start(first_line(place.node))
        tail = (
            ""
            if end == len(source.text) and not source.text.endswith(("\n", "\r"))
            else source.newline
        )
        return source.splice(start, end, source.indent_of(place.node) + "pass" + tail)
    index = place.block.body.index(place.node)
    return source.splice(_top(source, first_line(place.node), index == 0), end, "")


def _top(source: Source, line: int, first: bool) -> int:
    """Where the comments and blank lines above `line` begin; of a block's first statement, only the comments right above."""
    while line > 1 and source.lines(line - 1, line - 1).lstrip().startswith("#"):
        line -= 1
    while not first and line > 1 and not source.lines(line - 1, line - 1).strip():
        line -= 1
    return source.line_start(line)
