"""Whether the checkout has another program.md than a run."""

from pathlib import Path

from agent.git.home import no_link
from agent.history.reading import Reading
from agent.project.find import Project

MAX_BYTES = 1 << 20


def brief_otherwise(history: Reading, checkout: Project) -> list[str]:
    """Return a line if the checkout's program.md is not the run's: an edit of it changes no run."""
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
