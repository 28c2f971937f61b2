"""What a training finds around it, through the real sandbox: a copy to write, data, commands."""

import hashlib
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from agent.git.stand_in import File, write_stand_in
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import MIB, Limits
from sandbox.score.measure import Job, Measured, Unscored, measure
from sandbox.score.programs import outside
from sandbox.score.room import NoProgram, argv_of, place_data
from tests.sandbox.as_user import place_of, whoever
from tests.sandbox.every_tier import ISOLATING, Place, folders, why_not

PRINTS = "print('---'); print('val_bpb: 0.5')\n"
WRITES = {
    "a folder": "import os; os.makedirs('out', exist_ok=True)",
    "a model": "open('model.pt', 'wb').write(b'x')",
    "a log": "import logging; logging.basicConfig(filename='train.log'); logging.warning('x')",
    "a picture": "import pathlib; pathlib.Path('plots').mkdir(); open('plots/loss.png', 'w')",
    "a database": "import sqlite3; sqlite3.connect('a.db').execute('create table t (a)')",
    "over its own source": "open(__file__, 'a').write('# more')",
    "a moved file": "import os; os.rename('train.py', 'old.py')",
    "a package of its own": "import os; os.mkdir('new'); open('new/__init__.py', 'w'); import new",
}


def job_of(place: Place, files: dict[str, str], **changes: Any) -> Job:
    """Return the measurement of a project's copy, as a trial of it would be measured."""
    shutil.rmtree(place.scratch)
    copy = place.scratch / "workspace"
    copy.mkdir(parents=True)
    for name, text in files.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text)
    given = place.given()
    return Job(
        folder=str(copy),
        scratch=str(place.scratch),
        log=str(place.home / "log"),
        data=None,
        budget=Budget(amount=5, unit="s"),
        seed=0,
        score="printed",
        python=given["python"],
        read_only=(*given.get("read_only", ()), *changes.pop("read_only", ())),
        **{"limits": Limits(wall_seconds=60, disk_bytes=16 * MIB), **changes},
    )


def measured(place: Place, files: dict[str, str], **changes: Any) -> Measured | Unscored:
    result = measure(job_of(place, files, **changes), place.runner, threading.Event())
    assert isinstance(result, Measured | Unscored)
    return result


def test_a_training_may_write_beside_itself(walled: Place) -> None:
    everything = "\n".join(WRITES.values())
    result = measured(walled, {"train.py": f"{everything}\n{PRINTS}"})
    assert isinstance(result, Measured), result


def test_a_large_project_is_not_counted_and_what_is_written_into_it_is(best: Place) -> None:
    files = {"train.py": PRINTS, "large": "x" * (24 * MIB)}
    assert isinstance(measured(best, files), Measured)
    files["train.py"] = "open('new', 'wb').write(bytes(14 << 20))\n" + PRINTS
    assert isinstance(measured(best, files), Measured)
    files["train.py"] = (
        "for i in range(4): open(f'{i}', 'wb').write(bytes(6 << 20))\nimport time; time.sleep(9)\n"
    )
    result = measured(best, files)
    assert isinstance(result, Unscored)
    assert "killed at its disk limit" in result.detail


def test_a_script_in_a_subfolder_runs_in_the_projects_folder(best: Place) -> None:
    files = {
        "scripts/train.py": (
            "import sys, pathlib\n"
            "import beside\n"
            "sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\n"
            f"import mypkg\nassert open('conf.txt').read() == 'x'\n{PRINTS}"
        ),
        "scripts/beside.py": "",
        "mypkg/__init__.py": "",
        "conf.txt": "x",
    }
    result = measured(best, files, train="scripts/train.py")
    assert isinstance(result, Measured), result


def test_ignored_data_lies_at_its_place(walled: Place) -> None:
    checkout = walled.home / "checkout"
    for name in ("data/raw/x", "data/y", "cache/z"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(name)
    outside = walled.home / "outside"
    outside.mkdir()
    source = f"""
for name in ("data/raw/x", "data/y", "cache/z", "data/tracked"):
    assert open(name).read() == name
try:
    open("cache/z", "w")
except OSError:
    {PRINTS}
"""
    result = measured(
        walled,
        {"train.py": source, "data/tracked": "data/tracked"},
        checkout=str(checkout),
        read_only=(f"{checkout}/data", f"{checkout}/cache", str(outside)),
    )
    assert isinstance(result, Measured), result


def test_a_command_gets_its_arguments_without_a_shell(best: Place) -> None:
    source = f"import sys; assert sys.argv[1:] == ['--lr', '$HOME', 'a b;c'], sys.argv\n{PRINTS}"
    command = ("python", "fit.py", "--lr", "$HOME", "a b;c")
    assert isinstance(measured(best, {"fit.py": source}, command=command), Measured)
    result = measured(best, {}, command=("make_it",))
    assert isinstance(result, Unscored)
    assert "no program 'make_it'" in result.detail


def test_named_variables_are_handed_on(best: Place) -> None:
    source = f"import os; assert os.environ['DATA_DIR'] == '/data'\n{PRINTS}"
    result = measured(best, {"train.py": source}, environment={"DATA_DIR": "/data"})
    assert isinstance(result, Measured), result


def test_what_is_installed_as_editable_comes_from_the_copy(best: Place) -> None:
    files = {"train.py": f"import mypkg\nassert mypkg.X == 7\n{PRINTS}", "src/mypkg.py": "X = 7"}
    assert isinstance(measured(best, files, import_from=("src",)), Measured)


def test_a_user_has_a_name_in_a_root_of_its_own(walled: Place) -> None:
    if walled.tier == "C":
        pytest.skip("tier C has no root of its own, and says so")
    source = (
        "import getpass, os, pathlib, pwd\n"
        "entry = pwd.getpwuid(os.getuid())\n"
        "assert (entry.pw_name, entry.pw_dir) == (getpass.getuser(), str(pathlib.Path.home()))\n"
        f"assert os.path.expanduser('~trial') == entry.pw_dir\n{PRINTS}"
    )
    result = measured(walled, {"train.py": source})
    assert isinstance(result, Measured), result


def whole_room(tier: str) -> str:
    """Return what went wrong for a training that meets everything at once; "" if nothing did."""
    source = (
        "import getpass, os, pwd, socket, subprocess, sqlite3\n"
        "os.mkdir('new')\n"
        "sqlite3.connect('a.db').execute('create table t (a)')\n"
        "assert open('data/x').read() == 'x'\n"
        "assert subprocess.check_output(['git', 'status', '--porcelain', 'train.py']) == b''\n"
    )
    if tier != "C":
        source += (
            "assert pwd.getpwuid(os.getuid()).pw_name == getpass.getuser()\n"
            "with socket.create_server(('localhost', 0)) as server:\n"
            "    socket.create_connection(server.getsockname()).close()\n"
        )
    with folders() as home:
        place = place_of(tier, home)
        checkout = home / "checkout"
        (checkout / "data").mkdir(parents=True)
        (checkout / "data/x").write_text("x")
        job = job_of(
            place,
            {"train.py": f"{source}{PRINTS}"},
            checkout=str(checkout),
            read_only=(f"{checkout}/data",),
        )
        blob = hash_of(f"{source}{PRINTS}".encode())
        write_stand_in(Path(job.folder), [File("train.py", "100644", blob)], "the files")
        result = measure(job, place.runner, threading.Event())
    return "" if isinstance(result, Measured) else str(result)


def hash_of(text: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(text) + text).hexdigest()


@pytest.mark.parametrize("who", ["as is", "nobody"])
@pytest.mark.parametrize("tier", ISOLATING)
def test_the_whole_room_is_there_for_root_and_for_a_plain_user(tier: str, who: str) -> None:
    if reason := why_not(tier):
        pytest.skip(reason)
    assert whoever(who, whole_room, tier) == ""


GLOO = """
import os
import torch.distributed as distributed
os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
os.environ.setdefault("MASTER_PORT", "29511")
given = {} if "LOCAL_RANK" in os.environ else {"rank": 0, "world_size": 1}
distributed.init_process_group("gloo", **given)
import torch
total = torch.ones(1)
distributed.all_reduce(total)
if distributed.get_rank() == 0:
    print("---")
    print("val_bpb:", float(total))
distributed.destroy_process_group()
"""
LAUNCHED = ("python", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2")


@pytest.mark.slow
@pytest.mark.parametrize(("words", "total"), [(("python",), 1.0), (LAUNCHED, 2.0)])
def test_processes_of_a_training_talk_by_loopback(
    walled: Place, words: tuple[str, ...], total: float
) -> None:
    limits = Limits(wall_seconds=30 if walled.tier == "C" else 120)
    result = measured(walled, {"train.py": GLOO}, command=(*words, "train.py"), limits=limits)
    if walled.tier == "C":
        assert isinstance(result, Unscored)
        assert "no network, loopback included" in result.detail
    else:
        assert isinstance(result, Measured), result
        assert result.value == total


def test_the_words_of_a_command_become_programs(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    with pytest.raises(NoProgram, match=r"not executable: chmod \+x \./run\.sh"):
        argv_of(["./run.sh"], "/p/bin/python", str(tmp_path), None, "/bin")
    (tmp_path / "run.sh").chmod(0o755)
    program, *arguments = argv_of(["./run.sh", "x"], "/p/bin/python", str(tmp_path), None, "/bin")
    assert (program, arguments) == (str(tmp_path / "run.sh"), ["x"])
    for name in ("python", "python3"):
        words = argv_of([name, "a.py"], "/p/bin/python", "/x", None, "/bin")
        assert words == ("/p/bin/python", "a.py")
    assert argv_of(["sh"], "/p/bin/python", "/x", None, "/bin") == ("/bin/sh",)


def test_a_tool_of_the_users_is_found_where_a_training_may_read_it(
    best: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = best.home / "tools/bin/our-tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\necho ---\necho val_bpb: 0.25\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    missing = measured(best, {"train.py": ""}, command=("our-tool",))
    assert isinstance(missing, Unscored)
    assert f'yours is {tool}: read_only = ["{best.home}/tools"] in autoresearch' in missing.detail
    for command in (("our-tool",), ("sh", "-c", "our-tool")):
        shown = (str(best.home / "tools"),)
        result = measured(best, {"train.py": ""}, command=command, read_only=shown)
        assert isinstance(result, Measured), result
        assert result.value == 0.25


def test_the_toolchain_of_a_home_is_named_by_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in (".cargo/bin", ".cargo/registry", ".rustup", ".local/bin", "go1.24/bin"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (".cargo/bin/cargo", ".local/bin/tool", "go1.24/bin/go"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", ":".join(str(path) for path in tmp_path.glob("*/bin")))
    named = {name: outside(name).partition("read_only = ")[2] for name in ("cargo", "tool", "go")}
    assert named == {
        # Not ~/.cargo itself, where the token of the registry lies.
        "cargo": '["~/.cargo/bin", "~/.cargo/registry", "~/.rustup"] in autoresearch.toml shows it',
        "tool": '["~/.local/bin"] in autoresearch.toml shows it',
        "go": '["~/go1.24"] in autoresearch.toml shows it',
    }
    assert outside("no-such-tool") == ""


def test_a_path_into_the_projects_environment_means_the_one_of_the_checkout(tmp_path: Path) -> None:
    programs = tmp_path / ".venv/bin"
    programs.mkdir(parents=True)
    for name in ("python", "torchrun"):
        (programs / name).write_text("")
        (programs / name).chmod(0o755)
    python = str(programs / "python")
    for name in ("python", "torchrun"):
        words = argv_of([f".venv/bin/{name}", "a.py"], python, "/copy", str(tmp_path), "/bin")
        assert words == (str(programs / name), "a.py")


def test_the_contents_of_a_pointer_of_git_lfs_are_linked_over_it(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    contents = {"data/pulled.csv": "1,2\n", "data/not_pulled.csv": pointer, "data/plain": "new"}
    checkout = tmp_path / "checkout"
    copy = tmp_path / "copy"
    for name, text in contents.items():
        for folder, own in ((checkout, text), (copy, "old" if "plain" in name else pointer)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(own)
    place_data(copy, checkout, [str(checkout / "data")])
    assert (copy / "data/pulled.csv").read_text() == "1,2\n"
    assert not (copy / "data/not_pulled.csv").is_symlink()
    assert (copy / "data/plain").read_text() == "old"


def test_data_is_linked_into_a_copy_and_never_over_it(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    copy = tmp_path / "copy"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/x").write_text("of the checkout")
    (checkout / "data/new").write_text("")
    (copy / "data").mkdir(parents=True)
    (copy / "data/x").write_text("of the trial")
    place_data(copy, checkout, (f"{checkout}/data", f"{checkout}/gone", "/elsewhere"))
    assert (copy / "data/x").read_text() == "of the trial"
    assert (copy / "data/new").is_symlink()
    assert sorted(path.name for path in copy.iterdir()) == ["data"]
