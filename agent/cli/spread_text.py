"""What `noise` says of how far the scores of a project scatter."""

from typing import Any

from rich.text import Text

from agent.cli.spread import Spread, lines_of
from agent.display.format import formatter_for, open_console
from agent.judge.resolution import POWER


def say_spread(spread: Spread) -> None:
    """Print what a spread means."""
    console = open_console()
    formatter = formatter_for(console, spread.objective)
    for line in lines_of(spread):
        console.print(Text(formatter.line(line) if line.strip() == line else f"  {line.strip()}"))


def record_of(spread: Spread) -> dict[str, Any]:
    """Return a spread as JSON has it."""
    fields = {"runs", "again", "moved", "source", "sd", "tau", "degrees", "seconds"}
    rows = []
    for resolution in spread.resolutions:
        seconds = round(resolution.trainings * spread.seconds, 1)
        rows.append({**resolution.model_dump(), "seconds": seconds})
    objective = spread.objective
    return {
        "metric": objective.metric,
        "direction": objective.direction,
        "scale": objective.scale,
        **spread.model_dump(mode="json", include=fields),
        "repeats_exactly": spread.repeats_exactly,
        "power": POWER,
        "smallest_gains": rows,
    }
