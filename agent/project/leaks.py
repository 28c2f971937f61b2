"""Looks for validation text in the files that a training will see, before the first training.

Such a leak makes every score worthless. This is a search for accidents, not a wall: a file that
holds the text compressed, encoded or in other words is not found, and the machine's own folders
are searched for SECONDS only, installed packages before the system, large text files before small
ones.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import platformdirs

from agent.errors import ProjectFault
from agent.evaluate.bench import Plan
from agent.project.data import Prepared
from agent.records.bounded import finite
from sandbox.ground.outcome import Limits, RunSpec
from sandbox.ground.plain_files import MAX_SOURCE, named_file
from sandbox.walls import hidden, mounts

SECONDS = 1.0
"""Each for listing the machine's folders, searching the list, and searching the own files."""
LEAST_BYTES = 1 << 11
"""A smaller file holds no document."""
MOST_TOKENS = 1 << 20
"""Of the validation data; a leak of it shows in its first documents."""
MOST_TEXT = 1 << 24
"""Bytes of these documents."""
MOST_WORD = 1 << 8
"""Bytes of a token; the rest of a longer one is left out."""
MOST_BYTES = 1 << 23
"""Only the beginning of a larger file is read."""
TEXT = (".txt", ".md", ".rst", ".tex", ".json", ".jsonl", ".csv", ".tsv", ".html", ".xml", ".py")
ANCHOR = re.compile(rb"[A-Za-z]{6,16}")
SNIPPET_BYTES = 40
PLAIN = re.compile(rb"[ !#-&(-\[\]-~]{%d}" % SNIPPET_BYTES)
"""Without quotes, backslashes and line ends: alike in JSON and in a listing."""
MOST_ANCHORS = 4
HITS = 2
"""One phrase in common is chance."""


@dataclass(frozen=True)
class Needles:
    """Passages of validation text."""

    snippets: dict[bytes, frozenset[bytes]]
    """The passages that follow an anchor, a word of many documents, by the anchor."""

    def found_in(self, text: bytes) -> bool:
        """Return whether `text` holds at least HITS of the passages."""
        hits: set[bytes] = set()
        for anchor, snippets in self.snippets.items():
            place = text.find(anchor)
            while place >= 0:
                end = place + len(anchor)
                if (passage := text[end : end + SNIPPET_BYTES]) in snippets:
                    hits.add(passage)
                    if len(hits) >= HITS:
                        return True
                place = text.find(anchor, end)
        return False


def needles_of(data: Path) -> Needles:
    """Return passages of the validation documents in a prepared folder.

    None where it holds no tokenizer.json to read the documents with.
    """
    documents = _documents(data)
    snippets = {}
    for anchor in _anchors(documents):
        passages = set[bytes]()
        for document in documents:
            passages.update(_passages(document, anchor))
        if passages:
            snippets[anchor] = frozenset(passages)
    return Needles(snippets)


def _passages(document: bytes, anchor: bytes) -> Iterator[bytes]:
    for match in re.finditer(re.escape(anchor), document):
        passage = document[match.end() : match.end() + SNIPPET_BYTES]
        if PLAIN.fullmatch(passage):
            yield passage


def _documents(data: Path) -> list[bytes]:
    try:
        meta = _json_of(data / "val" / "meta.json")
        tokenizer = _json_of(data / "tokenizer.json")
        words = [base64.b64decode(word)[:MOST_WORD] for word in tokenizer["tokens"]]
        dtype = np.dtype(meta["dtype"]).newbyteorder("<")
        tokens = np.fromfile(data / "val" / "tokens.bin", dtype=dtype, count=MOST_TOKENS)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    parts = np.split(tokens, np.flatnonzero(tokens >= len(words)))
    documents = []
    room = MOST_TEXT
    for part in parts:
        document = b"".join(words[token] for token in part[:room] if token < len(words))[:room]
        if document:
            documents.append(document)
        room -= len(document)
        if room <= 0:
            break
    return documents


def _json_of(path: Path) -> Any:
    """Return what a file of the prepared data says; raise OSError or ValueError for a giant."""
    return json.loads(finite(named_file(path, MAX_SOURCE).decode()))


def _anchors(documents: Sequence[bytes]) -> list[bytes]:
    """Return a few words, long ones first, one of which is in nearly every document."""
    vocabularies = [set(ANCHOR.findall(document)) for document in documents]
    chosen: list[bytes] = []
    while vocabularies and len(chosen) < MOST_ANCHORS:
        counts = Counter[bytes]()
        for words in vocabularies:
            counts.update(words)
        if not counts:
            break
        best = max(counts, key=lambda word: (counts[word], len(word), word))
        chosen.append(best)
        vocabularies = [words for words in vocabularies if best not in words]
    return chosen


# ---------------------------------------------------------------- what is searched


def search_room(room: Path, plan: Plan, data: Prepared, export: Callable[[Path], None]) -> None:
    """Raise ProjectFault where a training by `plan` sees validation text.

    room: a folder for a copy of the workspace, removed before and afterwards. export: writes the
    copy into a folder.
    """
    shutil.rmtree(room, ignore_errors=True)
    try:
        (room / "scratch").mkdir(parents=True)
        export(room / "workspace")
        spec = RunSpec(
            argv=(plan.python, plan.train),
            folder=str(room / "workspace"),
            scratch=str(room / "scratch"),
            log=str(room / "log"),
            limits=Limits(wall_seconds=1),
            read_only=plan.read_only,
            hidden=plan.hidden,
        )
        refuse_leaks(spec, Path(data.data), data.fingerprint)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def refuse_leaks(spec: RunSpec, data: Path, fingerprint: str) -> None:
    """Raise ProjectFault where a file that a training sees holds validation text of `data`."""
    needles = needles_of(data)
    if not needles.snippets:
        return
    own = (spec.folder, *spec.read_only)
    concealed = hidden.locations(spec)
    for path in _own_files(own, concealed, time.monotonic() + SECONDS):
        _refuse(path, needles, spec)
    binds = mounts.binds(spec.model_copy(update={"read_only": (), "folder": spec.scratch}))
    folders = sorted({bind.source for bind in binds if bind.kind == "ro"} - {spec.scratch})
    key = _state(fingerprint, folders, concealed)
    if _is_searched(key):
        return
    listed = _large_first(folders, concealed, time.monotonic() + SECONDS)
    deadline = time.monotonic() + SECONDS
    for path in listed:
        if time.monotonic() > deadline:
            break
        _refuse(path, needles, spec)
    _remember(key)


def _refuse(path: str, needles: Needles, spec: RunSpec) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- tens of thousands of them
            text = file.read(MOST_BYTES)
    except OSError:
        return
    if not needles.found_in(text):
        return
    place = path
    hint = f"mv {quote(path)} ELSEWHERE   # or set another CORPUS in prepare.py"
    if Path(path).is_relative_to(spec.folder):
        name = os.path.relpath(path, spec.folder)
        place = f"{name} in the workspace"
        hint = f"git rm {quote(name)}   # in the workspace; then commit"
    elif any(Path(path).is_relative_to(shown) for shown in spec.read_only):
        hint = "$EDITOR autoresearch.toml   # take it out of read_only"
    raise ProjectFault(
        f"{place} holds validation text, and every training can read it: scores would be worth "
        "nothing",
        hint,
    )


def _own_files(places: Iterable[str], concealed: tuple[str, ...], deadline: float) -> Iterator[str]:
    """Yield the project's own files, of whatever kind, until `deadline`."""
    for place in places:
        files = iter([place])
        if not Path(place).is_file():
            files = (entry.path for entry in _files(place, concealed))
        for path in files:
            if time.monotonic() > deadline:
                return
            yield path


def _large_first(folders: Iterable[str], concealed: tuple[str, ...], deadline: float) -> list[str]:
    """Return the text files of the machine's own folders that could be listed before `deadline`.

    Those of installed packages come first, and large ones before small ones.
    """
    ranked: list[tuple[int, int, str]] = []
    for folder in sorted(_parts(folders), key=_turn):
        for entry in _files(folder, concealed):
            if entry.name.endswith(TEXT):
                size = entry.stat(follow_symlinks=False).st_size
                if size >= LEAST_BYTES:
                    ranked.append((_turn(folder)[0], -min(size, MOST_BYTES), entry.path))
            if time.monotonic() > deadline:
                break
    return [path for *_, path in sorted(ranked)]


def _parts(folders: Iterable[str]) -> Iterator[str]:
    """Yield the folders, with those in /usr in place of /usr itself."""
    for folder in folders:
        if folder == "/usr":
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    yield entry.path
        else:
            yield folder


def _turn(folder: str) -> tuple[int, str]:
    """Return a sort key: installed packages, then what people install by hand, then the system."""
    if not folder.startswith(("/usr/", "/sys/", "/lib", "/etc/", "/nix/", "/gnu/")):
        return 0, folder
    return (1 if folder in ("/usr/local", "/usr/share") else 2), folder


def _files(folder: str, concealed: tuple[str, ...]) -> Iterator[os.DirEntry[str]]:
    """Yield the plain files below a folder, without hidden ones and without following links."""
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink() or entry.path in concealed:
                continue
            if entry.is_dir():
                waiting.append(entry.path)
            elif entry.is_file():
                yield entry


# ---------------------------------------------------------------- what was searched before


def _state(fingerprint: str, folders: Sequence[str], concealed: tuple[str, ...]) -> str:
    """Return a hash of the data, the machine's folders, and when their upper levels changed."""
    paths = chain.from_iterable(_shallow(folder) for folder in folders)
    times = [(path, _changed(path)) for path in paths]
    return hashlib.sha256(repr((fingerprint, times, concealed)).encode()).hexdigest()


def _shallow(folder: str) -> Iterator[str]:
    yield folder
    for pattern in ("*/", "*/*/"):
        yield from sorted(str(path) for path in Path(folder).glob(pattern))


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _memory() -> Path:
    return Path(platformdirs.user_cache_dir("autoresearch")) / "searched"


def _is_searched(key: str) -> bool:
    return (_memory() / key).exists()


def _remember(key: str) -> None:
    """Note that this machine was searched; where that fails it is searched again next time."""
    try:
        _memory().mkdir(parents=True, exist_ok=True)
        (_memory() / key).touch()
    except OSError:
        return
