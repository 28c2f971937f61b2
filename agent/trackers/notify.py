"""A command of the user's, run at a keep, at an error and at the end: a phone that buzzes, a message to a channel."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import Any, Literal

from agent.display.format import Formatter, bpb
from agent.display.plain import verdict_line
from agent.errors import Fault, UsageFault
from agent.records.events import RunStarted
from agent.records.results import TAKEN, Trial

# What takes longer than this to send a message hangs.
TIMEOUT_SECONDS = 30.0
# Of an environment variable: a message, not a file.
MAX_CHARACTERS = 1_000


class Notify:
    """Runs `command`, split into words as a shell would and handed to no shell.

    What happened is in its environment (AUTORESEARCH_EVENT: keep, error or end; _TEXT, _RUN, _BRANCH; of a keep _TRIAL, _VALUE,
    _DELTA, _HYPOTHESIS), control characters escaped, and as one JSON object on its standard input, as it is.
    """

    def __init__(self, command: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._argv, self._timeout = _words(command), timeout
        self._run: RunStarted | None = None

    def open(self, run: RunStarted) -> None:
        """See Tracker."""
        self._run = run

    def verdict(self, trial: Trial) -> None:
        """See Tracker."""
        if trial.status in TAKEN:
            about = {
                "trial": str(trial.number),
                "value": bpb(trial.value),
                "delta": f"{trial.delta or 0.0:+.6f}",
                "hypothesis": trial.proposal.hypothesis,
            }
            self._tell("keep", verdict_line(trial), about, {"trial": trial.model_dump(mode="json")})

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
        run, branch = (self._run.tag, self._run.branch) if self._run else ("", "")
        said = {"event": event, "text": text, "run": run, "branch": branch}
        words = {
            f"AUTORESEARCH_{name.upper()}": Formatter().line(value)[:MAX_CHARACTERS]
            for name, value in (said | about).items()
        }
        self._call(json.dumps(said | more), os.environ | words)

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
            _, complaint = process.communicate(text, self._timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Fault(f"{self._argv[0]} took longer than {self._timeout:.0f} s") from None
        if process.returncode:
            raise Fault(
                f"{self._argv[0]} ended with {process.returncode}: {Formatter().line(complaint[-200:])}"
            )


def _words(command: str) -> list[str]:
    """The command's words; UsageFault where it cannot be run."""
    hint = "autoresearch start --notify 'notify-send autoresearch'"
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageFault(f"--notify {command!r}: {error}", hint) from None
    if not words or shutil.which(words[0]) is None:
        raise UsageFault(f"--notify: no command {words[0] if words else command!r}", hint)
    return words
