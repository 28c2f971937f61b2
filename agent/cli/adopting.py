"""What `autoresearch init` does in a repository that has a training of its own."""

import os
from pathlib import Path
from shlex import quote

import typer

from agent.cli.build import Place
from agent.cli.choose_sealing import (
    choose_sealing,
    chosen_report,
    with_evaluator_behind,
)
from agent.cli.first_run import UNKNOWN, choices_of, measured, named, place_of, unmeasured
from agent.cli.init_questions import (
    SHOWN,
    Answers,
    agreed_to,
    choose_script,
    say,
    say_block,
    say_item,
)
from agent.cli.retype import again
from agent.errors import ProjectFault, UsageFault, unknown
from agent.git.plumbing import Plumbing
from agent.git.repository import writable
from agent.project.candidates import (
    Candidate,
    Found,
    compiling,
    files_of,
    find_candidates,
    way_out,
)
from agent.project.find import PROGRAM, Project, root_of
from agent.project.interpreter import interpreter_of
from agent.project.look import Look, configs_of, look_at, with_results
from agent.project.sealing import Sealing, sealings_in, without_evaluator
from agent.project.settings import FILE, Settings
from agent.project.upstream import time_budget
from agent.project.written import Plan, program_of, toml_of

NEXT = "autoresearch start --model none --trials 20"
WITH_MODEL = "autoresearch start --trials 20"


def init_here(answers: Answers) -> None:
    """Look at the repository, run its training once, and write the files that a start needs.

    No existing file is overwritten. Raise ProjectFault or UsageFault, with the next command, if
    something is missing.
    """
    folder = answers.folder
    refuse_unready(folder)
    candidates = find_candidates(folder)
    candidate = _script(answers, candidates)
    look = look_at(folder, candidate.path)
    sealings = sealings_in(folder, look)
    sealing = choose_sealing(answers, sealings)
    if sealing:
        look = look.model_copy(update={"numbers": (chosen_report(answers, sealing),)})
    elif not look.numbers:
        candidate, look = with_evaluator_behind(candidate, look, sealings)
    plan = _first_plan(answers, candidate, look, sealing)
    place = place_of(folder, plan)
    say_look(place, look, plan)
    if not answers.runs or not agreed_to(answers, "Run it once in the sandbox now?"):
        plan = unmeasured(answers, look, plan)
    else:
        plan = measured(answers, place, plan)
    _write(answers, plan)


def refuse_unready(folder: Path) -> None:
    """Raise ProjectFault if the folder is set up already, or in no repository."""
    if os.path.lexists(folder / FILE):
        raise ProjectFault(
            f"{folder / FILE} exists already; nothing was written.",
            f"{enter(folder)}autoresearch start",
        )
    root_of(folder)


def enter(folder: Path) -> str:
    """Return a `cd … && ` to type before a command for `folder`; "" if it is the current one."""
    return "" if folder == Path() else f"cd {quote(str(folder))} && "


# ---------------------------------------------------------------- what is there


def _script(answers: Answers, candidates: Found) -> Candidate:
    files = files_of(answers.folder)
    if answers.script:
        name = answers.script.removeprefix("./")
        if name not in files:
            raise UsageFault(
                unknown("script", name, [path for path in files if path.endswith(".py")]),
                "autoresearch init --script PATH",
            )
        by_path = {candidate.path: candidate for candidate in candidates.scripts}
        return by_path.get(name) or Candidate(path=name, why=("as typed",))
    if not candidates.scripts:
        raise nothing_found(answers.folder, candidates)
    count = len(candidates.scripts)
    scripts = "1 script looks" if count == 1 else f"{count} scripts look"
    say(f"{scripts} like a training:")
    for place, candidate in enumerate(candidates.scripts[:SHOWN], start=1):
        command = f": {candidate.command}" if candidate.command else ""
        say_item(place, f"{candidate.path}: {candidate.reason}{command}")
    for notebook in candidates.notebooks[:SHOWN]:
        say_item("-", f"{notebook}: a notebook; a script is made of it by {way_out(notebook)}")
    return choose_script(answers, candidates.scripts)


def nothing_found(folder: Path, candidates: Found) -> ProjectFault:
    """Return the fault for a repository without a script that looks like a training."""
    if candidates.notebooks:
        return ProjectFault(
            f"{folder} has notebooks and no script that looks like a training: "
            f"{', '.join(candidates.notebooks[:SHOWN])}. A script can be made of one.",
            way_out(candidates.notebooks[0]),
        )
    path, command = candidates.guess or ("PATH", "COMMAND")
    return ProjectFault(
        f"No script in {folder.resolve()} looks like a training. Name the file that edits may "
        "change and what is run, or write the bundled research with --preset cpu.",
        f"autoresearch init --script {quote(path)} --command {quote(command)}",
    )


def _first_plan(
    answers: Answers, candidate: Candidate, look: Look, sealing: Sealing | None
) -> Plan:
    """Return the plan before anything has run."""
    command = answers.command if answers.command is not None else candidate.command
    if sealing and not answers.command:
        command = without_evaluator(command, sealing.script)
        command = compiling(sealing.program) if sealing.program else command
    if not command and look.is_module:
        command = look.command
    if not answers.command and look.writes and not look.numbers:
        command = with_results(command or look.command, look.writes)
    guess = look.numbers[0].name if look.numbers else UNKNOWN
    configs = configs_of(command, files_of(answers.folder)) if command else ()
    usual = tuple(dict.fromkeys([*(candidate.files or look.files), *configs]))
    if sealing:
        usual = tuple(name for name in usual if name not in (sealing.script, *sealing.hidden))
    alone = usual == (candidate.path,)
    files = answers.files or (() if alone else usual)
    return Plan(
        train=candidate.path,
        metric=answers.metric or guess,
        direction=answers.direction or "minimize",
        command="" if command == f"python {quote(candidate.path)}" else command,
        read_only=answers.read_only or look.data,
        files=files,
        python=answers.python or "",
        stops=look.stops,
        evaluate=sealing.evaluator if sealing else None,
    )


def say_look(place: Place, look: Look, plan: Plan) -> None:
    """Print what the sources show."""
    project = place.project
    say(look.script, "script")
    if plan.command:
        say(plan.command, "command")
    if look.options:
        say(" ".join(look.options[:SHOWN]), "arguments")
    say(", ".join(plan.files or (plan.train,)), "edited")
    if look.measuring:
        say(f"{', '.join(look.measuring)}: what a score means must not change", "left alone")
    say(interpreter_of(project, place.settings).label, "python")
    say(_constants(project, place.settings), "constants")
    say(_stops(project, look), "budget")
    names = [named(number) for number in look.numbers[:SHOWN]]
    if not plan.evaluate:
        say(", ".join(names) or "no number by its name, as far as the source shows", "prints")
    if plan.read_only:
        say(f"{', '.join(plan.read_only)}, besides what git has", "reads")
    if look.writes:
        say(look.writes, "writes")


def _constants(project: Project, settings: Settings) -> str:
    choices = [choice for choice in choices_of(project, settings) if choice.parameter]
    names = [f"{choice.constant.name} = {choice.constant.value}" for choice in choices[:SHOWN]]
    more = ", …" if len(choices) > SHOWN else ""
    return (
        f"{len(choices)} can be searched: {', '.join(names)}{more}"
        if names
        else "none is searched by itself"
    )


def _stops(project: Project, look: Look) -> str:
    own = time_budget(project)
    return f"TIME_BUDGET in {project.prepare}: {own}" if own else look.stops


# ---------------------------------------------------------------- what is written


def _write(answers: Answers, plan: Plan) -> None:
    """Show both files, write them, and commit them if the user agrees."""
    folder = answers.folder
    texts = {FILE: toml_of(plan)}
    if os.path.lexists(folder / PROGRAM):
        say(f"{PROGRAM} is yours and stays as it is")
    else:
        texts[PROGRAM] = program_of(plan)
    for name, text in texts.items():
        say(f"{name}:", style="bold")
        say_block(text)
    if not agreed_to(answers, "Write this?"):
        raise UsageFault("Nothing was written.", again("--metric NAME"))
    for name, text in texts.items():
        _create(folder / name, text)
    _settle(answers, list(texts))
    say("next:")
    if plan.ranges:
        say_block(f"{enter(folder)}{NEXT}")
    else:
        say("no constant is searched here, so a model is needed (`autoresearch models`):")
        say_block(f"{enter(folder)}{WITH_MODEL}")


def _create(path: Path, text: str) -> None:
    """Write a file that must not exist yet, behind no link of a repository."""
    writable(path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ProjectFault(f"Cannot write {path}: {error.strerror}.", "df -h .") from None
    say(f"wrote {path}")


def _settle(answers: Answers, names: list[str]) -> None:
    """Commit the new files alone if the user agrees; else print how to do it."""
    git = Plumbing(answers.folder)
    command = f"{enter(answers.folder)}git add -f {' '.join(names)} && git commit -m 'Research'"
    if not agreed_to(answers, f"Commit {' and '.join(names)}? A run starts from a commit."):
        say(f"commit them: {command}")
        return
    git("add", "--force", "--", *names)
    message = "--message=Say what autoresearch improves here"
    if git.try_("commit", "--quiet", "--no-verify", "--only", message, "--", *names) is None:
        say(f"git would not commit them: {command}", style="yellow")
        return
    typer.echo("committed them")
