"""Reads the state of a repository's runs, again only if a ref has moved."""

import threading
import time
from pathlib import Path

from agent.dashboard.local import Local
from agent.dashboard.usage import traces_in
from agent.dashboard.view import View, log_paths, read_view, usage_paths
from agent.display.places_file import places_path
from agent.errors import HistoryFault
from agent.git.home import checked
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history.firsts import first_commits
from agent.history.history import History
from agent.history.runs import FLIGHTS, HEADS, list_runs, lock_path, transcripts_of
from agent.llm.recorded import read_exchanges
from agent.project.find import Project
from agent.records.results import Trial
from sandbox.ground.text import tail
from sandbox.score.printed import Point, read_curve

# A verdict is on every screen within a second of its commit: look this often, once for all readers.
LOOK_SECONDS = 0.3


class Watch:
    """Reads one repository without locks or writes, and caches each run; safe for many threads."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._git = Plumbing(Path(project.root))
        self._lock = threading.Lock()
        self._looked = -LOOK_SECONDS
        self._refs = ""
        self._runs: dict[str, tuple[str, History, View]] = {}

    def version(self, tag: str = "") -> str:
        """Return a text that changes whenever something about the run, or any run, changes."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                form = "--format=%(objectname) %(refname)"
                self._looked = time.monotonic()
                self._refs = self._git("for-each-ref", form, HEADS, FLIGHTS, "refs/remotes")
            lines = self._refs.splitlines()
        if not tag:
            return "\n".join(lines)
        mine = [
            line
            for line in lines
            if line.endswith(f"/autoresearch/{tag}") or f" {FLIGHTS}{tag}/" in line
        ]
        worker = holder(lock_path(self._project, checked(tag)))
        where = _changed(places_path(Path(self._project.root), tag))
        return "\n".join([*mine, str(worker), where])

    def tags(self) -> list[str]:
        """Return the tags of the runs, the newest first."""
        runs = list_runs(self._project)
        firsts = first_commits(self._git, (run.commit for run in runs))
        return [run.tag for run in runs if firsts.get(run.commit)]

    def is_active(self, tag: str) -> bool:
        """Return whether a process works on the run."""
        return holder(lock_path(self._project, checked(tag))) is not None

    def view(self, tag: str) -> View:
        """Return the present view of a run; raise HistoryFault if there is none."""
        return self._run(tag)[1]

    def history(self, tag: str) -> History:
        """Return the history that the present view was read from."""
        return self._run(tag)[0]

    def trial(self, tag: str, number: int) -> tuple[View, Trial, str, Local]:
        """Return a trial with its run, its diff, and what only this machine has of it.

        Raise HistoryFault if there is none.
        """
        history, view = self._run(tag)
        trial = next((trial for trial in view.trials if trial.number == number), None)
        if trial is None:
            raise HistoryFault(f"there is no trial #{number} in {tag}", f"autoresearch log {tag}")
        logs = tuple((path.name, tail(path)) for path in log_paths(history, number))
        transcripts = transcripts_of(self._project, history.tag)
        exchanges = read_exchanges(transcripts, trial.proposal.by.exchanges)
        diff = history.diff(f"{trial.attempt}^", trial.attempt)
        traces = traces_in(usage_paths(history, number))
        return view, trial, diff, Local(logs, exchanges, traces)

    def curves(self, tag: str) -> dict[int, tuple[Point, ...]]:
        """Return the curve of each attempt in flight, by number, from its newest log here."""
        history, _ = self._run(tag)
        logs = {attempt.number: log_paths(history, attempt.number) for attempt in history.in_flight}
        return {
            number: read_curve(max(paths, key=lambda path: path.stat().st_mtime))
            for number, paths in logs.items()
            if paths
        }

    def _run(self, tag: str) -> tuple[History, View]:
        version = self.version(tag)
        cached = self._runs.get(tag)
        if cached is None or cached[0] != version:
            history = History.read(self._project, tag)
            cached = (version, history, read_view(history))
            self._runs[tag] = cached
        _, history, view = cached
        return history, view


def _changed(path: Path) -> str:
    """Return when a file was changed; "" if it does not exist."""
    try:
        return str(path.stat().st_mtime_ns)
    except OSError:
        return ""
