"""The tree is the architecture: imports point down, every module says what it is for, and only the command line prints."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Highest first. A part of agent/ (a module, or a package with all that is in it) may import from its own row and from rows below.
LAYERS = (
    {"cli"},
    {"loop"},
    {"finalize", "adopt", "contest"},
    {"ledger", "remeasure", "bench", "rehearsal", "leaks"},
    {"pages"},
    {"propose", "display", "foreign", "sinks"},
    {"history", "branch", "flights", "commits", "runs", "checkout", "gitio", "lock", "home", "repository"}
    | {"trailers", "project", "settings", "program", "slots", "bounds", "trust", "trust_store"}
    | {"judge", "comparison", "suspicion", "pairing", "pruning", "machine", "yardstick"}
    | {"edit", "space", "llm", "data", "prepared", "template", "presets", "preflight", "unseen"},
    {"events"},
    {"records", "bounded", "errors"},
    {"sandbox"},
)
DEPTHS = {part: depth for depth, row in enumerate(LAYERS) for part in row}

# These files, like the attacks, run inside a sandbox, where stdout is how they answer the harness.
INSIDE = {"sandbox/probe.py", "sandbox/scorer.py"}

MODULES = sorted(path for folder in ("agent", "sandbox") for path in (ROOT / folder).rglob("*.py"))
EVERY_MODULE = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())


def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_bytes())


def part_of(name: str) -> str | None:
    """The part that a dotted module name belongs to: `loop` for agent.loop, `edit` for agent.edit.apply, or `sandbox`."""
    match name.split("."):
        case ["sandbox", *_]:
            return "sandbox"
        case ["agent", part, *_]:
            return part
    return None


def imports_of(path: Path) -> Iterator[str]:
    """The dotted names that a file imports, anywhere in it."""
    return imports_in(tree(path), path)


def imports_in(node: ast.AST, path: Path) -> Iterator[str]:
    """The same of a part of a file; a relative import is resolved, `from agent import x` is agent.x."""
    package = list(path.relative_to(ROOT).parent.parts)
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            above = package[: len(package) - part.level + 1] if part.level else []
            base = ".".join([*above, *(part.module or "").split(".")]).strip(".")
            yield from (f"{base}.{alias.name}" for alias in part.names)


def home_of(path: Path) -> str | None:
    """The part that a file belongs to; None for agent/__init__.py and agent/__main__.py."""
    if path.parent == ROOT / "agent" and path.stem in ("__init__", "__main__"):
        return None
    return part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))


def test_every_part_has_one_place_and_every_place_a_part() -> None:
    parts = {home_of(path) for path in MODULES} - {None}
    assert parts == set(DEPTHS), "put a new module into LAYERS, and into ARCHITECTURE.md"
    assert sum(map(len, LAYERS)) == len(DEPTHS)


@EVERY_MODULE
def test_imports_point_down(path: Path) -> None:
    home = home_of(path)
    used = {part for name in imports_of(path) if (part := part_of(name))}
    if home is None:
        assert used <= ({"cli"} if path.stem == "__main__" else set())
    elif home == "sandbox":
        assert used <= {"sandbox"}, "sandbox knows nothing of agent"
    else:
        assert not {part for part in used if DEPTHS[part] < DEPTHS[home]}


def test_parts_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {part: set() for part in DEPTHS}
    for path in MODULES:
        if home := home_of(path):
            graph[home] |= {part for name in imports_of(path) if (part := part_of(name)) and part != home}
    assert len(list(TopologicalSorter(graph).static_order())) == len(DEPTHS)


def test_the_research_imports_neither_package() -> None:
    for path in (ROOT / "workspace").rglob("*.py"):
        assert not {name for name in imports_of(path) if part_of(name) or name.split(".")[0] in ("agent", "sandbox")}, path


def test_the_sandbox_knows_no_git_and_no_language_model() -> None:
    for path in (ROOT / "sandbox").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports_of(path)} & {"git", "anthropic", "openai", "optuna", "libcst"}, path


@EVERY_MODULE
def test_every_module_says_in_one_line_what_it_is_for(path: Path) -> None:
    said = ast.get_docstring(tree(path)) or ""
    first, _, rest = said.partition("\n")
    assert first.strip()
    assert not rest or rest.startswith("\n"), "the first line stands alone"


@EVERY_MODULE
def test_no_import_hides_from_the_running_program(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            hidden = {name for name in imports_in(node, path) if part_of(name)}
            assert not hidden, "a cycle is to be removed, not masked"


def prints(path: Path) -> Iterator[int]:
    """The lines on which a file prints: print(), typer.echo(), or a write to stdout or stderr."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "typer.echo") or (called.startswith(("sys.stdout.", "sys.stderr.")) and "write" in called):
                yield node.lineno


@EVERY_MODULE
def test_only_the_command_line_prints(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if home_of(path) == "cli" or name in INSIDE or name.startswith("sandbox/attacks/"):
        return
    assert not list(prints(path))
    if home_of(path) != "display":
        assert not {used for used in imports_of(path) if used.split(".")[0] in ("rich", "typer")}
