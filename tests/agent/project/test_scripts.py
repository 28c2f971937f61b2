"""What a Python file does, prints, reads and writes, as far as its text says."""

import ast

import pytest

from agent.project.scripts import (
    calls_with_paths,
    frameworks_of,
    imports_of,
    is_script,
    needs_arguments,
    options_of,
    path_patterns,
    paths_of,
    printed_lines,
    tree_of,
)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("if __name__ == '__main__':\n    pass\n", True),
        ("if DEBUG:\n    main()\n", False),
        ("for x in y:\n    pass\n", True),
        ("while x:\n    pass\n", True),
        ("with x:\n    pass\n", True),
        ("try:\n    import a\nexcept ImportError:\n    a = 1\n", True),
        ("main()\n", True),
        ("x = 1\ndef f():\n    main()\n", False),
        ("model = fit(data)\n", True),
        ("history = model.train()\n", True),
        ("result = main()\n", True),
        ("model = make(data)\n", False),
        ("model = fit\n", False),
        ("'words'\nimport a\n", False),
    ],
)
def test_whether_a_file_does_something(text: str, does: bool) -> None:
    assert is_script(ast.parse(text)) is does


def test_modules_that_are_imported_anywhere() -> None:
    text = """
import a.b, torch.nn as nn
from c import d
from . import e
from ..f import g
def late():
    import keras
"""
    tree = ast.parse(text)
    names = {"a.b", "torch.nn", "c", "c.d", ".", ".e", "..f", "..f.g", "keras"}
    assert set(imports_of(tree)) == names
    assert frameworks_of(tree) == ("torch", "keras")


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("print('loss:', x)", "loss: 0.5"),
        ("print(x, 'done')", "0.5 done"),
        ("print(f'loss: {x:.3f}, acc: {y}')", "loss: 0.5, acc: 0.5"),
        ("print('loss: {} of {n}'.format(x, n=1))", "loss: 0.5 of 0.5"),
        ("print('loss: %.3f, acc: %5s' % (x, y))", "loss: 0.5, acc: 0.5"),
        ("print('loss: ' + str(x) + '!')", "loss: 0.5!"),
        ("print(json.dumps({'loss': x, 3: y, 'acc': z}))", '{"loss": 0.5, "acc": 0.5}'),
        ("print({'loss': x})", '{"loss": 0.5}'),
        ("print(x)", "0.5"),
        ("logger.info('loss: %d', x)", "loss: 0.5 0.5"),
        ("logging.warning('a')", "a"),
        ("typer.echo('a')", "a"),
        ("sys.stdout.write('a')", "a"),
        ("tqdm.write('a')", "a"),
        ("progress_bar.write('a')", "a"),
        ("console.print('a')", "a"),
        ("file.write('a')", None),
        ("print()", None),
        ("str('a')", None),
        ("log('a')", None),
    ],
)
def test_what_a_call_prints(code: str, line: str | None) -> None:
    printed = [(1, line)] if line is not None else []
    assert list(printed_lines(ast.parse(code))) == printed


def test_each_line_of_a_text_is_printed_where_its_call_stands() -> None:
    assert list(printed_lines(ast.parse("\nprint('a\\nb')"))) == [(2, "a"), (2, "b")]


OPENED = """
import os
from pathlib import Path
DATA = "data"
OUT = Path("out") / "a"
TWICE = "x"
TWICE = "y"
SUB = os.path.join(DATA, "sub")
"""


@pytest.mark.parametrize(
    ("code", "name", "mode", "path"),
    [
        ("open('a.csv')", "open", "", "a.csv"),
        ("open('a.csv', 'w')", "open", "w", "a.csv"),
        ("open('a.csv', mode='a')", "open", "a", "a.csv"),
        ("open('a.csv', encoding='w')", "open", "", "a.csv"),
        ("Path('a.csv').open('x')", "open", "x", "a.csv"),
        ("Path('a', 'b.csv').open(mode='x')", "open", "x", "a/b.csv"),
        ("pathlib.Path('a.csv').read_text()", "read_text", "", "a.csv"),
        ("read(file='a.csv')", "read", "", "a.csv"),
        ("read(DATA)", "read", "", "data"),
        ("read(f'{DATA}/b.csv')", "read", "", "data/b.csv"),
        ("read(OUT / 'b.csv')", "read", "", "out/a/b.csv"),
        ("read(SUB)", "read", "", "data/sub"),
        ("read(os.path.join(DATA, 'b.csv'))", "read", "", "data/b.csv"),
    ],
)
def test_a_path_and_how_it_is_opened(code: str, name: str, mode: str, path: str) -> None:
    assert (name, mode, path) in set(calls_with_paths(ast.parse(OPENED + code)))
    assert path in set(paths_of(ast.parse(OPENED + code)))


@pytest.mark.parametrize(
    "code",
    ["read(TWICE)", "read(f'{x}/b')", "read(Path(x) / 'b')", "read('-'.join([DATA]))", "read(3)"],
)
def test_a_path_that_is_not_known_is_none(code: str) -> None:
    calls = [path for name, _, path in calls_with_paths(ast.parse(OPENED + code)) if name == "read"]
    assert calls == []


def test_a_path_is_as_long_as_a_system_takes() -> None:
    part = "é" * 127
    for text in (f"{part}a", f"{part}/{part}", "a/" * 249 + "bc"):
        assert set(paths_of(ast.parse(f"x = {text!r}"))) == {text}
    for text in (f"{part}é", "a/" * 250 + "b", "a\x1b"):
        assert set(paths_of(ast.parse(f"x = {text!r}"))) == set()


def test_paths_of_a_split() -> None:
    text = "f'data/{split}.csv', f'{split()}{{x}}', f'{split}/{other}', f'{lit}', 'split'"
    assert list(path_patterns(ast.parse(text), "split")) == ["data/{}.csv", "{}{{x}}"]


def test_options_and_what_must_be_given() -> None:
    text = """
p.add_argument("-l", "--lr", "--rate")
@click.option("--k", default=3)
p.add_argument(name)
other("--no")
"""
    assert options_of(ast.parse(text.replace("@", ""))) == ("--lr", "--rate", "--k")
    for line, needed in {
        "p.add_argument('file')": True,
        "p.add_argument('file', nargs='?')": False,
        "p.add_argument('file', default='a')": False,
        "p.add_argument('-x')": False,
        "p.add_argument('--x', required=True)": True,
        "p.add_argument('x', required=False)": False,
        "p.add_argument()": False,
        "sys.argv[2]": True,
        "sys.argv[0]": False,
        "other['HOME']": False,
        "del os.environ['A']": False,
        "main('file')": False,
    }.items():
        assert needs_arguments(ast.parse(line)) is needed, line


def test_a_text_that_no_parser_reads_has_no_tree() -> None:
    assert tree_of("\ufeffx = 1\n") is not None
    assert tree_of("x = (\n") is None
    deep = "x = " + "-" * 100 + "1\n"
    assert tree_of(deep) is not None and tree_of(deep.replace("-", "--")) is None
