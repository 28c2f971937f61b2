"""A training that looks for the validation text and its recipe, in a project made by `init`."""

import json
from pathlib import Path

import pytest

from tests.e2e.researcher import git, type_in

# Prints what it can find of what it is to be scored on, and gives up.
SPY = '''"""Looks around."""
import importlib
import json
import os
import sys
from pathlib import Path


def build_model(vocab_size):
    raise SystemExit


def names(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        return type(error).__name__


def importable(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def opens(path):
    try:
        with open(path, "rb") as file:
            return len(file.read(100))
    except OSError as error:
        return type(error).__name__


train = Path(os.environ["AUTORESEARCH_DATA"])
asked = json.loads(Path(__file__).with_name("asked.json").read_text())
prefixes = {sys.prefix, sys.base_prefix, "/usr", "/usr/local"}
print("FOUND " + json.dumps({
    "beside": names(Path(__file__).parent),
    "prepare": importable("prepare"),
    "data": names(train.parent),
    "train": names(train),
    "meta": json.loads((train / "meta.json").read_text()),
    "cache": [names(folder) for folder in train.parents[1:3]],
    "corpora": [opens(path) for path in asked]
    + [opens(f"{p}/share/autoresearch/state-of-the-union.jsonl.xz") for p in prefixes],
    "environment": sorted(name for name in os.environ if "CORPUS" in name or "CACHE" in name),
    "command": Path("/proc/self/cmdline").read_text(),
    "mounts": Path("/proc/self/mountinfo").read_text(),
}))
raise SystemExit(3)
'''


@pytest.fixture
def spied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh project whose train.py is a spy that knows where this checkout keeps the corpus."""
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "r")
    home = tmp_path / "research"
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "r"), ("EMAIL", "r@r"))
    }
    made = type_in(tmp_path, "init", "research", **identity)
    assert made.returncode == 0, made.stderr
    corpus = Path(__file__).parents[2] / "corpus" / "state-of-the-union.jsonl.xz"
    assert corpus.is_file()
    (home / "workspace" / "train.py").write_text(SPY)
    (home / "workspace" / "asked.json").write_text(
        json.dumps([str(corpus), str(home / "workspace" / "prepare.py")])
    )
    git(home, "add", ".")
    git(home, "commit", "-qm", "spy")
    return home


def test_a_training_finds_neither_the_validation_text_nor_its_recipe(spied: Path) -> None:
    run = type_in(
        spied, "start", "--model", "none", "--budget", "1s", "--trials", "1", "--tag", "t"
    )
    assert "train.py fails as it is" in run.stderr, run.stdout + run.stderr
    log = (spied / ".autoresearch/runs/t/trials/0000/train-0.log").read_text()
    report = json.loads(log.split("FOUND ", 1)[1].splitlines()[0])
    assert report["beside"] == [".git", "asked.json", "train.py"]
    assert not report["prepare"]
    assert report["train"] == ["meta.json", "tokens.bin"]
    assert report["data"] == ["data", "scratch"], (
        "the folder of its own trial, where the tokens have a second name"
    )
    assert not {"fingerprint", "near_duplicates", "train_tokens"} & report["meta"].keys()
    assert report["meta"]["corpus"] == "sotu"
    for inside in report["cache"]:
        assert isinstance(inside, str) or len(inside) == 1, "nothing but the way to its own trial"
    assert all(isinstance(answer, str) for answer in report["corpora"]), report["corpora"]
    assert not [name for name in report["environment"] if name.startswith("AUTORESEARCH")]
    assert "union" not in report["mounts"] + report["command"]


def test_a_folder_of_texts_is_shown_to_prepare_and_not_to_a_training(
    spied: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir(mode=0o755)
    for number in range(400):
        words = " ".join(f"w{number}x{place}" for place in range(300))
        (texts / f"{number}.txt").write_text(words)
    prepare = spied / "workspace" / "prepare.py"
    text = (
        prepare.read_text()
        .replace('CORPUS = "sotu"', f'CORPUS = "folder:{texts}"')
        .replace("VAL_TOKENS = 2**15", "VAL_TOKENS = 2**12")
    )
    prepare.write_text(text.replace('TOKENIZER = "bpe"', 'TOKENIZER = "byte"'))
    (spied / "autoresearch.toml").write_text(f'read_only = ["{texts}"]\n')
    (spied / "workspace" / "asked.json").write_text(
        json.dumps([str(texts / "7.txt"), str(texts / "8.txt")])
    )
    git(spied, "add", ".")
    git(spied, "commit", "-qm", "texts of our own")
    run = type_in(
        spied,
        "start",
        "--model",
        "none",
        "--budget",
        "1s",
        "--trials",
        "1",
        "--tag",
        "t",
        "--trust",
    )
    assert "train.py fails as it is" in run.stderr, run.stdout + run.stderr
    log = (spied / ".autoresearch/runs/t/trials/0000/train-0.log").read_text()
    report = json.loads(log.split("FOUND ", 1)[1].splitlines()[0])
    assert report["meta"]["corpus"] == "folder", "where it lies is not said"
    assert all(isinstance(answer, str) for answer in report["corpora"]), report["corpora"]
