"""Methods: functions of history that propose the next edit; one file a method, one row in METHODS."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.llm.model import Model
from agent.propose.context import Context, Proposer, Unreadable
from agent.propose.observe import Observation

__all__ = ["METHODS", "Context", "Method", "Observation", "Proposer", "Unreadable"]


@dataclass(frozen=True)
class Method:
    """One row of METHODS. build: makes the proposer, given a model where needs_model says so, else None."""

    build: Callable[[Model | None], Proposer]
    needs_model: bool
    description: str


# Each imports its own library when it is built: optuna alone takes longer to import than `autoresearch log` to answer.
def _random(_: Model | None) -> Proposer:
    from agent.propose import random
    from agent.propose.search import Search

    return Search("random", random.suggest)


def _tpe(_: Model | None) -> Proposer:
    from agent.propose import tpe
    from agent.propose.search import Search

    return Search("tpe", tpe.suggest)


def _cmaes(_: Model | None) -> Proposer:
    from agent.propose import cmaes
    from agent.propose.search import Search

    return Search("cmaes", cmaes.suggest)


def _code(model: Model | None) -> Proposer:
    from agent.propose.code import Code

    assert model is not None, "the method 'code' is built with a model"
    return Code(model)


METHODS: dict[str, Method] = {
    "random": Method(_random, False, "independent draws from the whole search space: the yardstick"),
    "tpe": Method(_tpe, False, "tree-structured Parzen estimator (optuna): models where good and bad constants lie"),
    "cmaes": Method(_cmaes, False, "CatCMA with margin (cmaes), from the current constants in small steps: best in short runs"),
    "code": Method(_code, True, "a language model reads program.md, train.py and the ledger, and proposes typed edits"),
}
