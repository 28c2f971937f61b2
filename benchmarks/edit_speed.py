"""What an edit costs on a file of 700 lines: `python -m benchmarks.edit_speed`.

Printed for each kind of edit: milliseconds, and the multiple of ast.parse of the same file; then
how often an admission (a method looks at the run, its edits are checked, admitted and committed)
parses a whole file, and how long it takes without the commit.
"""

import ast
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import libcst as cst

from agent.edit import Applied, apply, diff, fingerprint
from agent.edit.files import Sources, guard_files
from agent.history.history import History
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    ReplaceDefinition,
    ReplaceStatements,
    RewriteFile,
    SetConstant,
)
from agent.records.proposals import Proposal, Provenance
from agent.records.results import Attempt
from agent.run.ledger import Ledger
from agent.space import read_constants, read_space
from benchmarks.small_runs import project_of, repository, settings_of

LINES = 700
ROUNDS = 9
TRAIN = Path(__file__).parent.parent / "workspace" / "train.py"


def long_file() -> str:
    """Return the bundled train.py, with copies of its definitions until it has LINES lines."""
    text = TRAIN.read_text(encoding="utf-8")
    body = ast.parse(text).body
    definitions = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    copy = 0
    while text.count("\n") < LINES:
        node = definitions[copy % len(definitions)]
        code = ast.unparse(node).replace(node.name, f"{node.name}_{copy}", 1)
        text = f"{text}\n\n{code}\n"
        copy += 1
    return text


def edits(text: str) -> dict[str, tuple[Edit, ...]]:
    """Return edits of each kind that change what the file does."""
    place = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    methods = [node for node in place.body if isinstance(node, ast.FunctionDef)]
    method = next(node for node in methods if node.name == "forward")
    name = f"{place.name}.forward"
    changed = ast.unparse(method).replace("return ", "return 1.0 * ")
    fresh = "def fresh(self):\n    return 1\n"
    last = ast.unparse(method.body[-1])
    constants = [
        SetConstant(name=constant, value=f"{value!r} + 1")
        for constant, value in read_constants(text).items()
        if isinstance(value, int | float)
    ]
    return {
        "set_constant": (SetConstant(name="DEPTH", value="7"),),
        f"set_constant x {len(constants)}": tuple(constants),
        "replace_definition": (ReplaceDefinition(name=name, code=changed),),
        "insert_definition": (InsertDefinition(code=fresh, after=name),),
        "delete_definition": (DeleteDefinition(name=name),),
        "replace_statements": (ReplaceStatements(old=last, new="return x\n", within=name),),
        "add_import": (AddImport(code="import zlib"),),
        "rewrite_file": (RewriteFile(code=text.replace("DEPTH = ", "DEPTH = 1 + ", 1)),),
    }


def best(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of ROUNDS calls, the one that was delayed least."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


# ---------------------------------------------------------------- admissions


@contextmanager
def counted(least: int) -> Iterator[list[str]]:
    """Give the texts of at least `least` characters that ast or libcst parses meanwhile."""
    parsed: list[str] = []

    def counting(parse: Callable[..., Any]) -> Callable[..., Any]:
        def call(text: str, *args: Any, **options: Any) -> Any:
            if len(text) >= least:
                parsed.append(text)
            return parse(text, *args, **options)

        return call

    with (
        mock.patch("ast.parse", counting(ast.parse)),
        mock.patch("libcst.parse_module", counting(cst.parse_module)),
    ):
        yield parsed


def admission(folder: Path, text: str, wanted: tuple[Edit, ...]) -> tuple[int, float]:
    """Return how often an admission parses a whole file, and its seconds without the commit.

    folder: for the repository. text: a file that this process has not read yet.
    """
    project = project_of(repository(folder, text))
    by = Provenance(method="list", origin="scripted")
    proposal = Proposal(hypothesis="count", edits=wanted, by=by)
    with History.create(project, settings_of(project)) as history, counted(len(text) // 2) as texts:
        ledger = Ledger(history, read_space)
        began = time.perf_counter()
        assert ledger.context(()).check(wanted) is None
        assert isinstance(ledger.admit(proposal), Sources)
        seconds = time.perf_counter() - began
        assert isinstance(ledger.begin(proposal), Attempt)
        return len(texts), seconds


def main() -> None:
    """Print the tables."""
    text = long_file()
    unit = best(lambda: ast.parse(text))
    there_and_back = best(lambda: cst.parse_module(text).code) / unit
    print(
        f"{len(text.splitlines())} lines, ast.parse {unit * 1e3:.1f} ms, "
        f"libcst there and back {there_and_back:.1f}x ast.parse"
    )
    for kind, wanted in edits(text).items():
        show(kind, time_of_fresh(partial(apply, edits=wanted), text), unit)
    applied = apply(text, [SetConstant(name="DEPTH", value="7")])
    assert isinstance(applied, Applied)
    changed = applied.source
    show("diff, one constant", time_of_fresh(lambda file: diff(file, changed), text), unit)
    show("fingerprint", time_of_fresh(fingerprint, text), unit)
    show("guard", time_of_fresh(lambda file: guard_files(file, changed), text), unit)

    print("an admission:")
    for kind, wanted in edits(text).items():
        with tempfile.TemporaryDirectory() as folder:
            count, seconds = admission(Path(folder), f"{text}\n# {kind}\n", wanted)
        show(f"{kind}, {count} parses", seconds, unit)


def time_of_fresh(work: Callable[[str], object], text: str) -> float:
    """Return the seconds of the fastest of ROUNDS calls, each on a text that is not parsed yet."""
    files = iter([f"{text}\n# {number}\n" for number in range(ROUNDS)])
    return best(lambda: work(next(files)))


def show(what: str, seconds: float, unit: float) -> None:
    """Print one row."""
    print(f"{what:32s} {seconds * 1e3:7.1f} ms {seconds / unit:6.1f}x ast.parse")


if __name__ == "__main__":
    main()
