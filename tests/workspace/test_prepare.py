"""Corpora, tokenizers, true bytes, and a prepared folder that is whole or not there."""

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import WORKSPACE, load, shrink

AWKWARD = "def f(x):\r\n\treturn 'naïve 日本 🙂'\f\n\n    # \u200b \x00 <|start|> 1234567"


def texts(documents: list[tuple[str, str]]) -> list[str]:
    return [text for _, text in documents]


def test_the_shipped_corpus_is_the_addresses_and_every_byte_is_known(prepare: ModuleType) -> None:
    packed = prepare.corpora.shipped_corpus()
    assert prepare.corpora.digest(packed) in (packed.parent / "README.md").read_text()
    documents = dict(prepare.corpora.shipped_documents())
    assert {
        "1790_george_washington_n",
        "1862_abraham_lincoln_r",
        "2016_barack_obama_d",
    } <= documents.keys()
    assert len(documents) == 233
    assert sum(len(text.encode()) for text in documents.values()) > 10_000_000


def test_the_shipped_corpus_is_where_the_harness_says_or_is_missed(
    prepare: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_CORPUS", str(tmp_path / "none.jsonl.xz"))
    with pytest.raises(prepare.PrepareError, match=r"cannot read the corpus .*none\.jsonl\.xz"):
        list(prepare.corpora.shipped_documents())
    (tmp_path / "torn.jsonl.xz").write_bytes(b"no archive")
    monkeypatch.setenv("AUTORESEARCH_CORPUS", str(tmp_path / "torn.jsonl.xz"))
    with pytest.raises(prepare.PrepareError, match=r"cannot read the corpus .*torn\.jsonl\.xz"):
        list(prepare.corpora.shipped_documents())
    monkeypatch.delenv("AUTORESEARCH_CORPUS")
    monkeypatch.setattr(prepare.corpora, "SHIPPED", "lost.jsonl.xz")
    with pytest.raises(prepare.PrepareError, match="set AUTORESEARCH_CORPUS"):
        prepare.corpora.shipped_corpus()


def test_split_by_hash_depends_on_no_order_and_no_name_and_never_overlaps(
    prepare: ModuleType,
) -> None:
    documents = [(f"file{i}.py", f"text {i} " * 50) for i in range(200)]
    first = prepare.by_hash(documents, 5000)
    random.Random(0).shuffle(documents)
    again = prepare.by_hash(documents, 5000)
    assert list(first.val) == list(again.val)
    assert not set(first.val) & set(first.train)
    assert sorted([*first.val, *first.train]) == sorted(documents)
    assert 5000 <= sum(len(text) for text in texts(first.val)) < 6000
    renamed = prepare.by_hash([(f"other-{key}", text) for key, text in documents], 5000)
    assert texts(renamed.val) == texts(first.val)


def test_more_files_leave_most_of_the_validation_split_as_it_was(prepare: ModuleType) -> None:
    documents = [(f"file{i}.py", f"{i:03d}" * 33) for i in range(400)]
    before = set(prepare.by_hash(documents[:380], 4000).val)
    assert len(before & set(prepare.by_hash(documents, 4000).val)) >= 32


def test_what_is_reserved_for_validation_is_cut_and_its_rest_is_nowhere(
    prepare: ModuleType,
) -> None:
    prepare.VAL_DOCUMENT_CHARS = 100
    split = prepare.by_hash([(str(i), f"{i:04d} " * 60) for i in range(50)], 1000)
    assert {len(text) for text in texts(split.val)} == {100}
    beginnings = {text[:4] for text in texts(split.val)}
    assert not beginnings & {text[:4] for text in texts(split.train)}


def test_folder_reads_txt_jsonl_and_parquet(prepare: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text("one\n<|endoftext|>\ntwo\n")
    (tmp_path / "deep" / "b.jsonl").write_text('{"text": "three"}\n\n{"text": "four", "id": 4}\n')
    pq.write_table(pa.table({"id": [5, 6], "text": ["five", "six 日本"]}), tmp_path / "c.parquet")
    (tmp_path / "ignored.md").write_text("no")
    documents = list(prepare.corpora.folder_documents(tmp_path))
    assert [text.strip() for text in texts(documents) if text.strip()] == [
        "one",
        "two",
        "five",
        "six 日本",
        "three",
        "four",
    ]
    assert len({key for key, _ in documents}) == len(documents)


def test_long_text_is_cut_at_line_ends_and_nothing_is_lost(
    prepare: ModuleType, tmp_path: Path
) -> None:
    text = "".join(f"line {i}\r\n" for i in range(20_000))
    (tmp_path / "long.txt").write_bytes(text.encode())
    pieces = texts(list(prepare.corpora.folder_documents(tmp_path)))
    assert len(pieces) > 2
    assert "".join(pieces) == text
    assert all(piece.endswith("\r\n") for piece in pieces if piece)


@pytest.mark.parametrize("line", ["not json", '{"body": "x"}', "[1]"])
def test_bad_jsonl_names_its_line(prepare: ModuleType, tmp_path: Path, line: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "good"}\n' + line + "\n")
    with pytest.raises(prepare.PrepareError, match=r"bad\.jsonl:2"):
        list(prepare.corpora.folder_documents(tmp_path))


def test_parquet_without_text_and_an_empty_folder_say_so(
    prepare: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(prepare.PrepareError, match=r"no \.txt"):
        list(prepare.corpora.folder_documents(tmp_path))
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "c.parquet")
    with pytest.raises(prepare.PrepareError, match='no column "text", only body'):
        list(prepare.corpora.folder_documents(tmp_path))


def test_too_little_text_is_refused(prepare: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("short")
    shrink(prepare, tmp_path)
    with pytest.raises(prepare.PrepareError, match="too few"):
        prepare.prepare(tmp_path / "cache")


@pytest.fixture(scope="module")
def bpe_and_bytes(corpus: Path) -> list[object]:
    tokenizer = load("prepare").Tokenizer
    return [
        tokenizer.bytewise(),
        tokenizer.train([p.read_text() for p in sorted(corpus.glob("*.txt"))], 500),
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["byte", "bpe"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.just(AWKWARD))
def test_any_text_round_trips_and_its_tokens_own_its_bytes(
    bpe_and_bytes: list, which: int, text: str
) -> None:
    tokenizer = bpe_and_bytes[which]
    ids = tokenizer.encode([text])
    assert ids[0] == tokenizer.start
    assert tokenizer.decode(ids) == text.encode()
    assert tokenizer.token_bytes[ids].sum() == len(text.encode())


def test_part_of_a_character_counts_its_own_bytes(bpe_and_bytes: list) -> None:
    for tokenizer in bpe_and_bytes:
        ids = tokenizer.encode(["日"])[1:]
        assert len(ids) == 3  # not in the corpus, so one token for each of its bytes
        assert tokenizer.token_bytes[ids].tolist() == [1, 1, 1]
        assert tokenizer.token_bytes[tokenizer.start] == 0


def test_bpe_learns_longer_tokens_and_is_the_same_every_time(
    prepare: ModuleType, corpus: Path, bpe_and_bytes: list
) -> None:
    source = (corpus / "argparse.txt").read_text()
    assert len(bpe_and_bytes[1].encode([source])) < 0.6 * len(source)
    again = prepare.Tokenizer.train([p.read_text() for p in sorted(corpus.glob("*.txt"))], 500)
    assert again.ranks == bpe_and_bytes[1].ranks
    assert again.vocab_size == 500


def test_tokenizer_survives_its_file(
    bpe_and_bytes: list, prepare: ModuleType, tmp_path: Path
) -> None:
    bpe_and_bytes[1].save(tmp_path / "t.json")
    assert prepare.Tokenizer.load(tmp_path / "t.json").ranks == bpe_and_bytes[1].ranks


def test_bits_per_byte_is_the_loss_over_true_bytes(prepare: ModuleType) -> None:
    token_bytes = np.array([1, 3, 0], dtype=np.uint16)
    targets = np.array([0, 1, 2, 1])
    nats = np.array([1.0, 2.0, 99.0, 4.0])  # the special token's loss must not count
    assert prepare.bits_per_byte(nats, targets, token_bytes) == pytest.approx(7 / math.log(2) / 7)
    uniform = np.full(1000, math.log(256))
    assert prepare.bits_per_byte(
        uniform, np.arange(1000) % 256, np.ones(256, np.uint16)
    ) == pytest.approx(8.0)


def test_prepared_folder_says_all_of_itself(prepare: ModuleType, data: Path) -> None:
    assert sorted(p.name for p in (data / "train").iterdir()) == ["meta.json", "tokens.bin"]
    assert sorted(p.name for p in (data / "val").iterdir()) == [
        "meta.json",
        "token_bytes.bin",
        "tokens.bin",
    ]
    train, val = (json.loads((data / side / "meta.json").read_text()) for side in ("train", "val"))
    tokens = np.fromfile(data / "val" / "tokens.bin", dtype=val["dtype"])
    token_bytes = np.fromfile(data / "val" / "token_bytes.bin", dtype="<u2")
    assert len(token_bytes) == val["vocab_size"] == 257
    assert (len(tokens) - 1) % 32 == 0 and len(tokens) == val["tokens"]
    assert (
        val["bytes"]
        == token_bytes[tokens].sum()
        == len(prepare.Tokenizer.load(data / "tokenizer.json").decode(tokens))
    )
    assert val["fingerprint"] == prepare.fingerprint(tokens, token_bytes, 32)
    assert (data / "train" / "tokens.bin").stat().st_size == 2 * train["tokens"]


def test_fingerprint_changes_with_all_that_decides_the_score(prepare: ModuleType) -> None:
    val, sizes = np.arange(9, dtype=np.uint16), np.ones(9, np.uint16)
    prints = {
        prepare.fingerprint(val, sizes, 8),
        prepare.fingerprint(val[::-1], sizes, 8),
        prepare.fingerprint(val, sizes * 2, 8),
        prepare.fingerprint(val, sizes, 4),
    }
    assert len(prints) == 4
    assert (
        prepare.fingerprint(val.astype(np.uint32), sizes, 8) in prints
    )  # how it is stored does not matter


def test_second_time_reads_what_is_there_and_damage_is_made_good(
    prepare: ModuleType, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(prepare, corpus)
    data, mark = prepare.prepare(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "build", lambda *_: pytest.fail("built twice"))
        assert prepare.prepare(tmp_path) == (data, mark)
    tokens = data / "val" / "tokens.bin"
    whole = tokens.read_bytes()
    for damage in (whole[:-2], whole[:-1] + b"\x01"):
        tokens.write_bytes(damage)
        assert prepare.prepare(tmp_path) == (data, mark)
        assert tokens.read_bytes() == whole
    assert list(tmp_path.glob(".making-*")) == []


def test_two_at_once_agree(corpus: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = {[str(WORKSPACE), str(Path(__file__).parent)]!r}\n"
        "from pathlib import Path; import prepare, small\n"
        f"print(small.shrink(prepare, Path({str(corpus)!r})).prepare(Path({str(tmp_path)!r})))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(printed) == 1
    assert list(tmp_path.glob(".making-*")) == []


def sentences(first: int, count: int) -> str:
    """Return `count` sentences of twelve words that a call with other numbers does not share."""
    lines = (" ".join(f"w{first + i}n{word}" for word in range(12)) for i in range(count))
    return "".join(f"{line}.\n" for line in lines)


TWINS = {
    "exact": lambda text: text,
    "other case, signs and line ends": lambda text: text.upper().replace(".\n", "!  "),
    "every tenth sentence new": lambda text: "".join(
        sentences(90_000 + i, 1) if i % 10 == 0 else line
        for i, line in enumerate(text.splitlines(keepends=True))
    ),
    "one part of a much longer document": lambda text: (
        sentences(80_000, 400) + text[: len(text) // 2] + sentences(70_000, 400)
    ),
    "one sentence as a document": lambda text: text.splitlines()[3],
}


@pytest.mark.parametrize("twin", TWINS)
def test_a_near_duplicate_of_validation_text_is_left_out_of_training(
    prepare: ModuleType, twin: str
) -> None:
    held_out = sentences(0, 40)
    sieve = prepare.Sieve([("v", held_out)])
    planted = TWINS[twin](held_out)
    assert not sieve.passes(planted)
    assert (sieve.documents, sieve.size) == (1, len(planted.encode()))


def test_what_shares_a_phrase_or_nothing_is_trained_on(prepare: ModuleType) -> None:
    held_out = sentences(0, 40)
    sieve = prepare.Sieve([("v", held_out), ("short", "Thank you."), ("empty", "")])
    quotes_once = sentences(500, 100) + held_out.splitlines()[7]
    for text in (sentences(1000, 40), quotes_once, "Thank you all.", "", "..."):
        assert sieve.passes(text), text[:40]
    assert not sieve.passes("thank you!")
    assert sieve.documents == 1


def test_planted_near_duplicates_are_counted_and_gone(prepare: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i}.txt").write_text(sentences(1000 * i, 8))
    shrink(prepare, folder)
    split = prepare.load_corpus(prepare.CORPUS, tmp_path)
    victim = texts(split.val)[0]
    planted = victim.upper().replace("\n", "\n\n")
    (folder / "planted.txt").write_text(planted)
    again = prepare.load_corpus(prepare.CORPUS, tmp_path)
    assert victim in texts(again.val) and planted in texts(again.train)
    data, _ = prepare.prepare(tmp_path / "cache")
    meta = json.loads((data / "val" / "meta.json").read_text())
    assert meta["near_duplicates"] == {"documents": 1, "bytes": len(planted)}
    tokenizer = prepare.Tokenizer.load(data / "tokenizer.json")
    trained = tokenizer.decode(np.fromfile(data / "train" / "tokens.bin", dtype="<u2")).decode()
    assert victim.upper()[:60] not in trained and victim[:60] not in trained
    assert texts(again.train)[1][:60] in trained


def test_training_text_that_is_all_validation_text_is_refused(
    prepare: ModuleType, tmp_path: Path
) -> None:
    for i in range(40):
        (tmp_path / f"{i}.txt").write_text(sentences(0, 8) + "." * i)
    shrink(prepare, tmp_path)
    with pytest.raises(prepare.PrepareError, match="all of it repeats the validation text"):
        prepare.prepare(tmp_path / "cache")


def test_what_a_training_sees_says_nothing_of_the_validation_side(
    prepare: ModuleType, corpus: Path, data: Path
) -> None:
    train, val = ((data / side / "meta.json").read_text() for side in ("train", "val"))
    assert json.loads(train).keys() == {
        "corpus",
        "tokenizer",
        "vocab_size",
        "dtype",
        "tokens",
        "bytes",
        "sequence_length",
    }
    assert str(corpus) in val and str(corpus) not in train
    assert json.loads(val)["fingerprint"] not in train


def test_unknown_settings_say_what_is_known(prepare: ModuleType, tmp_path: Path) -> None:
    prepare.CORPUS = "wikipedia"
    with pytest.raises(prepare.PrepareError, match="sotu, folder:/path, climbmix or tinystories"):
        prepare.prepare(tmp_path)


def test_the_default_is_ready_in_seconds_and_cheap_to_score(
    prepare: ModuleType, tmp_path: Path
) -> None:
    command = [sys.executable, "prepare.py", "--out", str(tmp_path)]
    run = subprocess.run(
        command,
        cwd=WORKSPACE,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ},
    )
    answer = json.loads(run.stdout.splitlines()[-1])
    meta = json.loads(Path(answer["data"], "val", "meta.json").read_text())
    assert answer["fingerprint"] == meta["fingerprint"]
    assert meta["corpus"] == "sotu" and meta["tokens"] == prepare.VAL_TOKENS + 1
    assert meta["vocab_size"] == prepare.VOCAB_SIZE
    assert meta["tokens"] * meta["vocab_size"] <= 150_000_000
