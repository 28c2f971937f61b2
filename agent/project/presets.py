"""Presets of `autoresearch init`: constants of the template, for one kind of machine each."""

from agent.records.edits import SetConstant

Preset = dict[str, tuple[SetConstant, ...]]
"""Edits by the template's file."""

NEED_ACCELERATOR = frozenset({"gpu", "h100"})
"""Presets whose models a CPU trains for hours, and whose data is downloaded."""
TRAIN = "workspace/train.py"
PREPARE = "workspace/prepare.py"


def _constants(**values: str) -> tuple[SetConstant, ...]:
    return tuple(SetConstant(name=name, value=value) for name, value in values.items())


PRESETS: dict[str, Preset] = {
    "cpu": {},  # what the files say
    "gpu": {  # one consumer card of 8 GiB or more
        PREPARE: _constants(
            CORPUS='"climbmix"',
            VOCAB_SIZE="4096",
            SEQUENCE_LENGTH="1024",
            VAL_TOKENS="2**17",
            TRAIN_BYTES="2**30",
        ),
        TRAIN: _constants(
            DEPTH="6",
            ASPECT_RATIO="64",
            HEAD_DIM="64",
            SHORT_WINDOW="256",
            TOTAL_BATCH_SIZE="2**16",
            DEVICE_BATCH_SIZE="16",
            MUON_MOMENTUM="0.95",
            UNEMBEDDING_LR="0.004",
            MATRIX_LR="0.02",
        ),
    },
    "h100": {  # one datacentre card of 80 GiB; sizes as in karpathy/autoresearch
        PREPARE: _constants(
            CORPUS='"climbmix"',
            VOCAB_SIZE="8192",
            SEQUENCE_LENGTH="2048",
            VAL_TOKENS="2**17",
            TRAIN_BYTES="2**31",
            CLIMBMIX_SHARDS="10",
        ),
        TRAIN: _constants(
            DEPTH="8",
            ASPECT_RATIO="64",
            HEAD_DIM="128",
            SHORT_WINDOW="1024",
            TOTAL_BATCH_SIZE="2**19",
            DEVICE_BATCH_SIZE="128",
            MUON_MOMENTUM="0.95",
            UNEMBEDDING_LR="0.004",
            MATRIX_LR="0.02",
        ),
    },
}

RANGES: dict[str, dict[str, str]] = {
    "cpu": {},
    "gpu": {
        "SHORT_WINDOW": "[64 .. 1024 pow2]",
        "TOTAL_BATCH_SIZE": "[16384 .. 262144 pow2]",
        "DEVICE_BATCH_SIZE": "[4 .. 64 pow2]",
        "DEPTH": "[3 .. 12]",
        "ASPECT_RATIO": "[32 .. 96]",
        "HEAD_DIM": "[32 .. 128 pow2]",
    },
    "h100": {
        "SHORT_WINDOW": "[128 .. 2048 pow2]",
        "TOTAL_BATCH_SIZE": "[65536 .. 2097152 pow2]",
        "DEVICE_BATCH_SIZE": "[32 .. 256 pow2]",
        "DEPTH": "[4 .. 24]",
        "ASPECT_RATIO": "[32 .. 128]",
        "HEAD_DIM": "[64 .. 256 pow2]",
    },
}
"""Search ranges for autoresearch.toml, where a machine needs others than those in train.py."""
