"""A stranger's repository: `init --yes` and `start` reach a baseline and a judged trial."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.e2e.researcher import (
    AUTORESEARCH,
    clean_environment,
    git,
    statuses,
    type_in,
    wait_for,
)
from tests.e2e.shell import terminal
from tests.shapes.first_day import copied
from tests.shapes.table import BY_NAME

HELLO = "LR = 0.3\nprint(f'loss: {(LR - 0.1) ** 2:.6f}')\n"


def repository(folder: Path, text: str, name: str = "train.py") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


@pytest.mark.slow
def test_noise_is_measured_before_any_run_and_read_from_one(tmp_path: Path) -> None:
    folder = copied(BY_NAME["rmse"], tmp_path)
    assert type_in(folder, "init", "--yes", "--repeats", "0").returncode == 0
    done = type_in(folder, "noise", "--repeats", "2", "--json")
    assert done.returncode == 0, done.stderr
    before = json.loads(done.stdout)
    assert [run["seed"] for run in before["runs"]] == [0, 1, 2]
    assert before["repeats_exactly"] is True
    assert before["source"] == "seeds" and before["sd"] > 0
    gains = [row["gain"] for row in before["smallest_gains"]]
    assert [row["pairs"] for row in before["smallest_gains"]] == [1, 3, 6]
    assert gains == sorted(gains, reverse=True)
    assert git(folder, "branch", "--list", "autoresearch/*") == ""
    assert not list((folder / ".autoresearch").glob("runs/*"))
    assert type_in(folder, "start", "--model", "none", "--trials", "1").returncode == 0
    assert statuses(folder)[0] == "baseline"
    [tag] = git(folder, "branch", "--list", "autoresearch/*", "--format=%(refname:short)").split()
    again = json.loads(type_in(folder, "noise", tag, "--json").stdout)
    assert [run["value"] for run in again["runs"]] == [run["value"] for run in before["runs"]]


@pytest.mark.slow
def test_a_program_in_another_language_needs_a_makefile(tmp_path: Path) -> None:
    folder = copied(BY_NAME["c_program"], tmp_path)
    git(folder, "rm", "-q", "Makefile")
    git(folder, "commit", "-qm", "nothing builds it")
    code, text, following = refused(folder, "init", "--yes")
    assert (code, "looks like a training" in text) == (3, True)
    assert following == "autoresearch init --script PATH --command COMMAND"
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.slow
def test_in_a_terminal_it_asks(tmp_path: Path) -> None:
    folder = repository(tmp_path / "r", HELLO.replace("loss", "zork"))
    with terminal(tmp_path / "tmux", folder, clean_environment()) as shell:
        shell.begin(f"{AUTORESEARCH} init --repeats 0")
        wait_for(lambda: "Run it once in the sandbox now?" in shell.screen())
        shell.begin("y")
        wait_for(lambda: "Is a higher zork better?" in shell.screen())
        shell.begin("n")
        wait_for(lambda: "Write this?" in shell.screen())
        assert not (folder / "autoresearch.toml").exists()
        shell.begin("y")
        wait_for(lambda: "A run starts from a commit." in shell.screen())
        shell.begin("n")
        wait_for(lambda: "commit them: git add -f" in shell.screen())
    settings = tomllib.loads((folder / "autoresearch.toml").read_text())
    assert settings["direction"] == "minimize"
    assert git(folder, "log", "--format=%s") == "start"


def refused(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """What a command that must fail says, and the command that it says to type next."""
    done = type_in(folder, *arguments)
    assert done.returncode not in (0, 70), done.stdout + done.stderr
    [following] = re.findall(r"^next:  (.*)$", done.stderr, re.MULTILINE)
    return done.returncode, done.stderr, following


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("import nowhere\nprint('loss: 1.0')\n", "--python .venv/bin/python"),
        ("print('loss:', float(open('there').read()))\n", "--read-only PATH"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\n"
            "p.parse_args()\nprint('loss: 1.0')\n",
            "--command 'python train.py ARGUMENTS'",
        ),
    ],
)
def test_a_training_that_fails_is_shown_and_nothing_is_written(
    tmp_path: Path, text: str, flag: str
) -> None:
    folder = repository(tmp_path, text)
    code, said, following = refused(folder, "init", "--yes")
    assert code == 3
    assert following == f"autoresearch init --yes {flag}"
    assert "Nothing was written" in said
    assert git(folder, "status", "--porcelain") == ""


def test_where_nobody_is_here_to_ask_nothing_runs(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO)
    code, _, following = refused(folder, "init")
    assert (code, following) == (2, "autoresearch init --yes")
    assert git(folder, "status", "--porcelain") == ""


def test_the_source_alone_is_enough(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO)
    done = type_in(folder, "init", "--yes", "--no-run")
    assert done.returncode == 0, done.stderr
    settings = tomllib.loads((folder / "autoresearch.toml").read_text())
    named = {"train": "train.py", "metric": "loss", "direction": "minimize"}
    assert settings == {**named, "limit": "1.1x"}
    assert git(folder, "log", "-1", "--format=%s") == "Say what autoresearch improves here"
    code, text, following = refused(folder, "init", "--yes")
    assert (code, following) == (3, "autoresearch start")
    assert "exists already; nothing was written" in text


def test_a_name_that_says_no_direction_is_asked_for(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO.replace("loss", "zork"))
    _, text, following = refused(folder, "init", "--yes", "--no-run")
    assert "'zork' does not say which way" in text
    assert following == "autoresearch init --yes --no-run --metric zork --direction maximize"
    assert not (folder / "autoresearch.toml").exists()
    assert type_in(folder, *following.split()[1:]).returncode == 0


def test_other_staged_files_stay_out_of_the_commit(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO)
    (folder / "mine.txt").write_text("mine")
    git(folder, "add", "mine.txt")
    assert type_in(folder, "init", "--yes", "--no-run").returncode == 0
    assert git(folder, "status", "--porcelain").strip() == "A  mine.txt"
    named = git(folder, "show", "--name-only", "--format=", "HEAD").split()
    assert named == ["autoresearch.toml", "program.md"]


def test_scripts_outside_a_repository_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fit.py").write_text(HELLO)
    code, _, following = refused(tmp_path, "init", "--yes")
    assert (code, following) == (3, "git init && git add . && git commit -m 'Start'")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.py"]


@pytest.mark.parametrize("below", ["src", "src/deep"])
def test_one_folder_too_deep(tmp_path: Path, below: str) -> None:
    folder = repository(tmp_path, HELLO)
    (folder / below).mkdir(parents=True)
    _, _, following = refused(folder / below, "start", "--model", "none")
    assert following == "cd " + "/".join([".."] * (below.count("/") + 1))


def test_init_one_folder_too_deep_writes_nothing(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO, "fit.py")
    (folder / "src" / "deep").mkdir(parents=True)
    _, text, following = refused(folder / "src" / "deep", "init", "--yes")
    assert "fit.py may be the training" in text
    assert following == "cd ../.. && autoresearch init"
    assert git(folder, "status", "--porcelain") == ""


def test_a_training_by_another_name_is_named(tmp_path: Path) -> None:
    folder = repository(tmp_path, HELLO, "fit.py")
    (folder / "src").mkdir()
    _, text, following = refused(folder, "start", "--model", "none")
    assert 'the line train = "fit.py"' in text
    assert following.startswith("$EDITOR ") and following.endswith('# train = "fit.py"')
    _, text, following = refused(folder / "src", "start", "--model", "none")
    assert "fit.py" in text and following == "cd .."
