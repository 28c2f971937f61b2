"""The harness's side of scoring, against real processes that answer well, badly, or not at all."""

import sys
import threading
import time

import numpy as np
import pytest

from sandbox.ground.outcome import MIB, Crashed, Finished, OutOfMemory, TimedOut
from sandbox.score.audit import BFLOAT16, FLOAT32, PLACES, check, choose_places, commit
from sandbox.score.sealed import Validation, bits_per_byte, score
from sandbox.score.wire import Ended, Failed, Invalid
from sandbox.tiers.choose import choose_runner
from tests.sandbox.every_tier import folders, spec_in
from tests.sandbox.miniature import LENGTH, SPECIAL, VOCABULARY, WINDOWS, write_data

# A model in numpy: `logits(tokens)` is the test's; V the vocabulary, TABLE its bigram logits.
CHILD = """
import os, struct, sys
import numpy as np
V = {vocabulary}
TABLE = np.random.default_rng(1).normal(size=(V, V)).astype(np.float32)
seen = np.zeros((V, V), np.float32)
memory, FULL = {{}}, {length}

def read(n):
    data = sys.stdin.buffer.read(n)
    if len(data) < n: sys.exit(3)
    return data

def answer(logits):
    sys.stdout.buffer.write(bytes(1) + logits.astype('<f2').tobytes())
    sys.stdout.buffer.flush()

{model}

while True:
    rows, columns, whole = struct.unpack('<III', read(12))
    if rows == 0: break
    tokens = np.frombuffer(read(4 * rows * columns), '<i4').reshape(rows, columns)
    positions = None if whole else np.frombuffer(read(4 * rows), '<i4')
    found = logits(tokens)
    answer(found if whole else found[np.arange(rows), positions])
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
    """Score a model, given as the Python of `logits(tokens)`.

    Return (score or Invalid, outcome of its last process).
    """
    write_data(home / "data")
    validation = Validation.read(home / "data" / "val")

    def converse(model, dialogue, **changes):
        """One process of the model's, as sandbox/score/scoring.py has two."""
        source = CHILD.format(vocabulary=VOCABULARY, length=LENGTH, model=model)
        spec = spec_in(home, "", argv=(sys.executable, "-I", "-c", source), cpus=(0,), **changes)
        answers = []

        def talk(stdin, stdout):
            try:
                answers.append(dialogue(stdin, stdout))
            except Invalid as reason:
                answers.append(reason)

        outcome = runner.converse(spec, threading.Event(), talk)
        return answers[0], outcome

    def run(model, seed=0, tolerance=FLOAT32, **changes):
        rng = np.random.default_rng(seed)
        places = choose_places(validation, PLACES, rng)
        whole, outcome = converse(model, lambda i, o: score(validation, i, o, rng), **changes)
        run.first_log = (home / "log").read_text()
        if isinstance(whole, Invalid):
            return whole, outcome
        committed, outcome = converse(
            model, lambda i, o: commit(validation, i, o, places, rng), **changes
        )
        if isinstance(committed, Invalid):
            return committed, outcome
        try:
            check(committed, whole, tolerance)
        except Invalid as reason:
            return reason, outcome
        return bits_per_byte(whole, validation), outcome

    run.validation = validation
    return run


def by_definition(validation, table):
    """By the definition, one target at a time, in float64."""
    bits = total = 0.0
    for token, target in zip(
        validation.tokens[: WINDOWS * LENGTH], validation.tokens[1:], strict=True
    ):
        if validation.token_bytes[target]:
            row = table[token].astype(np.float64)
            bits -= (row[target] - np.log(np.exp(row).sum())) / np.log(2)
            total += validation.token_bytes[target]
    return bits / total


def test_a_model_that_knows_nothing(ask):
    value, outcome = ask("def logits(tokens): return np.zeros((*tokens.shape, V))")
    targets = ask.validation.tokens[1:]
    counted = targets != SPECIAL
    assert value == pytest.approx(
        np.log2(VOCABULARY) * counted.sum() / ask.validation.token_bytes[targets].sum(), rel=1e-6
    )
    assert isinstance(outcome, Finished)


def test_a_bigram_model_by_the_definition(ask):
    table = np.random.default_rng(1).normal(size=(VOCABULARY, VOCABULARY)).astype(np.float32)
    value, _ = ask("def logits(tokens): return TABLE[tokens]")
    assert value == pytest.approx(by_definition(ask.validation, table), abs=1e-4)
    assert ask("def logits(tokens): return TABLE[tokens] + 100", seed=9)[0] == pytest.approx(
        value, abs=2e-2
    ), "normalised here"


# Each is Python after `R, T = t.shape`; WHOLE is true in the first process, which sees whole
# windows.
CHEATS = {
    "answers with the next token": (
        "i = np.indices((R, T - 1)); h = np.zeros((R, T, V)); h[i[0], i[1], t[:, 1:]] = 9; return h"
    ),
    "gains a little from the next token": (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1)); h[i[0], i[1], t[:, 1:]] += 0.1; return h"
    ),
    "looks ahead just below the tolerance of one token": (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1)); h[i[0], i[1], t[:, 1:]] += 0.004; "
        "return h"
    ),
    "looks two tokens ahead": (
        "h = TABLE[t].copy(); i = np.indices((R, max(T - 2, 0))); h[i[0], i[1], t[:, 2:]] += 9; "
        "return h"
    ),
    "looks ahead at one position only": (
        "h = TABLE[t].copy(); h[np.arange(R), 7 % T, t[:, 8 % T]] += 9; return h"
    ),
    "looks ahead at one token in fifty": (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1))\n"
        "  h[i[0], i[1], t[:, 1:]] += 9 * ((t[:, :-1] * 7 + i[1]) % 50 == 0); return h"
    ),
    "knows the windows' ends from other windows": (
        "h = TABLE[t].copy(); h[:-1, -1][np.arange(R - 1), t[1:, 0]] += 9; return h"
    ),
    "looks at the whole window": "return TABLE[t] + np.eye(V)[t].mean(1)[:, None]",
    "looks at the other windows of a frame": "return TABLE[t] + 5 * np.eye(V)[t].mean((0, 1))",
    "learns from the windows before": (
        "np.add.at(seen, (t[:, :-1], t[:, 1:]), 0.3); return TABLE[t] + seen[t]"
    ),
    "learns a little from all that came before": (
        "np.add.at(seen, (t[:, :-1], t[:, 1:]), 0.05); return TABLE[t] + seen[t]"
    ),
    "answers a prefix that it knows as before": (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1)); h[i[0], i[1], t[:, 1:]] += 9\n"
        "  for r, c in np.ndindex(R, T):\n"
        "    h[r, c] = memory.setdefault(tuple(t[r, :c + 1]), h[r, c])\n"
        "  return h"
    ),
    "depends on the length of the input": "return TABLE[t] * (1 + 0.05 * (T == FULL))",
    "is honest until it sees whole windows": (
        "h = TABLE[t].copy()\n  if T == FULL:\n    i = np.indices((R, T - 1)); h[i[0], i[1], t[:, "
        "1:]] += 0.05\n  return h"
    ),
    "answers at random": "return np.random.default_rng().normal(size=(*t.shape, V))",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_model_that_is_not_causal_has_no_score(ask, cheat, monkeypatch):
    monkeypatch.setattr("sandbox.score.sealed.FRAME_TOKENS", 4 * LENGTH)
    value, _ = ask(f"def logits(t):\n  R, T = t.shape\n  {CHEATS[cheat]}", seed=1)
    assert isinstance(value, Invalid)
    assert "looks ahead" in str(value)
    assert not any(c.isdigit() for c in str(value)), "a figure could be a message"


def test_a_leak_below_one_token_s_tolerance_shows_in_bfloat16_too(ask):
    model = (
        "h = TABLE[t].copy(); i = np.indices((R, T - 1)); h[i[0], i[1], t[:, 1:]] += 0.05; return h"
    )
    value, _ = ask(f"def logits(t):\n  R, T = t.shape\n  {model}", tolerance=BFLOAT16)
    assert isinstance(value, Invalid)


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_model_with_noise_in_its_arithmetic_has_one(ask, seed):
    noisy = (
        "def logits(t): return TABLE[t] * 8 + np.random.default_rng().normal(size=(*t.shape, V)) "
        "* 1e-4"
    )
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
    "in the middle of an answer": "def logits(t): os.write(1, bytes(999)); os._exit(0)",
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
    "reads, and says only a byte at a time": (
        "import time\ndef logits(t):\n  while True: os.write(1, b'x'); time.sleep(0.2)"
    ),
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
    monkeypatch.setattr("sandbox.score.sealed.FRAME_TOKENS", 4 * LENGTH)
    answer, _ = ask("def logits(t): return np.concatenate([TABLE[t], TABLE[t][:, ::2]], 1)")
    assert isinstance(answer, Invalid)


def test_a_memory_hog_is_told_as_one(ask):
    answer, outcome = ask(
        "hog = bytearray(1 << 30)\nhog[::4096] = b'x' * len(hog[::4096])\nimport time; "
        "time.sleep(60)",
        memory_bytes=300 * MIB,
    )
    assert isinstance(answer, Ended)
    assert isinstance(outcome, OutOfMemory)


def test_the_first_process_is_sent_every_window_once_and_nothing_else(ask):
    ask(
        "def logits(t):\n  sys.stderr.write(''.join(' '.join(map(str, row)) + '\\n' for row in "
        "t)); return TABLE[t]"
    )
    sent = [tuple(map(int, line.split())) for line in ask.first_log.splitlines()]
    assert set(sent) == {tuple(row) for row in ask.validation.windows()[0]}


REPORTS = {
    "an error": (
        "b'\\1' + struct.pack('<BBI', 3, 19, 7)",
        "scoring failed in model(tokens): RuntimeError in train.py, line 7",
    ),
    "a line that is none": (
        "b'\\1' + struct.pack('<BBI', 0, 8, 4000000000)",
        "scoring failed in importing train.py: KeyError",
    ),
    "words of its own": ("b'token 1 token 2'", None),
}


@pytest.mark.parametrize("report", REPORTS)
def test_a_process_that_reports_a_failure_cannot_choose_its_words(ask, report):
    data, words = REPORTS[report]
    answer, _ = ask(f"def logits(t): os.write(1, {data}); os._exit(0)")
    assert isinstance(answer, Failed)
    message = answer.message(lines=400)
    assert "token 1" not in message
    assert words is None or message == words
