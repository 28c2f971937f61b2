"""The tree is the architecture: rooms, the order in which they import, sizes, and style."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Highest first. A room (a folder, or the module errors) may import from its row and the rows below.
AGENT = (
    {"cli"},
    {"benchmark", "serve"},
    {"run", "adopt", "afterwards", "exchange", "dashboard"},
    {"history", "propose", "trackers"},
    {"project", "evaluate", "space", "display"},
    {"git", "judge", "edit", "llm"},
    {"records", "plugins"},
    {"errors"},
)
SANDBOX = ({"tiers"}, {"canary"}, {"proof"}, {"limits"}, {"walls"}, {"score"}, {"ground"})
ORDERS = {"agent": AGENT, "sandbox": SANDBOX}
MAX_LINES = 400

# These files, like the attacks, run inside a sandbox and answer the harness on stdout.
INSIDE = {
    "sandbox/canary/probe.py",
    "sandbox/score/scorer.py",
    "sandbox/score/evaluator/inside/autoresearch_evaluate.py",
}
ATTACKS = "sandbox/proof/attacks/"

PACKAGES = (*ORDERS, "autoresearch")
MODULES = sorted(path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py"))
WRITTEN = sorted(
    path
    for folder in (*PACKAGES, "workspace", "tests", "benchmarks", "docs", "corpus", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if ROOT / "tests" / "foreign" not in path.parents  # somebody else's repository
)


def name_of(path: Path) -> str:
    """Return the path of a file below the repository, with slashes."""
    return path.relative_to(ROOT).as_posix()


EVERY_PACKAGE = pytest.mark.parametrize("package", sorted(ORDERS))


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_bytes())


def imports_of(path: Path) -> Iterator[str]:
    """Yield the dotted names that a file imports, anywhere in it."""
    return imports_in(tree(path), path)


def imports_in(node: ast.AST, path: Path) -> Iterator[str]:
    """Yield the dotted names that a part of a file imports; `from agent import x` is agent.x."""
    package = list(path.relative_to(ROOT).parent.parts)
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            for alias in part.names:
                yield alias.name
        elif isinstance(part, ast.ImportFrom):
            above = package[: len(package) - part.level + 1] if part.level else []
            base = ".".join([*above, *(part.module or "").split(".")]).strip(".")
            for alias in part.names:
                yield f"{base}.{alias.name}"


def attributes_of(path: Path) -> Iterator[str]:
    """Yield each `module.name` of a file that is written out, such as tempfile.mkdtemp."""
    for part in ast.walk(tree(path)):
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            yield f"{part.value.id}.{part.attr}"


def room_of(path: Path) -> str | None:
    """Return the room that a file belongs to, or None for a package's own __init__ and __main__."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[1] in ("__init__", "__main__"):
        return None
    return parts[1]


def rooms_used(path: Path, package: str) -> set[str]:
    """Return the rooms of `package` that a file imports from."""
    names = [name.split(".") for name in imports_of(path)]
    return {parts[1] for parts in names if parts[0] == package and len(parts) > 1}


def modules_of(package: str) -> list[Path]:
    """Return the files of the rooms of a package."""
    return [path for path in MODULES if (ROOT / package) in path.parents and room_of(path)]


@EVERY_PACKAGE
def test_every_folder_is_a_room_with_one_place_in_the_order(package: str) -> None:
    placed = [room for row in ORDERS[package] for room in row]
    assert {room_of(path) for path in modules_of(package)} == set(placed)
    assert len(placed) == len(set(placed))


def test_only_errors_lies_loose_beside_the_rooms() -> None:
    loose = [path.name for package in ORDERS for path in (ROOT / package).glob("*.py")]
    assert sorted(loose) == ["__init__.py", "__init__.py", "__main__.py", "errors.py"]


@EVERY_PACKAGE
def test_rooms_import_one_way(package: str) -> None:
    depths = {room: depth for depth, row in enumerate(ORDERS[package]) for room in row}
    for path in modules_of(package):
        home = depths[str(room_of(path))]
        up = {room for room in rooms_used(path, package) if depths[room] < home}
        assert not up, f"{name_of(path)} imports from a room above its own"


@EVERY_PACKAGE
def test_rooms_have_no_cycle(package: str) -> None:
    graph: dict[str, set[str]] = {room: set() for row in ORDERS[package] for room in row}
    for path in modules_of(package):
        room = str(room_of(path))
        graph[room] |= rooms_used(path, package) - {room}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_modules_have_no_cycle() -> None:
    dotted = {name_of(path)[:-3].replace("/", ".").removesuffix(".__init__") for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        own = name_of(path)[:-3].replace("/", ".").removesuffix(".__init__")
        used = {name if name in dotted else name.rpartition(".")[0] for name in imports_of(path)}
        graph[own] = (used & dotted) - {own}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_the_benchmark_of_optimizers_is_used_by_the_command_line_only() -> None:
    for path in modules_of("agent"):
        if room_of(path) not in ("cli", "benchmark"):
            assert "benchmark" not in rooms_used(path, "agent"), name_of(path)


def test_the_sandbox_knows_nothing_of_the_agent() -> None:
    others = {"agent", "git", "anthropic", "openai", "optuna", "libcst"}
    for path in modules_of("sandbox"):
        assert not {name.split(".")[0] for name in imports_of(path)} & others, name_of(path)


def test_nothing_imports_the_public_name() -> None:
    for path in (*modules_of("agent"), *modules_of("sandbox")):
        assert "autoresearch" not in {name.split(".")[0] for name in imports_of(path)}, name_of(
            path
        )


@EVERY_PACKAGE
def test_the_page_names_every_room_in_its_order(package: str) -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    part = page.split(f"### {package}/\n")[1].split("\n## ")[0].split("\n### ")[0]
    described = re.findall(r"^\| `([a-z]+)(?:/|\.py)` \|", part, re.MULTILINE)
    [order] = re.findall(r"```\n(.*?)```", part, re.DOTALL)
    rows = [set(re.findall(r"[a-z]+", row)) for row in order.split("→")]
    placed = list(ORDERS[package])
    assert rows == [*placed, {"sandbox"}] if package == "agent" else rows == placed
    assert set(described) == set().union(*placed) and len(described) == len(set(described))


def test_the_research_imports_neither_package() -> None:
    for path in (ROOT / "workspace").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports_of(path)} & set(ORDERS), name_of(path)


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    wrong = []
    for path in MODULES:
        docstring = ast.get_docstring(tree(path)) or ""
        first, _, rest = docstring.partition("\n")
        stands_alone = not rest or rest.startswith("\n")
        if not first.strip() or not stands_alone:
            wrong.append(name_of(path))
    assert not wrong


def test_no_import_hides_from_the_running_program() -> None:
    hidden = []
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                own = [name for name in imports_in(node, path) if name.split(".")[0] in ORDERS]
                hidden += [f"{name_of(path)}:{node.lineno} {name}" for name in own]
    assert not hidden, "a cycle is to be removed, not masked"


def prints(path: Path) -> Iterator[int]:
    """Yield the lines that print: print(), typer.echo(), or a write to stdout or stderr."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        stream = called.startswith(("sys.stdout.", "sys.stderr.")) and "write" in called
        if stream or called in ("print", "typer.echo"):
            yield node.lineno


def test_only_the_command_line_prints() -> None:
    wrong = []
    for path in MODULES:
        name = name_of(path)
        if name.startswith(("agent/cli/", ATTACKS)) or name in INSIDE:
            continue
        wrong += [f"{name}:{line}" for line in prints(path)]
        if not name.startswith("agent/display/"):
            used = {module.split(".")[0] for module in imports_of(path)}
            wrong += [f"{name} imports {module}" for module in used & {"rich", "typer"}]
    assert not wrong


# In a run's own scratch, and in an evaluator's sandbox, which are removed as a whole.
OWN_TEMPORARY = {
    "sandbox/ground/leftovers.py",
    "sandbox/walls/plan.py",
    "sandbox/score/evaluator/inside/evaluator_main.py",
}


def test_every_temporary_folder_is_removed_also_after_a_kill() -> None:
    makers = {f"tempfile.{name}" for name in ("TemporaryDirectory", "mkdtemp", "mkstemp")}
    wrong = {
        name_of(path) for path in MODULES if makers & {*imports_of(path), *attributes_of(path)}
    }
    assert wrong <= OWN_TEMPORARY, "temporary_folder of sandbox/ground/leftovers.py"


def test_files_fit_a_sitting() -> None:
    lengths = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in WRITTEN}
    assert not {name: length for name, length in lengths.items() if length > MAX_LINES}


def test_the_formatter_is_never_switched_off() -> None:
    marks = ("# fmt" + ": skip", "# fmt" + ": off")
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in WRITTEN}
    assert not [name for name, text in texts.items() if any(mark in text for mark in marks)]


def nested_conditionals(path: Path) -> Iterator[int]:
    """Yield the lines of conditional expressions that hold another one."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.IfExp):
            inner = (node.test, node.body, node.orelse)
            if any(isinstance(part, ast.IfExp) for part in inner):
                yield node.lineno


def double_loops(path: Path) -> Iterator[int]:
    """Yield the lines of comprehensions with two loops."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for node in ast.walk(tree(path)):
        if isinstance(node, kinds) and len(node.generators) > 1:
            yield node.lineno


def parallel_assignments(path: Path) -> Iterator[int]:
    """Yield the lines that assign several values at once, except swaps of names."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
            continue
        targets = [target for target in node.targets if isinstance(target, ast.Tuple)]
        for target in targets:
            left = sorted(ast.unparse(part) for part in target.elts)
            right = sorted(ast.unparse(part) for part in node.value.elts)
            if left != right:
                yield node.lineno


@pytest.mark.parametrize(
    ("lines_of", "what"),
    [
        (nested_conditionals, "a conditional within a conditional"),
        (double_loops, "two loops in one comprehension"),
        (parallel_assignments, "several values assigned at once"),
    ],
)
def test_one_thought_a_line(lines_of: Callable[[Path], Iterator[int]], what: str) -> None:
    wrong = []
    for path in MODULES:
        wrong += [f"{name_of(path)}:{line}" for line in lines_of(path)]
    assert not wrong, what
