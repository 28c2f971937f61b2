"""A tracker: one line of text for each verdict."""

from pathlib import Path


class LinesTracker:
    """Appends to the file `where`, or to verdicts.txt in the folder of the run."""

    def __init__(self, where, folder):
        self._path = Path(where) if where else folder / "verdicts.txt"

    def open(self, run):
        """Write which run began."""
        self._write(f"{run.branch}: {run.method}")

    def verdict(self, trial):
        """Write what became of a trial."""
        self._write(f"#{trial.number} {trial.status} {trial.value}")

    def close(self, reason, failed):
        """Write why the run ended."""
        self._write(f"{'failed' if failed else 'ended'}: {reason}")

    def _write(self, line):
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
