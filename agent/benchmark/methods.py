"""Who can play: the methods that need nothing but trials, those that ask a model for constants, and optuna's own samplers."""

from collections.abc import Sequence

from agent.errors import UsageFault
from agent.propose import METHODS, Suggest

REFERENCES = ("optuna-tpe", "optuna-random")
"""optuna's samplers as anybody gets them (agent/benchmark/references.py)."""
# They work on a train.py's code or on a moving tip, and a task here is constants at a fixed start.
NOT_HERE = {
    "code": "it edits code, and a bench compares methods on constants",
    "hybrid": "without a model it is `trust`, with one it edits code, and a bench compares methods on constants",
}


def suggest_of(method: str) -> Suggest | None:
    """A search method, or one of optuna's own, as a function; None where the method works with a model."""
    if method in REFERENCES:
        from agent.benchmark.references import (
            SAMPLERS,  # optuna takes longer to import than most games to play
        )

        return SAMPLERS[method].suggest
    return METHODS[method].suggest() if METHODS[method].is_search else None


def check_methods(methods: Sequence[str], model: str | None) -> None:
    """UsageFault for a method that there is not, that cannot play here, or that lacks a model."""
    for method in methods:
        if method in NOT_HERE:
            raise UsageFault(
                f"{method} cannot be compared here: {NOT_HERE[method]}", "autoresearch bench --list"
            )
        if method not in METHODS and method not in REFERENCES:
            raise UsageFault(
                f"no method is called {method!r}; there are {', '.join([*METHODS, *REFERENCES])}",
                "autoresearch methods",
            )
        if method in METHODS and METHODS[method].needs_model and model is None:
            raise UsageFault(
                f"the method {method!r} needs a model",
                f"autoresearch bench --methods {method} --model opus",
            )
