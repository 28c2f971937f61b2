"""Programs that are built before they run, and those that an evaluator calls."""

import pytest

from agent.project.commands import program_command
from agent.project.evolved import evolved_in


@pytest.mark.parametrize(
    ("makefile", "command"),
    [
        ("run: bench\n\t./bench\n\nbench:\n\tcc -o bench a.c\n", "make -s run"),
        ("prog: a.c\n\tcc -O2 -o prog a.c\n", "sh -c 'make -s prog && ./prog'"),
        ("clean:\n\trm -f prog\n", ""),
        ("all:\n\t./a\nhelp:\n\t./a -h\nmy-run:\n\t./a -k\n", "make -s my-run"),
    ],
)
def test_a_compiled_program_is_built_and_run(makefile: str, command: str) -> None:
    assert program_command(("Makefile", "a.c"), lambda _: makefile) == command


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"go.sh": "mkdir -p b\ng++ -O2 -o b/a a.c\n./b/a\n"}, "bash go.sh"),
        ({"Cargo.toml": ""}, "cargo run --quiet --release --offline"),
        ({"go.mod": ""}, "go run ."),
        ({"go.sh": "echo gcc\n"}, ""),
        (
            {"README.md": "```\n$ gcc -O2 -o a a.c\n$ ./a 7\n```\n"},
            "sh -c 'gcc -O2 -o a a.c && ./a 7'",
        ),
        ({"README": "Type:\n\n    cc a.c\n"}, "sh -c 'cc a.c && ./a.out'"),
        ({"README": "    ls\n\nor\n\n    cc a.c\n"}, "sh -c 'cc a.c && ./a.out'"),
        ({"README.md": "Compile it with gcc.\n"}, ""),
    ],
)
def test_a_compiled_program_without_a_makefile(files: dict[str, str], command: str) -> None:
    assert program_command(("a.c", *files), lambda name: files[name]) == command


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
    alone = {"evaluate.py": EVALUATOR, "mine.py": "x = 1\n"}
    assert evolved_in(tuple(alone), lambda name: alone[name]) is None


@pytest.mark.parametrize(
    "text",
    ["def evaluate(model, loader):\n    pass\n", "def evaluate():\n    pass\n", "x = 1\n", "def ("],
)
def test_another_evaluate_is_none(text: str) -> None:
    files = {"evaluate.py": text, "initial_program.py": ""}
    assert evolved_in(tuple(files), lambda name: files[name]) is None
