"""Result files, logs and weights of any content raise only our own errors, and give no score."""

import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.ground.fault import SandboxFault
from sandbox.ground.text import LINE_CHARACTERS, TAIL_CHARACTERS, last_words, printable, tail
from sandbox.limits import cgroup, evidence
from sandbox.score.printed import read_curve, read_summary
from sandbox.score.sealed import Validation
from sandbox.score.weights import BadWeights, NoWeights, Weights, take_weights

settings.register_profile(
    "files", suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
FILES = settings.get_profile("files")
CAP = 1 << 16

# JSON that is nearly a safetensors header: right and wrong names, types, sizes and shapes.
SIZES = (
    st.integers(-3, 40)
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.none()
    | st.booleans()
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "F16", "BF16", "U8", "F4", "", None, 3, []]),
        "shape": st.lists(SIZES, max_size=4) | SIZES,
        "data_offsets": st.lists(SIZES, max_size=3) | SIZES,
        "more": SIZES,
    },
)
HEADERS = st.dictionaries(
    st.text(max_size=4) | st.just("__metadata__"),
    TENSORS | SIZES | st.lists(SIZES, max_size=3),
    max_size=3,
)
HEADER_BYTES = (HEADERS | SIZES | st.lists(HEADERS, max_size=2)).map(
    lambda value: json.dumps(value).encode()
) | st.binary(max_size=60)


def framed(header, data, length):
    """A file whose first eight bytes say how long the header is, or lie."""
    return struct.pack("<Q", (len(header) if length is None else length) % 2**64) + header + data


WEIGHTS = st.binary(max_size=80) | st.builds(
    framed, HEADER_BYTES, st.binary(max_size=40), st.none() | st.integers(0, 2**64)
)


@pytest.fixture
def scratch(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path


@settings(FILES, max_examples=400)
@given(content=WEIGHTS)
def test_weights(scratch, content):
    (scratch / "out/model.safetensors").write_bytes(content)
    target = scratch / "taken"
    try:
        taken = take_weights(scratch, target, CAP)
    except (BadWeights, NoWeights):
        return
    assert isinstance(taken, Weights)
    assert target.read_bytes() == content
    from safetensors.numpy import load

    assert (
        sum(array.size for array in load(content).values()) == taken.parameters
    )  # what is taken, can be loaded
    target.unlink()


TEXT = st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
NUMBERS = st.sampled_from(
    [
        "1.0",
        "nan",
        "-inf",
        "1e999",
        "9" * 5000,
        "0x1",
        "1_0",
        "",
        "\u0661",
        "[" * 3000,
        "0.97\r",
        "True",
    ]
)
PROGRESS = st.builds(
    lambda step, percent, loss, end: f"step {step} ({percent}%) | loss: {loss} |{end}".encode(
        "utf-8", "replace"
    ),
    NUMBERS | st.integers().map(str),
    NUMBERS | st.floats().map(str),
    NUMBERS | st.floats().map(str),
    st.sampled_from("\r\n\0"),
)
SUMMARIES = st.builds(
    lambda name, value: f"---\n{name}: {value}\n".encode("utf-8", "replace"),
    st.text(max_size=5) | st.just("val_bpb"),
    NUMBERS,
)
LOGS = st.lists(st.binary(max_size=200) | TEXT | PROGRESS | SUMMARIES, max_size=12).map(b"".join)


@settings(FILES, max_examples=400)
@given(content=LOGS)
def test_logs(tmp_path, content):
    log = tmp_path / "log"
    log.write_bytes(content)
    for fraction, loss in read_curve(log):
        assert 0 <= fraction <= 1 and math.isfinite(loss)
    for value in read_summary(log).values():
        assert isinstance(value, str) or math.isfinite(value)
    shown = tail(log)
    assert len(shown) <= TAIL_CHARACTERS
    assert printable(shown) == shown
    assert len(last_words(log)) <= LINE_CHARACTERS
    assert last_words(log).isprintable()
    evidence.out_of_memory(str(log), None, 0)


@settings(FILES, max_examples=150)
@given(meta=HEADER_BYTES, tokens=st.binary(max_size=60), sizes=st.binary(max_size=40))
def test_validation_data(tmp_path, meta, tokens, sizes):
    """A disk may be full or a download torn: a Fault of ours, or data that can be scored."""
    for name, content in {
        "meta.json": meta,
        "tokens.bin": tokens,
        "token_bytes.bin": sizes,
    }.items():
        (tmp_path / name).write_bytes(content)
    try:
        validation = Validation.read(tmp_path)
    except SandboxFault:
        return
    assert validation.windows()[0].size


@settings(FILES, max_examples=150)
@given(
    content=TEXT
    | st.sampled_from([b"oom_kill 3\n", b"oom_kill x\n", b"oom_kill\n", b"1:memory:/a\n0::/\n"])
)
def test_the_kernel_s_files(tmp_path, content):
    """Not untrusted, but of many kernels."""
    for name in ("cgroup", "mountinfo", "memory.events"):
        (tmp_path / name).write_bytes(content)
    list(cgroup.find_spots(tmp_path))
    assert cgroup.Group((tmp_path,)).kills() >= 0


def test_every_reader_takes_a_file_that_is_not_there():
    nowhere = Path("/nowhere/log")
    assert (read_curve(nowhere), read_summary(nowhere), tail(nowhere), last_words(nowhere)) == (
        (),
        {},
        "",
        "",
    )
