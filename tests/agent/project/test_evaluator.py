"""A table [evaluate]: what it may say, what edits may not touch, and what `start` warns of."""

import subprocess
from pathlib import Path

import pytest

from agent.errors import Fault, ProjectFault, UsageFault
from agent.history.sources import refuse_idle_globs, sources_in
from agent.project.evaluator import warnings_of
from agent.project.find import Project, find_project
from agent.project.settings import read_settings
from agent.project.unseen import hidden_on_disk
from agent.records.evaluator import Evaluator

FILES = {
    "fit.py": "LR = 1\n",
    "evaluate.py": "print('acc: 1')\n",
    "EVAL.md": "What is measured.\n",
    "model/net.py": "W = 1\n",
    "data/val.npz": "1",
    "data/deep/val.npz": "1",
    "data/train.npz": "1",
    ".secret/answers": "1",
}
TABLE = '[evaluate]\ncommand = "python evaluate.py"\n'


def repository(root: Path, toml: str, base: str = "") -> Project:
    """Return the project of a repository with this autoresearch.toml."""
    here = root / base
    for name, text in {**FILES, "autoresearch.toml": toml}.items():
        (here / name).parent.mkdir(exist_ok=True, parents=True)
        (here / name).write_text(text)
    author = ["-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run(["git", *author, *words], cwd=root, check=True)
    return find_project(here, read_settings(here))


@pytest.mark.parametrize("base", ["", "sub/project"])
def test_what_an_evaluator_hides(tmp_path: Path, base: str) -> None:
    hidden = 'hidden = ["data/**/val.npz", ".secret", "data/*.csv"]\npublic = "EVAL.md"\n'
    project = repository(tmp_path, f'train = "fit.py"\nmetric = "acc"\n{TABLE}{hidden}', base)
    assert (project.score, project.workspace) == ("evaluated", base)
    listing = subprocess.run(
        ["git", "ls-files"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    paths = [project.outside(path) for path in listing.stdout.splitlines()]
    seen = [path for path in paths if not project.hides(project.inside(path))]
    assert seen == ["EVAL.md", "autoresearch.toml", "data/train.npz", "fit.py", "model/net.py"]
    (tmp_path / base / "data/ignored.csv").write_text("1")
    on_disk = [str(Path(path).relative_to(tmp_path / base)) for path in hidden_on_disk(project)]
    assert sorted(on_disk) == [
        ".secret",
        "data/deep/val.npz",
        "data/ignored.csv",
        "data/val.npz",
        "evaluate.py",
    ]


GLOBS = {
    '["*.py"]': "they fit evaluate.py, which is part of how trials are measured",
    '["data/*.npz"]': "they fit data/val.npz, which [evaluate] hides",
    '["fit.py", "*.md"]': "they fit EVAL.md",
    '["*.toml"]': "they fit autoresearch.toml",
}


@pytest.mark.parametrize("files", GLOBS)
def test_no_edit_touches_what_measures(tmp_path: Path, files: str) -> None:
    toml = f'train = "fit.py"\nmetric = "acc"\nfiles = {files}\n{TABLE}'
    toml += 'hidden = ["data/val.npz"]\npublic = "EVAL.md"\n'
    with pytest.raises(UsageFault, match="files: they fit") as caught:
        repository(tmp_path, toml)
    assert GLOBS[files] in str(caught.value)


@pytest.mark.parametrize("key", ["hidden", "test"])
def test_a_path_that_hides_nothing_is_an_error_at_a_start(tmp_path: Path, key: str) -> None:
    toml = f'train = "fit.py"\nmetric = "acc"\n{TABLE}{key} = ["data/val.npz", "data/tset.npz"]\n'
    project = repository(tmp_path, toml)
    with pytest.raises(ProjectFault, match=r"hides data/tset\.npz, which matches no file here"):
        refuse_idle_globs(project, sources_in(project, "HEAD"))


def test_a_glob_with_an_exception_is_accepted(tmp_path: Path) -> None:
    toml = f'train = "fit.py"\nmetric = "acc"\nfiles = ["*.py", "!evaluate.py"]\n{TABLE}'
    project = repository(tmp_path, toml)
    assert project.edits("fit.py") and not project.edits("evaluate.py")


def test_what_measures_is_not_edited_even_where_a_glob_fits_it_later() -> None:
    own = Evaluator(command="python evaluate.py", hidden=("data/*.csv",), public="EVAL.md")
    with pytest.raises(ValueError, match="folders in one another"):
        Evaluator(command="python evaluate.py", hidden=("a/" * 1_000 + "b",))
    project = Project(
        root="/r",
        workspace="",
        train="fit.py",
        prepare=None,
        program=None,
        score="evaluated",
        files=("**",),
        evaluate=own,
    )
    assert project.edits("fit.py") and project.edits("model/net.py")
    kept = ("evaluate.py", "EVAL.md", "data/new.csv", "prepare.py", "program.md")
    assert not any(map(project.edits, (*kept, "autoresearch.toml")))


MISTAKES = {
    'command = "./evaluate.sh"': "evaluate.command: write",
    'command = "python -m evaluate"': "evaluate.command: write",
    'command = "python ../evaluate.py"': "evaluate.command: '../evaluate.py' is not a path",
    'command = "python evaluate.py --split val"': "--split is added by the harness",
    'command = "python \'evaluate.py"': "evaluate.command: ",
    'hidden = ["data"]': "evaluate.command: ",
    'command = "python evaluate.py"\nhidden = ["../x"]': "evaluate.hidden: '../x' is not a path",
    'command = "python evaluate.py"\nhidden = ["a**"]': "** stands alone",
    'command = "python evaluate.py"\nhidden = [".git/x"]': "lies in .git",
    'command = "python evaluate.py"\noutputs = ["model.py"]': "an output is data",
    'command = "python evaluate.py"\noutputs = ["/etc/passwd"]': "is not a path",
    'command = "python evaluate.py"\npublic = "~/x/../y"': "evaluate.public: ",
    'command = "python evaluate.py"\nhiden = ["data"]': "evaluate.hiden: ",
    'command = "python nowhere.py"': "evaluate.command: there is no file 'nowhere.py'",
    'command = "python evaluate.py"\npublic = "NO.md"': "evaluate.public: there is no file 'NO.md'",
    'command = "python evaluate.py"\nhidden = ["fit.py"]': "[evaluate] hides fit.py",
    'command = "python fit.py"': "[evaluate] hides fit.py",
    'command = "python evaluate.py"\noutputs = ["a.csv", "a.csv"]': "'a.csv' stands there twice",
    'command = "python evaluate.py"\nhidden = ["data"]\noutputs = ["data/val.npz"]': (
        "names data/val.npz in outputs, and hides it or shows it to models"
    ),
    'command = "python evaluate.py"\npublic = "EVAL.md"\noutputs = ["EVAL.md"]': (
        "names EVAL.md in outputs, and hides it or shows it to models"
    ),
    'command = "python evaluate.py"\nprogram = "model/net.py"\nhidden = ["model"]': (
        "hides model/net.py, which is what it measures"
    ),
    'command = "python evaluate.py"\nprogram = "evaluate.py"': (
        "hides evaluate.py, which is what it measures"
    ),
}


@pytest.mark.parametrize("table", MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, table: str) -> None:
    with pytest.raises(Fault) as caught:
        repository(tmp_path, f'train = "fit.py"\nmetric = "acc"\n[evaluate]\n{table}\n')
    assert MISTAKES[table] in caught.value.message


@pytest.mark.parametrize("score", ["printed", "sealed"])
def test_two_ways_to_score_are_an_error(tmp_path: Path, score: str) -> None:
    with pytest.raises(UsageFault, match=f"score is {score}, and a table"):
        repository(tmp_path, f'train = "fit.py"\nscore = "{score}"\n{TABLE}')
    with pytest.raises(UsageFault, match="needs a table"):
        repository(tmp_path, 'train = "fit.py"\nscore = "evaluated"\n')


def test_a_linked_evaluator_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.py").symlink_to("/etc/passwd")
    with pytest.raises(Fault):
        repository(tmp_path, 'train = "fit.py"\n[evaluate]\ncommand = "python other.py"\n')


WARNINGS = {
    "import pickle\npickle.load(f)": ["line 2, unpickles"],
    "from pickle import loads as l\nl(b'')": ["line 2, unpickles"],
    "import torch as t\nt.load('x')": ["line 2, calls torch.load"],
    "import numpy as np\nnp.load('x', allow_pickle=True)": ["line 2, allows pickles"],
    "import importlib\nimportlib.import_module('fit')": ["line 2, imports by name"],
    "exec('1')\neval('1')": ["line 1, executes text", "line 2, executes text"],
    "import joblib\nm = joblib.load('m')": ["line 2, unpickles"],
    "import marshal\nm = marshal.load(f)": ["line 2, unpickles"],
    "import yaml\nyaml.load(f, Loader=yaml.Loader)": ["line 2, loads YAML"],
    "import yaml\nyaml.load(f, yaml.UnsafeLoader)": ["line 2, loads YAML"],
    "import yaml\nyaml.unsafe_load(f)\nyaml.load(f, yaml.SafeLoader)": ["line 2, loads YAML"],
    "import subprocess\nsubprocess.run(['./x'])": ["line 2, starts a program"],
    "def (": ["is no Python"],
    "import numpy as np\nnp.load('x')\nfrom json import load\nload(f)": [],
}


@pytest.mark.parametrize("text", WARNINGS)
def test_what_hands_an_evaluator_over_is_warned_of(text: str) -> None:
    warnings = warnings_of(text, "evaluate.py")
    assert len(warnings) == len(WARNINGS[text])
    for warning, part in zip(warnings, WARNINGS[text], strict=True):
        assert part in warning


OTHER_DOORS = {
    "unpickles": "pickle.loads pickle.Unpickler cPickle.load cPickle.loads dill.load dill.loads "
    "cloudpickle.load cloudpickle.loads joblib.load pandas.read_pickle shelve.open",
    "calls torch.load": "torch.load torch.jit.load",
    "imports a file": "importlib.util.spec_from_file_location",
    "imports by name": "__import__",
    "runs a file": "runpy.run_path",
    "runs a module": "runpy.run_module",
    "starts a program": "subprocess.Popen subprocess.check_output subprocess.call "
    "subprocess.check_call os.system",
}


@pytest.mark.parametrize("what", OTHER_DOORS)
def test_every_call_that_hands_an_evaluator_over_is_known(what: str) -> None:
    for name in OTHER_DOORS[what].split():
        top = name.partition(".")[0]
        [warning] = warnings_of(f"import {top}\n\n{name}('x')\n", "e.py")
        assert warning.startswith(f"e.py, line 3, {what}: not what"), name
    assert warnings_of("from . import pickle\npickles.load(1)\nf().load(1)\n", "e.py") == []


def test_a_name_of_many_marks_is_no_text_for_a_parser() -> None:
    [warning] = warnings_of(f"e{chr(0x301) * 500} = 1\n", "e.py")
    assert "combining marks" in warning


def test_a_missing_script_names_the_file_to_open(tmp_path: Path) -> None:
    with pytest.raises(ProjectFault) as caught:
        repository(tmp_path, 'train = "fit.py"\n[evaluate]\ncommand = "python no.py"\n')
    assert caught.value.next_command.startswith("$EDITOR ")


def test_one_that_is_given_a_stand_in_may_import_it_and_nothing_else() -> None:
    text = (
        "import importlib.util, pickle\n"
        "spec = importlib.util.spec_from_file_location('program', path)\n"
        "pickle.load(file)\n"
    )
    assert len(warnings_of(text, "evaluator.py")) == 2
    [warning] = warnings_of(text, "evaluator.py", loads_program=True)
    assert "line 3, unpickles" in warning


def test_an_output_behind_a_link_is_refused_before_anything_runs(tmp_path: Path) -> None:
    root = tmp_path / "r"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    with pytest.raises(ProjectFault, match="out is a symbolic link"):
        repository(root, f'train = "fit.py"\nmetric = "acc"\n{TABLE}outputs = ["out/.bashrc"]\n')


def test_an_evaluator_that_no_parser_takes_is_said_to_be_none() -> None:
    [warning] = warnings_of("not " * 50_000 + "1", "evaluate.py")
    assert "is no Python" in warning
