"""Recognises the layout of evolutionary frameworks: a program, and an evaluator that is called."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.project.recipes import Reader
from agent.project.scripts import text_of, tree_of
from sandbox.ground.record import Record

EVALUATORS = ("evaluator.py", "evaluate.py", "eval.py")
PROGRAMS = ("initial_program.py", "initial.py", "program.py")
BLOCK = "EVOLVE-BLOCK-START"
MAX_BESIDE = 100
"""Files beside an evaluator that are read."""
_PATH = re.compile(r"(program|file|candidate|solution|code)?_?(path|file|filename)")
_CALL = (
    "import json, sys; sys.path.insert(0, {folder}); from {module} import evaluate; "
    "result = evaluate({program}); "
    'print(json.dumps(getattr(result, "metrics", result), default=str))'
)
"""What prints the numbers that an evaluator returns: a dictionary, or a record with one."""


class Evolved(Record):
    """A program, and how it is evaluated."""

    path: str
    evaluator: str
    command: str


def evolved_in(files: tuple[str, ...], read: Reader) -> Evolved | None:
    """Return the program of a repository that an `evaluate(program_path)` scores, or None."""
    for evaluator in sorted(files, key=lambda name: (name.count("/"), name)):
        if PurePosixPath(evaluator).name not in EVALUATORS:
            continue
        tree = tree_of(read(evaluator))
        program = _program(evaluator, files, read) if tree and takes_path(tree) else ""
        if program:
            return Evolved(path=program, evaluator=evaluator, command=_command(evaluator, program))
    return None


def takes_path(tree: ast.Module) -> bool:
    """Return whether a file has a function `evaluate` of one path."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "evaluate":
            arguments = [*node.args.posonlyargs, *node.args.args]
            needed = len(arguments) - len(node.args.defaults)
            return needed == 1 and bool(_PATH.fullmatch(arguments[0].arg))
    return False


def returned_lines(tree: ast.Module) -> Iterator[str]:
    """Yield the dictionaries that a file returns, as lines of JSON with 0.5 for each number."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        for part in ast.walk(node.value):
            if isinstance(part, ast.Dict):
                yield text_of(part)


def _program(evaluator: str, files: tuple[str, ...], read: Reader) -> str:
    """Return the program beside an evaluator; "" for none."""
    folder = PurePosixPath(evaluator).parent
    beside = [name for name in files if PurePosixPath(name).parent == folder]
    for name in PROGRAMS:
        if str(folder / name) in beside:
            return str(folder / name)
    marked = [name for name in beside[:MAX_BESIDE] if name.endswith(".py") and BLOCK in read(name)]
    return marked[0] if marked else ""


def _command(evaluator: str, program: str) -> str:
    path = PurePosixPath(evaluator)
    folder = json.dumps(str(path.parent))
    code = _CALL.format(folder=folder, module=path.stem, program=json.dumps(program))
    return f"python -c {shlex.quote(code)}"
