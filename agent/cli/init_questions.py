"""Asks the questions of `autoresearch init`, or takes flags as answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import typer
from rich.text import Text

from agent.cli.consent import is_terminal
from agent.cli.retype import again
from agent.display.format import formatter_for, open_console
from agent.errors import UsageFault
from agent.project.candidates import Candidate
from agent.project.numbers import Number
from agent.records.objective import Direction

NAME = 10
"""Columns of the names of what was found."""
SHOWN = 6
"""Scripts or numbers that are listed."""
NO_EVALUATOR = "none"
"""Typed for a command, where the printed number is judged though an evaluator is there."""
DIRECTIONS: dict[str, Direction] = {"minimize": "minimize", "maximize": "maximize"}


@dataclass(frozen=True)
class Answers:
    """The typed flags; None for those left out."""

    folder: Path
    script: str | None = None
    command: str | None = None
    metric: str | None = None
    direction: Direction | None = None
    files: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    evaluate: str | None = None
    """The command of an evaluator, or NO_EVALUATOR."""
    hidden: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    python: str | None = None
    budget: str | None = None
    limit: str | None = None
    repeats: int = 2
    runs: bool = True
    """Whether the training is run at all."""
    yes: bool = False
    trust: bool = False
    unsafe: bool = False

    @property
    def asks(self) -> bool:
        """Whether somebody is here to answer."""
        return not self.yes and is_terminal()


def say(text: str, name: str = "", style: str = "") -> None:
    """Print a line; text of a repository or a training is made printable.

    name: in a column before it.
    """
    console = open_console()
    before = f"{name.ljust(NAME)} " if name else ""
    line = Text.assemble((before, "bold"), (formatter_for(console).line(text), style))
    console.print(line, soft_wrap=True)


def say_item(number: int | str, text: str) -> None:
    """Print one line of a list."""
    console = open_console()
    line = formatter_for(console).line(text)
    console.print(Text(f"  {number}  {line}"), soft_wrap=True)


def say_block(text: str) -> None:
    """Print a file, indented."""
    console = open_console()
    formatter = formatter_for(console)
    for line in formatter.block(text).splitlines():
        console.print(Text(f"    {line}", "dim"), soft_wrap=True)


def agreed_to(answers: Answers, question: str) -> bool:
    """Return whether the user agrees. Raise UsageFault outside a terminal."""
    if answers.yes:
        return True
    if not answers.asks:
        raise UsageFault(f"{question} There is no terminal to answer in.", again("--yes"))
    return typer.confirm(question, default=True, err=True)


def choose_script(answers: Answers, scripts: Sequence[Candidate]) -> Candidate:
    """Return the training script; of several, the one that the user chooses, or the likeliest."""
    if len(scripts) == 1 or not answers.asks:
        return scripts[0]
    number = ask_number("Which one is the training?", min(len(scripts), SHOWN))
    return scripts[number]


def choose_metric(answers: Answers, numbers: Sequence[Number]) -> Number:
    """Return the number that the user chooses as the metric; the first if init may not ask."""
    if len(numbers) == 1 or not answers.asks:
        return numbers[0]
    return numbers[ask_number("Which number is the metric?", min(len(numbers), SHOWN))]


def choose_direction(answers: Answers, number: Number) -> Direction:
    """Return a metric's direction by flag, name or answer. Raise UsageFault without one."""
    if answers.direction:
        return answers.direction
    if number.direction:
        return number.direction
    metric = "" if answers.metric else f"--metric {quote(number.name)} "
    if not answers.asks:
        raise UsageFault(
            f"The name {number.name!r} does not say which way it is better.",
            again(f"{metric}--direction maximize"),
        )
    better = typer.confirm(f"Is a higher {number.name} better?", default=True, err=True)
    return "maximize" if better else "minimize"


def says_exact(answers: Answers) -> bool:
    """Return whether the user declares that the score has no noise."""
    question = (
        "Does the same code always give the same score here? If that is not sure, little is kept."
    )
    return answers.asks and typer.confirm(question, default=False, err=True)


def ask_number(question: str, count: int) -> int:
    """Return the place of the answer in a list that was shown numbered from 1."""
    while True:
        number: int = typer.prompt(f"{question} 1 to {count}", default=1, type=int, err=True)
        if 1 <= number <= count:
            return number - 1
