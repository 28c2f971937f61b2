"""Past trials as a table: all with the same constants, whichever file they came from."""

from collections.abc import Sequence

from agent.benchmark.task import constant_name
from agent.errors import UsageFault
from agent.exchange.read import all_prior
from agent.records.proposals import Value
from agent.records.results import PriorTrial

# More different words than this in a column, and it is prose.
MAX_WORDS = 20


def read_past(path: str) -> list[PriorTrial]:
    """The trials of a file, under the names that constants have, without columns of prose and trials that lack a constant.

    UsageFault where it cannot be read or has none.
    """
    rows = all_prior(path)
    names = list(dict.fromkeys(name for row in rows for name in row.configuration))
    common = [
        name for name in names if sum(name in row.configuration for row in rows) > len(rows) / 2
    ]
    columns = [
        name for name in common if not _is_prose([row.configuration.get(name) for row in rows])
    ]
    if not columns:
        raise UsageFault(f"{path} has no columns of constants", "autoresearch bench --help")
    if len({constant_name(name) for name in columns}) < len(columns):
        raise UsageFault(
            f"two columns of {path} become one constant: {', '.join(columns)}",
            "autoresearch bench --help",
        )
    return [
        row.model_copy(
            update={
                "configuration": {constant_name(name): row.configuration[name] for name in columns}
            }
        )
        for row in rows
        if all(name in row.configuration for name in columns)
    ]


def _is_prose(values: Sequence[Value | None]) -> bool:
    words = {value for value in values if isinstance(value, str)}
    return len(words) > MAX_WORDS
