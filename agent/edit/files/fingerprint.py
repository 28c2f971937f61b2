"""A hash of the meaning of all editable files, and their length in lines of code."""

import hashlib

from agent.edit.files.one import fingerprint_in, lines_in
from agent.records.sources import Sources


def fingerprint_of(sources: Sources) -> str:
    """Return 64 hexadecimal digits; for a project with only a train.py, that file's fingerprint."""
    marks = {path: fingerprint_in(path, text) for path, text in sources.files.items()}
    if list(marks) == [sources.main]:
        return marks[sources.main]
    listing = "".join(f"{path}\0{mark}\n" for path, mark in marks.items())
    return hashlib.sha256(listing.encode("utf-8", "surrogatepass")).hexdigest()


def code_lines_of(sources: Sources) -> int:
    """Return the lines of the code of all files."""
    return sum(lines_in(path, text) for path, text in sources.files.items())
