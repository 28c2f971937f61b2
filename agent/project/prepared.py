"""Checks the data that a prepare.py made in its sandbox, and makes it the harness's, read-only."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.ground.record import Record

MAX_ENTRIES = 100_000
MAX_META_BYTES = 1 << 16
MAX_TOKENS = 1 << 40
MAX_SEQUENCE_LENGTH = 1 << 20
MAX_TOKEN_BYTES = 1 << 26  # a vocabulary of 32 million
MAX_VALIDATION_BYTES = 1 << 27  # of all files in val; autoresearch's own have 128 KiB
WIDTHS = {"uint16": 2, "uint32": 4}  # bytes of a token, by its dtype
SPLITS = ("train", "val")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Prepared(Record):
    """Data that scores are measured on."""

    data: str
    """The path of its folder."""
    fingerprint: str
    """The hash of everything in it that decides a score."""


class Unfit(Exception):
    """The data that a prepare.py made cannot be used; the message says why."""


def take_over(scratch: Path, data: str) -> str:
    """Check the folder `data` below `scratch`, make it the harness's, and return its digest.

    Nothing may write there meanwhile. Raise Unfit where `data` lies elsewhere, or holds a link, a
    device, a file with a second name, or a split that is not tokens beside a sound meta.json.
    """
    with _opened(scratch, data) as folder:
        for path, _, _, status in _entries(folder):
            _refuse_second_name(path, status)
        for split in SPLITS:
            _check_split(folder, split)
        _refuse_endless(folder)
        return _sealed(folder)


def digest_of(scratch: Path, data: str) -> str:
    """Return the digest that `take_over` gave, unless something changed.

    A file may have a second name by now: each training is shown one of its own
    (sandbox/score/opened.py). Raise Unfit where the folder can no longer be used.
    """
    with _opened(scratch, data) as folder:
        return _digest(folder)


@contextmanager
def _opened(scratch: Path, data: str) -> Iterator[int]:
    """Yield a descriptor of the folder, reached from `scratch` without following a link."""
    parts = _parts_below(scratch, data)
    try:
        folder = os.open(scratch, _FOLDER)
        try:
            for part in parts:
                deeper = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = deeper
            yield folder
        finally:
            os.close(folder)
    except OSError as error:
        raise Unfit(f"its data cannot be read: {error.strerror}: {error.filename}") from None


def _parts_below(scratch: Path, data: str) -> tuple[str, ...]:
    if not Path(data).is_absolute() or "\0" in data:
        raise Unfit(f"its data folder {data[:200]!r} is no absolute path")
    parts = Path(os.path.relpath(data, scratch)).parts
    if not parts or parts[0] == "..":
        raise Unfit(
            f"its data folder {data[:200]!r} is not below {scratch}, the only place it may write"
        )
    return parts


def _entries(folder: int) -> Iterator[tuple[str, int, str, os.stat_result]]:
    """Yield (path, descriptor of its folder, name, status) of everything below.

    A descriptor is closed when the next entry is asked for. Raise Unfit for what is neither a
    folder nor a plain file.
    """
    count = 0
    for place, folders, files, here in os.fwalk(".", dir_fd=folder, onerror=_raise):
        folders.sort()
        for name in (*folders, *sorted(files)):
            path = os.path.normpath(f"{place}/{name}")
            status = os.stat(name, dir_fd=here, follow_symlinks=False)
            count += 1
            if count > MAX_ENTRIES:
                raise Unfit(f"it made more than {MAX_ENTRIES} files")
            _check_entry(path, status)
            yield path, here, name, status


def _raise(error: OSError) -> None:
    raise error


def _check_entry(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        return
    if not stat.S_ISREG(status.st_mode):
        raise Unfit(f"{path!r} in its data is neither a folder nor a plain file")


def _refuse_second_name(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise Unfit(f"{path!r} in its data has a second name, which may lie anywhere")


def _refuse_endless(folder: int) -> None:
    """Raise Unfit for more validation data than is read at each start: files may be all holes."""
    files = [(path, status) for path, _, _, status in _entries(folder) if path.startswith("val/")]
    total = sum(status.st_size for _, status in files if stat.S_ISREG(status.st_mode))
    if total > MAX_VALIDATION_BYTES:
        raise Unfit(f"val has {total} bytes, and up to {MAX_VALIDATION_BYTES} can be scored")


def _sealed(folder: int) -> str:
    """Make everything below read-only and this process's own; return its digest."""
    for _, here, name, status in _entries(folder):
        is_file = stat.S_ISREG(status.st_mode)
        descriptor = os.open(name, _FILE if is_file else _FOLDER, dir_fd=here)
        try:
            _take(descriptor, 0o444 if is_file else 0o755)
        finally:
            os.close(descriptor)
    _take(folder, 0o755)
    return _digest(folder)


def _take(descriptor: int, mode: int) -> None:
    """Change mode and owner: as root the run had a uid of its own, which owns what it wrote."""
    if os.geteuid() == 0:
        os.fchown(descriptor, 0, 0)
    os.fchmod(descriptor, mode)


def _digest(folder: int) -> str:
    """Return a hash of the content of val, and of names, sizes and times of everything else."""
    digest = hashlib.sha256()
    for path, here, name, status in _entries(folder):
        about: tuple[object, ...] = (path,)
        if stat.S_ISREG(status.st_mode) and path.startswith("val/"):
            about = (path, hashlib.sha256(_bytes(here, name, MAX_VALIDATION_BYTES)).hexdigest())
        elif stat.S_ISREG(status.st_mode):
            about = (path, status.st_size, status.st_mtime_ns)
        digest.update(repr(about).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _bytes(folder: int, name: str, limit: int) -> bytes:
    """Return the content of a plain file; raise Unfit beyond `limit` bytes."""
    descriptor = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Unfit(f"{name} is longer than {limit} bytes")
    return data


def _check_split(folder: int, split: str) -> None:
    """Raise Unfit where the folder of a split does not hold what its meta.json says."""
    here = os.open(split, _FOLDER, dir_fd=folder)
    try:
        meta = _meta(here, split)
        size = _size(here, "tokens.bin", split)
        if size != meta["tokens"] * WIDTHS[meta["dtype"]]:
            raise Unfit(
                f"{split}/tokens.bin has {size} bytes, which is not what its meta.json says"
            )
        if split == "val" and not 0 < _size(here, "token_bytes.bin", split) <= MAX_TOKEN_BYTES:
            raise Unfit("val/token_bytes.bin has no sensible size")
    finally:
        os.close(here)


def _meta(folder: int, split: str) -> dict[str, Any]:
    try:
        meta: Any = json.loads(_bytes(folder, "meta.json", MAX_META_BYTES))
    except (ValueError, RecursionError):
        raise Unfit(f"{split}/meta.json is no JSON") from None
    if not isinstance(meta, dict) or not _is_sound(meta):
        raise Unfit(
            f"{split}/meta.json needs dtype (uint16 or uint32), tokens and sequence_length, "
            "each within bounds"
        )
    return meta


def _is_sound(meta: dict[str, Any]) -> bool:
    dtype = meta.get("dtype")
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        return False
    if not _within(meta.get("tokens"), MAX_TOKENS):
        return False
    return _within(meta.get("sequence_length"), MAX_SEQUENCE_LENGTH)


def _within(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most


def _size(folder: int, name: str, split: str) -> int:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    _check_entry(f"{split}/{name}", status)
    return status.st_size
