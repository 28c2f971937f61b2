"""Reads the numbers and switches of shell scripts: variables, and options of commands.

`LR=0.1`, `export LR=${LR:-0.1}`, `python train.py --lr 0.1 optim.wd=0.01`. Nothing is parsed; a
name that the script gives twice is none, nor is what stands in a comment, a here-document or a text
that is printed.
"""

import re
from collections.abc import Iterator

from agent.edit.ini_values import NUMBER, value_in
from agent.edit.named_values import Named, document_of_named
from agent.edit.value_tree import MAX_DEPTH, Document
from agent.records.edits import Refused

_LINE = re.compile(r"[^\r\n]+")
_PRINTED = re.compile(r"\s*(?:echo|printf|logger|trap|alias)\b")
_HERE = re.compile(r"<<-?\s*[\"']?(?P<end>[A-Za-z_]\w{0,80})")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#.*")
# What compares two values: `[ $n -gt 5 ]`.
_TESTS = frozenset({"-gt", "-lt", "-ge", "-le", "-eq", "-ne", "-ef", "-nt", "-ot"})
_VALUE = rf"(?P<value>{NUMBER}|[Tt]rue|[Ff]alse)"
_AFTER = r"(?=[\s;|&)\\]|$)"
_GIVEN = re.compile(
    rf"(?:^|(?<=[\s;&|(\"']))(?P<name>\+{{0,2}}[A-Za-z_][\w.]{{0,120}})=(?P<quote>[\"']?)"
    rf"(?P<open>\$\{{\w{{1,80}}:?[-=])?{_VALUE}(?(open)\}})(?P=quote){_AFTER}"
)
_OPTION = re.compile(
    rf"(?:^|(?<=\s))(?P<name>--?[A-Za-z][\w.-]{{1,120}})(?:=|[ \t]{{1,80}})"
    rf"(?P<quote>[\"']?){_VALUE}(?P=quote){_AFTER}"
)
_NAME = re.compile(r"(?<![\w.$-])(?P<name>--?[A-Za-z][\w.-]{1,120}|[A-Za-z_][\w.]{0,120}(?==))")


def read_shell(text: str) -> Document | Refused:
    """Return the numbers and switches of a script by the names of variables and options."""
    seen: set[str] = set()
    again: set[str] = set()
    values: list[tuple[str, Named]] = []
    for start, line in _code_lines(text):
        for name in (match["name"] for match in _NAME.finditer(line)):
            (again if name in seen else seen).add(name)
        for pattern in (_GIVEN, _OPTION):
            values += _in(pattern, line, start)
    return document_of_named(text, (named for name, named in values if name not in again))


def _in(pattern: re.Pattern[str], line: str, start: int) -> Iterator[tuple[str, Named]]:
    for match in pattern.finditer(line):
        name = match["name"].lstrip("+")
        value = value_in(match["value"])
        keys = (name,) if name.startswith("-") else tuple(name.split("."))
        if value is None or name in _TESTS:
            continue
        if all(keys) and len(keys) <= MAX_DEPTH:
            first, last = match.span("value")
            yield name, Named(keys, start + first, start + last, value)


def _code_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that a shell runs, without their comments, each with its place."""
    end = ""
    for line in _LINE.finditer(text):
        if end:
            end = "" if line[0].strip() == end else end
            continue
        here = _HERE.search(line[0])
        end = here["end"] if here else ""
        if not _PRINTED.match(line[0]):
            yield line.start(), _COMMENT.sub("", line[0])
