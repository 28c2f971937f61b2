"""Reads the edits that a person gives: a working tree, a patch, a branch, or constants."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.edit.files.difference import difference
from agent.errors import HistoryFault, UsageFault, unknown
from agent.git.home import run_folder
from agent.git.plumbing import Plumbing, scratch_index
from agent.history.files import NOTES
from agent.history.history import History
from agent.history.runs import tip_of
from agent.history.sources import SourceReader
from agent.project.find import Project
from agent.records.edits import Edit
from agent.records.inputs import MAX_REMARK
from agent.records.patterns import matches
from agent.space import constant_edits, find_all, literal_of
from sandbox.ground.plain_files import named_file

MAX_NAMED = 5
MAX_PATCH = 64 << 20
"""Bytes of a patch."""
SET_EXAMPLE = "autoresearch try --set LR=0.05"


@dataclass(frozen=True)
class Given:
    """Edits of a person, with a description."""

    edits: tuple[Edit, ...]
    what: str
    """A few words, such as `the patch warmup.diff: train.py`."""

    def hypothesis(self, words: str) -> str:
        """Return the hypothesis of a trial: the person's words, else what is given."""
        return (words.strip() or self.what)[:MAX_REMARK]


class Giver:
    """Reads edits for one run from the checkout `root`.

    Each method raises UsageFault if there is nothing to try, or no trial may change it, and
    HistoryFault for a branch that is not here.
    """

    def __init__(self, history: History, root: Path) -> None:
        self._history = history
        self._project: Project = history.project
        self._git = Plumbing(root)
        self._folder = run_folder(Path(self._project.root), history.tag, make=True)

    def of_working_tree(self) -> Given:
        """Return the uncommitted changes of the working tree, new files of the run included."""
        git = self._git
        head = tip_of(git, "HEAD")
        if head is None:
            raise UsageFault("The checkout has no commit yet.", SET_EXAMPLE)
        where = self._project.workspace or "."
        listing = git(
            "ls-files", "-z", "--others", "--exclude-standard", "--full-name", "--", where
        )
        new = [path for path in listing.split("\0") if self._is_new_file(path)]
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=no")
        with scratch_index(self._folder) as index:
            git("read-tree", head, index=index)
            changed = git("status", *options, "--", where, index=index).split("\0")[:-1]
            paths = [*(entry[3:] for entry in changed), *new]
            # `git add` would run what the settings of a submodule name.
            names = "\0".join(paths).encode("utf-8", "surrogateescape")
            git("update-index", "--add", "--remove", "-z", "--stdin", stdin=names, index=index)
            tree = git("write-tree", index=index).strip()
        if tree == git("rev-parse", f"{head}^{{tree}}").strip():
            raise self._unchanged(head)
        return self._between(head, tree, "the working tree's change")

    def of_patch_file(self, path: Path) -> Given:
        """Return the edits of the patch in a file; see `of_patch`."""
        return self.of_patch(_read(path), str(path))

    def of_patch(self, data: bytes, file: str = "") -> Given:
        """Return the edits of a patch.

        It is applied to the run's newest state, else to the checkout's commit, else to the commit
        that the run started from. file: its name, for the hypothesis and for errors.
        """
        bases = [self._history.tip, tip_of(self._git, "HEAD"), self._history.run.start_commit]
        faults: list[HistoryFault] = []
        for base in dict.fromkeys(filter(None, bases)):
            try:
                with scratch_index(self._folder) as index:
                    self._git("read-tree", base, index=index)
                    self._git("apply", "--cached", "-", stdin=data, index=index)
                    tree = self._git("write-tree", index=index).strip()
            except HistoryFault as failed:
                faults.append(failed)
                continue
            return self._between(base, tree, f"the patch {PurePosixPath(file).name}".rstrip())
        message = f"{file or 'The patch'} matches no state of the run: {faults[0].message}"
        anew = f"git diff > {quote(file)}" if file else "git diff"
        raise UsageFault(message, f"{anew}   # made anew")

    def of_branch(self, name: str) -> Given:
        """Return the edits between a branch or commit and its merge base with the run."""
        commit = None if name.startswith("-") else tip_of(self._git, name)
        if commit is None:
            message = f"There is no branch or commit {name[:100]!r} here."
            raise HistoryFault(message, "git branch -a")
        base = self._git.try_("merge-base", self._history.tip, commit)
        if base is None:
            message = f"{name} and the run have no commit in common."
            raise UsageFault(message, "autoresearch try --patch FILE")
        return self._between(base, commit, f"the change of {name}")

    def of_values(self, texts: Sequence[str]) -> Given:
        """Return the edits that set constants: `LR=0.05`, `conf.yaml:optim.lr=0.1`."""
        sources = self._history.sources
        places = find_all(sources)
        values = {}
        for text in texts:
            name, sign, value = text.partition("=")
            name = name.strip()
            if not sign or not value.strip():
                raise UsageFault(f"--set takes NAME=VALUE, not {text!r}.", SET_EXAMPLE)
            if name not in places:
                raise UsageFault(unknown("constant", name, places), "autoresearch space")
            literal = literal_of(places[name].file, value)
            values[name] = value.strip() if literal is None else literal
        edits = constant_edits(sources, values)
        if not edits:
            message = "The run's newest state has these values already."
            raise UsageFault(message, f"autoresearch show --branch {self._history.tag} 0")
        steps = [f"{name} {places[name].value} → {value}" for name, value in values.items()]
        return Given(edits, ", ".join(steps))

    # ------------------------------------------------------------ from one tree to another

    def _between(self, before: str, after: str, what: str) -> Given:
        """Return the edits from one commit or tree to another."""
        paths = self._changed(before, after)
        others = [path for path in paths if not self._project.edits(path)]
        if others:
            named = ", ".join(others[:MAX_NAMED])
            message = f"{what} touches what no trial may change: {named}."
            raise UsageFault(message, "autoresearch try --patch FILE   # without it")
        reader = SourceReader(self._git)
        old = reader.read(before, self._project)
        new = reader.read(after, self._project)
        for path in map(self._project.outside, paths):
            reason = old.others.get(path) or new.others.get(path)
            if reason:
                message = f"{what} touches {path}, which no edit can change: {reason}."
                raise UsageFault(message, "git diff --stat")
        edits = difference(old, new)
        if not edits:
            raise UsageFault(f"{what} changes nothing that a trial runs.", SET_EXAMPLE)
        files = ", ".join(self._project.outside(path) for path in paths[:MAX_NAMED])
        return Given(edits, f"{what}: {files}")

    def _changed(self, before: str, after: str) -> list[str]:
        where = self._project.workspace or "."
        listing = self._git("diff-tree", "-r", "-z", "--name-only", before, after, "--", where)
        return [path for path in listing.split("\0") if path and not self._is_silent(path)]

    def _is_silent(self, path: str) -> bool:
        """Return whether a file is the brief or notes, which are no part of a trial."""
        return path == self._project.program or PurePosixPath(path).name.lower() in NOTES

    def _is_new_file(self, path: str) -> bool:
        return bool(path) and bool(self._project.files) and matches(path, self._project.files)

    def _unchanged(self, head: str) -> UsageFault:
        """Return the fault for a working tree without a change.

        Its next command tries the commits of the checkout, if they changed the run's files.
        """
        files = ", ".join(self._project.files or (self._project.train,))
        message = f"The working tree has no change of {files} that is not committed."
        start = self._history.run.start_commit
        committed = any(self._project.edits(path) for path in self._changed(start, head))
        return UsageFault(message, "autoresearch try --branch HEAD" if committed else SET_EXAMPLE)


def _read(path: Path) -> bytes:
    try:
        return named_file(path, MAX_PATCH)
    except OSError as error:
        raise UsageFault(
            f"Cannot read {path}: {error.strerror}.", f"ls -l {quote(str(path))}"
        ) from None
