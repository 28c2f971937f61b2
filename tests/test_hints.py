"""No message, help text, page or template proposes a command or an option that does not exist."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tests.typed import BLANK, COMMANDS, OPTIONS, commands_in, problem, words_of

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    chain.from_iterable(
        (ROOT / room).rglob("*.py") for room in ("agent", "sandbox", "autoresearch")
    )
)
PAGES = (".html", ".js", ".md", ".txt", ".toml")
TEXTS = sorted(
    path
    for path in chain(
        *((ROOT / room).rglob("*") for room in ("agent", "sandbox", "docs", "examples")),
        (ROOT / name for name in ("README.md", "ARCHITECTURE.md", "program.md")),
    )
    if path.suffix in PAGES
)
RECORDS = {"transcript.md", "fuzz.md", "report.html"}
"""Pages of past runs quote what was typed and printed then."""
FOREIGN = re.compile(
    r"\b(?:git|pip|uv|cp|cargo|optuna|ssh|apt|apt-get|conda|docker|bwrap|claude|codex|vllm|python3?|sysctl|make|rm"
    r"|ls|df|grep|keyring|systemd-run|sudo|ollama|nvidia-smi|pytest|curl|srun|sbatch|squeue|scancel|scontrol|sacctmgr|ray)\b[^`&;]*"
)
"""A command of somebody else, with its options."""
_OPTION = re.compile(r"(?:(?<=[\s`(])|^)(--[a-z][a-z-]+)(?![\w-])")


_CODE = re.compile(r"```\w*\n(.*?)```|(`[^`\n]+`)", re.DOTALL)


def strings_in(source: str) -> Iterator[tuple[int, str]]:
    """Yield each string of a file with its line; what an f-string puts in is BLANK."""
    tree = ast.parse(source)
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            yield node.lineno, "".join(map(_part, node.values))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.lineno, node.value


def docstrings_of(source: str) -> set[str]:
    """Return the strings of a file that only its readers see."""
    nodes = ast.walk(ast.parse(source))
    values = [node.value for node in nodes if isinstance(node, ast.Expr)]
    return {
        value.value
        for value in values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def code_of(page: Path) -> str:
    """Return the code in a page of Markdown; all of any other page."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".md":
        return text
    return "\n".join(block or code for block, code in _CODE.findall(text))


def _part(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else BLANK


def problems_in(text: str) -> Iterator[str]:
    """Yield what is wrong with the commands of a text."""
    for command in commands_in(text):
        words = words_of(command)
        if words and BLANK in words[0]:
            continue
        wrong = problem(words)
        if wrong:
            yield f"`autoresearch {command}`: {wrong}"


def strange_options_in(text: str) -> Iterator[str]:
    """Yield the options that a sentence names and no command has."""
    if len(text.split()) < 3 or text.startswith("-"):
        return
    for option in _OPTION.findall(FOREIGN.sub("", text)):
        if option not in OPTIONS:
            yield f"no command has {option}"


def wrong_in(path: Path) -> Iterator[str]:
    """Yield what the messages of a module propose that cannot be typed."""
    source = path.read_text(encoding="utf-8")
    notes = set() if path.is_relative_to(ROOT / "agent" / "cli") else docstrings_of(source)
    for line, text in strings_in(source):
        strange = [] if text in notes else strange_options_in(text)
        for what in chain(problems_in(text), strange):
            yield f"{path.relative_to(ROOT)}:{line}: {what}"


def test_what_a_message_proposes_can_be_typed() -> None:
    wrong = list(chain.from_iterable(wrong_in(path) for path in SOURCES))
    assert not wrong, "\n".join(wrong)


def test_what_a_page_proposes_can_be_typed() -> None:
    pages = [path for path in TEXTS if path.name not in RECORDS]
    wrong = []
    for path in pages:
        wrong += [f"{path.relative_to(ROOT)}: {what}" for what in problems_in(code_of(path))]
    assert not wrong, "\n".join(wrong)


def test_messages_are_found_and_mistakes_in_them_too() -> None:
    source = (ROOT / "agent" / "cli" / "review.py").read_text(encoding="utf-8")
    found = [command for _, text in strings_in(source) for command in commands_in(text)]
    assert "status --watch" in found and f"log {BLANK}" in found
    for command in ("strat", "start --trails 3", "log a b", "export --format xml", "show 3 --json"):
        text = f"it failed; `autoresearch {command}` helps"
        assert (list(problems_in(text)) != []) == (command != "show 3 --json"), command
    assert list(strange_options_in("use --max-costs instead")) == ["no command has --max-costs"]
    assert list(strange_options_in("run git log --oneline instead")) == []
    assert list(problems_in("autoresearch start\nautoresearch prefers this")) != []
    assert list(problems_in("and autoresearch keeps it")) == []
    assert {"start", "resume", "log", "status"} <= COMMANDS.keys()
