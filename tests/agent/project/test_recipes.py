"""The recipes of task runners: their names, needs and commands, with variables put in."""

import pytest

from agent.project.recipes import MAX_LINES, MAX_RECIPES, Recipe, put_in, recipes_in, shell_lines


def read(name: str, text: str, **others: str) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return name, needs and lines of each recipe of a file."""
    files = {name: text, **{key.replace("_", "."): value for key, value in others.items()}}
    recipes = recipes_in(tuple(files), lambda name: files.get(name, ""))
    assert {recipe.where for recipe in recipes} <= set(files)
    return [(recipe.name, recipe.needs, recipe.lines) for recipe in recipes]


MAKEFILE = """
A = 1
B := 2  # two
C ?= "3"
export D=4
E = $(A)-${B}
$(A)/b.o: src deps   # why
	@-cc $(C) $D $(UNKNOWN)
	echo $(E)

.PHONY: all
all: $(A)
x = y
	$(CC) a.c \\
	b.c
	$(PYTHON) c.py
none:
"""
JUSTFILE = """
export lr := '0.3'
name := "n"
set shell := ["bash"]
@train out="m" +rest: data other # why
    @python train.py {{lr}} {{ out }} {{rest}}
_data:
    echo {{name}}
"""
TASKFILE = """
vars: {LR: 0.3, NAME: 7}
tasks:
  train:
    deps: [data, {task: more}]
    vars: {K: 3, LR: 9}
    cmds:
      - python train.py --lr {{.LR}} --k {{ .K }} {{.CLI_ARGS}}
      - task: report
      - cmd: echo a
  one: {cmd: echo one}
  short: echo short
  empty: {desc: nothing}
"""
TOX = """
[tox]
commands = no
[testenv]
commands =
    pytest
    {envpython} a.py {posargs:b c}
[testenv:fit]
commands = python fit.py \\
    --k 3
"""
NOX = """
import nox
LINES = 3
@nox.session
def fit(session):
    session.install("torch")
    session.run("python", "fit.py", "a b")
    session.run_always("python -V")
    session.run(*words)
    session.run("python", name)
    session.run(3)
    run("echo no")
class Other:
    def method(self, c): c.run("no")
"""
TOML = """
[project.scripts]
no = "no:main"
[tool.poetry.scripts]
no = "no:main"
[tool.poe.tasks]
a = "echo a"
b = {cmd = "echo b", deps = ["a"]}
c = {shell = "echo c", depends-on = "a"}
d = {composite = ["echo d", "echo e"], depends_on = ["a", 3]}
e = ["echo e", {cmd = "echo f"}, ["no"]]
f = {run = ["echo f"]}
g = {sequence = ["a"]}
[tool.hatch.envs.default.scripts]
h = "echo h"
[tool.pixi.feature.x.tasks]
i = "echo i"
[scripts]
no = "echo no"
"""


@pytest.mark.parametrize(
    ("name", "text", "recipes"),
    [
        (
            "Makefile",
            MAKEFILE,
            [
                ("1/b.o", ("src", "deps"), ("cc 3 4 $(UNKNOWN)", "echo 1-2")),
                ("all", ("1",), ("cc a.c  b.c", "python c.py")),
            ],
        ),
        (
            "justfile",
            JUSTFILE,
            [
                ("train", ("data", "other"), ("python train.py 0.3 m {{rest}}",)),
                ("_data", (), ("echo n",)),
            ],
        ),
        (
            "Taskfile.yml",
            TASKFILE,
            [
                (
                    "train",
                    ("data", "more", "report"),
                    ("python train.py --lr 0.3 --k 3 ", "echo a"),
                ),
                ("one", (), ("echo one",)),
                ("short", (), ("echo short",)),
            ],
        ),
        (
            "tox.ini",
            TOX,
            [
                ("testenv", (), ("pytest", "python a.py ")),
                ("fit", (), ("python fit.py  --k 3",)),
            ],
        ),
        ("noxfile.py", NOX, [("fit", (), ("python fit.py 'a b'", "python -V"))]),
        (
            "pyproject.toml",
            TOML,
            [
                ("a", (), ("echo a",)),
                ("b", ("a",), ("echo b",)),
                ("c", ("a",), ("echo c",)),
                ("d", ("a",), ("echo d", "echo e")),
                ("e", (), ("echo e", "echo f")),
                ("f", (), ("echo f",)),
                ("h", (), ("echo h",)),
                ("i", (), ("echo i",)),
            ],
        ),
    ],
)
def test_a_file_of_a_task_runner(
    name: str, text: str, recipes: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
) -> None:
    assert read(name, text) == recipes


DVC = """
vars:
  - rate: 0.5
  - folder: {name: out}
stages:
  fit:
    cmd:
      - python fit.py --lr ${optim.lr} --to ${folder.name}
      - echo ${rate}
    deps: [data.csv, other.csv, fit.py]
    outs: [model.pkl]
  data:
    cmd: python data.py
    outs: [data.csv: {cache: false}, other.csv]
"""


def test_stages_need_those_whose_outputs_they_read() -> None:
    assert read("dvc.yaml", DVC, params_yaml="optim: {lr: 0.1}\n") == [
        ("fit", ("data",), ("python fit.py --lr 0.1 --to out", "echo 0.5")),
        ("data", (), ("python data.py",)),
    ]
    assert read("dvc.yaml", DVC)[0][2][0] == "python fit.py --lr ${optim.lr} --to out"


NAMES = """Makefile makefile GNUmakefile justfile Justfile .justfile Taskfile.yml Taskfile.yaml
taskfile.yml taskfile.yaml dvc.yaml tox.ini noxfile.py tasks.py pyproject.toml pixi.toml mise.toml
.mise.toml"""


@pytest.mark.parametrize("name", NAMES.split())
def test_the_names_of_files_of_recipes(name: str) -> None:
    kinds = {
        "file": "fit:\n\tls\n",
        ".yml": "tasks:\n  fit: ls\n",
        ".yaml": "tasks:\n  fit: ls\nstages:\n  fit: {cmd: ls}\n",
        ".ini": "[testenv:fit]\ncommands = ls\n",
        ".py": "def fit(c): c.run('ls')\n",
        ".toml": "[tool.a.tasks]\nfit = 'ls'\n",
    }
    text = next(text for kind, text in kinds.items() if name.endswith(kind))
    assert read(name, text) == [("fit", (), ("ls",))]


def test_one_makefile_counts_and_comes_first() -> None:
    files = {"pixi.toml": "[tasks]\na = 'ls'\n", "makefile": "b:\n\tls\n", "Makefile": "c:\n\tls\n"}
    recipes = recipes_in(tuple(files), lambda name: files[name])
    assert [(recipe.where, recipe.name) for recipe in recipes] == [
        ("Makefile", "c"),
        ("pixi.toml", "a"),
    ]


def test_no_more_than_people_write_is_read() -> None:
    many = "".join(f"t{n}:\n\tls\n" for n in range(MAX_RECIPES + 5))
    assert len(read("Makefile", many)) == MAX_RECIPES
    long = "".join(f"t{n}:\n" + "\tls\n" * (MAX_LINES // 2) for n in range(3)) + "last: t0\n"
    assert [name for name, _, _ in read("Makefile", long)] == ["t0", "t1", "last"]


def test_variables_are_put_in_until_there_are_none_or_it_gets_too_long() -> None:
    values = {"A": "$(B)", "B": "${C}", "C": "{{D}}", "D": "$E", "E": "end", "LOOP": "$(LOOP)x"}
    assert put_in("$(A) $F", values) == "end $F"
    assert put_in("$(LOOP)", values) == "$(LOOP)xxxxx"
    assert put_in("a $(LONG) $(B)", {"LONG": "x" * 2001, "B": "b"}) == "a $(LONG) b"
    assert put_in("$(LONG)$(LONG)", {"LONG": "x" * 1500}) == "x" * 1500 + "$(LONG)"
    assert put_in("a {posargs} {{.CLI_ARGS}} {{args}}b", {}) == "a   b"


def test_lines_of_a_shell_script_and_what_was_exported_before_them() -> None:
    text = """
A=1
export B=2 C='3'
export D="$B-$A"   # why
B=5
F=f python a.py $A
run $B $C \\
    $D
export
export G
"""
    lines = [(line, dict(exported)) for line, exported in shell_lines(text) if line]
    exported = {"B": "5", "C": "3", "D": "2-1"}
    assert lines == [
        ("F=f python a.py 1", exported),
        ("run 5 3  2-1", exported),
        ("export", exported),
        ("export G", exported),
    ]


def test_a_recipe_is_a_record() -> None:
    assert Recipe(where="Makefile", name="a").lines == ()
