"""Finds files that Python reads in another encoding than UTF-8, with other statements then."""

import codecs
import io
import re
import tokenize

from agent.records.sources import is_utf8

NOT_UTF_8 = "it has bytes that are not UTF-8"
_LONE_RETURN = re.compile(rb"\r\n?")


def foreign_encoding(text: str) -> str | None:
    """Return the fault of the encoding that a file declares, or None if it is UTF-8.

    text: the whole file with its byte-order mark; undecodable bytes are lone surrogates. Line ends
    are made line feeds first: Python's own tokenizer ends a line at a lone carriage return, and
    `tokenize` does not.
    """
    data = io.BytesIO(_LONE_RETURN.sub(b"\n", _bytes_of(text)))
    try:
        name, _ = tokenize.detect_encoding(data.readline)
        codec = codecs.lookup(name).name
    except (SyntaxError, LookupError, ValueError) as error:
        return f"Python cannot read it: {error}"
    if codec not in ("utf-8", "utf-8-sig"):
        return f"it declares the encoding {name}"
    return None if is_utf8(text) else NOT_UTF_8


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half a surrogate pair that stands for no byte, as a model may write it.
        return text.encode("utf-8", "surrogatepass")
