"""scikit-learn, which only the real tasks and the surrogates need: the optional extra `bench`."""

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from agent.errors import UsageFault


def sklearn(module: str) -> Any:
    """A module of scikit-learn by its name there; UsageFault where it is not installed."""
    try:
        return import_module(f"sklearn.{module}")
    except ModuleNotFoundError:
        raise UsageFault("this task needs scikit-learn, which is not installed", "pip install 'autoresearch[bench]'") from None


def one_core() -> AbstractContextManager[object]:
    """While it is entered scikit-learn uses one core: on a busy machine its threads spend more time waiting for each other."""
    limits: AbstractContextManager[object] = import_module("threadpoolctl").threadpool_limits(limits=1)
    return limits


def datasets() -> Any:
    """The data that ships with scikit-learn: nothing is downloaded."""
    return sklearn("datasets")
