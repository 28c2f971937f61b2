"""What reading a training script shows: its modules, settings, data, results and end."""

import shlex
from itertools import chain
from pathlib import Path

import pytest

from agent.project.groups import composed
from agent.project.look import configs_of, look_at, with_results
from tests.agent.project.test_candidates import repository
from tests.e2e.researcher import git


def test_files_that_decide_the_score_are_left_alone(tmp_path: Path) -> None:
    files = {
        "train.py": "import evaluate, net\nfrom data import load\nprint('loss:', 1.0)\n",
        "evaluate.py": "",
        "data.py": "",
        "net.py": "import blocks\n",
        "blocks.py": "WIDTH = 3\n",
        "unrelated.py": "",
    }
    look = look_at(repository(tmp_path, files), "train.py")
    assert look.files == ("train.py", "net.py", "blocks.py")
    assert set(look.measuring) == {"evaluate.py", "data.py"}


def test_a_file_of_results_in_a_folder_that_has_a_name(tmp_path: Path) -> None:
    source = """import csv, pathlib
def main():
    out = pathlib.Path("outputs")
    with open(out / "metrics.csv", "w") as file:
        csv.writer(file).writerow(["val_mae: 0.5"])
        file.write("val_mae: 0.5")
main()
"""
    for path in ('out / "metrics.csv"', 'f"{out}/metrics.csv"'):
        written = source.replace('out / "metrics.csv"', path)
        look = look_at(repository(tmp_path, {"fit.py": written}), "fit.py")
        assert look.writes == "outputs/metrics.csv"
        assert look.numbers == ()  # what is written to a file is not printed


def test_configuration_files_that_a_script_names(tmp_path: Path) -> None:
    options = "p.add_argument('--config', default='conf/base.yaml')\np.add_argument('--seed')\n"
    files = {"fit.py": f"import argparse\np = argparse.ArgumentParser()\n{options}"}
    look = look_at(repository(tmp_path / "a", {**files, "conf/base.yaml": "lr: 1\n"}), "fit.py")
    assert look.configs == ("conf/base.yaml",)
    assert look.options == ("--config", "--seed")
    joined = {"fit.py": "import pathlib\nc.read(pathlib.Path(__file__).parent / 'a.ini')\n"}
    look = look_at(repository(tmp_path / "ini", {**joined, "a.ini": "[a]\nlr = 1\n"}), "fit.py")
    assert look.configs == ("a.ini",)
    folder = repository(
        tmp_path / "hydra",
        {
            "main.py": "@hydra.main(config_path='conf', config_name='c')\ndef f(): ...\nf()\n",
            "conf/c.yaml": "lr: 1\n",
            "conf/model/big.yaml": "width: 1\n",
        },
    )
    assert look_at(folder, "main.py").configs == ("conf/c.yaml", "conf/model/big.yaml")


DATA_OF_PARTS = """
import os
name = 'chars'
folder = os.path.join('data', name)
print('loss: 1')
"""


def test_data_that_git_has_only_partly(tmp_path: Path) -> None:
    files = {
        "train.py": DATA_OF_PARTS,
        "data/chars/prepare.py": "",
        "data/chars/train.bin": "x",
        "data/chars/__pycache__/a.pyc": "x",
        ".gitignore": "*.bin\n__pycache__/\n",
    }
    folder = repository(tmp_path, files)
    git(folder, "add", ".")
    assert look_at(folder, "train.py").data == ("data",)
    (folder / "data/chars/train.bin").unlink()
    assert look_at(folder, "train.py").data == ()


def test_a_result_below_a_folder_that_is_a_constant(tmp_path: Path) -> None:
    text = "import json, os\nOUT = 'runs'\njson.dump(1, open(os.path.join(OUT, 'm.json'), 'w'))\n"
    assert look_at(repository(tmp_path, {"train.py": text}), "train.py").writes == "runs/m.json"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("import yaml\nwith open('m.yaml', 'w') as f:\n    yaml.safe_dump({}, f)\n", "m.yaml"),
        ("import csv\nf = open('out/metrics.csv', 'w')\nw = csv.writer(f)\n", "out/metrics.csv"),
        ("df.to_csv('log.csv')\ndf.to_csv('scores.csv')\n", "scores.csv"),
        ("open('result.txt', 'w').write(f'rmse {x}')\n", "result.txt"),
        ("from pathlib import Path\nPath('rmse.txt').write_text(f'{x}')\n", "rmse.txt"),
        ("import json\njson.load(open('a.json'))\n", ""),
        ("text = open('known.csv').read()\nprint(text)\n", ""),
        ("df = read_csv('a.csv')\n", ""),
    ],
)
def test_the_file_that_results_are_written_to(tmp_path: Path, text: str, path: str) -> None:
    files = {"train.py": text, "known.csv": "a,b\n"}
    assert look_at(repository(tmp_path, files), "train.py").writes == path


def test_a_command_that_prints_the_results_too() -> None:
    plain = with_results("python a.py", "m 1.csv")
    assert shlex.split(plain) == ["sh", "-c", "python a.py && cat 'm 1.csv'"]
    twice = with_results("sh -c 'cd src && python a.py'", "m.csv")
    assert twice == "sh -c 'cd src && python a.py && cat m.csv'"


@pytest.mark.parametrize(
    ("command", "configs"),
    [
        ("python train.py --config=conf/a.yaml data/b.json", ("conf/a.yaml",)),
        ("sh -c 'cd sub && python train.py base.toml'", ("sub/base.toml",)),
        ("python train.py conf/c.json missing.yaml", ("conf/c.json",)),
        ("bash run.sh", ("run.sh",)),
        ("python train.py '", ()),
    ],
)
def test_configuration_files_that_a_command_names(command: str, configs: tuple[str, ...]) -> None:
    files = ("run.sh", "conf/a.yaml", "conf/c.json", "data/b.json", "sub/base.toml", "train.py")
    assert configs_of(command, files) == configs


@pytest.mark.parametrize(
    ("text", "stops", "reads"),
    [
        ("EPOCHS = 3\nos.environ['AUTORESEARCH_BUDGET']\n", "keeps to AUTORESEARCH_BUDGET", True),
        ("AUTORESEARCH_DEADLINE\nTIME_BUDGET = 3\n", "keeps to AUTORESEARCH_BUDGET", True),
        ("TIME_BUDGET = 300\nEPOCHS = 3\n", "by itself, after TIME_BUDGET", False),
        ("from lib import net\nmax_steps: int = 1_000\n", "max_steps = 1_000 in fit.py", False),
        ("from lib import net\n", "it stops by itself: n_epochs = 7 in lib/net.py", False),
        ("steps = 0.5\n", "it stops by itself", False),
    ],
)
def test_what_ends_a_training(tmp_path: Path, text: str, stops: str, reads: bool) -> None:
    files = {"fit.py": text, "lib/net.py": "n_epochs = 7\n"}
    look = look_at(repository(tmp_path, files), "fit.py")
    assert look.stops.endswith(stops) and look.reads_budget is reads


@pytest.mark.parametrize(
    ("line", "modules", "command"),
    [
        ("from . import net", ("pkg/sub/__init__.py", "pkg/sub/net.py"), "python -m pkg.sub.fit"),
        ("from .net import x", ("pkg/sub/net.py",), "python -m pkg.sub.fit"),
        ("from ..base import x", ("pkg/base/__init__.py",), "python -m pkg.sub.fit"),
        ("import pkg.base", ("pkg/base/__init__.py",), "python -m pkg.sub.fit"),
        ("import net", ("pkg/sub/net.py",), "python pkg/sub/fit.py"),
        ("import own.part", ("src/own/part.py",), "python pkg/sub/fit.py"),
        ("import pkgs, fit, absent", (), "python pkg/sub/fit.py"),
    ],
)
def test_a_script_that_imports_from_its_package_is_run_as_a_module(
    tmp_path: Path, line: str, modules: tuple[str, ...], command: str
) -> None:
    names = ("pkg/sub/__init__.py", "pkg/sub/net.py", "pkg/base/__init__.py", "src/own/part.py")
    files = {**dict.fromkeys(names, ""), "pkg/sub/fit.py": f"{line}\n"}
    look = look_at(repository(tmp_path, files), "pkg/sub/fit.py")
    assert (look.modules, look.command) == (modules, command)
    if line.startswith("import pkg."):
        (tmp_path / "pkg/sub/__init__.py").unlink()
        assert not look_at(tmp_path, "pkg/sub/fit.py").is_module, "a folder, and no package"


MEASURE = """prepare evaluate evaluator eval metric metrics data dataset datasets download judge
score scores scorer scoring grade grader rubric checker my_eval eval_set"""


def test_modules_that_decide_what_a_score_means(tmp_path: Path) -> None:
    names = MEASURE.split()
    others = ("net", "medium", "scored_by", "dataloader")
    files = {f"{name}.py": "" for name in (*names, *others)}
    imports = "".join(f"import {name}\n" for name in names[:10])
    files["net.py"] = "".join(f"import {name}\n" for name in (*names[10:], *others[1:]))
    look = look_at(repository(tmp_path, {**files, "fit.py": f"{imports}import net\n"}), "fit.py")
    assert set(look.measuring) == {f"{name}.py" for name in names}
    assert set(look.files) == {"fit.py", *(f"{name}.py" for name in others)}


def test_data_and_settings_are_known_by_their_names(tmp_path: Path) -> None:
    kinds = ("csv", "tsv", "npz", "npy", "parquet", "jsonl", "h5", "bin", "txt")
    data = [f"a.{kind}" for kind in kinds]
    folders = ["data", "dataset", "datasets", "input", "inputs", "raw", "corpus", "assets"]
    kinds = ("yaml", "yml", "toml", "json", "ini", "cfg", "conf", "gin", "properties")
    configs = [f"b.{kind}" for kind in kinds]
    named = [*data, *(f"{folder}/x" for folder in folders), *configs, "more/x", "c.weights"]
    text = "".join(f"read({name!r})\n" for name in (*named, "../a.csv", "/etc/b.txt", "gone.csv"))
    kept = "".join(f"!{name}\n" for name in ("fit.py", *configs))
    files = {**dict.fromkeys(named, "a: 1\n"), "fit.py": text, ".gitignore": f"*\n{kept}"}
    look = look_at(repository(tmp_path, files), "fit.py")
    assert set(look.data) == {*data, *folders}
    assert set(look.configs) == set(configs)


@pytest.mark.parametrize("name", ["a.csv", "a.bin", "a.pkl", "a.pt", "a.json", "a.zip", "a.gz"])
def test_a_folder_that_git_has_partly_is_data_where_data_is_ignored(
    tmp_path: Path, name: str
) -> None:
    files = {"fit.py": "read('data')\n", "data/b.md": "", ".gitignore": "a.*\n", "data/a.md": ""}
    folder = repository(tmp_path, files)
    assert look_at(folder, "fit.py").data == ()
    (folder / "data" / name).touch()
    assert look_at(folder, "fit.py").data == ("data",)


WRITERS = {
    "json": ("json.dump(r, f)", "f(json.dumps(r))", "t.to_json(f)"),
    "jsonl": ("f(json.dumps(r))",),
    "yaml": ("yaml.dump(r, f)", "yaml.safe_dump(r, f)", "OmegaConf.save(r, f)"),
    "yml": ("yaml.dump(r, f)", "yaml.safe_dump(r, f)"),
    "csv": ("csv.writer(f)", "csv.DictWriter(f)", "t.to_csv(f)", "np.savetxt(f)", "f.write(r)"),
    "tsv": ("csv.writer(f)", "csv.DictWriter(f)", "t.to_csv(f)", "np.savetxt(f)", "f.write(r)"),
    "txt": ("f.write(r)", "p.write_text(r)", "np.savetxt(f)", "print(r, file=f)"),
    "log": (),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_writes_results_to_a_file_of_a_kind(tmp_path: Path, kind: str) -> None:
    folder = repository(tmp_path, {"fit.py": ""})
    opened = f"f = open('out/result.{kind}', 'w')\n"
    for line in WRITERS[kind]:
        (folder / "fit.py").write_text(f"{opened}{line}\n")
        assert look_at(folder, "fit.py").writes == f"out/result.{kind}", line
    every = dict.fromkeys(chain.from_iterable(WRITERS.values()))
    others = [line for line in every if line not in WRITERS[kind]]
    (folder / "fit.py").write_text("\n".join((opened, *others)))
    assert look_at(folder, "fit.py").writes == ""


def test_of_two_files_the_one_with_a_name_of_results_is_written_to(tmp_path: Path) -> None:
    folder = repository(tmp_path, {"fit.py": ""})
    for name in ("metrics", "results", "scores", "evaluation", "summary", "report", "bench"):
        names = ("a/b/c/log.json", f"out/{name}.json", "z.json", "/tmp/x.json")
        (folder / "fit.py").write_text(f"names = {names}\njson.dump(r, f)\n")
        assert look_at(folder, "fit.py").writes == f"out/{name}.json"
    for names, best in ((("a.json", "b/c.json"), "b/c.json"), (("/a/b.json", "c.json"), "c.json")):
        (folder / "fit.py").write_text(f"names = {names}\njson.dump(r, f)\n")
        assert look_at(folder, "fit.py").writes == best


def test_constants_that_say_how_long_a_training_takes(tmp_path: Path) -> None:
    folder = repository(tmp_path, {"fit.py": ""})
    names = """epochs epoch N_STEPS num_iters max_iterations total_steps n_estimators rounds
    generations episodes trials"""
    for name in names.split():
        (folder / "fit.py").write_text(f"{name} = 12\n")
        assert look_at(folder, "fit.py").stops == f"it stops by itself: {name} = 12 in fit.py"
    for text in ("steps_done = 3", "steps = 3.5", "my_steps = 3", "steps += 3"):
        (folder / "fit.py").write_text(f"{text}\n")
        assert look_at(folder, "fit.py").stops == "it stops by itself"


def test_sources_that_a_script_compiles(tmp_path: Path) -> None:
    text = """import subprocess
subprocess.run(["cc", "./walk.c", "csrc/step.cpp", "csrc/evaluate.c", "test_a.c", "gone.rs"])
"""
    names = ("b/walk.c", "csrc/step.cpp", "csrc/evaluate.c", "b/test_a.c", "b/other.go")
    folder = repository(tmp_path, {"b/go.py": text, **dict.fromkeys(names, "")})
    assert look_at(folder, "b/go.py").files == ("b/go.py", "b/walk.c", "csrc/step.cpp")


@pytest.mark.parametrize(
    ("name", "text", "edited"),
    [
        ("prompt.txt", "Answer.", True),
        ("answer_prompt.md", "Answer.", True),
        ("tests/judge.j2", "Answer.", True),
        ("style.txt", "x" * 40_000, False),
        ("data/val.txt", "0 1", False),
        ("val.txt", "0 1", False),
        ("input.txt", "to be", False),
        ("test_cases.md", "0 1", False),
        ("data/val.json", "{}", False),
        ("labels.yaml", "a: 1", False),
        ("train.yaml", "a: 1", True),
        ("train_config.json", "{}", True),
        ("conf/data/small.yaml", "a: 1", True),
        ("big.yaml", f"a: {'1' * 40_000}", False),
    ],
)
def test_a_text_is_edited_that_is_no_data(
    tmp_path: Path, name: str, text: str, edited: bool
) -> None:
    source = f"open({name!r})\nprint('val_acc:', 1.0)\n"
    folder = repository(tmp_path, {"run.py": source, name: text})
    assert look_at(folder, "run.py").files == (("run.py", name) if edited else ("run.py",))


def test_of_a_script_that_measures_prompts_only_they_are_edited(tmp_path: Path) -> None:
    source = "open('prompt.txt')\nprint('val_acc:', 1.0)\n"
    folder = repository(tmp_path, {"evaluate.py": source, "run.py": source, "prompt.txt": ""})
    assert look_at(folder, "evaluate.py").files == ("prompt.txt",)
    assert look_at(folder, "run.py").files == ("run.py", "prompt.txt")


def test_of_a_hydra_project_only_what_its_defaults_name_is_configuration(tmp_path: Path) -> None:
    texts = {
        "conf/config.yaml": "defaults:\n  - base\n  - override model: mlp\n  - _self_\nlr: 1\n",
        "conf/base.yml": "a: 1\n",
        "conf/model/mlp.yaml": "width: 1\n",
        "conf/model/cnn.yaml": "width: 2\n",
        "conf/other.json": "{}",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert composed(tmp_path, tuple(texts)) == (
        "conf/config.yaml",
        "conf/base.yml",
        "conf/model/mlp.yaml",
    )
    without = ("conf/base.yml", "conf/model/cnn.yaml")
    assert composed(tmp_path, without) == without, "no list of defaults"
    (tmp_path / "conf/config.yaml").write_text("defaults: [nothing]\n")
    assert composed(tmp_path, tuple(texts)) == tuple(texts), "it names nothing that is there"
    (tmp_path / "conf/config.yaml").write_text("defaults: [\n")
    assert composed(tmp_path, tuple(texts)) == tuple(texts)
