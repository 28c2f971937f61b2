"""Looks at a project's evaluator before a run: is it there, and what does it do with the run's."""

import ast
from pathlib import Path, PurePosixPath
from shlex import quote

from agent.errors import ProjectFault
from agent.git.repository import refuse_links
from agent.records.evaluator import Evaluator
from sandbox.ground.plain_files import start_of
from sandbox.ground.text import is_piled

FILE = "autoresearch.toml"
MAX_BYTES = 1 << 20
LOADERS = {
    "pickle.load": "unpickles",
    "pickle.loads": "unpickles",
    "pickle.Unpickler": "unpickles",
    "cPickle.load": "unpickles",
    "cPickle.loads": "unpickles",
    "dill.load": "unpickles",
    "dill.loads": "unpickles",
    "cloudpickle.load": "unpickles",
    "cloudpickle.loads": "unpickles",
    "joblib.load": "unpickles",
    "pandas.read_pickle": "unpickles",
    "shelve.open": "unpickles",
    "marshal.load": "unpickles",
    "marshal.loads": "unpickles",
    "jsonpickle.decode": "unpickles",
    "yaml.unsafe_load": "loads YAML that may call functions",
    "yaml.unsafe_load_all": "loads YAML that may call functions",
    "torch.load": "calls torch.load",
    "torch.jit.load": "calls torch.load",
    "importlib.import_module": "imports by name",
    "importlib.util.spec_from_file_location": "imports a file",
    "runpy.run_path": "runs a file",
    "runpy.run_module": "runs a module",
    "exec": "executes text",
    "eval": "executes text",
    "__import__": "imports by name",
    "subprocess.run": "starts a program",
    "subprocess.Popen": "starts a program",
    "subprocess.check_output": "starts a program",
    "subprocess.call": "starts a program",
    "subprocess.check_call": "starts a program",
    "os.system": "starts a program",
}
"""Calls by which an evaluator may hand itself over to the run."""
IMPORTS = ("imports by name", "imports a file")
CALL_IT = 'candidate.call("module:function", …) has the harness run it outside of the evaluator'


def check_evaluator(root: Path, base: str, evaluator: Evaluator) -> None:
    """Raise ProjectFault where a file that the table names by its path is not there.

    Likewise where an output lies behind a link: the harness takes it out of its way in a copy.
    """
    for output in evaluator.outputs:
        refuse_links(root, str(PurePosixPath(base, output).parent))
    named = {
        "command": evaluator.script,
        "public": evaluator.public,
        "program": evaluator.program,
    }
    for name, path in named.items():
        if path is None:
            continue
        inside = f"{base}/{path}" if base else path
        refuse_links(root, inside)
        if not (root / inside).is_file():
            toml = root / base / FILE
            raise ProjectFault(
                f"{toml}: evaluate.{name}: there is no file {path!r}", f"$EDITOR {quote(str(toml))}"
            )


def text_of(path: Path) -> str:
    """Return the first MAX_BYTES of a plain file as text; "" for a link and all else."""
    try:
        return (start_of(path, MAX_BYTES) or b"").decode("utf-8", "replace")
    except OSError:
        return ""


def warnings_of(text: str, script: str, loads_program: bool = False) -> list[str]:
    """Return what an evaluator does by which a run could take it over, a line each.

    loads_program: it is given a stand-in for the run's program, which it may import.
    """
    if is_piled(text):
        return [f"{script} has a name with hundreds of combining marks"]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"{script} is no Python: {error}"]
    names = _names(tree)
    warnings = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            what = LOADERS.get(_called(node.func, names))
            if what in IMPORTS and loads_program:
                continue
            if what:
                warnings.append(
                    f"{script}, line {node.lineno}, {what}: not what a run left or made"
                )
            elif _allows_pickles(node):
                warnings.append(
                    f"{script}, line {node.lineno}, allows pickles: not of what a run left"
                )
            elif _loads_objects(node, names):
                warnings.append(
                    f"{script}, line {node.lineno}, loads YAML that may call functions: "
                    "not what a run left or made"
                )
    return [f"{warning}. {CALL_IT}." for warning in dict.fromkeys(warnings)]


def _names(tree: ast.Module) -> dict[str, str]:
    """Return what local names stand for: `load` for pickle.load, `np` for numpy."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _called(function: ast.expr, names: dict[str, str]) -> str:
    """Return the dotted name of what is called; "" where it has none."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return ""
    return ".".join([names.get(function.id, function.id), *reversed(parts)])


def _allows_pickles(call: ast.Call) -> bool:
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg == "allow_pickle" and isinstance(value, ast.Constant):
            return value.value is True
    return False


def _loads_objects(call: ast.Call, names: dict[str, str]) -> bool:
    """Return whether a call is yaml.load with a loader that calls what the text names."""
    if _called(call.func, names) not in ("yaml.load", "yaml.load_all"):
        return False
    loaders = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "Loader")]
    return any(_called(loader, names) in ("yaml.Loader", "yaml.UnsafeLoader") for loader in loaders)
