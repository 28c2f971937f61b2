"""The command that puts runs beside each other: `compare`."""

from typing import Annotated

import typer

from agent.cli import app, epilog
from agent.cli.review import reading
from agent.display.compare import side_by_side
from agent.display.pen import bpb, duration, open_console, spending
from agent.display.table import counts
from agent.errors import UsageFault
from agent.pages.story import Story, differences, read_story


@app.command(epilog=epilog("autoresearch compare nov24 nov25"))
def compare(
    branches: Annotated[list[str], typer.Argument(metavar="BRANCH BRANCH...", help="Two runs or more.")],
) -> None:
    """Runs beside each other.

    Says which of their conditions differ, where that makes their scores incomparable.
    """
    stories = []
    for branch in branches:
        with reading(branch) as history:
            stories.append(read_story(history))
    if len(stories) < 2:
        raise UsageFault("comparing takes two runs", "autoresearch compare RUN RUN")
    console = open_console()
    console.print(side_by_side([story.run.tag for story in stories], [_column(story) for story in stories], console))
    if unlike := differences(stories):
        console.print(f"not comparable as they are: the runs differ in {', '.join(unlike)}", style="yellow")


def _column(story: Story) -> dict[str, str]:
    run, best, gain = story.run, story.best, story.gain
    return {
        "method": f"{run.method} with {run.model}" if run.model else run.method,
        "budget": str(run.budget),
        "trials": counts(story.trials),
        "best": bpb(best.value) + f" by #{best.number}" if best else "none",
        "gain": f"{gain:+.6f}" if gain is not None else "",
        "gain ÷ noise": f"{-gain / story.noise.scatter:.1f}" if gain is not None and story.noise.scatter else "",
        "noise": str(story.noise),
        "training": duration(story.training_seconds),
        "spent": spending(story.trials),
    }
