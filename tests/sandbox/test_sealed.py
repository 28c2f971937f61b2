"""The harness's side of scoring, against real processes that answer well, badly, or not at all."""

import json
import sys
import threading
import time

import numpy as np
import pytest

from sandbox.choose import choose_runner
from sandbox.fault import SandboxFault
from sandbox.outcome import MIB, Crashed, Finished, OutOfMemory, TimedOut
from sandbox.sealed import FLOAT32_TOLERANCE, FRAME_LOGITS, Ended, Invalid, Validation, _audits, _frames, score
from tests.sandbox.miniature import LENGTH, SPECIAL, VOCABULARY, WINDOWS, write_data
from tests.sandbox.tiers import folders, spec_in

# A model in numpy: `logits(tokens)` is the test's; V the vocabulary, TABLE its bigram logits.
CHILD = """
import os, struct, sys
import numpy as np
V = {vocabulary}
TABLE = np.random.default_rng(1).normal(size=(V, V)).astype(np.float32)
seen = np.zeros((V, V), np.float32)

def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n: sys.exit(3)
    return data

def answer(logits):
    sys.stdout.buffer.write(logits.astype('<f2').tobytes())
    sys.stdout.buffer.flush()

{model}

while True:
    rows, columns = struct.unpack('<II', read(8))
    if rows == 0: break
    tokens = np.frombuffer(read(4 * rows * columns), '<i4').reshape(rows, columns)
    answer(logits(tokens))
"""


@pytest.fixture(scope="module")
def runner():
    return choose_runner().runner


@pytest.fixture
def home():
    with folders() as home:
        yield home


@pytest.fixture
def ask(home, runner):
    """Score a model, given as the Python of `logits(tokens)`; returns (score or Invalid, outcome of its process)."""
    write_data(home / "data")
    validation = Validation.read(home / "data" / "val")

    def run(model, seed=0, **changes):
        source = CHILD.format(vocabulary=VOCABULARY, model=model)
        spec = spec_in(home, "", argv=(sys.executable, "-I", "-c", source), cpus=(0,), **changes)
        answers = []

        def dialogue(stdin, stdout):
            try:
                answers.append(score(validation, stdin, stdout, seed))
            except Invalid as reason:
                answers.append(reason)

        outcome = runner.converse(spec, threading.Event(), dialogue)
        return answers[0], outcome

    run.validation = validation
    return run


def bits_per_byte(validation, table):
    """By the definition, one target at a time, in float64."""
    bits = total = 0.0
    for token, target in zip(validation.tokens[: WINDOWS * LENGTH], validation.tokens[1:], strict=True):
        if validation.token_bytes[target]:
            row = table[token].astype(np.float64)
            bits -= (row[target] - np.log(np.exp(row).sum())) / np.log(2)
            total += validation.token_bytes[target]
    return bits / total


def test_a_model_that_knows_nothing(ask):
    value, outcome = ask("def logits(tokens): return np.zeros((*tokens.shape, V))")
    targets = ask.validation.tokens[1:]
    counted = targets != SPECIAL
    assert value == pytest.approx(np.log2(VOCABULARY) * counted.sum() / ask.validation.token_bytes[targets].sum(), rel=1e-6)
    assert isinstance(outcome, Finished)


def test_a_bigram_model_by_the_definition(ask):
    table = np.random.default_rng(1).normal(size=(VOCABULARY, VOCABULARY)).astype(np.float32)
    value, _ = ask("def logits(tokens): return TABLE[tokens]")
    assert value == pytest.approx(bits_per_byte(ask.validation, table), abs=1e-4)
    assert ask("def logits(tokens): return TABLE[tokens] + 100", seed=9)[0] == pytest.approx(value, abs=2e-2), "normalised here"


CHEATS = {
    "answers with the next token": "i = np.indices((R, T - 1)); h = np.zeros((R, T, V)); h[i[0], i[1], t[:, 1:]] = 9; return h",
    "gains a little from the next token": (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1)); h[i[0], i[1], t[:, 1:]] += 0.1; return h"
    ),
    "looks two tokens ahead": "h = TABLE[t].copy(); i = np.indices((R, T - 2)); h[i[0], i[1], t[:, 2:]] += 9; return h",
    "looks at the whole window": "return TABLE[t] + np.eye(V)[t].mean(1)[:, None]",
    "looks at the other windows of a frame": "return TABLE[t] + 5 * np.eye(V)[t].mean((0, 1))",
    "learns from the windows before": "np.add.at(seen, (t[:, :-1], t[:, 1:]), 0.3); return TABLE[t] + seen[t]",
    "answers at random": "return np.random.default_rng().normal(size=(*t.shape, V))",
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_model_that_is_not_causal_has_no_score(ask, cheat, seed, monkeypatch):
    monkeypatch.setattr("sandbox.sealed.FRAME_TOKENS", 4 * LENGTH)
    value, _ = ask(f"def logits(t):\n  R, T = t.shape\n  {CHEATS[cheat]}", seed=seed)
    assert isinstance(value, Invalid)
    assert "looks ahead" in str(value)


@pytest.mark.parametrize("seed", range(3))
def test_what_a_model_takes_from_all_of_a_frame_shows_with_little_data_too(ask, seed):
    """The whole validation data would fit into one frame, where a window and its changed copy would be given the same."""
    pooled = "def logits(t): np.add.at(seen, (t[:, :-1], t[:, 1:]), 0.05); return TABLE[t] + seen[t]"
    value, _ = ask(pooled, seed=seed)
    assert isinstance(value, Invalid)
    assert "looks ahead" in str(value)


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_model_with_noise_in_its_arithmetic_has_one(ask, seed):
    noisy = "def logits(t): return TABLE[t] * 8 + np.random.default_rng().normal(size=(*t.shape, V)) * 1e-4"
    assert isinstance(ask(noisy, seed=seed)[0], float)


@pytest.mark.parametrize("value", ["np.nan", "np.inf", "-np.inf"])
def test_logits_must_be_finite(ask, value):
    model = f"def logits(t):\n  h = TABLE[t].copy(); h[-1, -1, -1] = {value}; return h"
    answer, _ = ask(model)
    assert isinstance(answer, Invalid)
    assert "not finite" in str(answer)


ENDS = {
    "before it is asked": "sys.exit(0)",
    "when asked": "def logits(t): os._exit(1)",
    "in the middle of an answer": "def logits(t): os.write(1, b'x' * 999); os._exit(0)",
    "after too short an answer": "def logits(t): answer(TABLE[t][:, :-1]); os._exit(0)",
    "with a signal": "def logits(t): os.abort()",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_ends_early_has_no_score(ask, end):
    began = time.monotonic()
    answer, outcome = ask(ENDS[end])
    assert isinstance(answer, Ended)
    assert isinstance(outcome, Finished | Crashed)
    assert time.monotonic() - began < 10


HANGS = {
    "closes its output": "import time\ndef logits(t): os.close(1); time.sleep(60)",
    "never answers": "import time\ndef logits(t): time.sleep(60)",
    "never reads": "import time\ntime.sleep(60)",
    "answers too little": "import time\ndef logits(t): answer(TABLE[t][:, :-1]); time.sleep(60)",
    "reads, and says only a byte at a time": ("import time\ndef logits(t):\n  while True: os.write(1, b'x'); time.sleep(0.05)"),
}


@pytest.mark.parametrize("hang", HANGS)
def test_a_process_that_hangs_is_ended_by_the_harness_s_clock(ask, hang):
    answer, outcome = ask(HANGS[hang], wall_seconds=0.6)
    assert isinstance(answer, Ended)
    assert isinstance(outcome, TimedOut)
    assert outcome.usage.seconds < 5


def test_endless_output_is_no_harm(ask):
    answer, outcome = ask("while True: os.write(1, b'\\xff' * 65536)")
    assert isinstance(answer, Invalid)
    assert outcome.usage.seconds < 10


def test_more_than_was_asked_for_is_read_as_answers_that_do_not_fit(ask, monkeypatch):
    monkeypatch.setattr("sandbox.sealed.FRAME_TOKENS", 4 * LENGTH)
    answer, _ = ask("def logits(t): return np.concatenate([TABLE[t], TABLE[t][:, ::2]], 1)")
    assert isinstance(answer, Invalid)


def test_a_memory_hog_is_told_as_one(ask):
    answer, outcome = ask("hog = bytearray(1 << 30)\nhog[::4096] = b'x' * len(hog[::4096])\nimport time; time.sleep(60)",
                          memory_bytes=300 * MIB)  # fmt: skip
    assert isinstance(answer, Ended)
    assert isinstance(outcome, OutOfMemory)


def test_the_child_is_sent_nothing_but_inputs(ask, home):
    """Every window comes at least once, and the changed ones stand anywhere among them."""
    model = "def logits(t):\n  sys.stderr.write(''.join(' '.join(map(str, row)) + '\\n' for row in t)); return TABLE[t]"
    ask(model)
    sent = [tuple(map(int, line.split())) for line in (home / "log").read_text().splitlines()]
    real = {tuple(row) for row in ask.validation.windows()[0]}
    assert real <= set(sent)
    changed = [i for i, row in enumerate(sent) if row not in real]
    assert len(changed) >= 8
    assert min(changed) < len(sent) / 2 < max(changed)


# ---------------------------------------------------------------- the parts


@pytest.mark.parametrize("seed", range(30))
def test_an_audit_shares_a_prefix_and_differs_right_behind_it(home, seed):
    write_data(home / "data", seed)
    validation = Validation.read(home / "data" / "val")
    inputs, _ = validation.windows()
    copies, audits = _audits(validation, inputs, np.random.default_rng(seed))
    assert len(audits) == len(copies) == 16
    for copy, audit in zip(copies, audits, strict=True):
        assert 1 <= audit.cut < LENGTH
        assert (copy[: audit.cut] == inputs[audit.original, : audit.cut]).all()
        assert copy[audit.cut] != inputs[audit.original, audit.cut]


@pytest.mark.parametrize(("windows", "length", "vocabulary"), [(1, 16, 256), (254, 512, 256), (70, 2048, 8192), (3, 4096, 50000)])
def test_frames_have_one_shape_and_leave_nothing_out(windows, length, vocabulary):
    validation = Validation(np.zeros(1, np.int32), np.zeros(vocabulary, np.int64), length)
    frames = _frames(np.random.default_rng(0).permutation(windows), validation)
    assert {len(frame) for frame in frames} == {len(frames[0])}
    assert set(np.concatenate(frames)) == set(range(windows))
    assert len(frames[0]) * length * vocabulary <= max(FRAME_LOGITS, length * vocabulary)


def test_the_tolerance_allows_for_the_wire():
    """Values on both sides of a rounding of float16 differ by less than the tolerance, at every size."""
    values = np.geomspace(1e-3, 1000, 5000, dtype=np.float32)
    steps = np.spacing(values.astype(np.float16)).astype(np.float32)
    assert (3 * steps < FLOAT32_TOLERANCE * (1 + values)).all()


def spoil(folder, meta=None, tokens=None, token_bytes=None):
    if meta is not None:
        (folder / "meta.json").write_text(meta)
    if tokens is not None:
        np.array(tokens, "<u2").tofile(folder / "tokens.bin")
    if token_bytes is not None:
        np.array(token_bytes, "<u2").tofile(folder / "token_bytes.bin")


@pytest.mark.parametrize(
    "how",
    [
        {"meta": ""}, {"meta": "[]"}, {"meta": "{}"}, {"meta": json.dumps({"dtype": "int4", "sequence_length": 4})},
        {"meta": json.dumps({"dtype": "uint16", "sequence_length": 0})}, {"tokens": []}, {"tokens": range(LENGTH)},
        {"tokens": [1] * 100}, {"tokens": [VOCABULARY] * 100}, {"token_bytes": []}, {"token_bytes": [0] * VOCABULARY},
    ],
)  # fmt: skip
def test_validation_data_that_make_no_sense_are_the_harness_s_fault(home, how):
    write_data(home / "data")
    spoil(home / "data" / "val", **how)
    with pytest.raises(SandboxFault) as fault:
        Validation.read(home / "data" / "val")
    assert "prepare.py" in fault.value.next_command


def test_four_byte_tokens(home):
    write_data(home / "data")
    folder = home / "data" / "val"
    before = Validation.read(folder)
    before.tokens.astype("<u4").tofile(folder / "tokens.bin")
    (folder / "meta.json").write_text(json.dumps({"dtype": "uint32", "sequence_length": LENGTH}))
    assert (Validation.read(folder).tokens == before.tokens).all()
