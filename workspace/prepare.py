"""Makes the data that train.py learns from and is scored on. Read-only to the agent.

    python prepare.py [--out DIR]     # idempotent; its last line is {"data": …, "fingerprint": …}

    <data>/train/tokens.bin, meta.json                  all that train.py may see
    <data>/val/tokens.bin, token_bytes.bin, meta.json   what the harness scores on
    <data>/tokenizer.json                               the bytes of every token, to read samples

The metric is val_bpb, bits per byte of the validation text: the sum of -log2 p(token) over its
tokens, divided by the sum of their true bytes. Bytes, unlike tokens, are the same under every
tokenizer. A document starts with a special token of 0 bytes, which is never a counted target.
token_bytes is the length of a token's own bytes: one byte of a three-byte character counts 1, not
the three bytes of the replacement character that decoding it alone would show.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
import rustbpe
import tiktoken

# Isolated mode (python -I) leaves out this folder. It comes last: nothing in it hides a library.
sys.path.append(str(Path(__file__).resolve().parent))
import corpora
from corpora import Document, NetworkNeeded, PrepareError

# All of these decide the score: results compare only where they are equal (see `fingerprint`).
# CORPUS: sotu (shipped) | folder:/path with .txt, .jsonl, .parquet | climbmix | tinystories
CORPUS = "sotu"
TOKENIZER = "bpe"  # bpe: fewer, longer tokens, so more text a second | byte: no vocabulary to learn
VOCAB_SIZE = 2048  # of the bpe; more: a small model's softmax eats the budget; fewer: less text
SEQUENCE_LENGTH = 256  # tokens of context, in training and at evaluation
VAL_TOKENS = 2**15  # size of the validation split; VAL_TOKENS * VOCAB_SIZE logits cross a pipe
TRAIN_BYTES = 2**28  # text beyond this is not read: far more than a small budget can see
BPE_BYTES = 2**26  # text that the bpe is trained on
CLIMBMIX_SHARDS = 4  # training shards to download, of 6542
VAL_DOCUMENT_CHARS = 2**13  # longest piece of one document in val, so that none decides the score
SHARED_WORDS = 8  # a run of so many words that also stands in val counts as shared
SHARED_PART = 0.05  # a training document with a larger part of its runs shared is left out
SHARED_RUNS = 40  # and so is one with more shared runs than this, however long it is

CLIMBMIX_URL = "https://huggingface.co/datasets/karpathy/climbmix-400b-shuffle/resolve/main"
CLIMBMIX_LAST_SHARD = 6542  # the validation shard, as in karpathy/autoresearch
TINYSTORIES_URL = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main"

START = "<|start|>"  # stands before every document
# Words with the one sign before them, numbers, runs of signs, a line break and its indentation.
SPLIT_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|[\r\n]+[ \t]*|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Split:
    """The two sides of a corpus. `train` is read once; `val` is cut to what may be scored."""

    train: Iterable[Document]
    val: list[Document]


def by_hash(documents: Iterable[Document], val_bytes: int) -> Split:
    """Put those whose texts hash lowest into val: no order, seed or name decides."""
    ranked = sorted(documents, key=lambda d: hashlib.sha256(d[1].encode()).digest())
    val = scored(ranked, val_bytes)
    if 2 * len(val) > len(ranked):
        needed = f"{val_bytes} bytes of validation text: lower VAL_TOKENS"
        raise PrepareError(f"{len(ranked)} documents are too few for {needed}")
    return Split(ranked[len(val) :], val)


def scored(documents: Iterable[Document], val_bytes: int) -> list[Document]:
    """Return the first documents, each cut to VAL_DOCUMENT_CHARS, until they have `val_bytes`."""
    cut = ((key, text[:VAL_DOCUMENT_CHARS]) for key, text in documents)
    return list(corpora.take(cut, val_bytes))


def load_corpus(name: str, root: Path) -> Split:
    """Read or download the corpus called `name`; downloads are kept below `root`."""
    # Generous: tokens of a bpe are seldom longer than 6 bytes on average.
    val_bytes = VAL_TOKENS * (6 if TOKENIZER == "bpe" else 1)
    kind, _, where = name.partition(":")
    if kind == "sotu":
        return by_hash(corpora.shipped_documents(), val_bytes)
    if kind == "folder":
        documents = corpora.folder_documents(Path(where).expanduser())
        return by_hash(corpora.take(documents, TRAIN_BYTES), val_bytes)
    if kind == "climbmix":
        shards = [f"shard_{i:05d}.parquet" for i in (*range(CLIMBMIX_SHARDS), CLIMBMIX_LAST_SHARD)]
        return downloaded(CLIMBMIX_URL, shards, root / "climbmix", val_bytes)
    if kind == "tinystories":
        stories = [f"TinyStoriesV2-GPT4-{side}.txt" for side in ("train", "valid")]
        return downloaded(TINYSTORIES_URL, stories, root / "tinystories", val_bytes)
    known = "sotu, folder:/path, climbmix or tinystories"
    raise PrepareError(f"unknown corpus {name!r}: CORPUS is {known}")


def downloaded(base: str, names: list[str], folder: Path, val_bytes: int) -> Split:
    """Fetch `names` from `base`; the last file is the validation split."""
    *train, val = [corpora.download(f"{base}/{name}", folder / name) for name in names]
    return Split(corpora.documents_of(train), scored(corpora.documents_of([val]), val_bytes))


# ---------------------------------------------------------------- near-duplicates of val


def runs_of_words(text: str) -> np.ndarray:
    """Return a hash [n] of every run of SHARED_WORDS words (or all, if fewer), in any case."""
    words = re.findall(r"\w+", text.casefold())
    codes = np.fromiter(map(hash, words), dtype=np.int64, count=len(words)).view(np.uint64)
    width = min(SHARED_WORDS, len(words))
    count = len(words) - width + 1 if words else 0
    runs = np.zeros(count, dtype=np.uint64)
    for place in range(width):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + codes[place : place + count]
    return runs


class Sieve:
    """Finds and counts training documents that repeat validation text; three minutes for a GiB."""

    def __init__(self, val: Iterable[Document]) -> None:
        self.documents = 0
        self.size = 0  # bytes of those documents
        runs = [runs_of_words(text) for _, text in val]
        self._val_runs = np.unique(np.concatenate([np.zeros(0, np.uint64), *runs]))

    def passes(self, text: str) -> bool:
        """Return whether `text` shares no more with the validation text than unrelated texts do."""
        runs = runs_of_words(text)
        if not len(runs) or not len(self._val_runs):
            return True
        nearest = np.searchsorted(self._val_runs, runs).clip(max=len(self._val_runs) - 1)
        shared = int((self._val_runs[nearest] == runs).sum())
        if shared <= min(SHARED_RUNS, SHARED_PART * len(runs)):
            return True
        self.documents += 1
        self.size += len(text.encode())
        return False


# ---------------------------------------------------------------- tokenizers


@dataclass(frozen=True)
class Tokenizer:
    """A vocabulary: token i < len(ranks) stands for the bytes ranks[i]; the last id is START."""

    ranks: tuple[bytes, ...]

    @classmethod
    def bytewise(cls) -> "Tokenizer":
        """Return the tokenizer with one token per byte."""
        return cls(tuple(bytes([i]) for i in range(256)))

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> "Tokenizer":
        """Learn byte pairs from `texts`; fewer tokens than asked where no pair is left to merge."""
        if vocab_size < 257:
            needed = "256 bytes and the start token need at least 257"
            raise PrepareError(f"VOCAB_SIZE is {vocab_size}: {needed}")
        bpe = rustbpe.Tokenizer()
        bpe.train_from_iterator(iter(texts), vocab_size - 1, pattern=SPLIT_PATTERN)
        ranked = sorted(bpe.get_mergeable_ranks(), key=lambda item: item[1])
        return cls(tuple(bytes(token) for token, _ in ranked))

    @property
    def start(self) -> int:
        """The id of the special token before every document."""
        return len(self.ranks)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, the special one included."""
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
        """Return all texts as one row of ids, START before each."""
        row = [np.zeros(0, dtype=self.dtype)]
        for ids in self._ids(list(texts)):
            row += [np.array([self.start], dtype=self.dtype), np.asarray(ids, dtype=self.dtype)]
        return np.concatenate(row)

    def _ids(self, texts: list[str]) -> list:
        if len(self.ranks) == 256:
            return [np.frombuffer(text.encode(), dtype=np.uint8) for text in texts]
        ranks = {token: i for i, token in enumerate(self.ranks)}
        special = {START: self.start}
        bpe = tiktoken.Encoding(
            "workspace", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks, special_tokens=special
        )
        return bpe.encode_ordinary_batch(texts, num_threads=4)

    def decode(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of `ids`; START has none."""
        return b"".join(self.ranks[i] for i in ids if i != self.start)

    def save(self, path: Path) -> None:
        """Write every token's bytes, base64, in order."""
        tokens = [base64.b64encode(token).decode() for token in self.ranks]
        path.write_text(json.dumps({"start": START, "tokens": tokens}))

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read what `save` wrote."""
        return cls(tuple(map(base64.b64decode, json.loads(path.read_text())["tokens"])))


# ---------------------------------------------------------------- the prepared folder


def fingerprint(val: np.ndarray, token_bytes: np.ndarray, sequence_length: int) -> str:
    """Return a SHA-256 of all that decides a score: scores with equal ones may be compared."""
    arrays = val.astype("<u4").tobytes(), token_bytes.astype("<u2").tobytes()
    parts = (*arrays, str(sequence_length).encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def bits_per_byte(nats: np.ndarray, targets: np.ndarray, token_bytes: np.ndarray) -> float:
    """Return val_bpb from each target's loss in nats; targets without bytes are not counted."""
    counted = token_bytes[targets]
    return float((nats * (counted > 0)).sum() / np.log(2) / counted.sum())


def recipe() -> str:
    """Return a name for the data that these settings make, such as sotu-bpe2048-x256-3f9a0c11."""
    sizes = (VOCAB_SIZE, SEQUENCE_LENGTH, VAL_TOKENS, TRAIN_BYTES, BPE_BYTES, CLIMBMIX_SHARDS)
    splits = (VAL_DOCUMENT_CHARS, SHARED_WORDS, SHARED_PART, SHARED_RUNS)
    urls = (CLIMBMIX_URL, TINYSTORIES_URL)
    settings = ((CORPUS, TOKENIZER, *sizes), splits, SPLIT_PATTERN, *urls)
    state = hashlib.sha256(repr(settings).encode())
    kind, _, where = CORPUS.partition(":")
    if kind == "sotu":
        state.update(corpora.digest(corpora.shipped_corpus()).encode())
    if kind == "folder":
        folder = Path(where).expanduser()
        for path in sorted(p for p in folder.rglob("*") if p.suffix in corpora.READERS):
            state.update(repr((str(path), path.stat().st_size, path.stat().st_mtime_ns)).encode())
    vocabulary = f"bpe{VOCAB_SIZE}" if TOKENIZER == "bpe" else "byte"
    return f"{kind}-{vocabulary}-x{SEQUENCE_LENGTH}-{state.hexdigest()[:8]}"


def prepare(root: Path) -> tuple[Path, str]:
    """Return the folder below `root`, made if need be, and its fingerprint. Two may do so."""
    root.mkdir(parents=True, exist_ok=True)
    data = root / recipe()
    if mark := intact(data):
        return data, mark
    with tempfile.TemporaryDirectory(
        prefix=".making-", dir=root, ignore_cleanup_errors=True
    ) as scratch:
        made = Path(scratch) / "data"
        build(made, load_corpus(CORPUS, root / "downloads"))
        if data.exists() and not intact(data):
            data.rename(Path(scratch) / "damaged")
        with contextlib.suppress(OSError):  # another prepare.py was first; its folder is as good
            made.rename(data)
    if mark := intact(data):
        return data, mark
    raise PrepareError(f"{data} cannot be written: remove it and run prepare.py again")


def intact(data: Path) -> str | None:
    """Return the fingerprint of a complete folder, computed from its validation data; else None."""
    try:
        meta = json.loads((data / "val" / "meta.json").read_text())
        val = np.fromfile(data / "val" / "tokens.bin", dtype=meta["dtype"])
        token_bytes = np.fromfile(data / "val" / "token_bytes.bin", dtype="<u2")
        mark = fingerprint(val, token_bytes, meta["sequence_length"])
        train = json.loads((data / "train" / "meta.json").read_text())
        width = np.dtype(train["dtype"]).itemsize
        whole = (data / "train" / "tokens.bin").stat().st_size == train["tokens"] * width
        whole = whole and train["tokens"] == meta.get("train_tokens")
        return mark if whole and mark == meta["fingerprint"] else None
    except (OSError, ValueError, KeyError):
        return None


def build(data: Path, corpus: Split) -> None:
    """Tokenise both sides of `corpus` into `data`, without the near-duplicates of val in train."""
    sieve = Sieve(corpus.val)
    train = [
        text for _, text in corpora.take(corpus.train, TRAIN_BYTES) if text and sieve.passes(text)
    ]
    if not train:
        why = "all of it repeats the validation text"
        raise PrepareError(f"no training text is left in {CORPUS}: {why}")
    tokenizer = make_tokenizer(train)
    starts = corpora.counted(range(0, len(train), 1024), "of the text is tokenised")
    batches = [tokenizer.encode(train[i : i + 1024]) for i in starts]
    tokens = np.concatenate(batches)
    save_side(data / "train", tokens, tokenizer, {})
    val = val_tokens(tokenizer, corpus.val)
    facts = {
        "corpus": CORPUS,
        "fingerprint": fingerprint(val, tokenizer.token_bytes, SEQUENCE_LENGTH),
        "train_tokens": len(tokens),
        "near_duplicates": {"documents": sieve.documents, "bytes": sieve.size},
    }
    save_side(data / "val", val, tokenizer, facts)
    tokenizer.token_bytes.tofile(data / "val" / "token_bytes.bin")
    tokenizer.save(data / "tokenizer.json")


def save_side(folder: Path, tokens: np.ndarray, tokenizer: Tokenizer, facts: dict) -> None:
    """Write tokens.bin and meta.json, with `facts` in it. Those of train say nothing of val."""
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
    }
    (folder / "meta.json").write_text(json.dumps(meta | facts, indent=2) + "\n")


def make_tokenizer(texts: list[str]) -> Tokenizer:
    """Return the tokenizer that the settings ask for, learnt from training text only."""
    if TOKENIZER == "byte":
        return Tokenizer.bytewise()
    if TOKENIZER == "bpe":
        first = corpora.take((("", text) for text in texts), BPE_BYTES)
        return Tokenizer.train((text for _, text in first), VOCAB_SIZE)
    raise PrepareError(f"unknown tokenizer {TOKENIZER!r}: TOKENIZER is byte or bpe")


def val_tokens(tokenizer: Tokenizer, documents: Iterable[Document]) -> np.ndarray:
    """Return whole windows, VAL_TOKENS targets at most, and one more token to start from."""
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
        window = f"one window of {SEQUENCE_LENGTH}: add text to {CORPUS}"
        raise PrepareError(f"{len(row)} validation tokens do not fill {window}")
    return row[: windows * SEQUENCE_LENGTH + 1]


def cache_root() -> Path:
    """Return where prepared data lives unless --out says otherwise."""
    folder = os.environ.get("AUTORESEARCH_CACHE")
    return Path(folder or Path(platformdirs.user_cache_dir("autoresearch")) / "prepared")


def main() -> None:
    """Prepare, then print the folder as the last line."""
    parser = argparse.ArgumentParser(description=f"{__doc__}".splitlines()[0])
    parser.add_argument("--out", type=Path, help="default: $AUTORESEARCH_CACHE or the user's cache")
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
        ratio = meta["bytes"] / meta["tokens"]
        sizes = f"{meta['tokens']:,} tokens, {meta['bytes']:,} bytes"
        print(f"{side}: {sizes}, {ratio:.2f} bytes a token")
    repeats = meta["near_duplicates"]
    print(f"left out of train, near-duplicates of val: {repeats['documents']:,} documents")
    print(f"ready in {time.monotonic() - started:.1f} s")
    print(json.dumps({"data": str(data), "fingerprint": mark}))


if __name__ == "__main__":
    main()
