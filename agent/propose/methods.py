"""The table of methods: one row a method, its module imported when it is used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from shlex import quote
from typing import Any, Literal, cast

from agent.errors import UsageFault
from agent.llm.model import Model
from agent.plugins import Plugin, blaming, installed, is_reference, load_reference, unknown
from agent.propose.context import Context, Proposer, Unreadable
from agent.propose.search.observe import Observation, fit
from agent.propose.search.suggest import Suggest
from agent.records.proposals import Configuration, Proposal
from agent.space import Space

ModelUse = Literal["none", "optional", "needed"]
WORKSPACE = "autoresearch[workspace]"
"""The extra that brings torch."""
GO_ON = "autoresearch log   # what ran until then is recorded; mend it, and resume"


@dataclass(frozen=True)
class Method:
    """One method: a search method (a function) or a proposer of edits (a class)."""

    name: str
    description: str
    load: Callable[[], Any]
    """Import it: the function `suggest`, or a class that is built with a model or None."""
    is_search: bool = True
    """It needs a space and a list of observations only."""
    model: ModelUse = "none"
    extra: str | None = None
    """What pip installs for it, beyond the dependencies of autoresearch."""
    origin: str = ""
    """Where a method that is not ours comes from."""
    several: bool = False
    """Whether several of its proposals may be written at the same time."""

    @property
    def needs_model(self) -> bool:
        """Whether it needs a model."""
        return self.model == "needed"

    def suggest(self) -> Suggest:
        """Return the method as a function. Raise UsageFault if it is a proposer of edits."""
        if not self.is_search:
            raise UsageFault(
                f"the method {self.name!r} works on a run, not on a list of observations",
                "autoresearch methods",
            )
        return cast(Suggest, self._loaded())

    def build(self, model: Model | None) -> Proposer:
        """Return the proposer, built with its model if it uses one."""
        from agent.propose.search.search import Search

        if self.is_search:
            return Search(self.name, self.suggest())
        if model is None and self.needs_model:
            raise UsageFault(
                f"the method {self.name!r} needs a model",
                f"autoresearch start --method {self.name} --model opus",
            )
        return cast(Proposer, self._loaded()(model))

    def _loaded(self) -> Any:
        try:
            return self.load()
        except ModuleNotFoundError as error:
            if self.extra is None:
                raise
            raise UsageFault(
                f"the method {self.name!r} needs {error.name}, which is not installed",
                f"pip install '{self.extra}'",
            ) from None


def _attribute(module: str, name: str) -> Callable[[], Any]:
    """Return a function that imports a name of a module of this room."""
    return lambda: getattr(import_module(f"agent.propose.{module}"), name)


def _search(name: str, description: str, extra: str | None = None) -> Method:
    load = _attribute(f"search.{name}", "suggest")
    return Method(name, description, load, extra=extra)


def _proposer(
    name: str, path: str, model: ModelUse, description: str, several: bool = False
) -> Method:
    """Return a row for the class at `path`, a module and a class below this room."""
    module, _, class_name = path.rpartition(".")
    load = _attribute(module, class_name)
    return Method(name, description, load, False, model, several=several)


_ROWS = (
    _search("random", "independent draws from the whole search space: the yardstick"),
    _search("tpe", "tree-structured Parzen estimator (optuna), over the whole space"),
    _search("trust", "a Gaussian process in a trust region around the current constants"),
    _search(
        "gp",
        "a Gaussian process over the whole space (optuna); seconds a proposal",
        extra=WORKSPACE,
    ),
    _search(
        "smac",
        "SMAC3: a random forest over the whole space; seconds a proposal",
        extra="autoresearch[smac]",
    ),
    _search("cmaes", "CatCMA with margin (cmaes), from the current constants in small steps"),
    _proposer(
        "code",
        "code.code.Code",
        "needed",
        "a language model reads the brief, the code and the ledger, and proposes typed edits",
        several=True,
    ),
    _proposer(
        "hybrid",
        "hybrid.Hybrid",
        "optional",
        "an optimizer on constants, a model on constants and code; a bandit shares the turns",
        several=True,
    ),
    _proposer(
        "llm-hps",
        "advise.llm_hps.LlmHps",
        "needed",
        "a model sees bounds, incumbent and last trials, and names the constants",
    ),
    _proposer(
        "llm-curves",
        "advise.llm_curves.LlmCurves",
        "needed",
        "neuropt: a model reads training curves and proposes batches of constants",
    ),
    _proposer(
        "llambo",
        "advise.llambo.Llambo",
        "needed",
        "LLAMBO as in Optuna: a model names candidates and says which are good",
    ),
    _proposer(
        "llambo-paper",
        "advise.llambo_paper.LlamboPaper",
        "needed",
        "LLAMBO as published: candidates for a target score, predicted ten times",
    ),
    _proposer(
        "centaur",
        "advise.centaur.Centaur",
        "needed",
        "CMA-ES, and on some trials a model that sees its state and may overrule it",
    ),
)
METHODS: Mapping[str, Method] = {row.name: row for row in _ROWS}
"""Our own methods. `find_method` also knows those of installed packages."""


def list_methods() -> dict[str, Method]:
    """Return every method by name, ours first, without importing other packages."""
    return {**METHODS, **{name: _offered(plugin) for name, plugin in _plugins().items()}}


def find_method(name: str, typed: bool = False) -> Method:
    """Return the method `name`: one of ours, of an installed package, or `module:name`.

    typed: the user typed the name for this command. Only then may it be `module:name`: a name in a
    branch or in a file of the repository never imports code. Raise UsageFault for an unknown name
    and for a broken plug-in.
    """
    if name in METHODS:
        return METHODS[name]
    if is_reference(name):
        if typed:
            return _of_object(name, load_reference(name, "--method"), name)
        raise UsageFault(
            f"the run was started with --method {name}, and code is not imported because a"
            " branch names it: type the method again",
            f"autoresearch resume --method {quote(name)}",
        )
    plugins = _plugins()
    if name in plugins:
        return _of_object(name, plugins[name].load(), plugins[name].origin)
    raise unknown("method", name, [*METHODS, *plugins], "autoresearch methods")


def _plugins() -> dict[str, Plugin]:
    return installed("methods", METHODS)


def _offered(plugin: Plugin) -> Method:
    """Return the row of a plug-in for a list, without importing it."""
    return Method(plugin.name, f"from {plugin.origin}", plugin.load, origin=plugin.origin)


def _of_object(name: str, code: Any, origin: str) -> Method:
    """Return a method for a function `suggest` or a class with `propose`."""
    description = f"from {origin}"
    blame = f"the method {name!r} ({origin})"
    if isinstance(code, type) and hasattr(code, "propose"):
        model: ModelUse = getattr(code, "model_use", "none")
        build = partial(_Proposer, code, blame=blame)
        return Method(name, description, lambda: build, False, model, origin=origin)
    if callable(code):
        return Method(name, description, lambda: _checked(code, blame), origin=origin)
    raise UsageFault(
        f"the method {name!r} ({origin}) is neither a function (space, observations, seed) nor a"
        " class with propose(context)",
        "autoresearch methods",
    )


def _checked(suggest: Callable[..., Any], blame: str) -> Suggest:
    """Wrap a search method of a package: it sees points of the space, and returns one."""

    def checked(space: Space, observations: Sequence[Observation], seed: int) -> Configuration:
        points = fit(space, observations)
        with blaming(blame, GO_ON):
            return space.repair({**space.default, **suggest(space, points, seed)})

    return checked


class _Proposer:
    """Wraps a proposer of a package: its exceptions become faults that name the package."""

    def __init__(
        self, make: Callable[[Model | None], Proposer], model: Model | None, blame: str
    ) -> None:
        self._blame = blame
        with blaming(blame, GO_ON):
            self._proposer = make(model)
            self.name = self._proposer.name
            self.looks_ahead = self._proposer.looks_ahead

    def propose(self, context: Context) -> Proposal | Unreadable:
        """Return the package's proposal."""
        with blaming(self._blame, GO_ON):
            proposal = self._proposer.propose(context)
            if not isinstance(proposal, Proposal | Unreadable):
                raise TypeError(f"propose() returned a {type(proposal).__name__}, no Proposal")
            return proposal
