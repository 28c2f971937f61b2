"""The forms in which people print a number by its name, read from one line.

    val_acc: 0.9    val_acc = 0.9    val_acc 0.9    METRIC val_acc=0.9    | val_acc | 0.9 |
    {"val_acc": 0.9}    {"eval": {"acc": 0.9}} as eval.acc    {'val_acc': np.float64(0.9)}
    1,234.5    1e-3    90.5%    12 ms    45/50    tensor(0.9, device='cuda:0')    0.9 (best 0.95)

Anything may stand before: a logger's prefix, a progress bar, other numbers. What is not plainly
this number is not read: `best val_acc: 0.9`, `eval/val_acc: 0.9`, `val_acc: 0.8 -> 0.9`.
Every repeat is bounded, so that no text is slow to refuse.
"""

import json
import math
import re
from collections import deque
from functools import lru_cache
from typing import Any, NamedTuple

MAX_NESTED = 8
LARGEST = 1e90
"""What is further from zero is no score but a training that diverged."""

_NUMBER = r"""
    [+\-−]?
    (?: (?: [0-9]{1,3}(?:,[0-9]{3}){1,200} | [0-9]{1,3}(?:_[0-9]{3}){1,200} | [0-9]{1,400} )
        (?: \.[0-9]{0,400} )?
    |   \.[0-9]{1,400} )
    (?: [eE][+\-]?[0-9]{1,5} )?
"""
_NO_NUMBER = r"""
    (?i: [+\-]?(?: nan | infinity | inf )(?!\w)
    | (?: none | null | n/a )(?= [ \t]*(?: [,;|)\]}│"'] | $ ) ) )
"""
_UNIT = r"""
    [ \t]?
    (?P<unit> % | ms/it | s/it | it/s | tok/s | ms | us | usec | [µμ]s | ns | secs? | seconds?
    | mins? | s | h | [kKMGT]i?B | B | dB | fps | [kMGT]?FLOPS? )
    (?! [\w/:=] | [ \t]{1,3}(?: [0-9:=.] | [+\-][0-9] ) )
"""
# What makes a number another one than it seems: 1.2.3, 0,9, 0.8 -> 0.9, 3 of 10, 2026-01-31, 2x10.
_NOT_BEHIND = r"""
    (?! \w | [.,'’][0-9] | [\-+–:][0-9] | [ \t]{0,2}(?: -> | => | → | ⟶ )
    | [ \t]{1,2}(?: out[ \t] )?of[ \t] | [ \t]{1,2}to[ \t]{1,2}[0-9]
    | [ \t]?[×x*^][ \t]?[0-9] | [ \t]{0,2}/[ \t]{0,2}[0-9] )
"""
_VALUE = rf"""
    ["'*`]{{0,2}}
    (?P<call> [A-Za-z_][\w.]{{0,40}}\(\[? | <tf\.[\w.]{{1,30}}:[^>\n]{{0,120}}?numpy= )?
    (?P<list> [\[(] )?
    ["'$€£¥]?
    (?: (?P<none> {_NO_NUMBER} ) | (?P<number> {_NUMBER} ) )
    ["']?
    (?(call) (?: [\])>]{{1,2}} | \]?,[ \t]?[a-z_]{{1,20}}= )
    | (?(list) ,?[\])]
    | (?: [ \t]{{0,2}}/[ \t]{{0,2}}(?P<of> {_NUMBER} ) )?
      ["'*`]{{0,2}} (?: {_UNIT} )? {_NOT_BEHIND} ) )
"""
_SEPARATOR = r"""
    (?: ["'*`]{0,3}(?: [ \t]?\([^()\n]{1,20}\) )?
        [ \t]{0,80}(?: [:=]?[ \t]?\.{2,80}(?=[ \t]) | [:=|│┃┊] | -> | => | → )[ \t]{0,80}
    |   # Behind a space alone, a whole number may count something else: `val_acc 3 epochs ago`.
        [ \t]{1,80}(?: is[ \t]{1,4} )?
        (?! [+\-]?[0-9](?:[0-9,_]{0,400}[0-9])?[ \t]{1,80}(?! (?: [,;|)\]%│] | $ ) ) )
    )
"""
# `best val_acc: 0.9` is the best so far, and `train loss: 0.1` is another loss.
OTHERS = (
    "best|worst|top|max|min|maximum|minimum|mean|avg|average|median|std|highest|lowest|train|"
    "training|val|valid|validation|test|eval|evaluation|dev|holdout|prev|previous|old|initial|init|"
    "starting|baseline|target|required|expected|running|smoothed|ema|p50|p90|p95|p99"
)

_VALUE_ALONE = re.compile(rf"\s*{_VALUE}\s*", re.VERBOSE)


class Printed(NamedTuple):
    """A value as it was printed."""

    value: float
    """NaN also where `None` was printed."""
    unit: str
    start: int
    """Where it begins in its line."""


class Form:
    """All forms of one name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._leaf = re.split(r"[./]", name)[-1] or name
        self._regex = _compiled(name)

    def is_in(self, text: str) -> bool:
        """Return whether a text may have the number: a quick look, often wrong."""
        return self._leaf in text

    def gives(self, line: str) -> bool:
        """Return whether a line has the number, or says that there is none."""
        if self._leaf not in line:
            return False
        if "{" in line:
            return self.last(line) is not None
        return self._regex.search(line) is not None

    def begins(self, line: str) -> bool:
        """Return whether a line begins with the name, as in a summary."""
        return self._regex.match(line.lstrip()) is not None

    def last(self, line: str) -> Printed | None:
        """Return the last value in a line."""
        rest = line
        if "{" in line:
            data, start, end = json_object(line)
            value = _looked_up(data, self.name)
            if value is not None:
                return _of_json(value, start)
            rest = line[:start] + " " * (end - start) + line[end:]
        matches = deque(self._regex.finditer(rest), maxlen=1)
        return _of_match(matches[0]) if matches else None


def is_score(value: float) -> bool:
    """Return whether a number can be recorded as a score: finite, and not beyond LARGEST."""
    return abs(value) <= LARGEST


def parse_value(text: str) -> Printed | None:
    """Return the value of a text, or None."""
    match = _VALUE_ALONE.fullmatch(text)
    return _of_match(match) if match else None


def json_object(line: str) -> tuple[dict[str, Any], int, int]:
    """Return the first JSON object of a line and where it stands; empty where there is none."""
    start = line.find("{")
    if start < 0 or line.find("}", start) < 0:
        return {}, 0, 0
    try:
        data, end = _JSON.raw_decode(line, start)
    except (ValueError, RecursionError):
        return {}, 0, 0
    return data, start, end


def json_paths(data: object, leaf: str, above: str = "", depth: int = 0) -> list[str]:
    """Return the paths in nested objects whose last key is `leaf`."""
    if not isinstance(data, dict) or depth > MAX_NESTED:
        return []
    paths = [f"{above}{leaf}"] if leaf in data else []
    for key, value in data.items():
        paths += json_paths(value, leaf, f"{above}{key}.", depth + 1)
    return paths


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
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return math.nan if value is None else value


def _of_json(value: Any, start: int) -> Printed | None:
    if isinstance(value, float):
        return Printed(value, "", start)
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
    return Printed(value, match["unit"] or "", start)


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", "").replace("−", "-"))
