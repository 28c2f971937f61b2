"""The command `space`: what it shows, and that the lines it proposes do what they say."""

import json
from pathlib import Path

import pytest

from agent.cli.constants import line_of
from agent.errors import Fault
from agent.space import read_choices
from tests.agent.cli.night import fault, git, make_repository, output_of

FILES = {
    "model/net.py": "WIDTH = 32\nSEED = 4\nNAME = 'relu'\n\n\n"
    "def net(width=WIDTH):\n    return width\n",
    "conf/base.yaml": "optim:\n  lr: 0.3  # [0.001 .. 1 log]\n  nesterov: true\n"
    '"odd key": 0.5\nepochs: 3\n',
}
TOML = 'files = ["train.py", "model/*.py", "conf/*.yaml"]\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = make_repository(tmp_path / "r")
    for path, text in FILES.items():
        (home / path).parent.mkdir()
        (home / path).write_text(text)
    (home / "autoresearch.toml").write_text(TOML)
    git(home, "add", ".")
    git(home, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "more")
    monkeypatch.chdir(home)
    return home


def test_every_constant_is_shown_with_its_file_its_range_and_the_reason(project: Path) -> None:
    text = output_of("space")
    assert text.startswith("5 constants are searched, of 9 found in 3 files.")
    for file in ("train.py", "model/net.py", "conf/base.yaml"):
        assert f"\n{file}\n" in text
    [line] = [line for line in text.splitlines() if line.startswith("optim.lr")]
    assert "0.001 .. 1 log" in line and "as its comment says" in line
    assert '"conf/base.yaml:optim.lr" = "fixed"' in line
    [line] = [line for line in text.splitlines() if line.startswith("SEED")]
    assert "not searched" in line and "seed" in line


def test_each_line_has_the_effect_that_it_promises(project: Path) -> None:
    before = {row["name"]: row for row in json.loads(output_of("space", "--json"))}
    assert any(row["range"] for row in before.values())
    assert any(row["range"] is None for row in before.values())
    lines = [row["to_change"] for row in before.values()]
    (project / "autoresearch.toml").write_text(TOML + "[ranges]\n" + "\n".join(lines) + "\n")
    after = {row["name"]: row for row in json.loads(output_of("space", "--json"))}
    assert after.keys() == before.keys()
    for name, row in before.items():
        assert (row["range"] is None) != (after[name]["range"] is None), name
        assert after[name]["why"] == "as autoresearch.toml says"


def test_a_file_whose_constants_cannot_be_read_is_named_with_the_reason(project: Path) -> None:
    (project / "conf/two.yaml").write_text("lr: 0.1\n---\nlr: 0.2\n")
    (project / "conf/a.txt").write_text("lr = 0.1\n")
    toml = TOML.replace('"conf/*.yaml"', '"conf/*.yaml", "conf/*.txt"')
    (project / "autoresearch.toml").write_text(toml)
    git(project, "add", ".")
    git(project, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "two")
    text = output_of("space")
    assert "conf/two.yaml: no constants are read there: line 2: a second document" in text
    assert "conf/a.txt: no constants are read there: a text of this kind" in text


@pytest.mark.parametrize(
    ("value", "wanted"), [(0.9, "0.3 .. 1 log"), (0.1, "0.033 .. 0.3 log"), (3.0, "1 .. 9 log")]
)
def test_a_proposed_line_leaves_a_share_below_one(value: float, wanted: str) -> None:
    [choice] = read_choices(f"REWARD = {value}\n")
    assert line_of(choice) == f'REWARD = "{wanted}"'


def test_without_a_commit_there_is_a_command_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "train.py").write_text("LR = 0.1\n")
    monkeypatch.chdir(tmp_path)
    refused = fault("space")
    assert isinstance(refused, Fault) and refused.next_command.startswith("git add")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[ranges]\nlR = "0.1 .. 1"', "Unknown constant 'lR'"),
        ("[ranges]\nWIDTH = [8, 64]", 'write "8 .. 64"'),
    ],
)
def test_a_range_of_nothing_is_refused(project: Path, line: str, said: str) -> None:
    (project / "autoresearch.toml").write_text(TOML + line + "\n")
    assert said in fault("space").message


def test_a_glob_that_fits_nothing_is_refused(project: Path) -> None:
    (project / "autoresearch.toml").write_text('files = ["train.py", "nets/*.py"]\n')
    assert "nets/*.py matches no file" in fault("space").message


def test_a_range_may_name_the_file_of_train_py_itself(project: Path) -> None:
    [name, *_] = [row["name"] for row in json.loads(output_of("space", "--json"))]
    (project / "autoresearch.toml").write_text(f'{TOML}[ranges]\n"train.py:{name}" = "fixed"\n')
    rows = {row["name"]: row for row in json.loads(output_of("space", "--json"))}
    assert rows[name]["why"] == "as autoresearch.toml says"


def test_a_script_without_constants_names_the_files_that_may_have_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_repository(tmp_path / "r")
    train = "from settings import RATE\nimport numpy\nopen('base.yaml')\nprint(RATE())\n"
    for path, text in {"train.py": train, "settings.py": "LR = 1\n", "base.yaml": "a: 1\n"}.items():
        (home / path).write_text(text)
    git(home, "add", ".")
    git(home, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "more")
    monkeypatch.chdir(home)
    said = " ".join(output_of("space").split())
    line = 'files = ["train.py", "settings.py", "base.yaml"]'
    assert f"train.py reads settings.py, base.yaml: {line}" in said
    (home / "autoresearch.toml").write_text(f"{line}\n")
    assert "settings.py" in output_of("space")
    assert "reads settings.py" not in output_of("space")
