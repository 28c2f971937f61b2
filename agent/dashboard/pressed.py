"""The action of a control of the dashboard: an input to the run, or a command."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from agent.errors import UsageFault
from agent.history.history import History
from agent.records.inputs import MAX_REMARK, Ask, Comment, Go, Pause, Skip, Star, Tell, Try
from sandbox.ground.text import printable, whole_number

Form = Mapping[str, str]
DECISIONS = ("approve", "reject")
ASKED_AGAIN = (*DECISIONS, "try")
"""Actions that have to be confirmed on a second page."""
SECONDS = 20.0
"""How long to wait for a command to fail; after that an approval goes on in the background."""
MAX_OUTPUT = 4_000


def ask_of(action: str, form: Form, history: History) -> Ask:
    """Return the input of a control. Raise UsageFault if the form is invalid."""
    if action not in INPUTS:
        raise UsageFault(f"There is no control {action[:20]!r}.")
    return INPUTS[action](form, history)


def number_of(form: Form, name: str = "number") -> int:
    """Return a number in a form. Raise UsageFault if it is not a number."""
    text = form.get(name, "").strip()
    number = whole_number(text)
    if number is None:
        raise UsageFault(f"Not a number: {text[:20]!r}.")
    return number


def _tell(form: Form, _: History) -> Ask:
    trials = number_of(form, "trials") if form.get("trials", "").strip() else None
    if trials == 0:
        raise UsageFault("A remark holds for 1 trial at least.")
    return Tell(text=_text(form), trials=trials)


def _try(form: Form, history: History) -> Ask:
    from agent.run.given import Giver  # libcst takes long to load

    try:
        texts = shlex.split(form.get("constants", ""))
    except ValueError as error:
        raise UsageFault(
            f"Constants are written NAME=VALUE, with spaces between: {error}."
        ) from None
    given = Giver(history, Path(history.project.root)).of_values(texts)
    return Try(hypothesis=given.hypothesis(form.get("text", "")), edits=given.edits)


def _text(form: Form) -> str:
    text = form.get("text", "").strip()
    if not text or len(text) > MAX_REMARK:
        raise UsageFault(f"Write between 1 and {MAX_REMARK} characters.")
    return text


INPUTS: Mapping[str, Callable[[Form, History], Ask]] = {
    "tell": _tell,
    "try": _try,
    "pause": lambda _, __: Pause(),
    "go": lambda _, __: Go(),
    "skip": lambda form, _: Skip(number=number_of(form)),
    "star": lambda form, _: Star(number=number_of(form), on=form.get("on") == "1"),
    "note": lambda form, _: Comment(text=_text(form), number=number_of(form)),
}


def decide(action: str, form: Form, tag: str, folder: Path) -> tuple[bool, str]:
    """Run `autoresearch approve` or `reject` as the owner's command, without a terminal.

    Return whether it succeeded or is still at work, and its output.
    """
    words = [action, str(number_of(form)), "--branch", tag]
    because = form.get("text", "").strip()
    if action == "reject" and because:
        words.append(f"--because={because[:MAX_REMARK]}")
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "autoresearch", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            return True, f"process {process.pid} is at work: its trial appears on the run's page"
        output.seek(0)
        text = output.read(MAX_OUTPUT).decode("utf-8", "replace")
    return process.returncode == 0, printable(text).strip()
