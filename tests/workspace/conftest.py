"""The workspace's modules, fresh for each test, and a small real corpus."""

import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from small import load, shrink


@pytest.fixture
def prepare() -> ModuleType:
    return load("prepare")


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py with a model for seconds of CPU, on one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    module = load("train")
    small = {
        "DEPTH": 2,
        "ASPECT_RATIO": 16,
        "HEAD_DIM": 16,
        "TOTAL_BATCH_SIZE": 512,
        "DEVICE_BATCH_SIZE": 16,
        "SHORT_WINDOW": 16,
    }
    for name, value in small.items():
        assert hasattr(module, name)
        setattr(module, name, value)
    return module


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with real prose and code: a few modules of the standard library as .txt."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in ("argparse", "textwrap", "string", "heapq"):
        source = Path(sysconfig.get_path("stdlib"), f"{name}.py").read_text()
        (folder / f"{name}.txt").write_text(source)
    return folder


@pytest.fixture(scope="session")
def data(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data in small."""
    module = shrink(load("prepare"), corpus)
    return module.prepare(tmp_path_factory.mktemp("cache"))[0]
