"""Mutation testing: `python -m tests.mutate ROOM [FILE]` changes a room and runs its tests.

A room is a folder of agent/, or with its path one of sandbox/: judge, sandbox/limits.

tests/mutants.py makes the changes (mutants), one at a time. Each mutant exists in the memory of one
forked process only, so no file changes and two run at once. That process imports the package
afresh, with the mutant in place of its module, and runs the tests of the room that execute the
changed line, the fastest file first, until one fails. What passes them is a survivor: a change
of behaviour that no test notices, or one that changes no behaviour. A test that starts the
`autoresearch` command sees the real code there.

With --sample N only N mutants are run, drawn by chance and always the same for the same --seed:
minutes, not hours.
"""

import argparse
import ast
import difflib
import importlib.machinery
import importlib.util
import multiprocessing
import os
import pickle
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType, ModuleType

import coverage
import pytest

from tests.mutants import mutants_of

ROOT = Path(__file__).parent.parent
# Of other people, and slow to import: loaded once, before the forks.
WARM = (
    "pytest",
    "pytest_timeout",
    "hypothesis",
    "pydantic",
    "libcst",
    "git",
    "rich",
    "numpy",
    "scipy.special",
)
QUIET = (
    *("-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what is warm
)
POLL_SECONDS = 0.05
# A mutant that takes this many times as long as its tests took, and PATIENCE seconds, is killed.
# Other work on the machine must not count as a kill.
SLOWER = 10
PATIENCE = 60


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: Path
    source: str

    @property
    def line(self) -> int:
        """The first changed line of the file as it is."""
        before = self.path.read_text(encoding="utf-8").splitlines()
        changes = list(difflib.unified_diff(before, self.source.splitlines(), lineterm="", n=0))
        return int(changes[2].split()[1].lstrip("-").partition(",")[0])

    def describe(self) -> str:
        """Return `file:line: old → new`."""
        before = self.path.read_text(encoding="utf-8").splitlines()
        after = self.source.splitlines()
        changes = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
        old = [text[1:].strip() for text in changes if text.startswith("-")]
        new = [text[1:].strip() for text in changes if text.startswith("+")]
        return f"{self.path.relative_to(ROOT)}:{self.line}: {' '.join(old)}  →  {' '.join(new)}"


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a mutant instead of its file."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        super().__init__(name, str(mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """Return the mutant, compiled."""
        return compile(self._mutant.source, str(self._mutant.path), "exec")


class Finder(MetaPathFinder):
    """Finds one module, the mutant's, in front of all other finders."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        dotted = mutant.path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        self._name = dotted.removesuffix(".__init__")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the mutant's spec for its module, and None for any other."""
        del path, target
        if fullname != self._name:
            return None
        folder = self._mutant.path.parent
        inside = [str(folder)] if self._mutant.path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(
            fullname,
            self._mutant.path,
            loader=Loader(fullname, self._mutant),
            submodule_search_locations=inside,
        )


class Only:
    """A pytest plugin that runs some of the collected tests, the file that takes least first."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = seconds

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that were asked for."""
        chosen = [item for item in items if item.nodeid in self._seconds]
        files: dict[Path, float] = defaultdict(float)
        for item in chosen:
            files[item.path] += self._seconds[item.nodeid]
        items[:] = sorted(chosen, key=lambda item: files[item.path])


@dataclass
class Traces:
    """A pytest plugin that notes which test executes which line, and how long each test takes."""

    recorder: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note the lines that are executed from now on under the test's name."""
        self.recorder.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of a test's setup, call or teardown."""
        self.seconds[report.nodeid] += report.duration


@dataclass(frozen=True)
class Coverage:
    """What the tests of a room execute."""

    seconds: Mapping[str, float]
    """Of each test."""
    lines: Mapping[str, Mapping[int, Collection[str]]]
    """For each file and line the tests; the empty name stands for an import."""

    def of(self, mutant: Mutant) -> dict[str, float]:
        """Return the tests that execute what a mutant changes, with their seconds."""
        lines = self.lines.get(str(mutant.path), {})
        tests: set[str] = set()
        for line in (mutant.line, *statement_at(mutant.path, mutant.line)):
            tests.update(lines.get(line, ()))
        if "" in tests:
            return dict(self.seconds)
        return {test: self.seconds[test] for test in tests if test in self.seconds}


def statement_at(path: Path, line: int) -> range:
    """Return the lines of the innermost statement at a line, without the block under it."""
    found = range(0)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
        if node.lineno <= line < max(end, node.lineno + 1):
            found = range(node.lineno, max(end, node.lineno + 1))
    return found


def become_quiet() -> None:
    """Lead a process group of its own, without input and output."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def run_tests(mutant: Mutant, chosen: Mapping[str, float]) -> None:
    """Run the chosen tests on a mutant in this process, and end it with pytest's exit code."""
    become_quiet()
    sys.meta_path.insert(0, Finder(mutant))
    files = sorted({test.partition("::")[0] for test in chosen})
    os._exit(int(pytest.main([*QUIET, "-m", "not slow", *files], plugins=[Only(chosen)])))


def trace_tests(paths: Sequence[Path], tests: Sequence[str], answer: str) -> None:
    """Run tests in this process, write what they execute, and end it with pytest's exit code."""
    become_quiet()
    recorder = coverage.Coverage(data_file=None, include=[str(path) for path in paths])
    traces = Traces(recorder)
    recorder.start()
    code = int(pytest.main([*QUIET, "-m", "not slow", *tests], plugins=[traces]))
    recorder.stop()
    data = recorder.get_data()
    lines = {path: data.contexts_by_lineno(path) for path in data.measured_files()}
    Path(answer).write_bytes(pickle.dumps((dict(traces.seconds), lines)))
    os._exit(code)


def coverage_of(paths: Sequence[Path], tests: Sequence[str]) -> Coverage:
    """Return what the tests execute of some files; exit if the tests fail."""
    with tempfile.NamedTemporaryFile() as answer:
        arguments = (paths, tests, answer.name)
        process = multiprocessing.get_context("fork").Process(target=trace_tests, args=arguments)
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"{' '.join(tests)} fail without a mutant: mend them first")
        return Coverage(*pickle.loads(Path(answer.name).read_bytes()))


def wait_for(process: BaseProcess, began: float, limit: float) -> int | None:
    """Return the exit code of a process, -9 if it took longer than `limit`, None if it runs on."""
    if process.exitcode is not None:
        return process.exitcode
    if time.monotonic() - began <= limit:
        return None
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGKILL)
    process.join()
    return -signal.SIGKILL


def survivors_of(mutants: Sequence[Mutant], covered: Coverage, workers: int) -> Iterator[Mutant]:
    """Yield the mutants that pass the tests; one that takes far longer than they has failed."""
    fork = multiprocessing.get_context("fork")
    waiting = list(reversed(mutants))
    running: dict[BaseProcess, tuple[Mutant, float, float]] = {}
    done = 0
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            chosen = covered.of(mutant)
            if not chosen:
                done += 1
                yield mutant
                continue
            limit = PATIENCE + SLOWER * sum(chosen.values())
            process = fork.Process(target=run_tests, args=(mutant, chosen))
            process.start()
            running[process] = (mutant, time.monotonic(), limit)
        time.sleep(POLL_SECONDS)
        for process, (mutant, began, limit) in list(running.items()):
            code = wait_for(process, began, limit)
            if code is None:
                continue
            del running[process]
            done += 1
            if code == 0:
                yield mutant
            print(f"\r{done} of {len(mutants)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def sample_of(mutants: Sequence[Mutant], size: int | None, seed: int) -> list[Mutant]:
    """Return at most `size` mutants, always the same ones for a seed; None for all of them."""
    if size is None or len(mutants) <= size:
        return list(mutants)
    places = sorted(random.Random(seed).sample(range(len(mutants)), size))
    return [mutants[place] for place in places]


def score_line(room: str, killed: int, tried: int, total: int) -> str:
    """Return the score of a room, and what it is a score of."""
    share = f"{killed / max(tried, 1):.0%}"
    if tried == total:
        return f"{room}: {killed} of {total} killed, {share}"
    return f"{room}: {killed} of {tried} sampled mutants killed, {share} (of {total} in all)"


def main() -> None:
    """Print the score and the survivors of a room, or of one file of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("room", help="judge, edit, run, sandbox/limits, …")
    parser.add_argument("file", nargs="?", help="one file of it, such as pairing.py")
    parser.add_argument("--sample", type=int, metavar="N", help="at most N mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--tests", nargs="*", help="what to run; default: the room's own folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    os.chdir(ROOT)
    # Other plug-ins take as long to import as the tests of a mutant.
    os.environ.update(OPENBLAS_NUM_THREADS="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    room = chosen.room if "/" in chosen.room else f"agent/{chosen.room}"
    folder = ROOT / room
    paths = [folder / chosen.file] if chosen.file else sorted(folder.rglob("*.py"))
    for name in WARM:
        importlib.import_module(name)
    tests = chosen.tests or [f"tests/{room}"]
    print("which test executes what: one run of the tests", file=sys.stderr)
    covered = coverage_of(paths, tests)
    mutants: list[Mutant] = []
    for path in paths:
        mutants += [Mutant(path, text) for text in mutants_of(path.read_text("utf-8"))]
    sample = sample_of(mutants, chosen.sample, chosen.seed)
    survivors = 0
    for mutant in survivors_of(sample, covered, chosen.workers):
        print(mutant.describe(), flush=True)
        survivors += 1
    print(score_line(chosen.room, len(sample) - survivors, len(sample), len(mutants)))


if __name__ == "__main__":
    main()
