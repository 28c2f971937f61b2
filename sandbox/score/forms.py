"""The forms in which people print a number by its name, read from one line.

    val_acc: 0.9    val_acc = 0.9    val_acc 0.9    METRIC val_acc=0.9    | val_acc | 0.9 |
    {"val_acc": 0.9}    {"eval": {"acc": 0.9}} as eval.acc    {'val_acc': np.float64(0.9)}
    1,234.5    1'234.5    1e-3    90.5%    12 ms    45/50    tensor(0.9, device='cuda:0')

Anything may stand before: a logger's prefix, a progress bar, other numbers. What is not plainly
this number is not read: `best val_acc: 0.9`, `val_acc (train): 0.9`, `eval/val_acc: 0.9`,
`val_acc: 0.8 -> 0.9`, and a decimal comma. Every repeat is bounded, so that no text is slow to
refuse.
"""

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sandbox.ground.text import composed

MAX_NESTED = 8
MAX_ITEMS = 100
"""Items of a list that have paths: `folds.0.acc`."""
MAX_KEY = 100
"""Characters of a key in a path; the rest of a longer one is left out."""
MAX_OBJECTS = 8
"""Places of a line where a JSON object is looked for."""
LARGEST = 1e90
"""What is further from zero is no score but a training that diverged."""

# What stands between groups of three digits: 1,234 1_234 1'234 and 1 234 with a space that does not
# break. Behind a plain space another number may stand, and a zero begins no group: 0,123 is 0.123.
_GROUPINGS = (",", "_", "'", "’", "\u00a0", "\u202f", "\u2009")
_GROUPED = " | ".join(
    rf"[1-9][0-9]{{0,2}}(?:{grouping}[0-9]{{3}}){{1,200}}" for grouping in _GROUPINGS
)
_UNGROUPED = str.maketrans(dict.fromkeys(_GROUPINGS, "") | {"−": "-"})
_NUMBER = rf"""
    [+\-−]?
    (?! [1-9][0-9]{{0,2}}(?:[ ][0-9]{{3}}){{1,200}}(?! [0-9%/] ) )
    (?: (?: {_GROUPED} | [0-9]{{1,400}} )(?: \.[0-9]{{0,400}} )? | \.[0-9]{{1,400}} )
    (?: [eE][+\-]?[0-9]{{1,5}} )?
"""
_NO_NUMBER = r"""
    (?i: [+\-]?(?: nan | infinity | inf | 1\.\#(?: inf | ind | [qs]?nan ) )(?!\w)
    | (?: none | null | n/a )(?= [ \t]*(?: [,;|)\]}│"'] | $ ) ) )
"""
_RATED = "s|sec|second|ms|min|h|it|iter|step|batch|epoch|sample|img|image|token|tok|req|call|query"
_UNIT = rf"""
    [ \t\u00a0\u202f]?
    (?P<unit> % | ‰ | percent | pct | bps | [A-Za-zµμ]{{1,12}}/(?: {_RATED} )
    | (?: milli | micro | nano )?seconds? | [mun]?secs? | [mnuµμ]?s | min(?: ute )?s?
    | h(?: ou )?rs? | h | [kKMGTP]i?B | B | bytes? | bits? | nats? | dB | fps | [kMG]?Hz
    | [kKMGTP]?FLOPS? | (?<=[ ])[kKMGT] )
    (?! [\w/:=] | [ \t]{{1,3}}(?: [0-9:=.] | [+\-][0-9] ) )
"""
# Characters that are not seen, or seem to be a space: of control and format, marks on the digit
# before, fillers, all spaces but the plain one.
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202e\u205f-\u206f\u20d0-\u20ff\u2800\u3000\u3164\ufe00-\ufe0f\ufeff"
    r"\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# What makes a number another one than it seems: 1.2.3, 0,9, 0.8 -> 0.9, 3 of 10, 2026-01-31, 2x10,
# 2**-3, 2⁻³, 2 e-3, 2 min 3 s, and more digits behind characters that are not seen.
_NOT_BEHIND = rf"""
    (?! \w | [.,'’٫٬·\#\u00a0\u202f\u2009][0-9] | [\-+–:][0-9] | [ \t]{{0,2}}(?: -> | => | → | ⟶ )
    | [ \t]{{1,2}}(?: out[ \t] )?of[ \t] | [ \t]{{1,2}}to[ \t]{{1,2}}[0-9]
    | [ \t]?[×x*^]{{1,2}}[ \t]?[+\-−]?[0-9] | [⁺⁻] | [ ][eE][+\-−][0-9]
    | [ \t]{{0,2}}/[ \t]{{0,2}}[0-9]
    | [{_UNSEEN}]{{1,400}}[0-9.,]
    | [ \t]?(?: h | hrs? | hours? | m | mins? | minutes? )
      [ \t]{{1,3}}[0-9.]{{1,6}}[ \t]?[ms](?![/%]) )
"""
_VALUE = rf"""
    ["'*`]{{0,2}}
    (?P<call> [A-Za-z_][\w.]{{0,40}}\(\[? | <tf\.[\w.]{{1,30}}:[^>\n]{{0,120}}?numpy= )?
    (?P<list> \[ )? (?P<tuple> \( )?
    (?P<minus> [\-−](?=[$€£¥]) )? ["'$€£¥]?
    (?: (?P<none> {_NO_NUMBER} ) | (?P<number> {_NUMBER} ) )
    ["']?
    (?(call) (?: [\])>]{{1,2}} | \]?,[ \t]?[a-z_]{{1,20}}= )
    | (?(list) ,?\]
    | (?(tuple) ,\)
    | (?: [ \t]{{0,2}}/[ \t]{{0,2}}(?P<of> {_NUMBER} ) )?
      ["'*`]{{0,2}} (?: {_UNIT} )? {_NOT_BEHIND} ) ) )
"""
# `best val_acc: 0.9` is the best so far, and `train loss: 0.1`, `loss (train): 0.1` another loss.
OTHERS = (
    "best|worst|top|max|min|maximum|minimum|mean|avg|average|median|std|highest|lowest|train|"
    "training|val|valid|validation|test|eval|evaluation|dev|holdout|prev|previous|old|initial|init|"
    "starting|baseline|target|required|expected|running|smoothed|ema|p50|p90|p95|p99"
)
_SEPARATOR = rf"""
    (?: ["'*`]{{0,3}}(?: [ \t]?\((?! (?i: {OTHERS} ) \) )[^()\n]{{1,20}}\) )?
        [ \t]{{0,80}}
        (?: [:=]?[ \t]?\.{{2,80}}(?=[ \t]) | [:=|│┃┊：](?: \*\* )? | -> | => | → )
        [ \t]{{0,80}}
    |   # Behind a space alone, a whole number may count something else: `val_acc 3 epochs ago`.
        [ \t]{{1,80}}(?: is(?: :[ \t]{{0,4}} | [ \t]{{1,4}} ) )?
        (?! [+\-]?[0-9](?:[0-9,_]{{0,400}}[0-9])?
            (?: [ \t]{{1,80}}(?! (?: [,;|)\]%│] | $ ) ) | [ \t]{{0,2}}[:=] ) )
    )
"""

_VALUE_ALONE = re.compile(rf"\s*{_VALUE}\s*", re.VERBOSE)


class Printed(NamedTuple):
    """A value as it was printed."""

    value: float
    """NaN also where `None` was printed."""
    unit: str
    start: int
    """Where it begins in its line."""


class Form:
    """Finds the number of one name in all forms; an accent may be written in either way."""

    def __init__(self, name: str) -> None:
        self._is_ascii = name.isascii()
        self.name = self._composed(name)
        self._leaf = leaf_of(self.name)
        self._regex = _compiled(self.name)

    def is_in(self, text: str) -> bool:
        """Return whether a text may have the number: a quick look, often wrong."""
        return self._leaf in self._composed(text)

    def gives(self, line: str) -> bool:
        """Return whether a line gives the number, or says that there is none."""
        line = self._composed(line)
        if self._leaf not in line:
            return False
        if "{" in line:
            return self.last(line) is not None
        return self._regex.search(line) is not None

    def begins(self, line: str) -> bool:
        """Return whether a line begins with the name, as in a summary."""
        return self._regex.match(self._composed(line).lstrip()) is not None

    def last(self, line: str) -> Printed | None:
        """Return the last value in a line."""
        line = self._composed(line)
        rest = line
        newest = None
        for data, start, end in json_objects(line):
            value = _looked_up(data, self.name)
            if value is not None:
                newest = (value, start)
            rest = rest[:start] + " " * (end - start) + rest[end:]
        if newest:
            return _of_json(*newest)
        matches = deque(self._regex.finditer(rest), maxlen=1)
        return _of_match(matches[0]) if matches else None

    def read_as(self, lines: Sequence[str]) -> Sequence[str]:
        """Return the lines of one indented JSON object as what is read: one line, or each alone.

        Alone where they are no JSON, or no path is the name and one key at most is its last part:
        what that key stands in is then no question.
        """
        line = in_one(lines)
        is_clear = self.gives(line) or len(paths_in(line, self._leaf)) > 1
        return [line] if json_objects(line) and is_clear else lines

    def _composed(self, text: str) -> str:
        return text if self._is_ascii else composed(text)


def is_score(value: float) -> bool:
    """Return whether a number can be recorded as a score: finite, and not beyond LARGEST."""
    return abs(value) <= LARGEST


def parse_value(text: str) -> Printed | None:
    """Return the value of a text, or None."""
    match = _VALUE_ALONE.fullmatch(text)
    return _of_match(match) if match else None


def leaf_of(name: str) -> str:
    """Return the last part of a name that is a path."""
    return re.split(r"[./]", name)[-1] or name


def in_one(lines: Sequence[str]) -> str:
    """Return an indented JSON object in one line."""
    return " ".join(line.strip() for line in lines)


def json_objects(line: str) -> tuple[tuple[dict[str, Any], int, int], ...]:
    """Return the JSON objects of a line, with where each begins and ends."""
    return _json_objects(line) if "{" in line else ()


@lru_cache(maxsize=2)  # several metrics are looked for in one line
def _json_objects(line: str) -> tuple[tuple[dict[str, Any], int, int], ...]:
    objects = []
    start = line.find("{")
    for _ in range(MAX_OBJECTS):
        if start < 0 or line.find("}", start) < 0:
            break
        end = start + 1
        try:
            data, end = _JSON.raw_decode(line, start)
            objects.append((data, start, end))
        except (ValueError, RecursionError):
            pass
        start = line.find("{", end)
    return tuple(objects)


def paths_in(line: str, leaf: str) -> list[str]:
    """Return the paths in the JSON objects of a line whose last key is `leaf`."""
    paths: list[str] = []
    for data, _, _ in json_objects(line):
        paths += json_paths(data, leaf)
    return paths


def json_paths(data: object, leaf: str, above: str = "", depth: int = 0) -> list[str]:
    """Return the paths in nested objects and lists whose last key is `leaf`.

    A path with a key that was cut is longer than any name of a metric.
    """
    if depth > MAX_NESTED:
        return []
    parts = dict(parts_of(data))
    paths = [f"{above}{leaf}"] if leaf in parts else []
    for key, value in parts.items():
        if isinstance(value, dict | list):
            paths += json_paths(value, leaf, f"{above}{key[:MAX_KEY]}.", depth + 1)
    return paths


def parts_of(data: object) -> Iterator[tuple[str, Any]]:
    """Yield what is in an object by its keys, and the first of a list by their numbers from 0."""
    if isinstance(data, dict):
        yield from data.items()
    elif isinstance(data, list):
        for number, value in enumerate(data[:MAX_ITEMS]):
            yield str(number), value


@lru_cache
def _compiled(name: str) -> re.Pattern[str]:
    literal = re.escape(name)
    others = "".join(rf"(?<!\b(?i:{word})[ ]{literal})" for word in OTHERS.split("|"))
    boundary = rf"(?<![\w.@/\-]{literal}){others}"
    return re.compile(f"{literal}{boundary}{_SEPARATOR}{_VALUE}", re.VERBOSE | re.MULTILINE)


_JSON = json.JSONDecoder(parse_int=float)


def _looked_up(data: dict[str, Any], name: str) -> Any:
    """Return the value of a key, or of a path of keys; None if there is none."""
    if name in data:
        return math.nan if data[name] is None else data[name]
    value: Any = data
    for key in re.split(r"[./]", name):
        parts = dict(parts_of(value))
        if key not in parts:
            return None
        value = parts[key]
    return math.nan if value is None else value


def _of_json(value: Any, start: int) -> Printed | None:
    if isinstance(value, float):
        return Printed(value + 0.0, "", start)
    if isinstance(value, str):
        printed = parse_value(value)
        return printed._replace(start=start) if printed else None
    return None


def _of_match(match: re.Match[str]) -> Printed:
    start = match.start()
    if match["none"]:
        return Printed(math.nan, "", start)
    value = _number(match["number"])
    if match["of"]:
        whole = _number(match["of"])
        value = value / whole if whole else math.nan
    if match["minus"]:
        value = -value
    value += 0.0  # no zero has a sign
    return Printed(value, match["unit"] or "", start)


def _number(text: str) -> float:
    return float(text.translate(_UNGROUPED))
