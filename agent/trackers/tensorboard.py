"""TensorBoard: event files in a folder per run; trials are steps, each curve a series."""

from pathlib import Path
from typing import Any

from agent.git.repository import writable
from agent.records.events import RunStarted
from agent.records.objective import VAL_BPB
from agent.records.results import Trial
from agent.trackers.tracker import identity_of, numbers_of, settings_of
from sandbox.ground.text import one_line


class TensorBoard:
    """Writes below `where`, or below `folder` if that is empty; through no link of a repository."""

    def __init__(self, where: str, folder: Path) -> None:
        self._root = writable(Path(where).expanduser()) if where else folder / "tensorboard"
        self._writer: Any = None
        self._objective = VAL_BPB

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        self._objective = run.objective
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=str(writable(self._root / identity_of(run))))
        lines = [f"- {name}: `{value}`" for name, value in settings_of(run).items()]
        self._writer.add_text("run", "\n".join(lines))
        self._writer.flush()

    def verdict(self, trial: Trial) -> None:
        """See Tracker. A curve's steps are hundredths of the budget."""
        for name, value in numbers_of(trial, self._objective).items():
            self._writer.add_scalar(f"trial/{name}", value, trial.number)
        for share, loss in trial.result.curve if trial.result else ():
            self._writer.add_scalar(f"curve/{trial.number:04d}", loss, round(100 * share))
        # Shown as Markdown: indented, a model's text is only text.
        hypothesis = one_line(trial.proposal.hypothesis)
        text = f"    #{trial.number} {trial.status}: {hypothesis}"
        self._writer.add_text("hypothesis", text, trial.number)
        self._writer.flush()

    def close(self, reason: str, failed: bool) -> None:  # noqa: ARG002
        """See Tracker."""
        self._writer.close()
