"""What may be a training, what it prints and which way that is better: read, never run."""

import ast
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.project.around import project_around
from agent.project.candidates import MAX_BYTES, files_of, find_candidates, text_in
from agent.project.find import find_project
from agent.project.numbers import direction_of, likely, numbers_in
from agent.project.scripts import needs_arguments
from agent.project.settings import Settings
from tests.e2e.researcher import git


def repository(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q")
    return folder


def test_headers_that_a_compiled_program_includes(tmp_path: Path) -> None:
    files = {
        "Makefile": "bench: a.out\n\t./a.out\n",
        "src/kernel.cpp": '#include "kernel.hpp"\n#include <vector>\n#include "missing.hpp"\n',
        "src/kernel.hpp": '#include "sizes.h"\n',
        "include/sizes.h": '#include "kernel.hpp"\n',
        "src/unused.hpp": "",
        "src/main.cpp": "",
    }
    best = find_candidates(repository(tmp_path, files)).best
    assert best
    assert best.files == ("src/kernel.cpp", "src/kernel.hpp", "include/sizes.h")


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("walk.c",), ()),
        (("main.c", "tests/walk.c"), ()),
        (("b.go", "a/c.rs", "main.c"), ("b.go", "a/c.rs")),
        (("b.c", "a/c.h"), ("b.c", "a/c.h")),
    ],
)
def test_sources_of_a_program_those_near_the_root_first(
    tmp_path: Path, names: tuple[str, ...], files: tuple[str, ...]
) -> None:
    texts = {"Makefile": "run: a.out\n\t./a.out\n", **dict.fromkeys(names, "")}
    text = '#include "a/c.h"\n#include "b.c"\n'
    best = find_candidates(repository(tmp_path, {**texts, names[0]: text})).best
    assert best and (best.path, best.files) == (names[0], files)
    assert (best.command, best.reason) == ("make -s run", "it is compiled")


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("val_acc", "maximize"),
        ("Test accuracy", "maximize"),
        ("eval/f1", "maximize"),
        ("roc_auc", "maximize"),
        ("mean reward", "maximize"),
        ("valLoss", "minimize"),
        ("perplexity", "minimize"),
        ("latency_ms", "minimize"),
        ("RMSE", "minimize"),
        ("neg_mean_squared_error", "maximize"),
        ("GFLOP/s", "maximize"),
        ("tokens_per_sec", "maximize"),
        ("words per second", "maximize"),
        ("benchmarks.0.stats.median", "minimize"),
        ("neg_acc", "minimize"),
        ("negative loss", "maximize"),
        ("train_seconds", "minimize"),
        ("loss acc", "maximize"),
        ("GB/s", "maximize"),
        ("zork", None),
    ],
)
def test_directions_by_name(name: str, direction: str | None) -> None:
    assert direction_of(name) == direction


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("Epoch 3 done, val_acc: 0.9", "val_acc", 0.9),
        ("Test set: Average loss: 0.05, Accuracy: 97/100 (97%)", "Accuracy", 0.97),
        ("best val_acc: 0.8", "best val_acc", 0.8),
        ('{"eval": {"acc": 0.7}, "epoch": 3}', "eval.acc", 0.7),
        ("METRIC score=12.5", "score", 12.5),
        ("[3] validation_0-rmse:0.25", "validation_0-rmse", 0.25),
        ("Accuracy on the test set: 0.944", "Accuracy on the test set", 0.944),
        ("p90 latency: 3.5 ms", "p90 latency", 3.5),
        ("**val_acc:** 0.6", "val_acc", 0.6),
        ("准确率：0.6", "准确率", 0.6),
        ("accuracy (train): 0.9, accuracy (test): 0.6", "accuracy (test)", 0.6),
        ("FID: 0.4860  Coverage: 1.0000", "FID", 0.486),
        ('{"value_score": 0.6, "combined_score": 0.7}', "combined_score", 0.7),
        ("{'rmse': np.float64(0.45), 'n': 100}", "rmse", 0.45),
        ("Test accuracy: tensor(0.93)", "Test accuracy", 0.93),
        ("checksum=768.0 GFLOP/s: 1.566", "GFLOP/s", 1.566),
        (
            '{"n": 2, "benchmarks": [{"stats": {"min": 0.1, "max": 0.9, "mean": 0.4, "ops": 2}}]}',
            "benchmarks.0.stats.mean",
            0.4,
        ),
    ],
)
def test_a_number_is_named_as_the_harness_reads_it(line: str, name: str, value: float) -> None:
    best = likely(numbers_in([line]))[0]
    assert (best.name, best.value) == (name, value)


def test_what_is_held_out_for_the_choice_comes_before_the_test_and_what_was_printed_once() -> None:
    lines = ["val_acc: 0.8", "train_acc: 0.9", "Test RMSE: 0.4", "Test MAE: 0.3", "val_acc: 0.9"]
    named = [number.name for number in likely(numbers_in(lines))]
    assert named == ["val_acc", "Test RMSE", "Test MAE", "train_acc"]
    order = """val_combined_score val_acc val_loss test_acc test_loss final_loss acc loss train_acc
    train_loss seconds zork"""
    lines = [f"{name}: 0.5" for name in reversed(order.split())]
    others = ("epoch: 3", "lr: 0.1", "acc_std: 0.1", "baseline_acc: 0.1", "previous_loss: 0.3")
    named = [number.name for number in likely(numbers_in([*others, *lines]))]
    assert named == order.split()
    lines = ["loss: 1.0", "loss: 0.9", "mse: 1.0"]
    assert likely(numbers_in(lines))[0].name == "mse", "printed once, at the end"
    batch = numbers_in(["batch_loss: 1.0"])
    assert likely(batch) == batch and batch[0].line == "batch_loss: 1.0"


def test_what_no_number_is_named_by() -> None:
    assert numbers_in(['{"a":' * 20 + "0.5" + "}" * 20]) == ()
    assert numbers_in(["Saved to 3 files", "took 5 and 6", "compared with 0.5"]) == ()


def test_a_drawdown_below_zero_is_better_when_higher() -> None:
    [below, above] = [numbers_in([f"max_drawdown: {value}"])[0] for value in (-0.2, 0.2)]
    assert (below.direction, above.direction) == ("maximize", "minimize")


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("import sys\nf(sys.argv[1])\n", True),
        ("import sys\nf(sys.argv[1] if len(sys.argv) > 1 else 3)\n", False),
        ("import sys\nprint(sys.argv[0])\n", False),
        ("import os\nlr = float(os.environ['LR'])\n", True),
        ("import os\nos.environ['OMP_NUM_THREADS'] = '1'\n", False),
        ("@click.argument('path')\ndef main(path): ...\n", True),
        ("@click.argument('path', default='a')\ndef main(path): ...\n", False),
        ("p.add_argument('--lr', required=True)\n", True),
        ("p.add_argument('--lr')\n", False),
    ],
)
def test_what_a_script_asks_for(text: str, needed: bool) -> None:
    assert needs_arguments(ast.parse(text)) is needed


def test_where_no_script_looks_like_a_training_the_likeliest_is_named(tmp_path: Path) -> None:
    files = {"evaluate_all.py": "for i in range(3):\n    print(i)\n", "a.js": ""}
    found = find_candidates(repository(tmp_path / "a", files))
    assert (found.scripts, found.guess) == ((), ("evaluate_all.py", "python evaluate_all.py"))
    found = find_candidates(repository(tmp_path / "b", {"a.js": "", "setup.jl": ""}))
    assert (found.scripts, found.guess) == ((), ("a.js", "node a.js"))
    found = find_candidates(repository(tmp_path / "d", {"a.js": "", "src/train.R": "", "b.jl": ""}))
    assert found.best
    assert (found.best.path, found.best.command) == ("src/train.R", "Rscript src/train.R")
    assert found.guess is None
    deep = {"a/b/c/run.sh": "", "a/b/c/d/run.sh": "", "test/run.sh": ""}
    found = find_candidates(repository(tmp_path / "g", deep))
    assert [script.path for script in found.scripts] == ["a/b/c/run.sh"]
    files |= {"Makefile": "run:\n\tpython evaluate_all.py --k 1\n"}
    found = find_candidates(repository(tmp_path / "h", files))
    assert found.guess == ("evaluate_all.py", "python evaluate_all.py --k 1")
    for name, compiler in (("walk.c", "cc"), ("walk.cc", "c++"), ("walk.cpp", "c++")):
        found = find_candidates(repository(tmp_path / name, {name: "", "setup.jl": ""}))
        build = f"{compiler} -O2 -o program {name} -lm && ./program"
        assert found.guess == (name, f"sh -c '{build}'")
    assert find_candidates(repository(tmp_path / "c", {"README.md": ""})).guess is None


def test_only_plain_files_with_names_that_can_be_shown_are_read(tmp_path: Path) -> None:
    folder = repository(tmp_path, {"a.py": "", "b.py": "", "c\x1b.py": "", "sub/d.py": ""})
    git(folder, "add", ".")
    (folder / "b.py").unlink()
    (folder / "link.py").symlink_to("a.py")
    (folder / "folder.py").symlink_to("sub")
    (folder / ".gitignore").write_text("ignored.py\n")
    (folder / "ignored.py").touch()
    assert files_of(folder) == (".gitignore", "a.py", "sub/d.py")


def test_a_text_has_the_ends_of_lines_that_we_read_and_a_bound(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\r\nb\rc\n\xff")
    assert text_in(tmp_path, "a.py") == "a\nb\nc\n\ufffd"
    (tmp_path / "a.py").write_bytes(b"#" * MAX_BYTES)
    assert len(text_in(tmp_path, "a.py")) == MAX_BYTES
    (tmp_path / "a.py").write_bytes(b"#" * (MAX_BYTES + 1))
    assert text_in(tmp_path, "a.py") == ""


def test_what_is_code_in_a_repository(tmp_path: Path) -> None:
    endings = ["py", "c", "cc", "cpp", "cu", "rs", "go", "jl", "r", "R", "sh", "java", "js"]
    code = {"Makefile", *(f"a.{ending}" for ending in endings)}
    found = find_candidates(repository(tmp_path, dict.fromkeys([*code, "a.md", "a.csv"], "")))
    assert set(found.code) == code


def test_hostile_text_is_refused_quickly_and_is_no_number() -> None:
    hidden = '{"\\u001b[2J acc": 0.5, "\\u202eacc": 0.5}'
    assert numbers_in([hidden]) == ()
    lines = ["a" * 100_000 + ": 1", "{" * 5_000, "loss: nan", "\x1b[31m", "acc: " + "9" * 5_000]
    assert all(number.value == number.value for number in numbers_in(lines))


def test_no_training_names_the_candidates_and_the_line(tmp_path: Path) -> None:
    folder = repository(tmp_path, {"fit.py": "print('loss: 1.0')\n", "src/nothing.txt": ""})
    with pytest.raises(ProjectFault, match=r'fit\.py.*the line train = "fit\.py"') as fault:
        find_project(folder, Settings())
    assert (fault.value.next_command or "").endswith('autoresearch.toml   # train = "fit.py"')
    with pytest.raises(ProjectFault, match=r"fit\.py") as fault:
        find_project(folder / "src", Settings())
    assert fault.value.next_command == "cd .."
    with pytest.raises(ProjectFault, match=r"This may be the training: fit\.py"):
        project_around(folder)
    (folder / "run.py").write_text("print('loss: 1.0')\n")
    with pytest.raises(ProjectFault, match="One of these may be the training"):
        project_around(folder)


def test_a_notebook_has_a_way_out(tmp_path: Path) -> None:
    folder = repository(tmp_path, {"my work.ipynb": "{}"})
    with pytest.raises(ProjectFault, match="my work") as fault:
        find_project(folder, Settings())
    assert fault.value.next_command == "jupyter nbconvert --to script 'my work.ipynb'"


def test_where_there_is_nothing_the_bundled_research_is_offered(tmp_path: Path) -> None:
    with pytest.raises(ProjectFault) as fault:
        find_project(repository(tmp_path, {"README.md": ""}), Settings())
    assert fault.value.next_command == "autoresearch init"


EVALUATE = """
from autoresearch_evaluate import Candidate, output, report
with Candidate() as candidate:
    report(score=candidate.call("places:pack", 26), size=len(open(output("out/model.bin")).read()))
"""


def test_what_an_evaluator_measures_is_the_training_whatever_its_name(tmp_path: Path) -> None:
    files = {
        "judge_it.py": EVALUATE,
        "places.py": "def pack(n):\n    return n\n",
        "make.py": "from pathlib import Path\nPath('out', 'model.bin').write_bytes(b'')\n",
        "helper.py": "def unrelated():\n    return 1\n",
    }
    found = find_candidates(repository(tmp_path, files))
    assert [(script.path, script.command) for script in found.scripts] == [
        ("make.py", ""),
        ("places.py", "python -m py_compile places.py"),
    ]
    assert found.scripts[0].reason == "it names out/model.bin, which judge_it.py reads"
    assert found.scripts[1].reason == "judge_it.py calls it"
    files["judge_it.py"] = EVALUATE.replace("autoresearch_evaluate", "somebody_else")
    assert not find_candidates(repository(tmp_path / "other", files)).scripts


def test_of_two_names_alike_what_is_printed_and_read_decides(tmp_path: Path) -> None:
    files = {
        "solve_a.py": "print('zork:', 1.0)\n",
        "solve_b.py": "open('notes.txt')\n",
        "solve_c.py": "print('loss:', 1.0)\n",
        "solve_d.py": "open('./prompt.txt')\nprint('zork:', 1.0)\n",
        "prompt.txt": "",
        "notes.txt": "",
    }
    found = find_candidates(repository(tmp_path, files))
    names = [script.path.removeprefix("solve_")[0] for script in found.scripts]
    assert names == ["d", "c", "a", "b"]


def test_names_decide_between_scripts_alike_those_near_the_root_first(tmp_path: Path) -> None:
    order = """train.py src/train.py a/b/train.py finetune_bert.py pretrain.py run_train.py
    train_data.py trainer.py a/tune.py exp-3.py main.py src/pkg/__main__.py a/solve.py a/b/run.py
    notes.py"""
    no_names = "evaluate.py eval_main.py plot.py tests/main.py build/lib/main.py test_run.py"
    files = dict.fromkeys(f"{order} {no_names}".split(), "print('acc:', fit())\n")
    found = find_candidates(repository(tmp_path, files))
    assert [script.path for script in found.scripts] == order.split()
    assert found.scripts[0].reason == "its name, it trains, it prints acc"
    assert found.scripts[-1].reason == "it trains, it prints acc"
    assert (
        "it is a package's own program, it trains"
        in {s.path: s for s in found.scripts}["src/pkg/__main__.py"].reason
    )


def test_all_that_speaks_for_a_script_is_said(tmp_path: Path) -> None:
    files = {
        "tune.py": "import torch\nopen('ask/a.txt')\nloss.backward()\nprint('val_loss:', 1.0)\n",
        "ask/a.txt": "",
        "Makefile": "train:\n\tpython tune.py --k 1\n",
    }
    [best] = find_candidates(repository(tmp_path, files)).scripts
    reads = "it reads ask/a.txt, Makefile runs it"
    assert best.reason == f"its name, it imports torch, it trains, it prints val_loss, {reads}"
    assert best.command == "python tune.py --k 1"


ASKS = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--out', required=True)\n"
SAYS = "print('loss:', 1.0)\n"


@pytest.mark.parametrize(
    ("text", "makefile", "readme", "command"),
    [
        (SAYS, "", "    python run_it.py --k 1\n", ""),
        (SAYS, "run:\n\tpython run_it.py --k 1\n", "", "python run_it.py --k 1"),
        (SAYS, "", "    torchrun run_it.py\n", "torchrun run_it.py"),
        (ASKS + SAYS, "", "    python run_it.py --out a\n", "python run_it.py --out a"),
        ("def run(): ...\n", "run:\n\tpython run_it.py -k\n", "", "python run_it.py -k"),
        ("def run(): ...\n", "", "    python run_it.py -k\n", "python -m py_compile run_it.py"),
        ("def run(): ...\n", "", "", None),
    ],
)
def test_how_a_script_is_run_where_its_path_alone_is_not_enough(
    tmp_path: Path, text: str, makefile: str, readme: str, command: str | None
) -> None:
    files = {"run_it.py": text, "Makefile": makefile, "README.md": readme}
    best = find_candidates(repository(tmp_path, files)).best
    assert (best.command if best else None) == command


def test_what_a_recipe_runs_comes_before_what_a_text_for_people_runs(tmp_path: Path) -> None:
    files = {
        "solve_a.py": SAYS,
        "solve_b.py": SAYS,
        "Makefile": "solve:\n\tpython solve_b.py\n",
        "README.md": "    python solve_a.py\n",
    }
    found = find_candidates(repository(tmp_path, files))
    assert [script.path for script in found.scripts] == ["solve_b.py", "solve_a.py"]


@pytest.mark.parametrize(
    ("module", "other", "text", "command"),
    [
        ("src/lib/net.py", "score.py", SAYS, "python fit.py --out a"),
        ("lib/net.py", "score.py", SAYS, "python fit.py --out a"),
        ("lib/unused.py", "score.py", SAYS, "bash go.sh"),
        ("lib/unused.py", "score.py", "print('loss:', 1.0\n", "python fit.py --out a"),
        ("lib/unused.py", "tests/score.py", "print('loss:', 1.0\n", "bash go.sh"),  # not read
    ],
)
def test_a_stage_prints_what_its_modules_print(
    tmp_path: Path, module: str, other: str, text: str, command: str
) -> None:
    files = {
        "fit.py": f"from lib import net\n{ASKS}",
        module: SAYS,
        other: text,
        "go.sh": f"python fit.py --out a\npython {other} --in b\n",
    }
    found = find_candidates(repository(tmp_path, files))
    assert {script.path: script.command for script in found.scripts}["fit.py"] == command


def test_a_program_that_an_evaluator_scores_comes_before_other_scripts(tmp_path: Path) -> None:
    files = {
        "e/f/evaluator.py": "def evaluate(program_path):\n    return {'score': 1.0}\n",
        "e/f/initial_program.py": "import torch\nprint('loss:', fit())\n",
        "main.py": "print('loss: 1.0')\n",
        "fit.py": "import torch\nprint('loss:', 1.0)\n",
    }
    found = find_candidates(repository(tmp_path, files))
    paths = [script.path for script in found.scripts]
    assert paths == ["fit.py", "e/f/initial_program.py", "main.py"]
    assert found.scripts[1].reason == "e/f/evaluator.py evaluates it"
    assert 'evaluate("e/f/initial_program.py")' in found.scripts[1].command


def test_links_tests_and_what_is_no_python_are_no_candidates(tmp_path: Path) -> None:
    files = {
        "tests/train.py": "print('loss: 1.0')\n",
        "test_train.py": "print('loss: 1.0')\n",
        "broken_train.py": "print('loss: 1.0'\n",
        "model.py": "class Model: ...\n",
        "train.txt": "print('loss: 1.0')\n",
    }
    folder = repository(tmp_path, files)
    (folder / "train.py").symlink_to("/etc/passwd")
    assert find_candidates(folder).scripts == ()
    assert text_in(folder, "train.py") == "" == text_in(folder, "missing.py")
