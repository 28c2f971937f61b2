"""autoresearch.toml: what it may say, and what each mistake in it is called."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.errors import UsageFault
from agent.project.settings import Settings, read_settings
from agent.project.toml_text import MAX_BYTES
from agent.space import read_space


def written(folder: Path, text: str | bytes) -> Path:
    (folder / "autoresearch.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def test_without_a_file_everything_is_optional(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()
    assert read_settings(written(tmp_path, "")) == Settings()


def test_all_keys(tmp_path: Path) -> None:
    text = """
train = "src/fit.py"
prepare = "src/data.py"
program = "brief.md"
score = "printed"
protected = ["evaluate", "VOCAB"]
memory = "8GiB"
[ranges]
LR = "0.01 .. 1 log"
"""
    settings = read_settings(written(tmp_path, text))
    assert settings.memory == 8 * 2**30
    assert settings.protected == ("evaluate", "VOCAB")
    assert settings.ranges == {"LR": "0.01 .. 1 log"}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 2**33),
        ("500MB", 500 * 10**6),
        ("1.5g", 1_500_000_000),
        ("64 mib", 2**26),
        ("20000000", 20_000_000),
        ("9999k", None),
    ],
)
def test_sizes(tmp_path: Path, text: str, size: int | None) -> None:
    folder = written(tmp_path, f'memory = "{text}"')
    if size is None:
        with pytest.raises(UsageFault, match="memory"):
            read_settings(folder)
    else:
        assert read_settings(folder).memory == size


@pytest.mark.parametrize(
    "value",
    [
        '""',
        '"8"',
        "8",
        "0",
        "-1",
        "true",
        "inf",
        "nan",
        '"lots"',
        '"8 GiB of it"',
        '"1e9"',
        '"-8GiB"',
        "[]",
        '"' + "9" * 5000 + 'GiB"',
        "٨" * 9,
    ],
)
def test_memory_that_is_nonsense(tmp_path: Path, value: str) -> None:
    with pytest.raises(UsageFault) as fault:
        read_settings(written(tmp_path, f"memory = {value}"))
    assert "autoresearch.toml" in fault.value.message
    assert len(fault.value.message) < 7000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('trian = "x"', "Unknown setting 'trian'. Did you mean 'train'?"),
        ("colour = 1", "Choose from: memory, vram"),
        ("train = 3", "train: "),
        ('train = ""', "inside the project"),
        ('train = "/etc/train.py"', "inside the project"),
        ('prepare = "../prepare.py"', "inside the project"),
        ('program = "a/../../b"', "inside the project"),
        ('score = "honest"', "Unknown value 'honest'. Choose from: sealed, evaluated, printed."),
        ('score = "Seeled"', "score: Unknown value 'Seeled'. Did you mean 'sealed'?"),
        ('protected = "LR"', "protected: "),
        ("protected = [1]", "protected.0: "),
        ("[ranges]\nLR = 3", "ranges.LR: "),
        ("ranges = 3", "ranges: "),
        ('train = "a"\ntrain = "b"', "autoresearch.toml"),
        ("train = ", "autoresearch.toml"),
        ("a = " + "[" * 20_000, "autoresearch.toml"),
        ("x = 1\0", "autoresearch.toml"),
        ("notify = 3", "notify: who is told of a run is the user's to say"),
        ('command = ""', "command: it has no words"),
        ('checks = ["pytest -q", ""]', "'' is no command in one line"),
        ('checks = ["a\\nb"]', "'a\\nb' is no command in one line"),
        (f"files = {['a.py'] * 101}", "more than 100 globs"),
        ('files = ["a.py", "../a"]', "'../a': "),
        ('read_only = [""]', "'' is not a path"),
        ('read_only = ["a\\u0000b"]', "is not a path"),
        (f"read_only = ['{'a' * 256}']", "is not a path"),
        (f"read_only = ['{'a/' * 2001}']", "is not a path"),
        ('read_only = ["~nobody-of-this-name/a"]', "this machine has no such user"),
        (b"train = '\xff'", "utf-8"),
        (b"\xff\xfet\0", "utf-8"),
        ("#" * (10 * 2**20), "longer than"),
        ("# x\n" * (MAX_BYTES // 4 + 1), "longer than"),
    ],
    ids=range(32),
)
def test_a_mistake_is_named_with_the_file_to_open(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UsageFault) as fault:
        read_settings(written(tmp_path, text))
    assert message in fault.value.message
    of_the_user = f"$EDITOR {tmp_path / 'autoresearch.toml'}"
    command = "autoresearch notify" if "notify" in message else of_the_user
    assert fault.value.next_command == command


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('guards = "loss <= 3"', 'guards: must be a list: write ["loss <= 3"]'),
        ('checks = "pytest -q"', 'must be a list: write ["pytest -q"]'),
        ('read_only = "data"', 'must be a list: write ["data"]'),
        ('command = ["python", "fit.py"]', 'must be one text: write "python fit.py"'),
        ("[ranges]\nLR = [0.001, 0.1]", 'must be a text: write "0.001 .. 0.1"'),
        ("budget = 300", 'budget: 300 has no unit: write "300s" or "300steps"'),
        ("limit = 2", 'limit: 2 has no unit: write "2s"'),
        ("budget = true", 'budget: must be a text with a unit, such as "300s"'),
    ],
)
def test_a_value_of_another_type_is_named_with_what_to_write(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageFault) as fault:
        read_settings(written(tmp_path, text))
    assert message in fault.value.message


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, b'\xef\xbb\xbfscore = "sealed"\r\n')).score == "sealed"


def test_a_folder_or_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "autoresearch.toml").mkdir()
    with pytest.raises(UsageFault, match="directory"):
        read_settings(tmp_path)
    (tmp_path / "autoresearch.toml").rmdir()
    (tmp_path / "autoresearch.toml").symlink_to("/etc/hostname")
    with pytest.raises(UsageFault, match="a symbolic link"):
        read_settings(tmp_path)


def test_read_only_paths_are_where_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    folder = written(tmp_path, 'read_only = ["data", "~/cache", "/srv/x", "../beside"]')
    (tmp_path / "data").symlink_to("/nonexistent")
    expected = (str(tmp_path / "data"), "/home/me/cache", "/srv/x", str(tmp_path.parent / "beside"))
    assert read_settings(folder).read_only == expected


@pytest.mark.parametrize(
    "text", ["", "0.1", "1 .. ", "a .. b", "1 .. 0", "nan .. 1", "0 .. 1 log", "1 .. inf"]
)
def test_a_range_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    settings = read_settings(written(tmp_path, f'[ranges]\nLR = "{text}"'))
    with pytest.raises(UsageFault, match="LR"):
        read_space("LR = 0.1\n", settings.ranges)


@pytest.mark.parametrize("place", ["../data.py", "/data.py", "data.csv", "data.py:", "a.py:1x", ""])
def test_a_place_that_keeps_its_seeds_is_a_file_or_a_function_in_it(place: str) -> None:
    assert Settings(keep_seeds=("data.py", "a b/fit.py:make_data")).keep_seeds
    with pytest.raises(ValidationError):
        Settings(keep_seeds=(place,))
    with pytest.raises(ValidationError, match="no seeding call is shifted"):
        Settings(keep_seeds=("data.py",), seed_argument="--seed")


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("python a.py --lr 0.1 --wide=3 -k 2", {"--lr", "--wide"}),
        ("python a.py optim.lr=0.1 +new=2 ++more=3", {"optim.lr", "new", "more"}),
        ("env LR=0.1 python a.py", {"LR"}),
        ("sh -c 'make && python a.py --lr 0.1'", {"--lr"}),
        ('sh -c "python a.py --lr 0.1 && echo \'"', set()),
        ("python a.py conf/a.yaml", set()),
        ('python a.py "--note=it\'s"', {"--note"}),
    ],
)
def test_what_the_command_gives_is_not_searched(command: str, names: set[str]) -> None:
    assert Settings(command=command).stated_ranges == dict.fromkeys(names, "fixed")
    stated = Settings(command=command, ranges=dict.fromkeys(names, "0 .. 1"))
    assert set(stated.stated_ranges.values()) <= {"0 .. 1"}


def test_what_is_protected_is_not_searched_whatever_its_range() -> None:
    stated = Settings(ranges={"LR": "0.1 .. 1", "WD": "0 .. 1"}, protected=("LR",)).stated_ranges
    assert stated == {"LR": "fixed", "WD": "0 .. 1"}


def test_a_default_that_the_command_overrides_is_no_dimension() -> None:
    text = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', default=0.1)\n"
    assert read_space(text).names == ("--lr",)
    given = Settings(command="python train.py --lr 0.2").stated_ranges
    assert not read_space(text, given).parameters
