"""The parts of a sealed score: places, frames, the tolerance, and the validation data."""

import json

import numpy as np
import pytest

from sandbox.ground.fault import SandboxFault
from sandbox.score.audit import FLOAT32, PLACES, choose_places, prefixes
from sandbox.score.sealed import FRAME_LOGITS, Validation, _frames
from tests.sandbox.every_tier import folders
from tests.sandbox.miniature import LENGTH, VOCABULARY, write_data


@pytest.fixture
def home():
    with folders() as home:
        yield home


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("windows", "length"), [(1, 2), (2, 16), (8, 256), (40, 16), (128, 256)])
def test_no_target_is_seen_before_its_prediction_is_committed(windows, length, seed):
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 50, windows * length + 1).astype(np.int32)
    validation = Validation(data, np.ones(50, np.int64), length)
    shown = np.zeros(len(data), bool)
    inputs, _ = validation.windows()
    count = 0
    for frame in choose_places(validation, PLACES, rng):
        assert len(set(frame.windows)) == len(frame.windows), "one prefix of a window in a request"
        rows = prefixes(inputs, frame, rng)
        for window, cut in zip(frame.windows, frame.cuts, strict=True):
            shown[window * length : window * length + cut] = True
        assert not shown[frame.windows * length + frame.cuts].any()
        for row, window, cut in zip(rows, frame.windows, frame.cuts, strict=True):
            assert (row[:cut] == inputs[window, :cut]).all()
            assert set(row[cut:]) <= set(row[:cut]), "what stands behind a prefix tells nothing new"
        count += len(rows)
    assert count >= min(PLACES, (windows - windows // 16 - 1) * (length - 1))


def test_places_are_spread_over_windows_and_positions_ends_included():
    validation = Validation(np.zeros(128 * 256 + 1, np.int32), np.ones(50, np.int64), 256)
    frames = choose_places(validation, PLACES, np.random.default_rng(0))
    cuts = np.concatenate([frame.cuts for frame in frames])
    windows = np.concatenate([frame.windows for frame in frames])
    assert np.histogram(cuts, 8, (1, 257))[0].min() > PLACES / 10
    assert 110 <= len(set(windows)) <= 128 - 8
    assert (cuts == 256).sum() >= 6


@pytest.mark.parametrize(
    ("windows", "length", "vocabulary"),
    [(1, 16, 256), (254, 512, 256), (70, 2048, 8192), (3, 4096, 50000)],
)
def test_frames_have_one_shape_and_leave_nothing_out(windows, length, vocabulary):
    validation = Validation(np.zeros(1, np.int32), np.zeros(vocabulary, np.int64), length)
    frames = _frames(np.random.default_rng(0).permutation(windows), validation)
    assert {len(frame) for frame in frames} == {len(frames[0])}
    assert set(np.concatenate(frames)) == set(range(windows))
    assert len(frames[0]) * length * vocabulary <= max(FRAME_LOGITS, length * vocabulary)


def test_the_tolerance_allows_for_the_wire():
    """Values on both sides of a float16 rounding differ by less than the tolerance."""
    values = np.geomspace(1e-3, 1000, 5000, dtype=np.float32)
    steps = np.spacing(values.astype(np.float16)).astype(np.float32)
    assert (3 * steps < FLOAT32.single * (1 + values)).all()


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
        {"meta": ""},
        {"meta": "[]"},
        {"meta": "{}"},
        {"meta": json.dumps({"dtype": "int4", "sequence_length": 4})},
        {"meta": json.dumps({"dtype": "uint16", "sequence_length": 0})},
        {"tokens": []},
        {"tokens": range(LENGTH)},
        {"tokens": [1] * 100},
        {"tokens": [VOCABULARY] * 100},
        {"token_bytes": []},
        {"token_bytes": [0] * VOCABULARY},
    ],
)
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
