"""A stranger's repository with an evaluator of its own: found, asked for, or left alone."""

import tomllib
from pathlib import Path

import pytest

from agent.project.settings import read_settings
from tests.e2e.researcher import AUTORESEARCH, clean_environment, git, ledger, type_in, wait_for
from tests.e2e.shell import terminal
from tests.e2e.test_own_repository import refused

FIT = """SCALE = 0.3  # [0.1 .. 0.9]
with open("predictions.csv", "w") as file:
    for number in range(40):
        file.write(f"{number * SCALE}\\n")
"""
EVALUATE = """right = [float(line) for line in open("labels.csv")]
left = [float(line) for line in open("predictions.csv")]
print("rmse:", (sum((a - b) ** 2 for a, b in zip(left, right)) / len(right)) ** 0.5)
"""
PICKLES = f"import pickle\nif False:\n    pickle.load(open('m.pkl', 'rb'))\n{EVALUATE}"


def repository(folder: Path, **files: str) -> Path:
    labels = "".join(f"{number / 2}\n" for number in range(40))
    every = {"labels.csv": labels, "fit.py": FIT}
    folder.mkdir(exist_ok=True)
    for name, text in {**every, **{f"{name}.py": text for name, text in files.items()}}.items():
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


def settings(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "autoresearch.toml").read_text())


@pytest.mark.slow
def test_a_plain_evaluator_is_sealed_and_the_first_start_works(tmp_path: Path) -> None:
    folder = repository(tmp_path, evaluate=EVALUATE)
    (folder / "Makefile").write_text("all:\n\tpython fit.py\n\tpython evaluate.py\n")
    done = type_in(folder, "init", "--yes", "--repeats", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "evaluate.py computes the score, where no run reaches it" in done.stdout
    evaluate = read_settings(folder).evaluate
    assert evaluate and evaluate.hidden == ("labels.csv",)
    assert evaluate.outputs == ("predictions.csv",)
    assert type_in(folder, "start", "--model", "none", "--trials", "1").returncode == 0
    first, trial = ledger(folder)
    assert first["status"] == "baseline"
    assert {score["kind"] for score in first["result"]["scores"]} == {"evaluated"}
    assert trial["status"] in ("keep", "discard"), trial


@pytest.mark.slow
def test_one_that_only_its_owner_knows_is_left_alone_until_it_is_named(tmp_path: Path) -> None:
    folder = repository(tmp_path, evaluate=PICKLES)
    done = type_in(folder, "init", "--yes", "--repeats", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line 3, unpickles" in done.stdout
    assert "else --evaluate 'python evaluate.py'" in done.stdout
    written = settings(folder)
    assert "evaluate" not in written
    assert written["command"] == "sh -c 'python fit.py && python evaluate.py'"
    assert written["metric"] == "rmse"
    git(folder, "rm", "-qf", "autoresearch.toml", "program.md")
    git(folder, "commit", "-qm", "again")
    flags = ("--evaluate", "python evaluate.py", "--repeats", "0", "--yes")
    done = type_in(folder, "init", *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as typed" in done.stdout
    evaluate = read_settings(folder).evaluate
    assert evaluate and evaluate.outputs == ("predictions.csv",)


def test_of_two_nobody_guesses(tmp_path: Path) -> None:
    folder = repository(tmp_path, evaluate=EVALUATE, evaluate_more=EVALUATE)
    code, text, following = refused(folder, "init", "--yes", "--no-run")
    assert (code, "only you know which" in text) == (2, True)
    assert following == "autoresearch init --yes --no-run --evaluate 'python evaluate.py'"
    assert git(folder, "status", "--porcelain") == ""
    words = ("--yes", "--no-run", "--evaluate", "python evaluate_more.py")
    assert type_in(folder, "init", *words).returncode == 0
    assert settings(folder)["evaluate"]["command"] == "python evaluate_more.py"


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("--evaluate", "python lost.py"), "there is no file lost.py"),
        (("--evaluate", "./evaluate"), "--evaluate: write"),
        (("--evaluate", "python 'evaluate.py"), "--evaluate: "),
        (("--hidden", "../labels.csv"), "--hidden: '../labels.csv' is not a path"),
        (("--outputs", "predictions.py"), "--outputs: 'predictions.py' would be code"),
        (("--evaluate", "none", "--hidden", "labels.csv"), "none is taken here"),
    ],
)
def test_what_cannot_be_an_evaluator_is_refused(
    tmp_path: Path, flags: tuple[str, ...], what: str
) -> None:
    folder = repository(tmp_path, evaluate=EVALUATE)
    code, text, _ = refused(folder, "init", "--yes", "--no-run", *flags)
    assert (code, what in text) == (2, True), text
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "what", "following"),
    [
        (
            ("--outputs", "lost.csv", "--outputs", "predictions.csv"),
            "lost.csv is not what",
            "autoresearch init --yes --outputs predictions.csv",
        ),
        (
            ("--metric", "zork", "--direction", "maximize"),
            "gives no score",
            "autoresearch init --yes --metric zork --direction maximize --metric NAME",
        ),
        (
            ("--hidden", "labels.csv", "--hidden", "weights.csv"),
            "The training fails in the sandbox",
            "autoresearch init --yes --hidden labels.csv",
        ),
    ],
)
def test_an_evaluator_that_gives_no_score_is_told_as_that(
    tmp_path: Path, flags: tuple[str, ...], what: str, following: str
) -> None:
    (tmp_path / "weights.csv").write_text("1\n")
    reads = "open('weights' + '.csv').close()\n"
    folder = repository(tmp_path, evaluate=EVALUATE, fit=f"{reads}{FIT}")
    code, text, then = refused(folder, "init", "--yes", *flags)
    assert (code, what in text) == (3, True), text
    assert then == following
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.slow
def test_in_a_terminal_it_is_asked(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", evaluate=EVALUATE)
    with terminal(tmp_path / "tmux", folder, clean_environment()) as shell:
        shell.begin(f"{AUTORESEARCH} init --no-run")
        wait_for(lambda: "Is the score what evaluate.py computes" in shell.screen())
        shell.begin("y")
        wait_for(lambda: "Write this?" in shell.screen())
        assert 'outputs = ["predictions.csv"]' in shell.screen()
        shell.begin("n")
        wait_for(lambda: "Nothing was written" in shell.screen())
    assert git(folder, "status", "--porcelain") == ""
