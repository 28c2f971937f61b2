"""How long one edit takes on a file of 700 lines, in milliseconds and as a multiple of ast.parse of the same file.

python -m benchmarks.edit_speed
"""

import ast
import time
from collections.abc import Callable
from pathlib import Path

import libcst as cst

from agent.edit import Applied, apply, diff, fingerprint, guard
from agent.records.edits import (
    AddImport,
    DeleteDefinition,
    Edit,
    InsertDefinition,
    ReplaceDefinition,
    ReplaceStatements,
    SetConstant,
)
from agent.space import read_constants

LINES = 700
ROUNDS = 9
TRAIN = Path(__file__).parent.parent / "workspace" / "train.py"


def long_file() -> str:
    """The bundled train.py, with copies of its definitions under other names until it has LINES lines."""
    text = TRAIN.read_text(encoding="utf-8")
    definitions = [
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    copy = 0
    while text.count("\n") < LINES:
        node = definitions[copy % len(definitions)]
        code = ast.unparse(node).replace(node.name, f"{node.name}_{copy}", 1)
        text, copy = f"{text}\n\n{code}\n", copy + 1
    return text


def edits(text: str) -> dict[str, Edit]:
    """One edit of each kind that fits the file."""
    place = next(node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    method = next(
        node for node in place.body if isinstance(node, ast.FunctionDef) and node.name == "forward"
    )
    name = f"{place.name}.forward"
    return {
        "set_constant": SetConstant(name="DEPTH", value="7"),
        "replace_definition": ReplaceDefinition(name=name, code=ast.unparse(method)),
        "insert_definition": InsertDefinition(code="def fresh(self):\n    return 1\n", after=name),
        "delete_definition": DeleteDefinition(name=name),
        "replace_statements": ReplaceStatements(
            old=ast.unparse(method.body[-1]), new="return x\n", within=name
        ),
        "add_import": AddImport(code="import zlib"),
    }


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of ROUNDS calls: what the work costs, with the least of what else the machine does."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print the table."""
    text = long_file()
    unit = best(lambda: ast.parse(text))
    there_and_back = best(lambda: cst.parse_module(text).code) / unit
    print(
        f"{len(text.splitlines())} lines, ast.parse {unit * 1e3:.1f} ms, libcst there and back {there_and_back:.1f}x ast.parse"
    )
    for kind, edit in edits(text).items():
        assert isinstance(apply(text, [edit]), Applied), kind
        show(kind, best(lambda edit=edit: apply(text, [edit])), unit)  # type: ignore[misc]
    edited = apply(text, [SetConstant(name="DEPTH", value=f"{read_constants(text)['DEPTH']} + 1")])
    assert isinstance(edited, Applied)
    changed = edited.source
    show("diff, one constant", best(lambda: diff(text, changed)), unit)
    show("fingerprint", best(lambda: fingerprint(text)), unit)
    show("guard", best(lambda: guard(text, changed, tried=(), protected=())), unit)


def show(what: str, seconds: float, unit: float) -> None:
    """One row."""
    print(f"{what:20s} {seconds * 1e3:7.1f} ms {seconds / unit:6.1f}x ast.parse")


if __name__ == "__main__":
    main()
