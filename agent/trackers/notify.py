"""A command of the user, run at a keep, at an error and at the end, to send a message."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import Any, Literal

from agent.display.format import Formatter
from agent.display.plain import verdict_line
from agent.errors import Fault, UsageFault
from agent.records.events import RunStarted
from agent.records.objective import VAL_BPB
from agent.records.results import TAKEN, Trial
from sandbox.ground.text import one_line

# A command that takes longer than this hangs.
TIMEOUT_SECONDS = 30.0
# Of an environment variable: it is a message, not a file.
MAX_CHARACTERS = 1_000


class Notify:
    """Runs `command`, split into words as a shell would and handed to no shell.

    The event is in its environment, with control characters escaped, and unchanged as one JSON
    object on its standard input. Variables: AUTORESEARCH_EVENT (keep, error or end), _TEXT, _RUN,
    _BRANCH, and at a keep _TRIAL, _METRIC, _VALUE, _DELTA (as the metric's readers expect its
    sign), _HYPOTHESIS.
    """

    def __init__(self, command: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._argv = _words(command)
        self._timeout = timeout
        self._run: RunStarted | None = None

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        self._run = run

    def verdict(self, trial: Trial) -> None:
        """See Tracker."""
        if trial.status in TAKEN:
            formatter = Formatter(objective=self._run.objective if self._run else VAL_BPB)
            about = {
                "trial": str(trial.number),
                "metric": formatter.objective.metric,
                "value": formatter.score(trial.value),
                "delta": formatter.change(trial.delta or 0.0),
                "hypothesis": trial.proposal.hypothesis,
            }
            record = {"trial": trial.model_dump(mode="json")}
            self._tell("keep", verdict_line(trial, formatter), about, record)

    def close(self, reason: str, failed: bool) -> None:
        """See Tracker."""
        self._tell("error" if failed else "end", reason, {}, {})

    def _tell(
        self,
        event: Literal["keep", "error", "end"],
        text: str,
        about: dict[str, str],
        more: dict[str, Any],
    ) -> None:
        message = {
            "event": event,
            "text": text,
            "run": self._run.tag if self._run else "",
            "branch": self._run.branch if self._run else "",
        }
        variables = {
            f"AUTORESEARCH_{name.upper()}": one_line(value, MAX_CHARACTERS)
            for name, value in (message | about).items()
        }
        self._call(json.dumps(message | more), os.environ | variables)

    def _call(self, text: str, environment: dict[str, str]) -> None:
        process = subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        try:
            _, errors = process.communicate(text, self._timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Fault(f"{self._argv[0]} took longer than {self._timeout:.0f} s") from None
        if process.returncode:
            raise Fault(
                f"{self._argv[0]} ended with {process.returncode}: {one_line(errors[-200:])}"
            )


def _words(command: str) -> list[str]:
    """Return the command's words; raise UsageFault if it cannot be run."""
    hint = "autoresearch start --notify 'notify-send autoresearch'"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageFault(f"--notify {command!r}: {error}", hint) from None
    if not words or shutil.which(words[0]) is None:
        raise UsageFault(f"--notify: command not found: {words[0] if words else command!r}", hint)
    return words
