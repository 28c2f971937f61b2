"""Past trials as a table: every trial with the same constants, whichever file it came from."""

from collections.abc import Sequence

from agent.benchmark.task import constant_name
from agent.errors import UsageFault
from agent.exchange.read import all_prior
from agent.records.proposals import Value
from agent.records.results import PriorTrial

# A column with more different words than this is prose.
MAX_WORDS = 20


def read_past(path: str) -> list[PriorTrial]:
    """Return the trials of a file, with every constant under the name it would have in train.py.

    Columns of prose, and trials that lack a constant, are left out. Raise UsageFault if the file
    cannot be read or has no constants.
    """
    trials = all_prior(path)
    columns = _columns(trials)
    if not columns:
        raise UsageFault(f"{path} has no columns of constants", "autoresearch bench --help")
    if len({constant_name(name) for name in columns}) < len(columns):
        raise UsageFault(
            f"two columns of {path} become one constant: {', '.join(columns)}",
            "autoresearch bench --help",
        )
    return [
        _renamed(trial, columns) for trial in trials if columns.keys() <= trial.configuration.keys()
    ]


def _columns(trials: Sequence[PriorTrial]) -> dict[str, None]:
    """Return the names of constants that most trials have, in order, without prose."""
    values: dict[str, list[Value]] = {}
    for trial in trials:
        for name, value in trial.configuration.items():
            values.setdefault(name, []).append(value)
    columns: dict[str, None] = {}
    for name, of_name in values.items():
        if len(of_name) > len(trials) / 2 and not _is_prose(of_name):
            columns[name] = None
    return columns


def _renamed(trial: PriorTrial, columns: dict[str, None]) -> PriorTrial:
    configuration = {constant_name(name): trial.configuration[name] for name in columns}
    return trial.model_copy(update={"configuration": configuration})


def _is_prose(values: Sequence[Value]) -> bool:
    words = {value for value in values if isinstance(value, str)}
    return len(words) > MAX_WORDS
