"""A night on a project of several files: kept, discarded, refused, measured again, resumed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.researcher import fsck, git, in_flight, ledger, type_in

TRAIN = '''"""A training in miniature: its network and its settings are in other files."""
import os
from pathlib import Path

from model.net import loss

settings = dict(line.split(": ") for line in Path("conf/base.yaml").read_text().splitlines())
noise = 0.0001 * (int(os.environ["AUTORESEARCH_SEED"]) * 7919 % 11) * float(settings["lr"])
print("---")
print(f"val_bpb:          {loss(float(settings['lr'])) + noise:.6f}")
print("num_steps:        1")
print("files:", sorted(str(path) for path in Path().rglob("*.*") if path.parts[0][0] != "."))
'''
NET = """DEPTH = 4


def loss(lr):
    return 1 + abs(lr - 0.4) + (8 - DEPTH) / 100
"""
FILES = {
    "train.py": TRAIN,
    "model/__init__.py": "",
    "model/net.py": NET,
    "conf/base.yaml": "lr: 0.1\nmomentum: 0.9\n",
    "tool.sh": "#!/bin/sh\necho tool\n",
    "prepare.py": "MAX_SEQ_LEN = 64\n",
    "program.md": "# Goal\nLower val_bpb.\n",
    "autoresearch.toml": 'files = ["train.py", "model/*.py", "conf/*.yaml", "*.sh"]\n',
}
RATE = {"kind": "set_constant", "file": "conf/base.yaml", "name": "lr", "value": "0.3"}
DEEPER = {"kind": "set_constant", "file": "model/net.py", "name": "DEPTH", "value": "6"}
BLOCK = {"kind": "add_file", "file": "model/block.py", "code": "WIDTH = 2\n"}
IMPORTED = {
    "kind": "replace_text",
    "old": "from model.net import loss\n",
    "new": "from model.core import loss\n",
}
NIGHT: list[tuple[str, list[dict[str, Any]]]] = [
    ("a larger rate, and deeper", [RATE, DEEPER]),
    (
        "a network by another name, with a rate that is too large",
        [
            {"kind": "rename_file", "file": "model/net.py", "to": "model/core.py"},
            {"kind": "rename_file", "file": "tool.sh", "to": "go.sh"},
            IMPORTED,
            {**RATE, "value": "0.9"},
            BLOCK,
        ],
    ),
    ("out of the project", [{"kind": "add_file", "file": "../x.py", "code": ""}]),
    ("a brief of its own", [{"kind": "add_file", "file": "program.md", "code": "# Mine\n"}]),
    ("no network", [{"kind": "delete_file", "file": "model/net.py"}]),
    (
        "deeper still, in a renamed file",
        [
            {"kind": "rename_file", "file": "model/net.py", "to": "model/core.py"},
            {**DEEPER, "file": "model/core.py", "value": "8"},
            IMPORTED,
            {"kind": "rename_file", "file": "tool.sh", "to": "go.sh"},
        ],
    ),
    ("the best rate", [{**RATE, "value": "0.4"}]),
]
ASKED = ("--method", "code", "--verdict", "greedy", "--baseline-repeats", "1", "--budget", "1steps")


def project(folder: Path, **files: str) -> Path:
    """A committed project with an executable script."""
    for name, text in {**FILES, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "tool.sh").chmod(0o755)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    return folder


def script(path: Path, night: list[tuple[str, list[dict[str, Any]]]]) -> str:
    """The option of a model that replies with these proposals."""
    lines = [json.dumps({"hypothesis": words, "edits": edits}) for words, edits in night]
    path.write_text("".join(f"{line}\n" for line in lines))
    return f"scripted:{path}"


def typed(folder: Path, *words: str) -> str:
    run = type_in(folder, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def listing(folder: Path, commit: str) -> list[str]:
    return git(folder, "ls-tree", "-r", "--name-only", commit).splitlines()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository after the night."""
    folder = tmp_path_factory.mktemp("many")
    home = project(folder / "research")
    model = script(folder / "night.jsonl", NIGHT)
    typed(home, "start", "--model", model, *ASKED, "--trials", "3", "--tag", "t", "--trust")
    return home


def test_the_night(night: Path) -> None:
    statuses = {trial["proposal"]["hypothesis"]: trial["status"] for trial in ledger(night, "t")}
    assert statuses == {
        "the files as they are": "baseline",
        "a larger rate, and deeper": "keep",
        "a network by another name, with a rate that is too large": "discard",
        "no network": "refused",  # the third reply to one question; two were out of bounds
        "deeper still, in a renamed file": "keep",
    }
    assert in_flight(night) == []
    fsck(night)


def test_only_what_was_kept_is_on_the_branch(night: Path) -> None:
    tip = "autoresearch/t"
    kept = ["autoresearch.toml", "conf/base.yaml", "go.sh", "model/__init__.py", "model/core.py"]
    assert listing(night, tip) == [*kept, "prepare.py", "program.md", "train.py"]
    assert git(night, "show", f"{tip}:conf/base.yaml") == "lr: 0.3\nmomentum: 0.9"
    assert git(night, "show", f"{tip}:program.md") == FILES["program.md"].strip()
    assert git(night, "ls-tree", tip, "go.sh").startswith("100755"), "still executable"
    assert git(night, "status", "--porcelain") == "", "and the user's checkout is as it was"


def test_what_a_training_saw(night: Path) -> None:
    """A discarded attempt leaves nothing to the next."""
    trials = {trial["number"]: trial for trial in ledger(night, "t")}
    last = max(number for number, trial in trials.items() if trial["status"] == "keep")
    [log] = sorted((night / ".autoresearch").glob(f"runs/t/trials/{last:04}/*.log"))
    saw = log.read_text().rpartition("files: ")[2]
    assert "model/core.py" in saw
    assert "model/block.py" not in saw
    assert "model/net.py" not in saw


def test_commands_name_the_files(night: Path) -> None:
    assert "keep" in typed(night, "log", "t")
    numbers = {t["proposal"]["hypothesis"]: t["number"] for t in ledger(night, "t")}
    first = numbers["a larger rate, and deeper"]
    diff = typed(night, "diff", str(first), "--branch", "t")
    assert "conf/base.yaml" in diff
    assert "model/net.py" in diff
    assert "+lr: 0.3" in diff
    shown = typed(night, "show", str(first), "--branch", "t")
    assert "conf/base.yaml" in shown
    refused = typed(night, "show", str(numbers["no network"]), "--branch", "t")
    assert "model/net.py is gone" in refused
    renamed = typed(night, "diff", str(numbers["deeper still, in a renamed file"]), "-b", "t")
    assert "model/core.py" in renamed


@pytest.mark.slow
def test_the_morning(night: Path, tmp_path: Path) -> None:
    """Ablated, replicated, finalized, and resumed from a clone of the branch."""
    kept = [trial["number"] for trial in ledger(night, "t") if trial["status"] == "keep"]
    replicated = json.loads(type_in(night, "replicate", "-b", "t", "--seeds", "2", "--json").stdout)
    assert replicated["comparisons"][0]["verdict"] == "better"
    ablated = type_in(night, "ablate", "-b", "t", "--seeds", "2").stdout
    assert ablated.count("without #") == len(kept)
    typed(night, "finalize", "-b", "t", "--to", "tuned")
    subjects = git(night, "log", "--format=%s", "main..tuned").splitlines()
    assert len(subjects) == len(kept)
    assert git(night, "diff", "tuned", "autoresearch/t") == "", "modes and names, too"

    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-b", "autoresearch/t", str(night), str(clone))
    typed(clone, "resume", "t", "--trials", "1", "--trust")
    before = ledger(night, "t")
    *earlier, last = ledger(clone, "t")
    assert [trial["status"] for trial in earlier] == [trial["status"] for trial in before]
    assert last["status"] == "keep"
    assert [change["name"] for change in last["changes"]] == ["conf/base.yaml:lr"]
    assert git(clone, "show", "autoresearch/t:conf/base.yaml") == "lr: 0.4\nmomentum: 0.9"
    fsck(clone)


# ------------------------------------------------------------ before anything is trained


START = ("start", "--model", "none", "--method", "random", "--trials", "1", "--budget", "1steps")


@pytest.mark.parametrize(
    ("globs", "why", "command"),
    [
        ('"modle/*.py"', "modle/*.py matches no file", "$EDITOR autoresearch.toml"),
        ('"new/*.yaml"', "?? new/a.yaml", "add -f new/a.yaml && git commit"),
        ('"data/*"', "matches only data/link: it is a link", "$EDITOR autoresearch.toml"),
        ('"**"', 'add "!prepare.py"', "autoresearch.toml"),
        ('"**", "!prepare.py"', 'add "!program.md"', "autoresearch.toml"),
        ('"**", "!prepare.py", "!program.md"', 'add "!autoresearch.toml"', "autoresearch.toml"),
        ('""', "empty", "autoresearch.toml"),
        ('"../other/*.py"', "inside the project", "autoresearch.toml"),
        ('".github/*"', "hidden files", "autoresearch.toml"),
        ('".autoresearch/**"', "hidden files", "autoresearch.toml"),
        ("1", "files", "autoresearch.toml"),
    ],
)
def test_files_that_cannot_be_edited(tmp_path: Path, globs: str, why: str, command: str) -> None:
    """`start` says what is wrong and what to type, and writes nothing."""
    home = project(tmp_path, **{"autoresearch.toml": f'files = ["train.py", {globs}]\n'})
    (home / "new").mkdir()
    (home / "new" / "a.yaml").write_text("lr: 1\n")
    (home / "data").mkdir()
    (home / "data" / "link").symlink_to("/etc/passwd")
    git(home, "add", "data")
    git(home, "commit", "-qm", "a link")
    run = type_in(home, *START)
    assert run.returncode not in (0, 1), run.stderr
    assert why in run.stderr
    assert command in run.stderr
    assert "Traceback" not in run.stderr
    assert git(home, "for-each-ref", "refs/heads/autoresearch") == ""


def test_train_py_outside_files(tmp_path: Path) -> None:
    """Its constants are not searched, and others' are."""
    train = f"LR = 0.1\n{TRAIN}"
    settings = 'files = ["conf/*.yaml"]\n'
    home = project(tmp_path, **{"autoresearch.toml": settings, "train.py": train})
    space = typed(home, "space")
    assert "conf/base.yaml" in space
    found = json.loads(typed(home, "space", "--json"))
    assert {constant["name"] for constant in found if constant["range"]} == {
        "conf/base.yaml:lr",
        "conf/base.yaml:momentum",
    }


def test_other_settings_at_resume(night: Path, tmp_path: Path) -> None:
    """The record says what may be edited; that autoresearch.toml differs is said."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(night), str(clone))
    git(clone, "branch", "-q", "autoresearch/t", "origin/autoresearch/t")
    (clone / "autoresearch.toml").write_text('files = ["train.py"]\n')
    run = type_in(clone, "resume", "t", "--trials", "1", "--trust")
    assert run.returncode == 0, run.stderr
    assert "files: train.py here now" in run.stdout + run.stderr
    last = ledger(clone, "t")[-1]
    assert last["status"] == "keep"
    assert git(clone, "show", "autoresearch/t:conf/base.yaml") == "lr: 0.4\nmomentum: 0.9"
