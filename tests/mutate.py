"""Mutation testing: `python -m tests.mutate ROOM [FILE]` changes agent/ROOM and runs its tests.

cosmic-ray makes the changes (mutants), one operator or number at a time. Each mutant exists in the
memory of one forked process only, so no file changes and two run at once. That process imports the
package afresh, with the mutant in place of its module, and runs tests/agent/ROOM until a test
fails. What passes all tests is a survivor: a change of behaviour that no test notices, or one
that changes no behaviour. A test that starts the `autoresearch` command sees the real code there.
"""

import argparse
import ast
import difflib
import importlib.machinery
import importlib.util
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import CodeType, ModuleType

from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).parent.parent
# One or two replacements of each kind; all of cosmic-ray's would be five times as many, and alike.
OPERATORS = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBreakWithContinue",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    "ZeroIterationForLoop",
)
# Of other people, and slow to import: loaded once, before the forks.
WARM = ("pytest", "hypothesis", "pydantic", "libcst", "git", "rich", "numpy", "scipy.special")
QUIET = (
    *("-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what is warm
)
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: Path
    source: str

    def describe(self) -> str:
        """Return `file:line: old → new`."""
        before = self.path.read_text(encoding="utf-8").splitlines()
        after = self.source.splitlines()
        changes = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
        line = changes[0].split()[1].lstrip("-").partition(",")[0]
        old = [text[1:].strip() for text in changes if text.startswith("-")]
        new = [text[1:].strip() for text in changes if text.startswith("+")]
        return f"{self.path.relative_to(ROOT)}:{line}: {' '.join(old)}  →  {' '.join(new)}"


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


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file that is other code than the file, each once."""
    source = path.read_text(encoding="utf-8")
    trees = {ast.dump(ast.parse(source))}
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        for occurrence in range(10_000):
            changed = MutationVisitor.mutate_code(source, operator, occurrence)
            if changed is None:
                break
            tree = ast.dump(ast.parse(changed))
            if tree not in trees:
                trees.add(tree)
                yield Mutant(path, changed)


def run_tests(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """Run the tests in this process, and end it with pytest's exit code. mutant: None for none."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if mutant is not None:
        sys.meta_path.insert(0, Finder(mutant))
    import pytest

    os._exit(int(pytest.main([*QUIET, "-m", "not slow", *tests])))


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


def survivors_of(
    mutants: Sequence[Mutant], tests: Sequence[str], limit: float, workers: int
) -> Iterator[Mutant]:
    """Yield the mutants that pass the tests. limit: seconds; whoever takes longer has failed."""
    fork = multiprocessing.get_context("fork")
    waiting = list(reversed(mutants))
    running: dict[BaseProcess, tuple[Mutant, float]] = {}
    done = 0
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            process = fork.Process(target=run_tests, args=(mutant, tests))
            process.start()
            running[process] = (mutant, time.monotonic())
        time.sleep(POLL_SECONDS)
        for process, (mutant, began) in list(running.items()):
            code = wait_for(process, began, limit)
            if code is None:
                continue
            del running[process]
            done += 1
            if code == 0:
                yield mutant
            print(f"\r{done} of {len(mutants)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def seconds_without_a_mutant(tests: Sequence[str]) -> float:
    """Return how long the tests take on the code as it is; exit if they fail."""
    began = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=(None, tests))
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"{' '.join(tests)} fail without a mutant: mend them first")
    return time.monotonic() - began


def main() -> None:
    """Print the score and the survivors of a room, or of one file of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("room", help="judge, edit, history, run, …: a folder of agent/")
    parser.add_argument("file", nargs="?", help="one file of it, such as pairing.py")
    parser.add_argument("--tests", nargs="*", help="what to run; default: the room's own folder")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    os.chdir(ROOT)
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", OPENBLAS_NUM_THREADS="1")
    folder = ROOT / "agent" / chosen.room
    paths = [folder / chosen.file] if chosen.file else sorted(folder.rglob("*.py"))
    for name in WARM:
        importlib.import_module(name)
    own = ROOT / "tests" / "agent" / chosen.room
    total = 0
    survivors: list[Mutant] = []
    for path in paths:
        near = own / path.relative_to(folder).with_name(f"test_{path.name}")
        tests = chosen.tests or [*([str(near)] if near.exists() else []), str(own)]
        limit = 10 + 3 * chosen.workers * seconds_without_a_mutant(tests)
        mutants = list(mutants_of(path))
        print(f"{path.relative_to(ROOT)}: {len(mutants)} mutants", file=sys.stderr)
        total += len(mutants)
        survivors += survivors_of(mutants, tests, limit, chosen.workers)
    for mutant in survivors:
        print(mutant.describe())
    killed = total - len(survivors)
    print(f"{chosen.room}: {killed} of {total} killed, {killed / max(total, 1):.0%}")


if __name__ == "__main__":
    main()
