"""The commands for a repository's runs as a whole: `list`, `rename` and `delete`."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from agent.cli import app, epilog
from agent.cli.consent import agreed
from agent.cli.options import Json
from agent.cli.say import say
from agent.display.folding import FoldingTable
from agent.display.format import NAME, Formatter, formatter_for, memory, open_console, rough_time
from agent.display.scores import kinds_of
from agent.errors import Fault, HistoryFault, RunBusy, UsageFault
from agent.git.home import is_tag, not_a_tag, run_folder, worktree_path
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history.branch import tag_of
from agent.history.history import History
from agent.history.homes import Run, find_run, homes, runs_of
from agent.history.lineage import MARK, Firsts, tag_now, tags_by_first
from agent.history.removal import Remains, delete, half_renamed, remains_of, rename
from agent.history.runs import lock_path, log_path
from agent.judge.decide import incumbent_of
from agent.project.find import Project
from agent.records.objective import VAL_BPB
from agent.records.results import kept_in
from sandbox.ground.record import Record
from sandbox.ground.text import shortened

_LEFT = ("run", "from", "state", "metric")

State = Literal["running", "stopped", "finished", "unreadable"]

OneRun = Annotated[str, typer.Argument(metavar="RUN", help="Which run: TAG or autoresearch/TAG.")]


class Line(Record):
    """The record of a run in `list --json`."""

    tag: str
    branch: str
    """A remote-tracking one if there is no local one."""
    state: State
    """finished: it has measured as many trials as the start asked for."""
    pid: int | None
    """The process that works on it."""
    trials: int
    """Measured ones, without baselines."""
    kept: int
    best: float | None
    """The score at the tip."""
    parent: str | None = None
    """The state of another run that it began at: `nov24#7`."""
    parent_now: str | None = None
    """What that run is called now; None if its branch is not here."""
    metric: str = VAL_BPB.metric
    direction: str = VAL_BPB.direction
    self_reported: bool = False
    """Nobody but the runs themselves computed the scores."""
    at: str
    """When its newest commit was made, ISO 8601 UTC."""
    bytes: int
    """What its worktree, logs and transcripts take on this disk; its commits not counted."""
    log: str
    """The file of what its sessions on this machine said."""
    problem: str | None
    """Why its branch cannot be read."""


@app.command(name="list", epilog=epilog("autoresearch list", "autoresearch list --json"))
def list_command(as_json: Json = False) -> None:
    """List the runs of this repository, newest first.

    The size is what the worktree, logs and transcripts of a run take; `autoresearch delete` frees
    it.
    """
    places = homes(Path.cwd())
    firsts = tags_by_first(places[0])
    lines = [_line(run, places, firsts) for run in runs_of(places)]
    if as_json:
        typer.echo(json.dumps([line.model_dump(mode="json") for line in lines], indent=2))
        return
    console = open_console()
    if not lines:
        console.print("No runs yet. `autoresearch start` begins one.")
        return
    console.print(_table(lines, formatter_for(console)))


def _line(run: Run, places: Sequence[Project], firsts: Firsts) -> Line:
    """Return the record of a run; with the reason in `problem` if it cannot be read."""
    line = Line(
        tag=run.tag,
        branch=run.summary.branch,
        state="stopped" if run.summary.pid is None else "running",
        pid=run.summary.pid,
        trials=0,
        kept=0,
        best=None,
        at=run.summary.at,
        bytes=_size(_folders(places, run.tag)),
        log=str(log_path(run.home, run.tag)),
        problem=None,
    )
    try:
        with History.read(run.home, run.summary.branch) as history:
            return line.model_copy(update=_facts(history, firsts, line.state))
    except Fault as fault:
        return line.model_copy(update={"state": "unreadable", "problem": fault.message})


def _facts(history: History, firsts: Firsts, state: State) -> dict[str, object]:
    """Return the fields of a Line that the run's branch holds."""
    trials = history.trials
    planned = history.run.trials
    goal = history.run.goal
    parent = history.run.parent
    best = incumbent_of(trials)
    measured = sum(trial.result is not None and trial.status != "baseline" for trial in trials)
    if state == "stopped" and planned is not None and measured >= planned:
        state = "finished"
    return {
        "state": state,
        "trials": measured,
        "kept": kept_in(trials),
        "best": best.value if best else None,
        "parent": str(parent) if parent else None,
        "parent_now": tag_now(parent, firsts) if parent else None,
        "metric": goal.metric,
        "direction": goal.direction,
        "self_reported": "self-reported" in kinds_of(trials),
    }


def _table(lines: Sequence[Line], formatter: Formatter) -> FoldingTable:
    usual = all(_metric_of(line) == VAL_BPB.metric for line in lines)
    metrics = () if usual else ("metric",)
    parents = ("from",) if any(line.parent for line in lines) else ()
    heads = ("run", *parents, "state", "trials", "kept", "best", *metrics, "age", "size")
    table = FoldingTable(heads, right=[name for name in heads if name not in _LEFT])
    for line in lines:
        metric = formatter.line(_metric_of(line)) if line.best is not None else ""
        state = f"{line.state}, process {line.pid}" if line.pid is not None else line.state
        table.add_row(
            Text(formatter.line(line.tag), "bold"),
            *((Text(formatter.line(_parent_of(line))),) if parents else ()),
            Text(state, "green" if line.pid is not None else "dim"),
            str(line.trials),
            str(line.kept),
            formatter.score(line.best),
            *(() if usual else (Text(metric),)),
            _age(line.at),
            _amount(line.bytes),
        )
    return table


def _parent_of(line: Line) -> str:
    """Return `nov24#7`, with that run's present name if it was renamed or is gone."""
    if line.parent is None:
        return ""
    if line.parent_now is None:
        return f"{line.parent}, not here"
    same = line.parent.partition(MARK)[0] == line.parent_now
    return line.parent if same else f"{line.parent}, now {line.parent_now}"


def _metric_of(line: Line) -> str:
    """Return `accuracy, self-reported`, or only the name where the score is not self-reported."""
    name = shortened(line.metric, NAME)
    return f"{name}, self-reported" if line.self_reported else name


def _age(at: str) -> str:
    """Return how long ago a moment (ISO 8601) was: `5 min`, `3 h` or `12 d`."""
    return rough_time((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())


# -------------------------------------------------------------------------------------- rename


@app.command(name="rename", epilog=epilog("autoresearch rename nov24 deeper"))
def rename_command(
    old: OneRun,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new tag.")],
) -> None:
    """Give a run another name: its branch, refs, worktree and logs.

    No process may work on it. Copies on remotes keep the old name.
    """
    places = homes(Path.cwd())
    tag = tag_of(old)
    wanted = new.removeprefix("autoresearch/")
    if not is_tag(wanted):
        raise UsageFault(not_a_tag(wanted), f"autoresearch rename {shlex.quote(old)} night1")
    if not half_renamed(places, tag, wanted):
        tag = find_run(runs_of(places), old).tag
    if tag == wanted:
        raise UsageFault(f"The run is called {tag} already.", "autoresearch list")
    _refuse_worked_on(places, tag)
    rename(places, tag, wanted)
    say(f"autoresearch/{tag} is now autoresearch/{wanted}")


# -------------------------------------------------------------------------------------- delete


@app.command(name="delete", epilog=epilog("autoresearch delete nov24", "autoresearch delete a b"))
def delete_command(
    names: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Which runs: TAG or autoresearch/TAG.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete runs: branch, refs, worktree, logs and transcripts.

    Shows what goes, and asks. No process may work on them. Copies on remotes stay.
    """
    places = homes(Path.cwd())
    wanted = [_deletable(places, name) for name in dict.fromkeys(names)]
    for remains in wanted:
        say(f"autoresearch/{remains.tag}")
        for label, text in _listing(places, remains):
            say(text, label=f"  {label:<10}")
    if not yes:
        command = shlex.join(["autoresearch", "delete", *(item.tag for item in wanted), "--yes"])
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageFault(
                "`delete` asks before it deletes, and there is no terminal to ask in.", command
            )
        if not agreed(f"Delete {_count(wanted)} for good?", command):
            say("Nothing was deleted.")
            return
    for remains in wanted:
        delete(places, remains.tag)
        say(f"deleted autoresearch/{remains.tag}")


def _deletable(places: Sequence[Project], name: str) -> Remains:
    """Return what there is of a run that may be deleted now."""
    tag = tag_of(name)
    remains = remains_of(places, tag)
    run = next((run for run in runs_of(tuple(places)) if run.tag == tag), None)
    if run is None and (remains.tip or not remains):
        # A branch of this form that is no run's, or nothing at all.
        find_run(runs_of(tuple(places)), name)
    if run is not None and not remains:
        remote, _, branch = run.summary.branch.partition("/")
        message = f"{run.summary.branch} is only a copy of a remote's"
        raise HistoryFault(
            message, f"git push {shlex.quote(remote)} --delete {shlex.quote(branch)}"
        )
    _refuse_worked_on(places, tag)
    return remains


def _refuse_worked_on(places: Sequence[Project], tag: str) -> None:
    """Raise RunBusy if a process works on a run."""
    for home in places:
        pid = holder(lock_path(home, tag))
        if pid is not None:
            message = f"process {pid} works on autoresearch/{tag}"
            raise RunBusy(message, f"autoresearch stop {tag}")


def _listing(places: Sequence[Project], remains: Remains) -> Iterable[tuple[str, str]]:
    """Yield what goes with a run, each with a label."""
    if remains.tip:
        back = f"`git branch autoresearch/{remains.tag} {remains.tip[:12]}` brings it back for now"
        yield "branch", f"{_contents(places[0], remains.tag)}; {back}"
    if remains.flights:
        yield "in flight", f"{len(remains.flights)} attempts"
    for worktree in remains.worktrees:
        yield "worktree", f"{worktree}{_changes(worktree)}"
    for folder in remains.folders:
        yield "logs", f"{folder} ({_amount(_size([folder]))})"


def _contents(home: Project, tag: str) -> str:
    try:
        with History.read(home, f"autoresearch/{tag}") as history:
            best = incumbent_of(history.trials)
            at_best = f", best {Formatter().score(best.value)} by #{best.number}" if best else ""
            return f"{len(history.trials)} trials{at_best}"
    except Fault as fault:
        return fault.message


def _changes(worktree: Path) -> str:
    """Return a warning about files in a worktree that are in no commit."""
    git = Plumbing(worktree, heeds=False)
    changed = git.try_("status", "--porcelain") if worktree.exists() else None
    return f", with {len(changed.splitlines())} files that you changed" if changed else ""


def _count(wanted: Sequence[Remains]) -> str:
    return "this run" if len(wanted) == 1 else f"these {len(wanted)} runs"


# -------------------------------------------------------------------------------------- both


def _folders(places: Sequence[Project], tag: str) -> list[Path]:
    """Return the folders of a run on this machine."""
    roots = [Path(home.root) for home in places]
    return [
        *(run_folder(root, tag) for root in roots),
        *(worktree_path(root, tag) for root in roots),
    ]


def _size(folders: Iterable[Path]) -> int:
    """Return the bytes that folders take on the disk."""
    total = 0
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    total += (Path(place) / name).lstat().st_blocks * 512
                except OSError:  # it was removed meanwhile
                    continue
    return total


def _amount(size: int) -> str:
    """Return `812 kB`, `12 MB` or `1.2 GB`."""
    return f"{size / 1024:.0f} kB" if size < 1 << 20 else memory(size / (1 << 20))
