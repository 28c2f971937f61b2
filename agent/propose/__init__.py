"""Methods: functions of history that propose the next edit; one file a method, one row in METHODS.

Without git and without a sandbox they are a library (`ask`); docs/library.md shows it in ten lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal, cast

from agent.errors import UsageFault
from agent.llm.model import Model
from agent.propose.context import Context, Proposer, Unreadable
from agent.propose.search.observe import Observation
from agent.propose.search.suggest import Suggest, batch
from agent.records.proposals import Configuration
from agent.space import Space

__all__ = [
    "METHODS",
    "Context",
    "Method",
    "Observation",
    "Proposer",
    "Suggest",
    "Unreadable",
    "ask",
]


@dataclass(frozen=True)
class Method:
    """One row of METHODS. module: its file below this folder, imported when it is used: optuna alone takes longer to import than
    `autoresearch log` to answer. proposer: the class there that is made with the model; without one, the module has `suggest`.
    extra: what pip is to be asked for where the method works with a package that is no dependency.
    """

    module: str
    description: str
    proposer: str | None = None
    model: Literal["none", "optional", "needed"] = "none"
    extra: str | None = None

    @property
    def name(self) -> str:
        """Return the name of its module without the room."""
        return self.module.rpartition(".")[2]

    @property
    def needs_model(self) -> bool:
        """True where it does not work without one."""
        return self.model == "needed"

    @property
    def is_search(self) -> bool:
        """True where it needs a space and a list of observations only."""
        return self.proposer is None

    def suggest(self) -> Suggest:
        """The method as a library; UsageFault where it is a proposer of edits."""
        if not self.is_search:
            raise UsageFault(
                f"{self.name} works on a run, not on a list of observations", "autoresearch methods"
            )
        return cast(Suggest, self._import().suggest)

    def build(self, model: Model | None) -> Proposer:
        """The proposer, with its model where it works with one."""
        from agent.propose.search.search import Search

        if self.proposer is None:
            return Search(self.name, self.suggest())
        assert model is not None or not self.needs_model, (
            f"the method {self.name} is built with a model"
        )
        return cast(Proposer, getattr(self._import(), self.proposer)(model))

    def _import(self) -> ModuleType:
        try:
            return import_module(f"agent.propose.{self.module}")
        except ModuleNotFoundError as error:
            if self.extra is None:
                raise
            raise UsageFault(
                f"the method {self.name} needs {error.name}", f"pip install '{self.extra}'"
            ) from None


METHODS: dict[str, Method] = {
    "random": Method(
        "search.random", "independent draws from the whole search space: the yardstick"
    ),
    "tpe": Method(
        "search.tpe",
        "tree-structured Parzen estimator (optuna): models where good and bad constants lie",
    ),
    "trust": Method(
        "search.trust",
        "a trust region around the current constants: a Gaussian process, failures foreseen",
    ),
    "gp": Method(
        "search.gp", "a Gaussian process over the whole space (optuna); seconds a proposal"
    ),
    "smac": Method(
        "search.smac",
        "SMAC3: a random forest over the whole space; seconds a proposal",
        extra="smac>=2.4,<3",
    ),
    "cmaes": Method(
        "search.cmaes", "CatCMA with margin (cmaes), from the current constants in small steps"
    ),
    "code": Method(
        "code.code",
        "a language model reads program.md, train.py and the ledger, and proposes typed edits",
        "Code",
        "needed",
    ),
    "hybrid": Method(
        "hybrid",
        "an optimiser on the constants; a model advises on them and edits code; a bandit shares the turns",
        "Hybrid",
        "optional",
    ),
    "llm-hps": Method(
        "advise.llm_hps",
        "a model sees bounds, incumbent and last trials, and names the constants",
        "LlmHps",
        "needed",
    ),
    "llm-curves": Method(
        "advise.llm_curves",
        "neuropt: a model reads training curves and proposes batches of constants",
        "LlmCurves",
        "needed",
    ),
    "llambo": Method(
        "advise.llambo",
        "LLAMBO as Optuna has it: a model names candidates and says which are good",
        "Llambo",
        "needed",
    ),
    "llambo-paper": Method(
        "advise.llambo_paper",
        "LLAMBO as published: candidates for a target score, predicted ten times",
        "LlamboPaper",
        "needed",
    ),
    "centaur": Method(
        "advise.centaur",
        "CMA-ES, and on some trials a model that sees its state and may overrule it",
        "Centaur",
        "needed",
    ),
}


def ask(
    method: str, space: Space, observations: Sequence[Observation], seed: int, count: int = 1
) -> list[Configuration]:
    """The next `count` configurations of a search method, to be tried at once; the same for the same arguments.

    UsageFault for a method that there is not, that needs a run, or where every configuration has been tried.
    """
    if method not in METHODS:
        raise UsageFault(
            f"no method is called {method!r}; there are {', '.join(METHODS)}",
            "autoresearch methods",
        )
    return batch(METHODS[method].suggest(), space, observations, seed, count)
