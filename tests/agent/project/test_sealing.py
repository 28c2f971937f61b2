"""Which script could compute the score, and what it would be given: read, never run."""

from pathlib import Path

import pytest

from agent.project.candidates import find_candidates
from agent.project.look import look_at
from agent.project.sealing import Sealing, sealings_in, without_evaluator
from tests.e2e.researcher import git

FIT = """
import csv
STEP = 0.3
rows = list(csv.reader(open("inputs.csv")))
with open("predictions.csv", "w") as file:
    csv.writer(file).writerows(rows)
"""
PLAIN = """
right = open("labels.csv").read().split()
left = open("predictions.csv").read().split()
print("accuracy:", sum(a == b for a, b in zip(left, right)) / len(right))
"""
HELPED = """
import argparse
from pathlib import Path
from autoresearch_evaluate import output, report, split
LABELS = Path("hidden") / "names.txt"
inputs = open("inputs.csv").read()
answers = open(f"hidden/{split()}.txt").read()
report(rmse=len(open(output("predictions.csv")).read()), seconds=1)
"""
CALLED = """
from autoresearch_evaluate import Candidate, report
report(rmse=Candidate().call("model:predict", 1))
"""
MODEL = """
import numpy as np
WEIGHTS = "weights.npy"
def save(w): np.save(WEIGHTS, w)
def predict(x): return x @ np.load(WEIGHTS)
"""
DATA = {"inputs.csv": "1\n", "labels.csv": "1\n"}


def known(folder: Path, files: dict[str, str]) -> tuple[Sealing, ...]:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q")
    return sealings_in(folder, look_at(folder, "fit.py"))


def test_a_script_that_reads_what_the_training_writes_and_prints_a_number(tmp_path: Path) -> None:
    [sealing] = known(tmp_path, {**DATA, "fit.py": FIT, "evaluate.py": PLAIN})
    assert (sealing.doubts, sealing.outputs) == ((), ("predictions.csv",))
    assert (sealing.hidden, sealing.shared) == (("labels.csv",), ())
    assert [number.name for number in sealing.numbers] == ["accuracy"]


def test_a_text_that_both_have_is_no_file_for_that(tmp_path: Path) -> None:
    both = """
import csv
def main():
    rows = list(csv.DictReader(open("{}.csv", encoding="utf-8")))
    open("{}", "{}", encoding="utf-8")
    print("val/acc: 0.5. Done.", rows[0]["y"])
if __name__ == "__main__":
    main()
"""
    fit = both.format("inputs", "predictions.csv", "w+")
    judge = both.format("labels", "predictions.csv", "r")
    [sealing] = known(tmp_path, {**DATA, "fit.py": fit, "evaluate.py": judge})
    assert (sealing.doubts, sealing.outputs) == ((), ("predictions.csv",))


def test_what_only_an_evaluator_runs_is_edited_rather_than_the_evaluator(tmp_path: Path) -> None:
    known(tmp_path, {"judge.py": "import model\nprint(model.f(3))\n", "model.py": "", "fit.py": ""})
    assert find_candidates(tmp_path).guess == ("model.py", "python judge.py")


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("sh -c 'python fit.py && python judge.py'", "python fit.py"),
        (
            "sh -c 'python a.py && python fit.py && python -m judge'",
            "sh -c 'python a.py && python fit.py'",
        ),
        ("sh -c 'python fit.py && cat out.json'", "sh -c 'python fit.py && cat out.json'"),
        ("make -s all", "make -s all"),
        ("", ""),
    ],
)
def test_a_training_does_not_run_its_evaluator(command: str, left: str) -> None:
    assert without_evaluator(command, "judge.py") == left


def test_a_function_called_report_of_somebody_else_hands_nothing_in(tmp_path: Path) -> None:
    judge = f"from log import report\nreport(rmse=1.0)\n{PLAIN}"
    [sealing] = known(tmp_path, {**DATA, "fit.py": FIT, "evaluate.py": judge})
    assert [number.name for number in sealing.numbers] == ["accuracy"]


def test_a_script_by_any_name_that_imports_the_helper(tmp_path: Path) -> None:
    hidden = {f"hidden/{name}.txt": "1\n" for name in ("val", "test", "names")}
    [sealing] = known(tmp_path, {**DATA, **hidden, "fit.py": FIT, "tools/measure.py": HELPED})
    assert sealing.command == "python tools/measure.py"
    assert (sealing.doubts, sealing.outputs) == ((), ("predictions.csv",))
    assert sealing.hidden == ("hidden",), "the folder is named, too"
    assert sealing.test == ("hidden/test.txt",)
    assert sealing.shared == ("inputs.csv",), "the training reads it, too"
    assert [number.name for number in sealing.numbers] == ["rmse", "seconds"]


def test_only_the_files_of_a_folder_are_hidden_that_the_training_reads_of(tmp_path: Path) -> None:
    hidden = {f"hidden/{name}.txt": "1\n" for name in ("val", "names")}
    fit = FIT.replace("inputs.csv", "hidden/train.txt")
    [sealing] = known(tmp_path, {**DATA, **hidden, "fit.py": fit, "measure.py": HELPED})
    assert sealing.hidden == ("inputs.csv", "hidden/names.txt", "hidden/val.txt")


def test_what_the_called_code_reads_is_an_output(tmp_path: Path) -> None:
    files = {"fit.py": "import model\nmodel.save(1)\n", "model.py": MODEL, "evaluate.py": CALLED}
    [sealing] = known(tmp_path, files)
    assert (sealing.doubts, sealing.outputs) == ((), ("weights.npy",))


def test_a_result_of_an_earlier_run_in_the_checkout_is_still_an_output(tmp_path: Path) -> None:
    files = {**DATA, "fit.py": FIT, "evaluate.py": PLAIN, "predictions.csv": "1\n"}
    [sealing] = known(tmp_path, files)
    assert sealing.outputs == ("predictions.csv",)
    assert sealing.hidden == ("labels.csv",)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("import pickle\npickle.load(open('predictions.csv', 'rb'))\nprint('loss: 1')\n", "unpick"),
        ("import fit\nopen('predictions.csv')\nprint('loss:', 1.0)\n", "first commit has it"),
        ("print('loss:', len(open('labels.csv').read()))\n", "reads nothing that fit.py"),
        ("print(len(open('predictions.csv').read()))\n", "prints no number"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('file')\n"
            "open('predictions.csv')\nprint('loss:', 1.0)\n",
            "needs arguments",
        ),
    ],
)
def test_what_only_the_owner_can_say(tmp_path: Path, text: str, doubt: str) -> None:
    [sealing] = known(tmp_path, {**DATA, "fit.py": FIT, "evaluate.py": text})
    assert doubt in " ".join(sealing.doubts)


ASKS = "import argparse\nargparse.ArgumentParser().add_argument('file')\n"


@pytest.mark.parametrize(
    ("text", "prints"),
    [
        (PLAIN, True),
        (HELPED, False),
        (ASKS + PLAIN, False),
        (PLAIN.replace("predictions.csv", "labels.csv"), False),
        (PLAIN.replace("accuracy:", ""), False),
    ],
)
def test_whether_it_can_be_run_behind_the_training_for_the_number_that_it_prints(
    tmp_path: Path, text: str, prints: bool
) -> None:
    [sealing] = known(tmp_path, {**DATA, "fit.py": FIT, "evaluate.py": text})
    assert sealing.prints is prints


@pytest.mark.parametrize(
    ("text", "is_clear"),
    [
        (CALLED, True),
        (CALLED.replace("Candidate().call", "other").replace("Candidate, ", ""), False),
        (CALLED.replace("autoresearch_evaluate", "other"), False),
    ],
)
def test_one_that_calls_the_candidate_needs_no_file_of_it(
    tmp_path: Path, text: str, is_clear: bool
) -> None:
    files = {"fit.py": "import model\n", "model.py": "def predict(x): return x\n"}
    [sealing] = known(tmp_path, {**files, "evaluate.py": f"{text}\nprint('rmse:', 1.0)\n"})
    assert sealing.outputs == ()
    assert ("reads nothing that fit.py is seen" in " ".join(sealing.doubts)) is not is_clear


@pytest.mark.parametrize(
    "line",
    [
        "open('out/o.csv', 'x')",
        "open('out/o.csv', mode='a')",
        "np.save('out/o.csv', w)",
        "Path('out/o.csv').write_text(w)",
        "np.savez(file='./out/o.csv')",
        "torch.save(w, 'out/o.csv')",
        "frame.to_csv('out/o.csv')",
        "name = 'out/o.csv'",
    ],
)
def test_how_a_training_leaves_a_file(tmp_path: Path, line: str) -> None:
    judge = PLAIN.replace("predictions.csv", "./out/o.csv")
    [sealing] = known(tmp_path / "r", {**DATA, "fit.py": f"{line}\n", "evaluate.py": judge})
    assert sealing.outputs == ("out/o.csv",)
    there = {**DATA, "fit.py": f"{line}\n", "evaluate.py": judge, "out/o.csv": ""}
    [sealing] = known(tmp_path / "there", there)
    assert sealing.outputs == (() if line.startswith("name") else ("out/o.csv",))


def test_only_data_in_the_project_is_hidden(tmp_path: Path) -> None:
    names = ("labels.csv", "keys/a", "more", "other.py", "LICENSE", "/etc/hostname", "../a.csv")
    text = "".join(f"open({name!r})\n" for name in (*names, "gone.csv", ".git/config", "link.csv"))
    files = {**DATA, "keys/a": "", "more/b.txt": "", "other.py": "", "LICENSE": ""}
    (tmp_path / "link.csv").symlink_to("labels.csv")
    [sealing] = known(tmp_path, {**files, "fit.py": FIT, "evaluate.py": text + PLAIN})
    assert set(sealing.hidden) == {"labels.csv", "keys/a", "more"}


@pytest.mark.parametrize(
    "files",
    [
        {"evaluate.py": "def accuracy(a, b):\n    return a == b\n"},
        {"evaluate.py": PLAIN, "fit.py": f"import evaluate\n{FIT}"},
        {"tests/test_evaluate.py": PLAIN},
        {"evaluate.py": "print('loss: 1'\n"},
    ],
)
def test_a_module_of_the_training_and_a_test_are_no_evaluators(
    tmp_path: Path, files: dict[str, str]
) -> None:
    assert known(tmp_path, {**DATA, "fit.py": FIT, **files}) == ()


EVOLVED = """
import importlib.util
def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    target = float(open("target.txt").read())
    return {"combined_score": -abs(program.run() - target)}
"""


def test_the_evaluator_of_an_evolutionary_framework(tmp_path: Path) -> None:
    files = {"fit.py": "# EVOLVE-BLOCK-START\ndef run(): return 1\n", "target.txt": "2\n"}
    [sealing] = known(tmp_path, {**files, "evaluator.py": EVOLVED})
    assert (sealing.program, sealing.doubts) == ("fit.py", ())
    assert sealing.hidden == ("target.txt",)
    assert [number.name for number in sealing.numbers] == ["combined_score"]
    assert sealing.evaluator.program == "fit.py"


def test_one_that_starts_the_program_itself_is_left_to_its_owner(tmp_path: Path) -> None:
    text = f"import subprocess\n{EVOLVED}    subprocess.run(['python', program_path])\n"
    files = {"fit.py": "# EVOLVE-BLOCK-START\n", "evaluator.py": text}
    [sealing] = known(tmp_path, files)
    assert "starts a program" in " ".join(sealing.doubts)
