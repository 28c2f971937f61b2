"""Makes the data that train.py learns from and is scored on: a corpus, cut into train and val, tokenised. Read-only to the agent.

    python prepare.py [--out DIR]     # idempotent; the last line printed is {"data": "<folder>", "fingerprint": "<sha256>"}

    <data>/train/tokens.bin, meta.json                    all that train.py may see
    <data>/val/tokens.bin, token_bytes.bin, meta.json     what the harness scores on
    <data>/tokenizer.json                                 the bytes of every token, to read samples with

The metric is val_bpb, bits per byte of the validation text: the sum of -log2 p(token) over its tokens, divided by the sum
of their true bytes. Bytes, unlike tokens, are the same under every tokenizer. A document starts with a special token of 0
bytes, which is never a counted target. token_bytes is the length of a token's own bytes: one byte of a character of three
counts 1, not the three bytes of the replacement character that decoding it alone would show.
"""

import argparse
import base64
import contextlib
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
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import rustbpe
import tenacity
import tiktoken

# What is measured. All of these decide the score, so results are comparable only where they are equal (see `fingerprint`).
CORPUS = "sotu"  # sotu: the State of the Union addresses | folder:/path of .txt, .jsonl, .parquet | climbmix | tinystories
TOKENIZER = "bpe"  # bpe: fewer, longer tokens, so more text per second of training | byte: no vocabulary to learn
VOCAB_SIZE = 2048  # tokens of the bpe; with more a small model's softmax eats the budget, with fewer it reads less text
SEQUENCE_LENGTH = 256  # tokens of context at evaluation, and in training
VAL_TOKENS = (
    2**15
)  # size of the validation split; VAL_TOKENS * VOCAB_SIZE logits cross a pipe to be scored
TRAIN_BYTES = 2**28  # text beyond this is left unread: far more than a small budget can see
BPE_BYTES = 2**26  # text that the bpe is trained on
CLIMBMIX_SHARDS = 4  # training shards to download, of 6542
VAL_DOCUMENT_CHARS = (
    2**13
)  # longest piece of one document in val, so that no single document decides the score
SHARED_WORDS = 8  # a run of so many words that also stands in val counts as shared
SHARED_PART = 0.05  # a training document of whose runs more than this part is shared is left out
SHARED_RUNS = 40  # and so is one with more shared runs than this, however long it is

CLIMBMIX_URL = "https://huggingface.co/datasets/karpathy/climbmix-400b-shuffle/resolve/main"
CLIMBMIX_LAST_SHARD = 6542  # the validation shard, as in karpathy/autoresearch
TINYSTORIES_URL = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main"

START = "<|start|>"  # stands before every document
SPLIT_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|[\r\n]+[ \t]*|\s+(?!\S)|\s+"
)
"""Words with the one sign before them, numbers, runs of signs, and a line break together with the indentation behind it."""


class PrepareError(Exception):
    """The data cannot be prepared; the message says why and what to do."""


class NetworkNeeded(PrepareError):
    """A download is needed where the harness gives no network yet; the message is its address."""


# ---------------------------------------------------------------- corpora: a document is (key, text)

Document = tuple[str, str]
SHIPPED = "state-of-the-union.jsonl.xz"  # comes with autoresearch, outside of every folder that a training sees
PIECE_CHARS = 2**16  # a longer .txt file is cut at line ends into documents of about this size


def shipped_corpus() -> Path:
    """Return where the shipped corpus lies: where the harness says, beside the repository's workspace, or where pip put it."""
    if told := os.environ.get("AUTORESEARCH_CORPUS"):
        return Path(told)
    shared = Path("share") / "autoresearch" / SHIPPED
    prefixes = (sys.prefix, sysconfig.get_path("data"), site.getuserbase())
    places = [
        Path(__file__).resolve().parents[1] / "corpus" / SHIPPED,
        *(Path(prefix) / shared for prefix in prefixes),
    ]
    for place in places:
        if place.is_file():
            return place
    raise PrepareError(
        f"no {SHIPPED} in {', '.join(str(place.parent) for place in dict.fromkeys(places))}: "
        "run prepare.py with the Python that autoresearch is installed for, or set AUTORESEARCH_CORPUS to the file"
    )


def shipped_documents() -> Iterator[Document]:
    """Yield one document an address."""
    path = shipped_corpus()
    try:
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                address = json.loads(line)
                yield address["key"], address["text"]
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise PrepareError(f"cannot read the corpus {path}: {error}") from error


def folder_documents(root: Path) -> Iterator[Document]:
    """The documents of every .txt, .jsonl and .parquet file below `root`; the last two keep theirs in a field `text`."""
    paths = sorted(p for p in root.rglob("*") if p.suffix in READERS and p.is_file())
    if not paths:
        raise PrepareError(
            f"no .txt, .jsonl or .parquet file in {root}: set CORPUS in prepare.py to a folder that has some, and list it "
            "under read_only in autoresearch.toml, which shows it to prepare.py and to no training"
        )
    for path in paths:
        for i, text in enumerate(READERS[path.suffix](path)):
            yield f"{path.relative_to(root).as_posix()}#{i}", text


def read_txt(path: Path) -> Iterator[str]:
    """The documents of a text file: between <|endoftext|> marks where it has them, and never much longer than PIECE_CHARS."""
    piece: list[str] = []
    size = 0
    with path.open(encoding="utf-8", errors="replace", newline="") as lines:
        for line in lines:
            text, mark, _ = line.partition("<|endoftext|>")
            piece.append(text)
            size += len(text)
            if mark or size >= PIECE_CHARS:
                yield "".join(piece)
                piece, size = [], 0
    yield "".join(piece)


def read_jsonl(path: Path) -> Iterator[str]:
    """The `text` of every line; PrepareError names the line that has none."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield str(json.loads(line)["text"])
                except (json.JSONDecodeError, KeyError, TypeError) as error:
                    raise PrepareError(
                        f'{path}:{number}: not a JSON object with a "text" field ({error})'
                    ) from error


def read_parquet(path: Path) -> Iterator[str]:
    """The `text` column, one row group in memory at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if "text" not in file.schema_arrow.names:
            raise PrepareError(
                f'{path}: no column "text", only {", ".join(file.schema_arrow.names)}'
            )
        for batch in file.iter_batches(columns=["text"]):
            yield from (text for text in batch.column(0).to_pylist() if text)


READERS = {".txt": read_txt, ".jsonl": read_jsonl, ".parquet": read_parquet}


@dataclass(frozen=True)
class Split:
    """The two sides of a corpus; `train` is read once, from disk where it is large. `val` is cut to what may be scored."""

    train: Iterable[Document]
    val: Iterable[Document]


def by_hash(documents: Iterable[Document], val_bytes: int) -> Split:
    """Val gets the documents whose texts hash lowest, until it has `val_bytes`.

    The choice depends on no order, no seed and no name: it cannot be worked out without the texts themselves.
    """
    ranked = sorted(documents, key=lambda d: hashlib.sha256(d[1].encode()).digest())
    val = scored(ranked, val_bytes)
    if 2 * len(val) > len(ranked):
        raise PrepareError(
            f"{len(ranked)} documents are too few for {val_bytes} bytes of validation text: lower VAL_TOKENS"
        )
    return Split(ranked[len(val) :], val)


def scored(documents: Iterable[Document], val_bytes: int) -> list[Document]:
    """Return the first documents, each cut to VAL_DOCUMENT_CHARS, until they have `val_bytes`."""
    val: list[Document] = []
    size = 0
    for key, text in documents:
        if size >= val_bytes:
            break
        val.append((key, text[:VAL_DOCUMENT_CHARS]))
        size += len(val[-1][1].encode())
    return val


def load_corpus(name: str, root: Path) -> Split:
    """Read or download the corpus called `name`; downloads are kept below `root`."""
    val_bytes = VAL_TOKENS * (
        6 if TOKENIZER == "bpe" else 1
    )  # generous: tokens are seldom longer than 6 bytes on average
    kind, _, where = name.partition(":")
    if kind == "sotu":
        return by_hash(shipped_documents(), val_bytes)
    if kind == "folder":
        return by_hash(take(folder_documents(Path(where).expanduser()), TRAIN_BYTES), val_bytes)
    if kind == "climbmix":
        shards = [f"shard_{i:05d}.parquet" for i in (*range(CLIMBMIX_SHARDS), CLIMBMIX_LAST_SHARD)]
        return downloaded(CLIMBMIX_URL, shards, root / "climbmix", val_bytes)
    if kind == "tinystories":
        stories = [f"TinyStoriesV2-GPT4-{side}.txt" for side in ("train", "valid")]
        return downloaded(TINYSTORIES_URL, stories, root / "tinystories", val_bytes)
    raise PrepareError(
        f"unknown corpus {name!r}: CORPUS is sotu, folder:/path, climbmix or tinystories"
    )


def downloaded(base: str, names: list[str], folder: Path, val_bytes: int) -> Split:
    """Fetch `names` from `base`; the last file is the validation split."""
    paths = [download(f"{base}/{name}", folder / name) for name in names]
    documents = [
        ((f"{p.name}#{i}", text) for i, text in enumerate(READERS[p.suffix](p))) for p in paths
    ]
    return Split((d for file in documents[:-1] for d in file), scored(documents[-1], val_bytes))


def take(documents: Iterable[Document], limit: int) -> Iterator[Document]:
    """The first documents, until they are `limit` bytes long."""
    for key, text in documents:
        if limit <= 0:
            return
        limit -= len(text.encode())
        yield key, text


# ---------------------------------------------------------------- near-duplicates of validation text


def runs_of_words(text: str) -> np.ndarray:
    """Return a hash [n] of every run of SHARED_WORDS words, whatever their case, signs and spaces; of all words of less."""
    words = re.findall(r"\w+", text.casefold())
    codes = np.fromiter(map(hash, words), dtype=np.int64, count=len(words)).view(np.uint64)
    width = min(SHARED_WORDS, len(words))
    count = len(words) - width + 1 if words else 0
    runs = np.zeros(count, dtype=np.uint64)
    for place in range(width):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + codes[place : place + count]
    return runs


class Sieve:
    """Tells training documents that repeat validation text, and counts them. It takes about three minutes for a GiB of text.

    documents, size: how many were found, and their bytes.
    """

    def __init__(self, val: Iterable[Document]) -> None:
        self.documents = 0
        self.size = 0
        self._known = np.unique(
            np.concatenate([np.zeros(0, np.uint64), *(runs_of_words(text) for _, text in val)])
        )

    def passes(self, text: str) -> bool:
        """Return whether `text` shares no more with the validation text than unrelated texts do."""
        runs = runs_of_words(text)
        if not len(runs) or not len(self._known):
            return True
        nearest = np.searchsorted(self._known, runs).clip(max=len(self._known) - 1)
        shared = int((self._known[nearest] == runs).sum())
        if shared <= min(SHARED_RUNS, SHARED_PART * len(runs)):
            return True
        self.documents += 1
        self.size += len(text.encode())
        return False


# ---------------------------------------------------------------- downloads

CHUNK = 2**20


class Interrupted(Exception):
    """A transfer ended early; what arrived is kept, and the next try goes on from there."""


def download(
    url: str, path: Path, sha256: str | None = None, attempts: int = 6, pause: float = 1.0
) -> Path:
    """Fetch `url` to `path` once, going on where an earlier transfer stopped, and check its SHA-256.

    This file knows no published checksum, so the first download is trusted and its checksum is written beside it, in
    <path>.sha256; every later use, and every later download, must match. `sha256` is for those who know it beforehand.
    Raises PrepareError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two prepare.py at once: the second finds the file there
        part, known = path.with_name(path.name + ".part"), path.with_name(path.name + ".sha256")
        expected = sha256 or (known.read_text().strip() if known.exists() else None)
        if not path.exists():
            if os.environ.get("AUTORESEARCH_NETWORK") == "0":
                raise NetworkNeeded(url)
            print(f"downloading {url}", file=sys.stderr, flush=True)
            try:
                tenacity.Retrying(
                    retry=tenacity.retry_if_exception_type(
                        (Interrupted, OSError, http.client.HTTPException)
                    ),
                    stop=tenacity.stop_after_attempt(attempts),
                    wait=tenacity.wait_exponential(multiplier=pause, max=30),
                    reraise=True,
                )(fetch, url, part)
            except (Interrupted, OSError, http.client.HTTPException) as error:
                raise PrepareError(
                    f"{url}: {error}; what arrived is kept, run prepare.py again to go on"
                ) from error
            verify(part, expected, url)
            write_text(known, digest(part))
            part.replace(path)
        verify(path, expected, url)
    return path


def fetch(url: str, part: Path) -> None:
    """Append to `part` whatever of `url` it lacks. Raises Interrupted, OSError or HTTPException where it still lacks some."""
    have = part.stat().st_size if part.exists() else 0
    tag = part.with_name(part.name + ".etag")
    headers = {"User-Agent": "autoresearch", "Accept-Encoding": "identity"}
    if have and tag.exists():
        headers |= {
            "Range": f"bytes={have}-",
            "If-Range": tag.read_text(),
        }  # a changed file starts over
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=30
        ) as reply:
            resumed = re.fullmatch(
                rf"bytes {have}-\d+/(\d+)", reply.headers.get("Content-Range", "")
            )
            if reply.status == 206 and not resumed:
                part.unlink()
                raise Interrupted("the server resumed at another byte than it was asked for")
            total = int(resumed[1] if resumed else reply.headers.get("Content-Length", -1))
            write_text(tag, reply.headers.get("ETag", ""))
            with part.open("ab" if resumed else "wb") as file:
                while block := reply.read(CHUNK):
                    file.write(block)
                size = file.tell()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # more is there than the server has: not the same file
            part.unlink()
        if error.code == 416 or error.code == 429 or error.code >= 500:
            raise Interrupted(f"HTTP {error.code} {error.reason}") from error
        raise PrepareError(f"{url}: HTTP {error.code} {error.reason}") from error
    if total >= 0 and size != total:
        raise Interrupted(f"{size} of {total} bytes arrived")
    tag.unlink()


def verify(path: Path, sha256: str | None, url: str) -> None:
    """PrepareError, and no file, where `path` does not hash to `sha256`."""
    if sha256 and (found := digest(path)) != sha256:
        path.unlink()
        raise PrepareError(
            f"{url}: sha256 is {found}, not {sha256}; the file is deleted, run prepare.py again to fetch it anew"
        )


def digest(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------- tokenizers


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary: token i < len(ranks) stands for the bytes ranks[i]; the last id is START. Any text round-trips."""

    ranks: tuple[bytes, ...]

    @classmethod
    def bytewise(cls) -> "Tokenizer":
        """One token a byte."""
        return cls(tuple(bytes([i]) for i in range(256)))

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Byte pair encoding learnt from `texts`; fewer tokens than asked for where there are no more pairs to merge."""
        if vocab_size < 257:
            raise PrepareError(
                f"VOCAB_SIZE is {vocab_size}: 256 bytes and the start token need at least 257"
            )
        bpe = rustbpe.Tokenizer()
        bpe.train_from_iterator(iter(texts), vocab_size - 1, pattern=SPLIT_PATTERN)
        return cls(
            tuple(
                bytes(token)
                for token, _ in sorted(bpe.get_mergeable_ranks(), key=lambda item: item[1])
            )
        )

    @property
    def start(self) -> int:
        """The id of the special token before every document."""
        return len(self.ranks)

    @property
    def vocab_size(self) -> int:
        """All tokens, the special one included."""
        return len(self.ranks) + 1

    @property
    def token_bytes(self) -> np.ndarray:
        """uint16 [vocab_size]: the true bytes of each token, 0 for START."""
        return np.array([*map(len, self.ranks), 0], dtype="<u2")

    @property
    def dtype(self) -> str:
        """The narrowest type that holds an id."""
        return "uint16" if self.vocab_size <= 2**16 else "uint32"

    def encode(self, texts: Iterable[str]) -> np.ndarray:
        """All texts in one row of ids, START before each."""
        if len(self.ranks) == 256:
            rows = [np.frombuffer(text.encode(), dtype=np.uint8) for text in texts]
        else:
            ranks = {token: i for i, token in enumerate(self.ranks)}
            bpe = tiktoken.Encoding(
                "workspace",
                pat_str=SPLIT_PATTERN,
                mergeable_ranks=ranks,
                special_tokens={START: self.start},
            )
            rows = [
                np.array(ids, dtype=self.dtype)
                for ids in bpe.encode_ordinary_batch(list(texts), num_threads=4)
            ]
        head = np.array([self.start], dtype=self.dtype)
        return np.concatenate(
            [part for row in rows for part in (head, row)] or [head[:0]],
            dtype=self.dtype,
            casting="same_kind",
        )

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes behind `ids`; START stands for none."""
        return b"".join(self.ranks[i] for i in ids if i != self.start)

    def save(self, path: Path) -> None:
        """Write every token's bytes, base64, in order."""
        path.write_text(
            json.dumps(
                {
                    "start": START,
                    "tokens": [base64.b64encode(token).decode() for token in self.ranks],
                }
            )
        )

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read what `save` wrote."""
        return cls(
            tuple(base64.b64decode(token) for token in json.loads(path.read_text())["tokens"])
        )


# ---------------------------------------------------------------- the prepared folder


def fingerprint(val: np.ndarray, token_bytes: np.ndarray, sequence_length: int) -> str:
    """SHA-256 over all that decides a score: scores with equal fingerprints may be compared."""
    parts = (
        val.astype("<u4").tobytes(),
        token_bytes.astype("<u2").tobytes(),
        str(sequence_length).encode(),
    )
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def bits_per_byte(nats: np.ndarray, targets: np.ndarray, token_bytes: np.ndarray) -> float:
    """val_bpb from the loss of each target in nats; targets without bytes are not counted."""
    counted = token_bytes[targets]
    return float((nats * (counted > 0)).sum() / np.log(2) / counted.sum())


def recipe() -> str:
    """A name for the data that these settings make, such as sotu-bpe2048-x256-3f9a0c11."""
    settings = (
        CORPUS,
        TOKENIZER,
        VOCAB_SIZE,
        SEQUENCE_LENGTH,
        VAL_TOKENS,
        TRAIN_BYTES,
        BPE_BYTES,
        CLIMBMIX_SHARDS,
    )
    splits = (VAL_DOCUMENT_CHARS, SHARED_WORDS, SHARED_PART, SHARED_RUNS)
    state = hashlib.sha256(
        repr((settings, splits, SPLIT_PATTERN, CLIMBMIX_URL, TINYSTORIES_URL)).encode()
    )
    kind, _, where = CORPUS.partition(":")
    if kind == "sotu":
        state.update(digest(shipped_corpus()).encode())
    if kind == "folder":
        folder = Path(where).expanduser()
        for path in sorted(p for p in folder.rglob("*") if p.suffix in READERS):
            state.update(repr((str(path), path.stat().st_size, path.stat().st_mtime_ns)).encode())
    vocabulary = f"bpe{VOCAB_SIZE}" if TOKENIZER == "bpe" else "byte"
    return f"{kind}-{vocabulary}-x{SEQUENCE_LENGTH}-{state.hexdigest()[:8]}"


def prepare(root: Path) -> tuple[Path, str]:
    """The prepared data folder below `root`, made if absent or damaged, and its fingerprint. Safe with two at once."""
    root.mkdir(parents=True, exist_ok=True)
    data = root / recipe()
    if found := intact(data):
        return data, found
    with tempfile.TemporaryDirectory(
        prefix=".making-", dir=root, ignore_cleanup_errors=True
    ) as scratch:
        made = Path(scratch) / "data"
        build(made, load_corpus(CORPUS, root / "downloads"))
        if data.exists() and not intact(data):
            data.rename(Path(scratch) / "damaged")
        with contextlib.suppress(OSError):  # another prepare.py was first; its folder is as good
            made.rename(data)
    if not (found := intact(data)):
        raise PrepareError(f"{data} cannot be written: remove it and run prepare.py again")
    return data, found


def intact(data: Path) -> str | None:
    """The fingerprint of a complete folder, or None; validation is read again, so that a damaged one is made anew."""
    try:
        meta = json.loads((data / "val" / "meta.json").read_text())
        val = np.fromfile(data / "val" / "tokens.bin", dtype=meta["dtype"])
        found = fingerprint(
            val, np.fromfile(data / "val" / "token_bytes.bin", dtype="<u2"), meta["sequence_length"]
        )
        train = json.loads((data / "train" / "meta.json").read_text())
        size = (data / "train" / "tokens.bin").stat().st_size
    except (OSError, ValueError, KeyError):
        return None
    complete = size == train["tokens"] * np.dtype(train["dtype"]).itemsize and train[
        "tokens"
    ] == meta.get("train_tokens")
    return found if complete and found == meta["fingerprint"] else None


def build(data: Path, corpus: Split) -> None:
    """Tokenise both sides of `corpus` into `data`; documents that repeat validation text are not in train."""
    val_documents = list(corpus.val)
    sieve = Sieve(val_documents)
    train = [text for _, text in take(corpus.train, TRAIN_BYTES) if text and sieve.passes(text)]
    if not train:
        raise PrepareError(
            f"no training text is left in {CORPUS}: all of it repeats the validation text"
        )
    tokenizer = make_tokenizer(train)
    batches = [tokenizer.encode(train[i : i + 1024]) for i in range(0, len(train), 1024)]
    tokens = np.concatenate(batches)
    save_side(data / "train", tokens, tokenizer, {})
    val = val_tokens(tokenizer, val_documents)
    told = {
        "corpus": CORPUS,
        "fingerprint": fingerprint(val, tokenizer.token_bytes, SEQUENCE_LENGTH),
        "train_tokens": len(tokens),
        "near_duplicates": {"documents": sieve.documents, "bytes": sieve.size},
    }
    save_side(data / "val", val, tokenizer, told)
    tokenizer.token_bytes.tofile(data / "val" / "token_bytes.bin")
    tokenizer.save(data / "tokenizer.json")


def save_side(
    folder: Path, tokens: np.ndarray, tokenizer: Tokenizer, told: dict[str, object]
) -> None:
    """Write tokens.bin and meta.json, with `told` in it. A training sees those of train: they say nothing of val."""
    folder.mkdir(parents=True)
    tokens.astype(np.dtype(tokenizer.dtype).newbyteorder("<")).tofile(folder / "tokens.bin")
    meta = {
        "corpus": CORPUS.partition(":")[0],
        "tokenizer": TOKENIZER,
        "vocab_size": tokenizer.vocab_size,
        "dtype": tokenizer.dtype,
        "tokens": len(tokens),
        "bytes": int(tokenizer.token_bytes[tokens].sum(dtype=np.int64)),
        "sequence_length": SEQUENCE_LENGTH,
        **told,
    }
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def make_tokenizer(texts: list[str]) -> Tokenizer:
    """The tokenizer that the settings ask for, learnt from training text only."""
    if TOKENIZER == "byte":
        return Tokenizer.bytewise()
    if TOKENIZER == "bpe":
        return Tokenizer.train(
            (text for _, text in take((("", t) for t in texts), BPE_BYTES)), VOCAB_SIZE
        )
    raise PrepareError(f"unknown tokenizer {TOKENIZER!r}: TOKENIZER is byte or bpe")


def val_tokens(tokenizer: Tokenizer, documents: Iterable[Document]) -> np.ndarray:
    """Whole windows of validation tokens, VAL_TOKENS targets at most, and one more to start from."""
    pieces: list[np.ndarray] = []
    for _, text in documents:
        pieces.append(tokenizer.encode([text]))
        if tokenizer.decode(pieces[-1]) != text.encode():
            raise PrepareError(f"the tokenizer does not round-trip this text: {text[:60]!r}")
        if sum(map(len, pieces)) > VAL_TOKENS:
            break
    row = np.concatenate(pieces)
    windows = min(len(row) - 1, VAL_TOKENS) // SEQUENCE_LENGTH
    if not windows:
        raise PrepareError(
            f"{len(row)} validation tokens do not fill one window of {SEQUENCE_LENGTH}: add text to {CORPUS}"
        )
    return row[: windows * SEQUENCE_LENGTH + 1]


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text)
    scratch.replace(path)


def cache_root() -> Path:
    """Where prepared data lives unless --out says otherwise."""
    return Path(
        os.environ.get("AUTORESEARCH_CACHE")
        or Path(platformdirs.user_cache_dir("autoresearch")) / "prepared"
    )


def main() -> None:
    """Prepare, then print the folder as the last line."""
    parser = argparse.ArgumentParser(
        description="Prepare the data that train.py learns from and is scored on."
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="where to keep it (default: $AUTORESEARCH_CACHE or the user's cache)",
    )
    started = time.monotonic()
    try:
        data, mark = prepare((parser.parse_args().out or cache_root()).expanduser().resolve())
    except NetworkNeeded as error:
        print(json.dumps({"needs": "network", "from": [str(error)]}))
        sys.exit(1)
    except PrepareError as error:
        sys.exit(f"prepare.py: {error}")
    for side in ("train", "val"):
        meta = json.loads((data / side / "meta.json").read_text())
        print(
            f"{side}: {meta['tokens']:,} tokens, {meta['bytes']:,} bytes, {meta['bytes'] / meta['tokens']:.2f} bytes a token"
        )
    repeats = meta["near_duplicates"]
    print(
        f"left out of train: {repeats['documents']:,} near-duplicates of val, {repeats['bytes']:,} bytes"
    )
    print(f"ready in {time.monotonic() - started:.1f} s")
    print(json.dumps({"data": str(data), "fingerprint": mark}))


if __name__ == "__main__":
    main()
