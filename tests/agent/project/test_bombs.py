"""Small files that stand for far more than a machine has room or time for."""

import base64
import itertools
import json
import os
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from agent.adopt import read_rows
from agent.errors import UsageFault
from agent.project import leaks
from agent.project.candidates import MAX_ALL, find_candidates
from agent.project.look import look_at
from agent.project.prepared import MAX_VALIDATION_BYTES, Unfit, take_over
from agent.project.recipes import MAX_COMMAND, MAX_LINES, recipes_in, shell_lines
from agent.project.scripts import MAX_PATH, paths_of, tree_of
from agent.project.sealing import sealings_in
from agent.project.toml_text import load_toml
from tests.agent.project.test_candidates import repository

LONG = "x" * 100_000


def holes(path: Path, size: int) -> None:
    """Make a file of this length that takes no room on the disk."""
    path.touch()
    os.truncate(path, size)


def prepared(scratch: Path, tokens: int = 4) -> Path:
    """Return the folder of data in `scratch`, with a vocabulary of one token."""
    data = scratch / "data"
    meta = {"dtype": "uint16", "tokens": tokens, "sequence_length": 2}
    for split in ("train", "val"):
        (data / split).mkdir(parents=True)
        (data / split / "meta.json").write_text(json.dumps(meta))
        holes(data / split / "tokens.bin", 2 * tokens)
    (data / "val" / "token_bytes.bin").write_bytes(b"\1\0")
    return data


@pytest.mark.parametrize("count", [1, 4])
def test_validation_data_of_holes_is_not_read(tmp_path: Path, count: int) -> None:
    data = prepared(tmp_path)
    assert take_over(tmp_path, str(data))
    for number in range(count):
        holes(data / "val" / f"more{number}.bin", MAX_VALIDATION_BYTES // count)
    with pytest.raises(Unfit, match="up to 134217728 can be scored"):
        take_over(tmp_path, str(data))


@pytest.mark.parametrize("words", [[b"word " * 10_000_000], []], ids=["a long word", "separators"])
def test_documents_of_validation_data_are_bounded(tmp_path: Path, words: list[bytes]) -> None:
    data = prepared(tmp_path, 1 << 17)
    text = json.dumps({"tokens": [base64.b64encode(word[: 1 << 20]).decode() for word in words]})
    (data / "tokenizer.json").write_text(text)
    documents = leaks._documents(data)
    assert sum(map(len, documents)) <= leaks.MOST_TEXT
    assert len(documents) == len(words)


def test_a_giant_tokenizer_is_not_read(tmp_path: Path) -> None:
    data = prepared(tmp_path)
    holes(data / "tokenizer.json", 1 << 40)
    assert not leaks.needles_of(data).snippets


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028"])
def test_a_ledger_of_empty_lines_is_not_read(end: str) -> None:
    with pytest.raises(UsageFault, match="has more than 100000 lines"):
        read_rows("commit\tval_bpb\tstatus\tdescription\n" + end * 100_001, "results.tsv")


def lines_of(name: str, text: str) -> list[str]:
    lines: list[str] = []
    for recipe in recipes_in((name,), lambda _: text):
        lines += recipe.lines
    return lines


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("justfile", f"A := '{LONG}'\ntrain:\n  python train.py " + "{{A}}" * 300),
        ("Taskfile.yml", f"vars:\n  A: {LONG}\ntasks:\n  train: python t.py " + "{{.A}}" * 300),
        ("dvc.yaml", f"vars:\n- A: {LONG}\nstages:\n  t:\n    cmd: python t.py " + "${A}" * 300),
        ("Makefile", "A = " + "y" * 400 + "\ntrain:\n\tpython train.py " + "$(A)" * 450),
    ],
)
def test_variables_of_a_recipe_do_not_multiply(name: str, text: str) -> None:
    [line] = lines_of(name, text)
    assert line.startswith("python") and len(line) <= 2 * MAX_COMMAND


def test_variables_of_a_script_do_not_multiply() -> None:
    letters = "ABCDEFGHIJ"
    settings = [f"{b}=" + f"${a}" * 200 for a, b in itertools.pairwise(letters)]
    script = "\n".join(["A=" + "x" * 500, *settings, "python train.py $J"])
    assert [len(line) < 2 * MAX_COMMAND for line, _ in shell_lines(script)] == [True]


def test_recipes_that_fit_are_read_beside_one_that_does_not() -> None:
    long = "all:\n" + "\tpython a.py\n" * (MAX_LINES + 1)
    assert lines_of("Makefile", f"{long}train:\n\tpython train.py\n") == ["python train.py"]


def test_a_task_of_tasks_has_an_end() -> None:
    assert lines_of("pixi.toml", "[tasks]\na" + ".cmd" * 60 + " = 'python train.py'") == []
    assert lines_of("pixi.toml", "[tasks]\na.cmd.cmd = 'python a.py'") == ["python a.py"]


@pytest.mark.parametrize("name", ["a." * 100, '"=".a.' * 50, "a . 'b' .\t" * 50, '"\\"#".' * 100])
@pytest.mark.parametrize("line", ["{}a = 1", "[{}a]", "a = {{ {}a = 1 }}"])
def test_a_name_of_many_parts_is_refused(name: str, line: str) -> None:
    text = line.format(name)
    assert tomllib.loads(text)
    with pytest.raises(ValueError, match="more than 64 parts"):
        load_toml(text)


@pytest.mark.parametrize("text", ['"' + '\\"' * 32_000, '"""' + '\n\\"""' * 13_000])
def test_a_text_without_an_end_is_soon_no_toml(text: str) -> None:
    """Where a text is looked for at each of its quotes, this takes minutes."""
    with pytest.raises(ValueError, match="Unterminated string"):
        load_toml(f"a = {text}")


@pytest.mark.parametrize(
    "value",
    [
        "[" + "0.5, " * 200 + "]",
        "'" + "a.b." * 200 + "'",
        '"""' + "a.b.\n" * 200 + '"""',
        "'''" + '".a' * 200 + "'''",
        "1  # " + "a." * 200,
    ],
)
def test_values_with_many_dots_are_none_of_these(value: str) -> None:
    text = f"a.b = {value}\nc.d = 1\n"
    assert load_toml(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    "join", ["v{0} / v{0}", "Path(v{0}, v{0})", "os.path.join(v{0}, v{0})", "f'{{v{0}}}/{{v{0}}}'"]
)
def test_paths_that_are_joined_of_themselves_do_not_double_for_ever(join: str) -> None:
    lines = [f"v{place} = {join.format(place - 1)}" for place in range(1, 20)]
    tree = tree_of("\n".join(["v0 = 'part'", *lines, "open(v0 / 'file')"]))
    assert tree
    paths = list(paths_of(tree))
    assert "part/file" in paths and "part/part" in paths
    assert max(map(len, paths)) <= MAX_PATH


@pytest.mark.parametrize("code", ["a" + ".a" * 500, "f(" + "'a'/" * 500 + "'b')", "-" * 500 + "1"])
def test_a_tree_that_readers_would_fall_from_is_none(code: str) -> None:
    assert tree_of(f"x = {code}") is None
    assert tree_of("x = " + "a." * 50 + "a") is not None


def test_a_script_that_many_commands_run_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: Counter[str] = Counter()

    def counting(text: str):  # type: ignore[no-untyped-def]
        parsed[text] += 1
        return tree_of(text)

    monkeypatch.setattr("agent.project.candidates.tree_of", counting)
    runs = "".join(f"  s.run('python', 'train.py', '--lr', '{lr}')\n" for lr in range(200))
    script = "import torch\nprint('step', 1)\n"
    files = {"train.py": script, "noxfile.py": f"def train(s):\n{runs}"}
    find_candidates(repository(tmp_path, files))
    assert 1 <= parsed[script] <= 3


def test_of_many_large_scripts_the_likeliest_are_read(tmp_path: Path) -> None:
    large = "import torch\nprint('loss:', 1.0)\n#" + "x" * 500_000
    files = {f"other{number}.py": large for number in range(MAX_ALL // len(large) + 5)}
    repository(tmp_path, {**files, "train.py": "print('loss:', 1.0)\n"})
    found = find_candidates(tmp_path)
    assert found.best and found.best.path == "train.py"
    assert 1 < len(found.scripts) <= MAX_ALL // len(large) + 1


LONG_NAMES = ["many words " * 30 + "from data.csv", "y" * 300 + ".csv", "d/" * 3_000 + "a.csv"]
ODD_NAMES = ["nul\0.csv", "two\nlines.csv", "half \ud800.csv", "ü" * 150 + ".csv"]


@pytest.mark.parametrize("name", [*LONG_NAMES, *ODD_NAMES])
def test_what_no_file_can_be_called_is_looked_for_nowhere(tmp_path: Path, name: str) -> None:
    code = f"print('loss:', 1.0)\nopen({name!a})\nopen('data/a.csv')\n"
    files = {"train.py": code, "evaluate.py": code, "data/a.csv": "1\n", ".gitignore": "data\n"}
    look = look_at(repository(tmp_path, files), "train.py")
    assert look.data == ("data",)
    assert [sealing.script for sealing in sealings_in(tmp_path, look)] == ["evaluate.py"]
