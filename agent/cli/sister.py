"""Measures what another run of the repository kept, for `autoresearch adopt RUN`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.adopt.sister import (
    Adopting,
    Change,
    began_elsewhere,
    change_of,
    joint_change,
    kept_by,
    left_of,
)
from agent.cli.build import place_around
from agent.cli.consent import Consent
from agent.cli.given_work import measure_given
from agent.cli.reach import agreed_run
from agent.cli.run_log import RunLog
from agent.cli.say import say
from agent.cli.session import outliving, trackers_of
from agent.cli.steering import user_name
from agent.errors import UsageFault
from agent.git.home import is_tag
from agent.git.lock import holder
from agent.git.plumbing import Plumbing
from agent.history.branch import run_tags, tag_of
from agent.history.firsts import first_commits, readable_first
from agent.history.history import History
from agent.history.lineage import MARK
from agent.history.runs import checked_out_run, list_runs, lock_path
from agent.project.around import project_around
from agent.project.find import Project
from agent.records.inputs import MAX_REMARK, Try, words_of
from agent.records.proposals import Proposal
from agent.run.bounds import Bounds
from agent.run.inbox import NotSent, new_input, send
from sandbox.ground.text import shortened, whole_number

EXAMPLE = "autoresearch adopt nov25 --into nov24"


def is_run(where: Path, name: str) -> bool:
    """Return whether `name` is RUN or RUN#N of a run of the repository around `where`."""
    branch = name.partition(MARK)[0]
    tag = branch.rpartition("autoresearch/")[2]
    if not is_tag(tag) or (branch != tag and not branch.endswith(f"autoresearch/{tag}")):
        return False
    if MARK in name:
        return True
    project = project_around(where).project
    git = Plumbing(Path(project.root))
    runs = {run.tag: run for run in list_runs(project)}
    return tag in runs and readable_first(git, runs[tag].commit) is not None


def adopt_run(name: str, into: str | None, together: bool, trust: bool, unsafe: bool) -> None:
    """Propose the changes that a run kept to another one, and measure them there.

    name: RUN or RUN#N. into: the other run, or None for the one that is meant. Raise UsageFault
    where nothing can be proposed.
    """
    place = place_around(Path.cwd())
    project = place.project
    consent = Consent(project, trust)
    branch, number = _parts_of(name, together)
    sister = History.read(project, branch)
    target = target_of(project, sister, into)
    if _is_at_work(project, target):
        with History.read(project, target) as history:
            _give(history, _announced(sister, history, number, together))
        return
    log = RunLog(project, tag_of(target))
    with (
        outliving(log),
        agreed_run(project, place.settings, consent, target, asks=False) as history,
    ):
        left = _announced(sister, history, number, together)
        if not left:
            return
        trackers = trackers_of(project, history.tag, (), None)
        adopting = Adopting(left)
        measure_given(place, history, adopting, consent, log, Bounds(), unsafe, trackers=trackers)


def _parts_of(name: str, together: bool) -> tuple[str, int | None]:
    """Return the run and the trial's number in RUN#N; the number is None in RUN."""
    branch, mark, typed = name.partition(MARK)
    number = whole_number(typed)
    if mark and together:
        raise UsageFault("--together is about a whole run, not about one trial.", EXAMPLE)
    if mark and number is None:
        message = f"{name[:300]!r} is not RUN#N, a run and the number of a trial."
        raise UsageFault(message, EXAMPLE)
    return branch, number


def _announced(
    sister: History, history: History, number: int | None, together: bool
) -> tuple[Change, ...]:
    """Print which changes are proposed, and return them without those proposed before."""
    changes = _changes(sister, history, number, together)
    left = left_of(changes, _proposals(history))
    for line in lines_of(sister, history, changes, left, together or number is not None):
        say(line)
    return left


def _is_at_work(project: Project, target: str) -> bool:
    """Return whether a process works on the run now."""
    return holder(lock_path(project, tag_of(target))) is not None


def _give(history: History, changes: Sequence[Change]) -> None:
    """Send changes to a run at work, as trials that its user asks for."""
    answered = {admitted.input.id for admitted in history.inputs}
    sender = user_name()
    for change in changes:
        if change.input_id in answered:
            continue
        words = shortened(f"{change.name}: {change.proposal.hypothesis}", MAX_REMARK)
        ask = Try(hypothesis=words, edits=change.proposal.edits)
        sent = send(history.project, history.tag, new_input(ask, sender, change.input_id))
        if isinstance(sent, NotSent):
            raise UsageFault(sent.reason, sent.next_command)
        say(f"given to {history.branch}: {words_of(ask)}")
    if changes:
        tag = history.tag
        say(f"It tries them next; `autoresearch status {tag}` shows what it answers.")


def target_of(project: Project, sister: History, into: str | None) -> str:
    """Return the branch of the run that measures the changes."""
    if into is None:
        return _meant(project, sister)
    tags = run_tags(Plumbing(Path(project.root)))
    tag = tag_of(into)
    if tag == sister.tag:
        raise UsageFault(
            f"The changes of {into} cannot be proposed to itself: name another run.", EXAMPLE
        )
    if tag not in tags:
        History.read(project, into)  # raises the fault with the nearest name
    return into


def _meant(project: Project, sister: History) -> str:
    """Return the run that is checked out here, else the sister's parent, else the newest other."""
    own = checked_out_run(project, Path.cwd())
    if own is not None and tag_of(own) != sister.tag:
        return own
    runs = list_runs(project)
    firsts = first_commits(Plumbing(Path(project.root)), (run.commit for run in runs))
    parent = sister.run.parent
    others = []
    for run in runs:
        first = firsts.get(run.commit)
        if first is None or run.tag == sister.tag:
            continue
        if parent is not None and first == parent.first:
            return run.branch
        others.append(run.branch)
    if not others:
        message = f"There is no other run here in which {sister.branch} could be measured."
        raise UsageFault(message, "autoresearch start")
    return others[0]


def _changes(
    sister: History, history: History, number: int | None, together: bool
) -> tuple[Change, ...]:
    if number is not None:
        return (change_of(sister, number),)
    return (joint_change(sister, history),) if together else kept_by(sister)


def _proposals(history: History) -> list[Proposal]:
    judged = [trial.proposal for trial in history.trials]
    return [*judged, *(attempt.proposal for attempt in history.in_flight)]


def lines_of(
    sister: History,
    history: History,
    changes: Sequence[Change],
    left: Sequence[Change],
    single: bool,
) -> Iterator[str]:
    """Yield the lines to print before anything is measured."""
    done = len(changes) - len(left)
    if not left:
        yield f"all {len(changes)} changes of {sister.branch} were proposed in {history.branch}"
        yield f"next: autoresearch log {history.tag}"
        return
    count = f"{len(left)} change{'' if len(left) == 1 else 's'}"
    before = f"; {done} were proposed before" if done else ""
    yield f"{count} of {sister.branch} to measure in {history.branch}{before}"
    theirs = sister.run.goal
    ours = history.run.goal
    if (theirs.metric, theirs.direction) != (ours.metric, ours.direction):
        yield (
            f"{sister.tag} measures {theirs.metric}, {theirs.better}; here they are measured by "
            f"{ours.metric}, {ours.better}"
        )
    if not single and began_elsewhere(sister, history):
        yield (
            f"{sister.tag} began at files that {history.branch} never had, so a change that builds "
            f"on them may be refused; `autoresearch adopt {sister.tag} --into {history.tag} "
            "--together` measures all of it as one trial"
        )
