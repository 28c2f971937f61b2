"""Prints one line for the user, with control characters escaped."""

from agent.display.format import formatter_for, open_console


def say(text: str, label: str = "", stderr: bool = False) -> None:
    """Print `text` as one line, control characters escaped.

    label: our own words in front of it, printed with their spaces.
    """
    console = open_console(stderr=stderr)
    console.print(label + formatter_for(console).line(text), soft_wrap=True)
