"""How a repository runs its scripts, by its Makefile, shell scripts and README."""

import pytest

from agent.project.commands import program_command, uses_in
from agent.project.evolved import evolved_in

SCRIPTS = ("train.py", "src/fit.py", "tools/plot.py")


def commands(files: dict[str, str]) -> dict[str, str]:
    names = (*SCRIPTS, *files)
    return {use.script: use.command for use in uses_in(names, lambda name: files[name]).values()}


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("python train.py --lr 3e-4", "python train.py --lr 3e-4"),
        ("python3 -u ./train.py", "python -u ./train.py"),
        ("uv run python train.py > log.txt 2>&1", "python train.py"),
        ("CUDA_VISIBLE_DEVICES=0 python train.py | tee log", "python train.py"),
        ('python train.py --name "a b" "$@"', "python train.py --name 'a b'"),
        ("torchrun --standalone train.py", "torchrun --standalone train.py"),
        (
            "OUT=runs\nLR=0.1  # tuned\npython train.py --lr $LR --out ${OUT}/a",
            "python train.py --lr 0.1 --out runs/a",
        ),
        ("python train.py \\\n  --epochs 3", "python train.py --epochs 3"),
        ("python -m train", "python -m train"),
    ],
)
def test_a_shell_script_says_it(line: str, command: str) -> None:
    assert commands({"run.sh": line}) == {"train.py": command}


@pytest.mark.parametrize(
    "line",
    [
        "python train.py --data $DATA",
        "cd src && python fit.py",
        "python -c 'import train'",
        "python other.py",
        "echo python train.py",
        "python 'train.py",
        "",
    ],
)
def test_a_line_that_cannot_stand_alone_is_left_out(line: str) -> None:
    assert commands({"run.sh": line}) == {}


def test_a_makefile_comes_before_a_script_and_a_readme() -> None:
    makefile = "PY ?= python\nDATA = data/a.csv\n\ntrain:\n\t@$(PY) train.py --data $(DATA)\n"
    files = {
        "Makefile": makefile + "\nplots:\n\tpython tools/plot.py\n",
        "run.sh": "python train.py --old\n",
        "README.md": "Then:\n```sh\n$ python src/fit.py --k 3\n```\npython tools/plot.py\n",
    }
    assert commands(files) == {
        "train.py": "python train.py --data data/a.csv",
        "src/fit.py": "python src/fit.py --k 3",
    }


@pytest.mark.parametrize(
    ("makefile", "command"),
    [
        ("run: bench\n\t./bench\n\nbench:\n\tcc -o bench a.c\n", "make -s run"),
        ("prog: a.c\n\tcc -O2 -o prog a.c\n", "sh -c 'make -s prog && ./prog'"),
        ("clean:\n\trm -f prog\n", ""),
    ],
)
def test_a_compiled_program_is_built_and_run(makefile: str, command: str) -> None:
    assert program_command(("Makefile", "a.c"), lambda _: makefile) == command


EVALUATOR = "def evaluate(program_path):\n    return {'score': 1.0}\n"


def test_an_evaluator_of_an_evolutionary_framework() -> None:
    files = {"e/evaluator.py": EVALUATOR, "e/initial_program.py": "x = 1\n"}
    evolved = evolved_in(tuple(files), lambda name: files[name])
    assert evolved is not None
    assert (evolved.path, evolved.evaluator) == ("e/initial_program.py", "e/evaluator.py")
    assert 'evaluate("e/initial_program.py")' in evolved.command
    marked = {"evaluate.py": EVALUATOR, "mine.py": "# EVOLVE-BLOCK-START\n"}
    found = evolved_in(tuple(marked), lambda name: marked[name])
    assert found is not None and found.path == "mine.py"


@pytest.mark.parametrize(
    "text",
    ["def evaluate(model, loader):\n    pass\n", "def evaluate():\n    pass\n", "x = 1\n", "def ("],
)
def test_another_evaluate_is_none(text: str) -> None:
    files = {"evaluate.py": text, "initial_program.py": ""}
    assert evolved_in(tuple(files), lambda name: files[name]) is None
