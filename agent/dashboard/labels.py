"""Labels in charts: the width of a text, its short form, and a place without overlap."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Widths in a text of 12 pixels, in the widest usual system font.
HEIGHT = 14.0
NARROW = 4.2
USUAL = 7.4
CAPITAL = 9.0
WIDEST = 12.5


@dataclass(frozen=True)
class Box:
    """A rectangle that a text takes up."""

    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: "Box") -> bool:
        """Return whether two rectangles have a point in common."""
        beside = self.right < other.left or other.right < self.left
        above = self.bottom < other.top or other.bottom < self.top
        return not beside and not above


@dataclass(frozen=True)
class Label:
    """A text at a place; it ends there if it is `left`, else it begins there."""

    x: float
    y: float
    text: str
    left: bool = False

    @property
    def box(self) -> Box:
        """Return the rectangle that it takes up."""
        width = width_of(self.text)
        start = self.x - width if self.left else self.x
        return Box(start, self.y - HEIGHT + 3, start + width, self.y + 3)


def width_of(text: str) -> float:
    """Return an upper bound on the width of a text, in pixels."""
    return sum(map(_width, text))


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return WIDEST
    if character in "WM@%mw→…—":
        return WIDEST
    if character in " .,:;|!'`ijl()[]/":
        return NARROW
    return CAPITAL if character.isupper() or character in "_=+×÷" else USUAL


def shortened(text: str, width: float) -> str:
    """Return a text without its end, such that it fits `width`."""
    if width_of(text) <= width:
        return text
    kept = text
    while kept and width_of(kept) + WIDEST > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def squeezed(name: str, width: float) -> str:
    """Return a name that fits `width`: its last parts or its two ends, where names differ."""
    if width_of(name) <= width:
        return name
    for dot in re.finditer("[.:]", name):
        rest = f"…{name[dot.end() :]}"
        if width_of(rest) <= width:
            return rest
    head = len(name) // 3
    tail = len(name) - head
    while tail > 1 and width_of(name[:head] + name[-tail:]) + WIDEST > width:
        if head > tail // 2:
            head -= 1
        else:
            tail -= 1
    return f"{name[:head]}…{name[-tail:]}"


def placed(choices: Iterable[Sequence[Label]], inside: Box) -> list[Label]:
    """Return a label of each group of `choices`: the first that lies inside and touches no other.

    A group without such a label gets none.
    """
    taken: list[Label] = []
    for labels in choices:
        free = (label for label in labels if _is_free(label.box, taken, inside))
        label = next(free, None)
        if label:
            taken.append(label)
    return taken


def _is_free(box: Box, taken: Sequence[Label], inside: Box) -> bool:
    fits = inside.left <= box.left and box.right <= inside.right
    fits = fits and inside.top <= box.top and box.bottom <= inside.bottom
    return fits and not any(box.touches(label.box) for label in taken)
