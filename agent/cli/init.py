"""The command `init`."""

import os
import sys
from pathlib import Path
from shlex import quote

import typer

from agent.cli import app, epilog
from agent.cli.init_options import (
    AnywayOption,
    CommandOption,
    EvaluateOption,
    FilesOption,
    FolderArgument,
    HiddenOption,
    NoRunOption,
    OutputsOption,
    PresetOption,
    PythonOption,
    ReadOnlyOption,
    RepeatsOption,
    ScriptOption,
    YesOption,
)
from agent.cli.init_questions import DIRECTIONS, Answers
from agent.cli.options import BudgetOption, FoundDirection, FoundMetric, LimitOption, Trust, Unsafe
from agent.errors import Fault, NoRepository, ProjectFault, UsageFault

DEFAULT_REPEATS = 2
EXAMPLES = ("autoresearch init my-research --preset gpu", "autoresearch init --yes")


@app.command(epilog=epilog(*EXAMPLES))
def init(
    folder: FolderArgument = Path(),
    preset: PresetOption = None,
    anyway: AnywayOption = False,
    script: ScriptOption = None,
    command: CommandOption = None,
    metric: FoundMetric = None,
    direction: FoundDirection = None,
    files: FilesOption = None,
    read_only: ReadOnlyOption = None,
    evaluate: EvaluateOption = None,
    hidden: HiddenOption = None,
    outputs: OutputsOption = None,
    python: PythonOption = None,
    budget: BudgetOption = None,
    limit: LimitOption = None,
    repeats: RepeatsOption = DEFAULT_REPEATS,
    no_run: NoRunOption = False,
    yes: YesOption = False,
    trust: Trust = False,
    unsafe: Unsafe = False,
) -> None:
    """Set up a project: in a repository with a training of its own, or a new one.

    In a repository it looks for the training and for a script that computes the score of it, runs
    both once in the sandbox, shows which numbers, files and constants it found, measures how noisy
    the metric is, and writes an autoresearch.toml and a program.md. It writes over nothing. In a
    folder without a training it writes the bundled research: a train.py to improve, the prepare.py
    that supplies its data, and a program.md.
    """
    from agent.cli.adopting import init_here

    answers = Answers(
        folder=folder,
        script=script,
        command=command,
        metric=metric,
        direction=DIRECTIONS[direction.value] if direction else None,
        files=tuple(files or ()),
        read_only=tuple(read_only or ()),
        evaluate=evaluate,
        hidden=tuple(hidden or ()),
        outputs=tuple(outputs or ()),
        python=python,
        budget=budget,
        limit=limit,
        repeats=repeats,
        runs=not no_run,
        yes=yes,
        trust=trust,
        unsafe=unsafe,
    )
    if preset is None and (script or _has_training(folder)):
        init_here(answers)
    else:
        _write_bundled(folder, preset or "cpu", anyway)


def _has_training(folder: Path) -> bool:
    """Return whether a folder has a training of its own, or a notebook with one.

    Raise ProjectFault where it has, and is in no repository.
    """
    from agent.cli.adopting import enter
    from agent.project.candidates import find_candidates
    from agent.project.find import root_of

    if not folder.is_dir() or os.path.lexists(folder / "workspace" / "train.py"):
        return False
    try:
        root_of(folder)
        candidates = find_candidates(folder)
    except Fault as fault:
        if not any(folder.glob("*.py")):
            return False
        if not isinstance(fault, NoRepository):
            raise
        raise ProjectFault(
            f"{folder.resolve()} has scripts and is not in a git repository.",
            f"{enter(folder)}git init && git add . && git commit -m 'Start'",
        ) from None
    if candidates.scripts or candidates.notebooks or candidates.code:
        return True
    _refuse_inside(folder)
    return False


def _refuse_inside(folder: Path) -> None:
    """Raise ProjectFault for a folder inside a repository that has a training elsewhere."""
    from agent.project.candidates import find_candidates
    from agent.project.find import root_of

    root = root_of(folder)
    best = find_candidates(root).best
    if best is not None and folder.resolve() != root:
        raise ProjectFault(
            f"{folder.resolve()} is inside {root}, where {best.path} may be the training. With "
            "--preset cpu the bundled research is written all the same.",
            f"cd {quote(os.path.relpath(root))} && autoresearch init",
        )


def _write_bundled(folder: Path, preset: str, anyway: bool) -> None:
    from agent.cli.scaffold import scaffold

    if not anyway:
        _refuse_in_vain(folder, preset)
    for line in scaffold(folder, preset):
        typer.echo(line)


def _refuse_in_vain(folder: Path, preset: str) -> None:
    """Return where the preset fits this machine, or the user wants it all the same.

    Raise UsageFault where nobody is there to ask.
    """
    from agent.evaluate.slots import this_machine
    from agent.project.presets import NEED_ACCELERATOR

    if preset not in NEED_ACCELERATOR or this_machine()[1]:
        return
    message = (
        f"This machine has no accelerator, and the preset {preset} is made for one: on a CPU a "
        "trial takes hours, and `start` first downloads gigabytes."
    )
    where = "" if folder == Path() else f" {quote(str(folder))}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageFault(message, f"autoresearch init{where} --preset {preset} --anyway")
    typer.echo(message, err=True)
    if not typer.confirm("Write it all the same?", default=False, err=True):
        raise UsageFault("Nothing was written.", f"autoresearch init{where} --preset cpu")
