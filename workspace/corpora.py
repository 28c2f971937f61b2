"""Reads and downloads the documents that prepare.py makes data of. Read-only to the agent."""

import fcntl
import hashlib
import http.client
import json
import lzma
import os
import re
import site
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

Document = tuple[str, str]
"""A document: its key and its text."""

SHIPPED = "state-of-the-union.jsonl.xz"  # outside every folder that a training sees
PIECE_CHARS = 2**16  # a longer .txt file is cut at line ends into documents of about this size


class PrepareError(Exception):
    """The data cannot be prepared; the message says why and what to do."""


class NetworkNeeded(PrepareError):
    """A download is needed where the harness gives no network yet; the message is its address."""


def shipped_corpus() -> Path:
    """Return the shipped corpus: named by the harness, beside workspace/, or installed by pip."""
    if path := os.environ.get("AUTORESEARCH_CORPUS"):
        return Path(path)
    folders = [Path(__file__).resolve().parents[1] / "corpus"]
    for prefix in (sys.prefix, sysconfig.get_path("data"), site.getuserbase()):
        folders.append(Path(prefix) / "share" / "autoresearch")
    for folder in folders:
        if (folder / SHIPPED).is_file():
            return folder / SHIPPED
    raise PrepareError(
        f"no {SHIPPED} in {', '.join(map(str, dict.fromkeys(folders)))}: run prepare.py with the "
        "Python that autoresearch is installed for, or set AUTORESEARCH_CORPUS to the file"
    )


def shipped_documents() -> Iterator[Document]:
    """Yield one document per address."""
    path = shipped_corpus()
    try:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                address = json.loads(line)
                yield address["key"], address["text"]
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise PrepareError(f"cannot read the corpus {path}: {error}") from error


def folder_documents(root: Path) -> Iterator[Document]:
    """Yield the documents of every .txt, .jsonl and .parquet file below `root`."""
    paths = sorted(p for p in root.rglob("*") if p.suffix in READERS and p.is_file())
    if not paths:
        raise PrepareError(
            f"no .txt, .jsonl or .parquet file in {root}: set CORPUS in prepare.py to a folder "
            "that has some, and list it under read_only in autoresearch.toml, which shows it to "
            "prepare.py and to no training"
        )
    for path in paths:
        for i, text in enumerate(READERS[path.suffix](path)):
            yield f"{path.relative_to(root).as_posix()}#{i}", text


def read_txt(path: Path) -> Iterator[str]:
    """Yield the texts between <|endoftext|> marks, none much longer than PIECE_CHARS."""
    piece = ""
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        for line in lines:
            text, mark, _ = line.partition("<|endoftext|>")
            piece += text
            if mark or len(piece) >= PIECE_CHARS:
                yield piece
                piece = ""
    yield piece


def read_jsonl(path: Path) -> Iterator[str]:
    """Yield the `text` of every line; PrepareError names a line that has none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                if line.strip():
                    yield str(json.loads(line)["text"])
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                message = f'{path}:{number}: not a JSON object with a "text" field ({error})'
                raise PrepareError(message) from error


def read_parquet(path: Path) -> Iterator[str]:
    """Yield the `text` column, one row group in memory at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        if "text" not in names:
            raise PrepareError(f'{path}: no column "text", only {", ".join(names)}')
        for batch in file.iter_batches(columns=["text"]):
            yield from filter(None, batch.column(0).to_pylist())


READERS = {".txt": read_txt, ".jsonl": read_jsonl, ".parquet": read_parquet}


def documents_of(paths: Iterable[Path]) -> Iterator[Document]:
    """Yield the documents of downloaded files."""
    for path in paths:
        for i, text in enumerate(READERS[path.suffix](path)):
            yield f"{path.name}#{i}", text


def take(documents: Iterable[Document], limit: int) -> Iterator[Document]:
    """Yield the first documents, until they are `limit` bytes long."""
    report = Report(f"of {size_text(limit)} of text is read, if there is as much")
    read = 0
    for key, text in documents:
        if read >= limit:
            return
        read += len(text.encode())
        report(read, limit)
        yield key, text


def counted(numbers: range, what: str) -> Iterator[int]:
    """Yield the numbers, and report how many are done."""
    report = Report(what)
    for done, number in enumerate(numbers):
        report(done, len(numbers))
        yield number


class Report:
    """Prints how far something long has come, once a second; the harness makes a bar of it."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.last = time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        """Print the share that is done."""
        if time.monotonic() - self.last >= 1:
            self.last = time.monotonic()
            print(f"progress {done}/{of} {self.what}", file=sys.stderr, flush=True)


def size_text(size: int) -> str:
    """Return a number of bytes as in 92 MB."""
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"


# ---------------------------------------------------------------- downloads


class Interrupted(Exception):
    """A transfer ended early; what arrived is kept, and the next try goes on from there."""


TRANSIENT = (Interrupted, OSError, http.client.HTTPException)


def download(
    url: str, path: Path, sha256: str | None = None, attempts: int = 6, pause: float = 1.0
) -> Path:
    """Fetch `url` to `path` once, resuming an earlier transfer, and check its SHA-256.

    No checksum is published, so the first download is trusted and its checksum kept in
    <path>.sha256; every later use, and every later download, must match. sha256: for those who
    know it beforehand. pause: seconds before the second attempt, doubled each time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    note = path.with_name(path.name + ".sha256")
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second of two prepare.py finds the file there
        if sha256 is None and note.exists():
            sha256 = note.read_text().strip()
        if not path.exists():
            if os.environ.get("AUTORESEARCH_NETWORK") == "0":
                raise NetworkNeeded(url)
            print(f"downloading {url}", file=sys.stderr, flush=True)
            fetch(url, part, attempts, pause)
            verify(part, sha256, url)
            write_text(note, digest(part))
            part.replace(path)
        verify(path, sha256, url)
    return path


def fetch(url: str, part: Path, attempts: int, pause: float) -> None:
    """Append to `part` what it lacks of `url`; PrepareError after so many `attempts`."""
    for attempt in range(1, attempts + 1):
        try:
            fetch_once(url, part)
            return
        except TRANSIENT as error:
            if attempt == attempts:
                message = f"{url}: {error}; what arrived is kept, run prepare.py again to go on"
                raise PrepareError(message) from error
            wait = min(30, pause * 2 ** (attempt - 1))
            again = f"trying again in {wait:.0f} s, {attempt + 1} of {attempts}"
            print(f"{url}: {error}; {again}", file=sys.stderr, flush=True)
            time.sleep(wait)


def fetch_once(url: str, part: Path) -> None:
    """Append to `part` what it lacks of `url`; one of TRANSIENT where it still lacks some."""
    have = part.stat().st_size if part.exists() else 0
    tag = part.with_name(part.name + ".etag")
    request = urllib.request.Request(url, headers={"User-Agent": "autoresearch"})
    request.add_header("Accept-Encoding", "identity")
    if have and tag.exists():
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text())  # a changed file starts over
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            span = reply.headers.get("Content-Range", "")
            resumed = re.fullmatch(rf"bytes {have}-\d+/(\d+)", span)
            if reply.status == 206 and not resumed:
                part.unlink()
                raise Interrupted("the server resumed at another byte than it was asked for")
            total = int(resumed[1] if resumed else reply.headers.get("Content-Length", -1))
            write_text(tag, reply.headers.get("ETag", ""))
            with part.open("ab" if resumed else "wb") as file:
                report = Report(f"of {size_text(total)}, {part.stem}")
                while block := reply.read1(2**20):
                    file.write(block)
                    report(file.tell(), max(0, total))
                size = file.tell()
    except urllib.error.HTTPError as error:
        error.close()
        message = f"HTTP {error.code} {error.reason}"
        if error.code == 416:  # more is there than the server has: not the same file
            part.unlink()
        if error.code in (416, 429) or error.code >= 500:
            raise Interrupted(message) from error
        raise PrepareError(f"{url}: {message}") from error
    if total >= 0 and size != total:
        raise Interrupted(f"{size} of {total} bytes arrived")
    tag.unlink()


def verify(path: Path, sha256: str | None, url: str) -> None:
    """Delete `path` and raise PrepareError if it does not hash to `sha256`."""
    if sha256 and (actual := digest(path)) != sha256:
        path.unlink()
        again = "the file is deleted, run prepare.py again to fetch it anew"
        raise PrepareError(f"{url}: sha256 is {actual}, not {sha256}; {again}")


def digest(path: Path) -> str:
    """Return the file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text)
    scratch.replace(path)
