"""Finds the commit that a run begins with, of one branch or of all branches at once."""

from collections.abc import Collection, Iterable
from contextlib import suppress

from agent.errors import HistoryFault, Unanswered
from agent.git.plumbing import Plumbing
from agent.history import format1, format2
from agent.history.commits import Commit, read_log

_OPTIONS = (
    "--first-parent",
    f"--grep={format1.FIRST_COMMIT}",
    f"--grep={format2.FIRST_COMMIT}",
)


def first_commit(git: Plumbing, tip: str) -> str | None:
    """Return the first commit of the run at `tip`; None if that is not a run's."""
    nearest = read_log(git, *_OPTIONS, "-1", tip, "--")
    if not nearest or _is_first(nearest[0]):
        return nearest[0].id if nearest else None
    # The words of a commit by hand may quote the record, such as those of squashed commits.
    all_with_words = read_log(git, *_OPTIONS, tip, "--")
    return next(filter(_is_first, all_with_words), nearest[0]).id


def readable_first(git: Plumbing, tip: str) -> str | None:
    """Return the first commit of the run at `tip`; None if it is not a run's or cannot be read.

    It is for a search through all branches, which a damaged one must not end.
    """
    return first_commits(git, [tip]).get(tip)


def first_commits(git: Plumbing, tips: Iterable[str]) -> dict[str, str | None]:
    """Return the first commit of the run at each tip; what git cannot read is left out.

    A repository may have thousands of branches: all are read with a few commands.
    """
    wanted = list(dict.fromkeys(tips))
    if len(wanted) < 2:
        with suppress(HistoryFault):
            return {tip: first_commit(git, tip) for tip in wanted}
        return {}
    try:
        return _first_commits(git, wanted)
    except Unanswered:  # half of them may take as long
        parts = [[tip] for tip in wanted]
    except HistoryFault:
        half = len(wanted) // 2
        parts = [wanted[:half], wanted[half:]]
    firsts: dict[str, str | None] = {}
    for part in parts:
        firsts |= first_commits(git, part)
    return firsts


def _first_commits(git: Plumbing, tips: list[str]) -> dict[str, str | None]:
    """Return these commits. Raise HistoryFault if one of the branches is damaged."""
    question = "".join(f"{tip}^{{commit}}\n" for tip in tips).encode()
    answers = git("cat-file", "--batch-check=%(objectname)", stdin=question).splitlines()
    pairs = zip(tips, answers, strict=True)
    commits = {tip: commit for tip, commit in pairs if commit.isalnum()}  # else it has none
    heads = "".join(f"{commit}\n" for commit in commits.values()).encode()
    with_words = read_log(git, *_OPTIONS, "--stdin", stdin=heads) if heads else []
    if not with_words:
        return dict.fromkeys(commits)
    options = ("--first-parent", "--parents", "--topo-order", "--reverse", "--stdin")
    firsts = _passed_on(git("rev-list", *options, stdin=heads).splitlines(), with_words)
    return {tip: firsts[commit] for tip, commit in commits.items()}


def _passed_on(lines: Iterable[str], with_words: Collection[Commit]) -> dict[str, str | None]:
    """Return the first commit of the run at each commit.

    lines: each has a commit and its parents, which have a line before it. with_words: the commits
    that may be the first ones of runs.
    """
    named = {commit.id for commit in with_words}
    sure = {commit.id for commit in with_words if _is_first(commit)}
    firsts: dict[str, str | None] = {}
    for line in lines:
        commit, parent, *_ = f"{line} ".split(" ")
        before = firsts.get(parent)
        begins = commit in sure or (commit in named and before not in sure)
        firsts[commit] = commit if begins else before
    return firsts


def _is_first(commit: Commit) -> bool:
    """Return whether a commit's record is that of a run's beginning, or a torn one."""
    try:
        record = format2.read(commit.message) or format1.read(commit.message)
    except ValueError:
        return True
    return record is not None and record["record"] == "run"
