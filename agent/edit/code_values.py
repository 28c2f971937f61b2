"""Reads named numbers in C, CUDA, Rust, Go, Julia and JavaScript: `#define N 8`, `const N = 8`.

Nothing is parsed: a definition stands on a line of its own, and one that a file has twice, as
under `#ifdef`, is none.
"""

import re
from collections.abc import Iterator

from agent.edit.named_values import Named, document_of_named
from agent.edit.value_tree import Document
from agent.records.edits import Refused

_NUMBER = r"""(?P<value> -? (?: [0-9]{1,300}\.[0-9]{0,300} | \.[0-9]{1,300} | [0-9]{1,300} )
    (?: [eE][+\-]?[0-9]{1,5} )? ) (?P<suffix> [uUlLfF]{0,3} ) (?![\w.])"""
_REST = r"[ \t]{0,80} (?= \r?$ | // | /\* | \# )"
_DEFINE = rf"""\#[ \t]{{0,80}}define[ \t]{{1,80}} (?P<name> [A-Za-z_]\w{{0,80}} ) [ \t]{{1,80}}
    (?P<open> \( [ \t]{{0,8}} )? {_NUMBER} (?(open) [ \t]{{0,8}} \) ) {_REST}"""
# Of the words before a C constant's name, one must say that it is constant.
_TYPED = rf"""(?= (?: \w{{1,40}}[ \t]{{1,80}} ){{0,5}} const(?:expr)?[ \t] )
    (?: [A-Za-z_]\w{{0,40}}(?: :: \w{{1,40}} )?[ \t]{{1,80}} ){{1,6}}
    (?P<name> [A-Za-z_]\w{{0,80}} )
    (?: [ \t]{{0,80}} : [ \t]{{0,80}} \w{{1,40}} )? [ \t]{{0,80}} = [ \t]{{0,80}} {_NUMBER}
    [ \t]{{0,80}} ;? {_REST}"""
_PATTERNS = tuple(
    re.compile(rf"^[ \t]{{0,80}} {text}", re.VERBOSE | re.MULTILINE) for text in (_DEFINE, _TYPED)
)
_OCTAL = re.compile(r"-?0[0-9]+")


def read_code(text: str) -> Document | Refused:
    """Return the named numbers of a text; the rest of the text is part of its meaning, too."""
    return document_of_named(text, _values(text))


def _values(text: str) -> Iterator[Named]:
    for match in _definitions(text):
        value = _value(match["value"], match["suffix"])
        if value is not None:
            start, end = match.span("value")
            yield Named((match["name"],), start, end, value)


def _definitions(text: str) -> Iterator[re.Match[str]]:
    for pattern in _PATTERNS:
        yield from pattern.finditer(text)


def _value(text: str, suffix: str) -> int | float | None:
    """Return a number whose value is the same in all these languages; None for `010`."""
    if _OCTAL.fullmatch(text):
        return None
    is_float = bool(set(text) & set(".eE")) or "f" in suffix.lower()
    return float(text) if is_float else int(text)
