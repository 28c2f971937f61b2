"""Methods: functions of history that propose the next edit; one file a method, one row in METHODS.

Search methods also work without git and without a sandbox (`ask`); see docs/library.md.
"""

from collections.abc import Sequence

from agent.errors import UsageFault, unknown
from agent.propose.context import Context, Proposer, Unreadable
from agent.propose.methods import METHODS, Method, find_method, list_methods
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
    "find_method",
    "list_methods",
]


def ask(
    method: str, space: Space, observations: Sequence[Observation], seed: int, count: int = 1
) -> list[Configuration]:
    """Return the next `count` configurations of a search method, to be tried at once.

    method: a name of `autoresearch methods`, or `module:name`. The same arguments give the same
    configurations. Raise UsageFault for an unknown method, for one that needs a run, for an
    observation of other constants than the space has (unless it is a prior one), and if every
    configuration has been tried.
    """
    for number, observation in enumerate(observations):
        if not observation.prior:
            _refuse_other_names(number, observation, space)
    suggest = find_method(method, typed=True).suggest()
    return batch(suggest, space, observations, seed, count)


def _refuse_other_names(number: int, observation: Observation, space: Space) -> None:
    """Raise UsageFault if a configuration has other names than the space."""
    names = list(observation.configuration)
    strange = next((name for name in names if name not in space.names), None)
    missing = next((name for name in space.names if name not in observation.configuration), None)
    hint = "python -m pydoc autoresearch.ask   # prior=True marks trials of another space"
    if strange is not None:
        message = unknown("constant", strange, space.names)
        raise UsageFault(f"observations[{number}]: {message}", hint)
    if missing is not None:
        raise UsageFault(f"observations[{number}] has no value of {missing!r}.", hint)
