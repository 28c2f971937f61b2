"""Downloads from a real HTTP server on the loopback: resumed, and checked against checksums."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small import shrink

BODY = bytes(range(256)) * 4096


class Shelf(ThreadingHTTPServer):
    """Serves `files`; `faults` come first: an HTTP status, or the bytes before it hangs up."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[int] = []
        self.ranges: list[str | None] = []
        self.understands_ranges = True

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    """Range and If-Range as RFC 9110 has them."""

    server: Shelf

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers["Range"])
        fault = self.server.faults.pop(0) if self.server.faults else None
        body = self.server.files.get(self.path.lstrip("/"))
        if fault in (429, 500, 503) or body is None:
            self.send_error(fault or 404)
            return
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = (
            int(asked[1])
            if asked and self.server.understands_ranges and self.headers["If-Range"] == tag
            else 0
        )
        if start > len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body[start:] if fault is None else body[start : start + fault])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.files["big.bin"] = BODY
        yield server
        server.shutdown()
        thread.join()


def leftovers(folder: Path) -> set[str]:
    return {p.suffix for p in folder.iterdir()} & {".part", ".etag", ".new"}


def test_truncated_transfer_is_resumed_where_it_stopped(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.faults = [1000, 50_000]
    path = prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin", pause=0.01)
    assert path.read_bytes() == BODY
    assert shelf.ranges == [None, "bytes=1000-", "bytes=51000-"]
    assert not leftovers(tmp_path)


def test_an_interrupted_prepare_goes_on_in_the_next(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.faults = [4096]
    with pytest.raises(
        prepare.PrepareError, match=f"4096 of {len(BODY)} bytes arrived; what arrived is kept"
    ):
        prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin", attempts=1)
    assert not (tmp_path / "big.bin").exists()
    assert prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin").read_bytes() == BODY
    assert shelf.ranges == [None, "bytes=4096-"]


def test_file_that_changed_meanwhile_starts_over(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.faults = [4096]
    with pytest.raises(prepare.PrepareError):
        prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin", attempts=1)
    shelf.files["big.bin"] = BODY[::-1]
    assert (
        prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin").read_bytes()
        == BODY[::-1]
    )


def test_server_without_ranges_still_delivers(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.understands_ranges = False
    shelf.faults = [1000]
    assert (
        prepare.corpora.download(
            shelf.url("big.bin"), tmp_path / "big.bin", pause=0.01
        ).read_bytes()
        == BODY
    )


def test_busy_server_is_asked_again_and_a_missing_file_is_not(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    shelf.faults = [503, 429]
    assert (
        prepare.corpora.download(
            shelf.url("big.bin"), tmp_path / "big.bin", pause=0.01
        ).read_bytes()
        == BODY
    )
    asked = len(shelf.ranges)
    with pytest.raises(prepare.PrepareError, match="HTTP 404"):
        prepare.corpora.download(shelf.url("none.bin"), tmp_path / "none.bin", pause=0.01)
    assert len(shelf.ranges) == asked + 1


def test_wrong_checksum_leaves_no_file(prepare: ModuleType, shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(prepare.PrepareError, match="sha256 is"):
        prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin", sha256="0" * 64)
    assert not (tmp_path / "big.bin").exists()
    good = hashlib.sha256(BODY).hexdigest()
    assert (
        prepare.corpora.download(
            shelf.url("big.bin"), tmp_path / "big.bin", sha256=good
        ).read_bytes()
        == BODY
    )


def test_checksum_of_the_first_download_holds_for_ever(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    path = prepare.corpora.download(shelf.url("big.bin"), tmp_path / "big.bin")
    assert prepare.corpora.download(shelf.url("big.bin"), path) == path
    assert len(shelf.ranges) == 1  # the second time asked no server
    path.write_bytes(BODY[:-1] + b"!")
    with pytest.raises(prepare.PrepareError, match="is deleted"):
        prepare.corpora.download(shelf.url("big.bin"), path)
    shelf.files["big.bin"] = BODY[::-1]
    with pytest.raises(
        prepare.PrepareError, match="sha256 is"
    ):  # another file under the old name is not trusted either
        prepare.corpora.download(shelf.url("big.bin"), path)


def test_two_downloads_at_once_fetch_once(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path
) -> None:
    threads = [
        threading.Thread(
            target=prepare.corpora.download, args=(shelf.url("big.bin"), tmp_path / "big.bin")
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "big.bin").read_bytes() == BODY
    assert len(shelf.ranges) == 1


def test_climbmix_and_tinystories_keep_their_own_validation_file(
    prepare: ModuleType, shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in (0, 1, 7):
        pq.write_table(
            pa.table({"text": [f"shard {i} row {j} says something" for j in range(300)]}),
            tmp_path / "shard",
        )
        shelf.files[f"shard_{i:05d}.parquet"] = (tmp_path / "shard").read_bytes()
    for side in ("train", "valid"):
        shelf.files[f"TinyStoriesV2-GPT4-{side}.txt"] = (
            f"Once upon a {side}.\n<|endoftext|>\n".encode() * 200
        )
    monkeypatch.setattr(prepare, "CLIMBMIX_URL", shelf.url("").rstrip("/"))
    monkeypatch.setattr(prepare, "TINYSTORIES_URL", shelf.url("").rstrip("/"))
    monkeypatch.setattr(prepare, "CLIMBMIX_LAST_SHARD", 7)
    monkeypatch.setattr(prepare, "CLIMBMIX_SHARDS", 2)
    shrink(prepare, tmp_path)
    for corpus, mine, other in (
        ("climbmix", b"shard 7", b"shard 1"),
        ("tinystories", b"a valid", b"a train"),
    ):
        monkeypatch.setattr(prepare, "CORPUS", corpus)
        data, _ = prepare.prepare(tmp_path / "cache")
        tokenizer = prepare.Tokenizer.load(data / "tokenizer.json")
        train, val = (
            tokenizer.decode(prepare.np.fromfile(data / side / "tokens.bin", dtype="<u2"))
            for side in ("train", "val")
        )
        assert mine in val and other not in val
        assert other in train and mine not in train
