"""Loads the two workspace files as modules and shrinks what they make to the size of a test."""

import importlib.util
from pathlib import Path
from types import ModuleType

WORKSPACE = Path(__file__).parents[2] / "workspace"


def load(name: str) -> ModuleType:
    """A new module from workspace/<name>.py."""
    spec = importlib.util.spec_from_file_location(f"workspace_{name}", WORKSPACE / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shrink(prepare: ModuleType, corpus: Path) -> ModuleType:
    """Settings for data that tests in a moment: bytes, windows of 32."""
    prepare.CORPUS = f"folder:{corpus}"
    prepare.TOKENIZER = "byte"
    prepare.SEQUENCE_LENGTH = 32
    prepare.VAL_TOKENS = 1024
    prepare.corpora.PIECE_CHARS = 2048
    return prepare
