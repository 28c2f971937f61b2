"""Reads, compares and exports the files of a run's commits, and builds new trees."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from agent.errors import HistoryFault
from agent.git.answers import MAX_CHANGES
from agent.git.endless import Entry
from agent.git.stand_in import File, write_stand_in
from agent.git.store import SUBMODULE, Store
from agent.history.branch import lost_file
from agent.history.checkout import export
from agent.history.sources import SourceReader
from agent.project.find import Project
from agent.project.settings import RunSettings
from agent.records.sources import Sources
from sandbox.score.evaluator.evaluation import Split

# A human's notes beside the code, which no run reads.
NOTES = frozenset({"notes.md", "notes.txt"})
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")
_PLAIN_FILE = "100644"


KEPT_SOURCES = 200
"""The most commits whose files are kept in memory."""


class Files:
    """Access to the files of one run's commits."""

    def __init__(self, store: Store, project: Project, branch: str, tag: str) -> None:
        self._store = store
        self._git = store.git
        self._branch = branch
        self._tag = tag
        self._sources: dict[str, Sources] = {}
        self._reader = SourceReader(store.git)
        self._imported: dict[str, dict[str, str]] = {}
        """The imported modules of the newest state, by its tree."""
        self.project = project
        self.start = ""
        """The commit that the run started from; lost files can be restored from it."""

    def belong_to(self, run: RunSettings) -> None:
        """Use the start commit and the files that the record of a run states."""
        self.start = run.start_commit
        recorded = self.project.running(run.train).as_recorded(run.objective)
        self.project = recorded.model_copy(update={"score": run.score})

    def sources_at(self, commit: str) -> Sources:
        """Return the files that edits may touch at `commit`.

        Raise HistoryFault if train.py is missing there.
        """
        sources = self._sources.pop(commit, None)
        if sources is None:
            if self._store.find(commit, self.project.train) is None:
                raise self._lost(commit, self.project.train)
            sources = self._reader.read(commit, self.project)
        self.remember_sources(commit, sources)
        return sources

    def remember_sources(self, commit: str, sources: Sources) -> None:
        """Keep the files of a commit in memory, in place of the oldest ones."""
        self._sources[commit] = sources
        if len(self._sources) > KEPT_SOURCES:
            del self._sources[next(iter(self._sources))]

    def imported_at(self, commit: str) -> dict[str, str]:
        """Return the texts of modules that the sources import and no edit may touch, by path."""
        tree = self._store.tree_of(commit)
        if tree not in self._imported:
            from agent.history.imported import imported_modules  # libcst takes long to load

            sources = self.sources_at(commit)
            modules = imported_modules(self._git, commit, self.project, sources)
            self._imported = {tree: modules}
        return self._imported[tree]

    def program_at(self, commit: str) -> str:
        """Return program.md at `commit`; "" if there is none."""
        path = self.project.program
        data = self._store.file(commit, path) if path else None
        return (data or b"").decode("utf-8", "surrogateescape")

    @property
    def public(self) -> str:
        """The text about the evaluator that a proposer may read, at the start; "" for none."""
        evaluate = self.project.evaluate
        if evaluate is None or evaluate.public is None:
            return ""
        return self.file_at(self.start, self.project.inside(evaluate.public))

    def file_at(self, commit: str, path: str) -> str:
        """Return the text of a file at `commit`. Raise HistoryFault if it is missing."""
        data = self._store.file(commit, path)
        if data is None:
            raise self._lost(commit, path)
        return data.decode("utf-8", "surrogateescape")

    def _lost(self, commit: str, path: str) -> HistoryFault:
        return lost_file(self.project, self._branch, commit, self.start, path)

    def trees_of(self, commits: Iterable[str]) -> dict[str, str]:
        """Return the tree of each commit, with one command."""
        names = list(commits)
        if not names:
            return {}
        question = "".join(f"{name}^{{tree}}\n" for name in names).encode()
        answers = self._git("cat-file", "--batch-check=%(objectname)", stdin=question)
        trees = dict(zip(names, answers.splitlines(), strict=True))
        gone = next((name for name, tree in trees.items() if " " in tree), None)
        if gone is not None:
            raise self._git.fault("cat-file", f"the commit {gone} or its tree is missing")
        return trees

    def run_differently(self, before: str, after: str) -> bool:
        """Return whether two commits or trees differ in a file that a run sees.

        A run does not see the brief and notes: a new program.md is not a new experiment.
        """
        return any(map(self._is_seen, self._store.changed(before, after, self.project.workspace)))

    def _is_seen(self, path: str) -> bool:
        if path == self.project.program or self.project.hides(path):
            return False
        return self.project.edits(path) or PurePosixPath(path).name.lower() not in NOTES

    def diff(self, before: str, after: str) -> str:
        """Return the unified diff of the workspace between two commits, hidden files left out."""
        where = self.project.workspace or "."
        visible: list[str] | None = [where]
        if self.project.concealed:
            names = ("diff-tree", "-r", "-z", "--name-only", before, after)
            visible = self._visible(self._git(*names, "--", where))
        if visible is None:
            return ""
        return self._git("diff", *_PLAIN, before, after, "--", *visible, most=MAX_CHANGES)

    def diffs(self, commits: Sequence[str]) -> dict[str, str]:
        """Return each commit's `diff` against its parent, with one command."""
        names = "".join(f"{commit}\n" for commit in commits if commit).encode()
        where = self.project.workspace or "."
        visible: list[str] | None = [where]
        if self.project.concealed:
            options = ("diff-tree", "--stdin", "--no-commit-id", "-r", "-z", "--name-only")
            visible = self._visible(self._git(*options, "--", where, stdin=names))
        if visible is None:
            return dict.fromkeys(filter(None, commits), "")
        wanted = ("--stdin", "-r", "-p", *_PLAIN, "--", *visible)
        text = self._git("diff-tree", *wanted, stdin=names, most=MAX_CHANGES)
        # No line of a diff itself looks like this.
        parts = re.split(r"^([0-9a-f]{40,64})\n", text, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def _visible(self, listing: str) -> list[str] | None:
        """Return the changed paths of a listing that may be shown; None if none may.

        If none of them is hidden, return only the workspace.
        """
        paths = [path for path in listing.split("\0") if path]
        visible = [path for path in paths if not self.project.hides(path)]
        if len(visible) == len(paths):
            return [self.project.workspace or "."]
        return visible or None

    def export(self, commit: str, folder: Path) -> None:
        """Write the workspace's files at `commit` to `folder`, without hidden ones.

        The folder gets a .git of its own with a single commit.
        """
        project = self.project
        entries = export(self._store, commit, project.workspace, folder, project.hides)
        files = []
        for entry in entries:
            if entry.mode != SUBMODULE:
                files.append(File(project.outside(entry.path), entry.mode, entry.name))
        write_stand_in(folder, files, f"the files of {commit}")

    def export_whole(self, folder: Path, split: Split) -> None:
        """Write the workspace's files at the start to `folder`, hidden ones included.

        This is for the project's evaluator only. Files of the test split are left out for any other
        split.
        """

        def hides(path: str) -> bool:
            return split != "test" and self.project.tests(path)

        export(self._store, self.start, self.project.workspace, folder, hides)

    def tree_with(self, sources: Sources, base: str) -> str:
        """Return the tree of the commit `base` with its editable files replaced by `sources`.

        Editable files that `sources` lacks are removed.
        """
        before = self.sources_at(base).files
        after = sources.files
        paths = sorted({*before, *after})
        changed = {
            self.project.inside(path): after.get(path)
            for path in paths
            if before.get(path) != after.get(path)
        }
        if not changed:
            return self._store.tree_of(base)
        from agent.edit.files.difference import renamed_files  # libcst takes long to load

        renamed = renamed_files(self.sources_at(base), sources)
        inside = self.project.inside
        return self.tree_with_files(
            changed, base, {inside(to): inside(path) for path, to in renamed.items()}
        )

    def tree_with_files(
        self,
        texts: Mapping[str, str | None],
        base: str,
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> str:
        """Return the tree of the commit `base` with some files replaced.

        texts: new texts by path; None removes a file. renamed: paths in `base` by new paths, to
        keep the modes of renamed files. A new file is a plain one.
        """
        changes: dict[str, Entry | None] = {}
        for path, text in texts.items():
            changes[path] = None
            if text is not None:
                before = self._store.find(base, renamed.get(path, path))
                blob = self._store.blob(text.encode("utf-8", "surrogateescape"))
                changes[path] = Entry(before.mode if before else _PLAIN_FILE, blob)
        return self._store.tree_with(base, changes)

    def commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        """Write a commit of `tree` on no branch; return its name."""
        return self._store.commit(self._store.tree_of(tree), parents, message)
