"""What a shell offers for a value: runs, trials, methods, models, presets, tasks and trackers.

A shell waits for the answer and shows whatever is printed, so each function is quick and silent.
It only reads, with the git that runs nothing of a repository's (agent/git/plumbing.py), and offers
names of plain letters: shells evaluate what a completion prints.
"""

import io
import re
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from pathlib import Path

import typer

Complete = Callable[[typer.Context, str], list[str]]

_PLAIN = re.compile(r"[A-Za-z0-9_.:/,-]+(#[0-9]*)?")


def _quiet(names: Callable[[typer.Context, str], Iterable[str]]) -> Complete:
    """Return plain names as completions; [] after any error."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            with redirect_stderr(io.StringIO()):
                return [name for name in names(ctx, incomplete) if _PLAIN.fullmatch(name)]
        except Exception:
            return []

    return complete


@_quiet
def complete_runs(_ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Return the tags of the runs here, newest first, or their branches once that is typed."""
    from agent.git.plumbing import Plumbing
    from agent.history.branch import run_tags

    tags = run_tags(Plumbing(Path.cwd()))
    branches = "autoresearch/"
    return [branches + tag for tag in tags] if incomplete.startswith(branches) else tags


@_quiet
def complete_states(_ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Return the runs here, and once one is typed with a #, the numbers of its trials."""
    from agent.git.plumbing import Plumbing
    from agent.history.branch import run_tags

    tag, mark, _ = incomplete.partition("#")
    if not mark:
        return [f"{name}#" for name in run_tags(Plumbing(Path.cwd()))]
    from agent.cli.reading import reading

    with reading(tag) as history:
        numbers = [trial.number for trial in history.trials]
        numbers += [attempt.number for attempt in history.in_flight]
        return [f"{tag}#{number}" for number in numbers]


@_quiet
def complete_trials(ctx: typer.Context, _incomplete: str) -> Iterable[str]:
    """Return the numbers of the trials of the default run, or of the typed one."""
    from agent.cli.reading import reading

    with reading(ctx.params.get("branch")) as history:
        return [str(trial.number) for trial in history.trials]


@_quiet
def complete_method(_ctx: typer.Context, _incomplete: str) -> Iterable[str]:
    """Return the methods for --method."""
    from agent.propose.methods import list_methods

    return list_methods()


@_quiet
def complete_models(_ctx: typer.Context, _incomplete: str) -> Iterable[str]:
    """Return the names for --model that need nothing behind them, then other packages' providers.

    No provider is asked.
    """
    from agent.llm.resolve import NAMES, plugin_providers

    return [*NAMES, *(f"{provider}:" for provider in plugin_providers())]


@_quiet
def complete_presets(_ctx: typer.Context, _incomplete: str) -> Iterable[str]:
    """Return the presets of `init`."""
    from agent.project.presets import PRESETS

    return PRESETS


@_quiet
def complete_trackers(_ctx: typer.Context, _incomplete: str) -> Iterable[str]:
    """Return the kinds of trackers."""
    from agent.trackers import list_trackers

    return list_trackers()


@_quiet
def complete_methods(_ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Return what may come next in a list of methods for `bench`."""
    from agent.benchmark.methods import REFERENCES
    from agent.propose.methods import METHODS

    return _next_in_list(incomplete, [*METHODS, *REFERENCES])


@_quiet
def complete_tasks(_ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Return what may come next in a list of tasks for `bench`."""
    from agent.benchmark.tasks import TASKS

    names = [f"{name}:" if row.argument else name for name, row in TASKS.items()]
    return _next_in_list(incomplete, names)


def _next_in_list(incomplete: str, names: Iterable[str]) -> list[str]:
    before, comma, _ = incomplete.rpartition(",")
    taken = before.split(",")
    return [before + comma + name for name in names if name not in taken]
