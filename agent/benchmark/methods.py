"""The methods that a benchmark can run: our own on constants, and optuna's samplers."""

from collections.abc import Sequence

from agent.errors import UsageFault
from agent.propose import Suggest, find_method

REFERENCES = ("optuna-tpe", "optuna-random")
"""optuna's samplers with its own settings (agent/benchmark/references.py)."""
# They work on the code of train.py or on a moving tip; a task is constants with a fixed start.
UNSUPPORTED = {
    "code": "it edits code, and a benchmark compares methods on constants",
    "hybrid": "without a model it is `trust`, and with one it edits code, "
    "while a benchmark compares methods on constants",
}


def suggest_of(method: str) -> Suggest | None:
    """Return a search method, or a sampler of optuna's, as a function; None if it asks a model."""
    if method in REFERENCES:
        # Imported here: optuna takes longer to import than most runs take.
        from agent.benchmark.references import SAMPLERS

        return SAMPLERS[method].suggest
    row = find_method(method, typed=True)
    return row.suggest() if row.is_search else None


def check_methods(methods: Sequence[str], model: str | None) -> None:
    """Raise UsageFault for a method that is unknown, unsupported here, or lacks its model."""
    for method in methods:
        if method in UNSUPPORTED:
            raise UsageFault(
                f"{method} cannot be compared here: {UNSUPPORTED[method]}",
                "autoresearch bench --list",
            )
        if method not in REFERENCES and find_method(method, True).needs_model and model is None:
            raise UsageFault(
                f"the method {method!r} needs a model",
                f"autoresearch bench --methods {method} --model opus",
            )
