"""Explains why a log has no metric, and quotes the line that nearly matches."""

import difflib
import re
from pathlib import Path

from sandbox.ground.text import composed, is_plain, one_line, read_end
from sandbox.score.forms import (
    OTHERS,
    in_one,
    json_objects,
    leaf_of,
    parse_value,
    paths_in,
)
from sandbox.score.lines import Objects, shown
from sandbox.score.metric import MAX_NAME, Metric
from sandbox.score.pattern import Pattern

NEAR_BYTES = 256 * 1024
"""The end of a log, where a line that nearly fits is looked for."""
MAX_LINES = 20_000
MAX_NAMES = 200
_LINE_CHARACTERS = 1000
_JSON_CHARACTERS = 64 * 1024
_QUOTE = 120
_LAST_NUMBER = re.compile(r"([^:=]{1,60}[:=][ \t]{0,4})([^:=]{1,20})")
BARE = "^(.+)$"
"""Reads a number that has a line for itself."""
_PLAIN = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?"
# A unit, a date, a share or `0.8 -> 0.9` make another number of it than the pattern would read.
_PLAIN_ENDS = (
    r"(?![\w.,:/%‰+^*×'’٫٬·#]|-[0-9]|[ \t\u00a0\u2009\u202f][0-9]|[ \t]{1,4}[A-Za-z]"
    r"|[ \t]*(?:->|=>|→)[ \t]*[0-9])"
)
_SIGNED = re.compile(r"[\-−–—<≤][^\w]*")
"""Ends with what makes a number behind it another one: `- 0.5`, `-$5`, `<0.5`."""
_ANY_NUMBER = "-?[0-9.]+(?:[eE][-+]?[0-9]+)?"
# A name of up to three words before a number.
_NAMED = re.compile(
    r"""(?<![\w.@/\-])
    ([^\W\d_][\w.@/\-]{0,40}(?:[ ](?:[^\W\d_]|\()[\w.@/\-)]{0,40}){0,2})
    ["']?[ \t]{0,40}[:=|│：](?:\*\*)?[ \t]{0,40}["']?[+\-]?\.?[0-9]""",
    re.VERBOSE,
)


def nearest(log: Path, metric: Metric, setting: str = "metric =") -> str:
    """Return in words what is missing. The time is bounded, whatever the log.

    setting: the one to change if another name fits.
    """
    lines = _last_lines(log)
    if metric.pattern is not None:
        return _without_match(lines, metric.pattern)
    missing = f'it ended without a line that gives {metric.name}, such as "{metric.name}: 0.5"'
    near = (
        _same_name(lines, metric.name, setting)
        or _other_spelling(lines, metric.name, setting)
        or _other_name(lines, metric.name, setting)
    )
    return f"{missing}; {near or _last(lines)}"


def _last_lines(log: Path) -> list[str]:
    """Return the last lines that are not empty, the last one first."""
    end = read_end(log, NEAR_BYTES)
    if len(end) >= NEAR_BYTES and "\n" in end:
        end = end.partition("\n")[2]  # the first line has lost its beginning
    end = composed(shown(end))
    lines = []
    objects = Objects()
    for group in objects.groups(filter(str.strip, end.split("\n"))):
        lines += [in_one(group)] if json_objects(in_one(group)) else group
    lines += [line for [line] in objects.rest()]
    lines = [line[: _JSON_CHARACTERS if "{" in line else _LINE_CHARACTERS] for line in lines]
    return lines[: -MAX_LINES - 1 : -1]


def _without_match(lines: list[str], pattern: str) -> str:
    compiled = Pattern.compile(pattern)
    for line in lines:
        group = compiled.last(line)
        if group is not None:
            value = one_line(group, _QUOTE)
            return f'the pattern found "{value}" in "{one_line(line, _QUOTE)}", which is no number'
    return f'no line that it printed matches the pattern "{pattern}"; {_last(lines)}'


def _last(lines: list[str]) -> str:
    if not lines:
        return "it printed nothing"
    last = f'its last line is "{one_line(lines[0], _QUOTE)}"'
    return f"{last}, which pattern = '{BARE}' reads" if parse_value(lines[0]) else last


def _same_name(lines: list[str], name: str, setting: str) -> str:
    """Return what is wrong with the last line that has the name itself."""
    leaf = leaf_of(name)
    other = re.compile(rf"\b(?:{OTHERS})[ ]{re.escape(name)}", re.IGNORECASE)
    followed = re.compile(rf"(?<![\w.@/\-]){re.escape(name)}(?![\w.@/\-])")
    for line in lines:
        if leaf not in line:
            continue
        paths = paths_in(line, leaf)
        nested = [path for path in paths if path != name and len(path) <= MAX_NAME]
        if nested:
            likeliest = min(nested, key=lambda path: path.lower().startswith("train"))
            return _called(likeliest, line, setting)
        qualified = other.search(line)
        longer = qualified[0] if qualified else _longer_name(line, name)
        if longer:
            return _called(longer, line, setting)
        if followed.search(line):
            return _not_plain(line, name)
    return ""


def _not_plain(line: str, name: str) -> str:
    near = f'not one plain number follows the name in "{one_line(line, _QUOTE)}"'
    if re.search(rf"{re.escape(name)}\W{{1,12}}[0-9]+,[0-9]", line):
        return f"{near}: a number has a decimal point"
    pattern = _pattern_beside(line, name)
    return f"{near}, which pattern = '{pattern}' reads" if pattern else near


def _pattern_beside(line: str, name: str) -> str:
    """Return a pattern for the only number right before or after a name; "" for none."""
    literal = re.escape(name)
    behind = re.search(rf"{literal}(\D{{1,12}}?)({_PLAIN}){_PLAIN_ENDS}", line)
    before = re.search(rf"(?<![\w.,:/\-])({_PLAIN})([ \t]{{1,4}}){literal}(?!\w)", line)
    if behind and _SIGNED.search(behind[1]):
        return ""
    if behind:
        pattern = re.escape(f"{name}{behind[1]}").replace("\\ ", " ") + f"({_ANY_NUMBER})"
        number = behind[2]
    elif before:
        pattern = f"({_ANY_NUMBER})[ \\t]+" + literal.replace("\\ ", " ")
        number = before[1]
    else:
        return ""
    usable = is_plain(pattern) and "'" not in pattern
    return pattern if usable and Pattern.compile(pattern).last(line) == number else ""


def _other_spelling(lines: list[str], name: str, setting: str) -> str:
    wanted = _letters(name)
    if not wanted:
        return ""
    for line in lines:
        if wanted not in _letters(line):
            continue
        for printed in _NAMED.findall(line):
            if wanted in _letters(printed):
                return _called(printed, line, setting)
        near = f'the nearest line is "{one_line(line, _QUOTE)}"'
        pattern = _pattern_for(line)
        return f"{near}, which pattern = '{pattern}' reads" if pattern else near
    return ""


def _pattern_for(line: str) -> str:
    """Return a pattern for the last number of a short line; "" if there is no plain one."""
    match = _LAST_NUMBER.fullmatch(line)
    if match is None or not is_plain(match[1]):
        return ""
    before = re.sub(r"[0-9]+", r"\\d+", re.escape(match[1]).replace("\\ ", " "))
    return f"{before}(.+)" if "'" not in before and parse_value(match[2]) else ""


def _other_name(lines: list[str], name: str, setting: str) -> str:
    """Return the line of the printed name that is most like the wanted one."""
    places: dict[str, str] = {}
    for line in lines:
        for printed in _NAMED.findall(line):
            places.setdefault(printed, line)
        if len(places) > MAX_NAMES:
            break
    alike = difflib.get_close_matches(name, places, n=1, cutoff=0.5)
    return _called(alike[0], places[alike[0]], setting) if alike else ""


def _longer_name(line: str, name: str) -> str:
    for printed in _NAMED.findall(line):
        if name in printed and name != printed:
            return str(printed)
    return ""


def _called(name: str, line: str, setting: str) -> str:
    return f'the nearest line is "{one_line(line, _QUOTE)}", which {setting} "{name}" reads'


def _letters(text: str) -> str:
    return re.sub(r"[\s_\-./]", "", text).lower()
