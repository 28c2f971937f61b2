"""Compares the checkout's program.md with a run's."""

from pathlib import Path

from agent.git.home import no_link
from agent.history.reading import Reading
from agent.project.find import Project

MAX_BYTES = 1 << 20


def brief_difference(history: Reading, checkout: Project) -> list[str]:
    """Return a line if the checkout's program.md differs from the run's; [] if it does not.

    The run keeps its own until a command takes over the checkout's.
    """
    path = history.project.program
    if not path:
        return []
    try:
        with open(Path(checkout.root) / path, "rb", opener=no_link) as file:
            text = file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    if text.splitlines() == history.program.splitlines():
        return []
    return [
        f"the run has another {path} than this checkout: "
        f"`autoresearch brief {history.tag} --from-checkout` takes this one"
    ]
