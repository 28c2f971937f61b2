"""Finds what an evaluator that is written for the harness measures, by reading and running nothing.

Such an evaluator imports `autoresearch_evaluate`. What it measures may have any name, train nothing
and print nothing: a script that builds a program, or a file of functions.
"""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from agent.project.recipes import Reader
from agent.project.scripts import calls_with_paths, imports_of, paths_of, texts_of, tree_of

HELPER = "autoresearch_evaluate"
MAX_LEFT = 100
"""Files that evaluators read, together."""


def measured_in(scripts: tuple[str, ...], read: Reader) -> dict[str, str]:
    """Return which files of these Python files evaluators measure, and why, in words."""
    texts = {name: read(name) for name in scripts}
    evaluators = {}
    for name, text in texts.items():
        tree = tree_of(text) if HELPER in text else None
        if tree is not None and HELPER in imports_of(tree):
            evaluators[name] = tree
    if not evaluators:
        return {}
    reasons: dict[str, str] = {}
    left: dict[str, str] = {}
    for evaluator, tree in evaluators.items():
        for path in called_modules(tree):
            if path in texts and path not in evaluators:
                reasons.setdefault(path, f"{evaluator} calls it")
        left.update(dict.fromkeys(_left(tree), evaluator))
    for name, text in texts.items():
        mentions = any(PurePosixPath(path).name in text for path in left)
        if name in evaluators or name in reasons or not mentions:
            continue
        tree = tree_of(text)
        named = {path.removeprefix("./") for path in paths_of(tree)} if tree else set()
        read_there = next((path for path in left if path in named), None)
        if read_there is not None:
            reasons[name] = f"it names {read_there}, which {left[read_there]} reads"
    return reasons


def called_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the files of the functions that an evaluator has candidates call."""
    for call, _, text in calls_with_paths(tree):
        module, colon, _ = text.partition(":")
        if call == "call" and colon:
            yield f"{module.replace('.', '/')}.py"


def _left(tree: ast.Module) -> list[str]:
    """Return the files that an evaluator reads or starts, as far as it says so by their names."""
    names = [path for call, _, path in calls_with_paths(tree) if call == "output"]
    names += [text for text in texts_of(tree) if text.startswith("./")]
    plain = [name.removeprefix("./") for name in names]
    return [name for name in dict.fromkeys(plain) if PurePosixPath(name).name][:MAX_LEFT]
