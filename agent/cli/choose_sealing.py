"""Chooses for `autoresearch init` which script computes the score, if one does."""

from collections.abc import Sequence
from shlex import quote

import typer
from pydantic import ValidationError

from agent.cli.init_questions import (
    NO_EVALUATOR,
    SHOWN,
    Answers,
    ask_number,
    choose_metric,
    say,
    say_item,
)
from agent.cli.retype import again
from agent.errors import UsageFault
from agent.project.candidates import Candidate, text_in
from agent.project.evaluator import warnings_of
from agent.project.look import Look
from agent.project.numbers import Number
from agent.project.sealing import Sealing
from agent.project.settings import problem_of
from agent.records.evaluator import Evaluator

SEALED = "sealed"
"""The label of the lines that say how the score is computed."""


def choose_sealing(answers: Answers, sealings: Sequence[Sealing]) -> Sealing | None:
    """Return the script that computes the score, and print why; None for the printed number.

    Raise UsageFault if several scripts might, and init may not ask.
    """
    if answers.evaluate == NO_EVALUATOR:
        chosen = None
    elif answers.evaluate is not None:
        chosen = _typed(answers, answers.evaluate, sealings)
    else:
        chosen = _proposed(answers, sealings)
    if chosen is not None:
        chosen = _with_typed(answers, chosen)
        _say(chosen)
    elif answers.hidden or answers.outputs:
        message = "--hidden and --outputs are for an evaluator, and none is taken here."
        raise UsageFault(message, 'autoresearch init --evaluate "python evaluate.py"')
    return chosen


def chosen_report(answers: Answers, sealing: Sealing) -> Number:
    """Return the evaluator's metric. Raise UsageFault if it is unknown."""
    if answers.metric:
        return Number(name=answers.metric, value=None, line="")
    if not sealing.numbers:
        raise UsageFault(
            f"{sealing.script} reports no number by its name, as far as its source shows.",
            again("--metric NAME --direction maximize"),
        )
    return choose_metric(answers, sealing.numbers)


def with_evaluator_behind(
    candidate: Candidate, look: Look, sealings: Sequence[Sealing]
) -> tuple[Candidate, Look]:
    """Return a training with the script after it that prints a number, if it prints none."""
    printing = [sealing for sealing in sealings if sealing.prints]
    if len(printing) != 1:
        return candidate, look
    [sealing] = printing
    command = f"sh -c {quote(f'{candidate.command or look.command} && {sealing.command}')}"
    say(f"{look.script} prints no number; {sealing.script} is run behind it, and prints one")
    candidate = candidate.model_copy(update={"command": command})
    return candidate, look.model_copy(update={"numbers": sealing.numbers})


def _typed(answers: Answers, command: str, sealings: Sequence[Sealing]) -> Sealing:
    """Return the evaluator whose command was typed. Raise UsageFault if it is not one."""
    try:
        script = Evaluator(command=command).script.removeprefix("./")
    except (ValidationError, ValueError) as error:
        problem = problem_of(error)[1] if isinstance(error, ValidationError) else str(error)
        raise UsageFault(
            f"--evaluate: {problem}", 'autoresearch init --evaluate "python evaluate.py"'
        ) from None
    for sealing in sealings:
        if sealing.script == script:
            return sealing.model_copy(update={"command": command, "why": "as typed"})
    if not (answers.folder / script).is_file():
        raise UsageFault(
            f"--evaluate: there is no file {script}.",
            'autoresearch init --evaluate "python evaluate.py"',
        )
    doubts = warnings_of(text_in(answers.folder, script), script)
    return Sealing(script=script, command=command, why="as typed", doubts=tuple(doubts))


def _with_typed(answers: Answers, sealing: Sealing) -> Sealing:
    """Return an evaluator with the files that were typed. Raise UsageFault for impossible ones."""
    typed: dict[str, tuple[str, ...]] = {}
    for name in ("hidden", "outputs"):
        if paths := getattr(answers, name):
            typed[name] = paths
    sealing = sealing.model_copy(update=typed)
    try:
        assert sealing.evaluator
    except ValidationError as error:
        where, problem = problem_of(error)
        raise UsageFault(f"--{where.partition('.')[0]}: {problem}", "autoresearch init") from None
    return sealing


def _proposed(answers: Answers, sealings: Sequence[Sealing]) -> Sealing | None:
    """Return the one script that evidently computes the score, or the one that is asked for."""
    sure = [sealing for sealing in sealings if not sealing.doubts]
    if len(sure) > 1:
        return _one_of(answers, sure)
    if sure:
        question = f"Is the score what {sure[0].script} computes, where no run reaches it?"
        return sure[0] if _agrees(answers, question, default=True) else None
    for sealing in sealings[:SHOWN]:
        _say_doubts(sealing)
        question = f"Is the score what {sealing.script} computes, all the same?"
        if answers.asks and _agrees(answers, question, default=False):
            return sealing
        flag = f"--evaluate {quote(sealing.command)}"
        say(f"the printed number is judged, and {sealing.script} left alone: else {flag}", SEALED)
    return None


def _one_of(answers: Answers, sure: Sequence[Sealing]) -> Sealing:
    say(f"{len(sure)} scripts look like the evaluator:")
    for place, sealing in enumerate(sure[:SHOWN], start=1):
        say_item(place, f"{sealing.script}: {sealing.why}")
    if not answers.asks:
        raise UsageFault(
            "Several scripts may compute the score, and only you know which does.",
            again(f"--evaluate {quote(sure[0].command)}"),
        )
    return sure[ask_number("Which one computes the score?", min(len(sure), SHOWN))]


def _agrees(answers: Answers, question: str, default: bool) -> bool:
    """Return the answer, or the default if init may not ask."""
    return typer.confirm(question, default=default, err=True) if answers.asks else default


def _say(sealing: Sealing) -> None:
    """Print which script computes the score, and its inputs."""
    say(f"{sealing.script} computes the score, where no run reaches it: {sealing.why}", SEALED)
    hidden = ", ".join((sealing.script, *sealing.hidden, *sealing.test))
    say(f"{hidden}: no run and no model sees them", "hidden")
    if sealing.outputs:
        say(f"{', '.join(sealing.outputs)}, for the evaluator to read", "leaves")
    if sealing.shared:
        files = ", ".join(sealing.shared)
        say(f"{files}: the training names what the evaluator reads, too", "not hidden", "yellow")
    if sealing.doubts:
        _say_doubts(sealing)


def _say_doubts(sealing: Sealing) -> None:
    for doubt in sealing.doubts:
        say(f"warning: {doubt}", style="yellow")
