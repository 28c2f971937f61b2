"""The runs of a repository as they stand at this moment, read anew only where a ref has moved."""

import threading
import time
from pathlib import Path

from agent.dashboard.view import Local, View, log_paths, read_view
from agent.errors import HistoryFault
from agent.git.home import checked
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history.history import History
from agent.history.runs import FLIGHTS, HEADS, first_commit, list_runs, lock_path, transcripts_of
from agent.llm.recorded import read_exchanges
from agent.project.find import Project
from agent.records.results import Trial
from sandbox.ground.text import tail
from sandbox.score.printed import Point, read_curve

# A verdict is on every screen within a second of its commit: look this often, once for all who listen.
LOOK_SECONDS = 0.3


class Watch:
    """Looks at one repository; takes no lock, writes nothing, and keeps one view a run. Many threads may ask at once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._git = Plumbing(Path(project.root))
        self._lock = threading.Lock()
        self._seen: tuple[float, str] = (-LOOK_SECONDS, "")
        self._read: dict[str, tuple[str, History]] = {}

    def version(self, tag: str = "") -> str:
        """Words that differ whenever something about the run (or about any run) has changed."""
        with self._lock:
            if time.monotonic() - self._seen[0] >= LOOK_SECONDS:
                form = "--format=%(objectname) %(refname)"
                self._seen = (
                    time.monotonic(),
                    self._git("for-each-ref", form, HEADS, FLIGHTS, "refs/remotes"),
                )
            lines = self._seen[1].splitlines()
        if not tag:
            return "\n".join(lines)
        mine = [
            line
            for line in lines
            if line.endswith(f"/autoresearch/{tag}") or f" {FLIGHTS}{tag}/" in line
        ]
        return "\n".join((*mine, str(holder(lock_path(self._project, checked(tag))))))

    def tags(self) -> list[str]:
        """The runs, the newest first."""
        return [run.tag for run in list_runs(self._project) if first_commit(self._git, run.commit)]

    def view(self, tag: str) -> View:
        """The run as it stands; HistoryFault if there is none."""
        return read_view(self._history(tag))

    def trial(self, tag: str, number: int) -> tuple[View, Trial, str, Local]:
        """A trial with its run, its diff, and what only this machine has of it; HistoryFault if there is none."""
        history = self._history(tag)
        trial = next((trial for trial in history.trials if trial.number == number), None)
        if trial is None:
            raise HistoryFault(f"there is no trial #{number} in {tag}", f"autoresearch log {tag}")
        logs = tuple((path.name, tail(path)) for path in log_paths(history, number))
        exchanges = read_exchanges(
            transcripts_of(self._project, history.tag), trial.proposal.by.exchanges
        )
        return (
            read_view(history),
            trial,
            history.diff(f"{trial.attempt}^", trial.attempt),
            Local(logs, exchanges),
        )

    def curves(self, tag: str) -> dict[int, tuple[Point, ...]]:
        """How far each attempt in flight is, by number, as far as the newest of its logs on this machine tells."""
        history = self._history(tag)
        logs = {attempt.number: log_paths(history, attempt.number) for attempt in history.in_flight}
        return {
            number: read_curve(max(paths, key=lambda path: path.stat().st_mtime))
            for number, paths in logs.items()
            if paths
        }

    def _history(self, tag: str) -> History:
        version = self.version(tag)
        known = self._read.get(tag)
        if known is None or known[0] != version:
            known = (version, History.read(self._project, tag))
            self._read[tag] = known
        return known[1]
