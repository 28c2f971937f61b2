"""Reads the trials of a run as plain records."""

import os
from pathlib import Path


def read(folder: str | os.PathLike[str] = ".", run: str | None = None) -> list[dict[str, object]]:
    """Return the trials of a run, oldest first, as flat records: `pandas.DataFrame(read())`.

    folder: the repository, or a folder inside it. run: a tag or `autoresearch/TAG`; None for the
    one that is checked out there, else the newest. Each record has the columns of `autoresearch
    export --format csv`, and one entry `config.NAME` for each constant of the trial. Nothing is
    locked or changed, so this also works while the run goes on. Raise Fault if there is no such
    folder or run.
    """
    from agent.exchange.write import flat_records
    from agent.history.history import History
    from agent.history.runs import usual_run
    from agent.project.around import project_around

    place = Path(folder).resolve()
    project = project_around(place).project
    with History.read(project, run or usual_run(project, place)) as history:
        return flat_records(history.trials)
