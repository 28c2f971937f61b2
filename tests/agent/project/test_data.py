"""prepare.py runs in a real sandbox, what it makes is checked, and its failures are told apart."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.git.cache import data_root
from agent.project.data import NetworkWanted, Prepared, file_source, prepare_data, stage_of
from agent.records.stage import Stage
from sandbox.ground.outcome import Runner
from sandbox.tiers.choose import choose_runner

MAKE = """
import hashlib, json, os, struct, sys
from pathlib import Path

root = Path(os.environ["AUTORESEARCH_CACHE"])
data = root / "made"
for split in ("train", "val"):
    (data / split).mkdir(parents=True, exist_ok=True)
    if not (data / split / "tokens.bin").exists():
        (data / split / "tokens.bin").write_bytes(struct.pack("<64H", *range(64)))
        meta = {"dtype": "uint16", "tokens": 64, "sequence_length": 8}
        (data / split / "meta.json").write_text(json.dumps(meta))
if not (data / "val" / "token_bytes.bin").exists():
    (data / "val" / "token_bytes.bin").write_bytes(struct.pack("<64H", *[1] * 64))
(root / "runs").open("a").write("ran\\n")
"""
SAY = 'print("working")\nprint(json.dumps({"data": str(data), "fingerprint": "f"}))\n'


@pytest.fixture(scope="module")
def runner() -> Runner:
    return choose_runner(imports=()).runner


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def script(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "prepare.py"
    path.write_text(text)
    return path


def made(path: Path, runner: Runner, **more: object) -> Prepared:
    with prepare_data(file_source(path), runner, **more) as data:  # type: ignore[arg-type]
        return data


def runs(data: Prepared) -> int:
    return len((Path(data.data).parent / "runs").read_text().splitlines())


def test_the_last_line_says_where_the_data_is(tmp_path: Path, cache: Path, runner: Runner) -> None:
    path = script(tmp_path, MAKE + SAY)
    data = made(path, runner)
    name = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert data == Prepared(data=str(cache / name / "made"), fingerprint="f")
    tokens = Path(data.data) / "val" / "tokens.bin"
    assert tokens.stat().st_uid == os.geteuid() and tokens.stat().st_mode & 0o777 == 0o444, (
        "the harness's own, read-only"
    )


def test_the_same_data_under_another_fingerprint_is_noted_anew(
    tmp_path: Path, runner: Runner
) -> None:
    count = '(root / "runs").read_text().count("ran")'
    say = f'print(json.dumps({{"data": str(data), "fingerprint": str({count})}}))\n'
    path = script(tmp_path, MAKE + say)
    assert made(path, runner).fingerprint == "1"
    assert made(path, runner, wanted="another").fingerprint == "2"


def test_two_at_once_make_it_once(tmp_path: Path, runner: Runner) -> None:
    path = script(tmp_path, MAKE + "import time\ntime.sleep(1)\n" + SAY)
    found: list[Prepared] = []

    def start() -> None:
        with prepare_data(file_source(path), runner) as data:
            found.append(data)
            time.sleep(1.5)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] and runs(found[0]) == 1


def test_whoever_waits_for_anothers_data_is_told_so(tmp_path: Path, runner: Runner) -> None:
    path = script(tmp_path, MAKE + SAY)
    reasons: list[str] = []
    with prepare_data(file_source(path), runner, tell=reasons.append):
        assert reasons == []
        with prepare_data(file_source(path), runner, tell=reasons.append):
            assert reasons == ["another autoresearch is preparing the same data, or using it"]


@pytest.mark.parametrize(
    ("printed", "stage"),
    [
        ("", None),
        ("downloading http://x/y.txt\n", Stage("downloading http://x/y.txt")),
        ("a line\nprogress 25/100 of 5 MB, y.txt\n", Stage("of 5 MB, y.txt", 0.25)),
        ("progress 200/100 more than all\n", Stage("more than all", 1.0)),
        ("progress 5/0 of nothing\n", Stage("of nothing")),
        ("progress 99999999999999999999/1 x\n", Stage("progress 99999999999999999999/1 x")),
    ],
)
def test_the_last_line_of_the_log_says_how_far_it_has_come(
    tmp_path: Path, cache: Path, printed: str, stage: Stage | None
) -> None:
    source = file_source(script(tmp_path, MAKE + SAY))
    log = cache / f"{source.sha256[:16]}.log"
    log.parent.mkdir(parents=True)
    log.write_text(printed)
    assert stage_of(source) == stage


def test_a_second_name_that_a_training_was_given_is_no_obstacle(
    tmp_path: Path, runner: Runner
) -> None:
    """A training that still runs, or one that was killed, has hard links to the files."""
    path = script(tmp_path, MAKE + SAY)
    data = made(path, runner)
    (tmp_path / "tokens.bin").hardlink_to(Path(data.data) / "train" / "tokens.bin")
    assert made(path, runner, wanted="f") == data
    assert made(path, runner) == data
    with prepare_data(file_source(path), runner), prepare_data(file_source(path), runner) as beside:
        assert beside == data


HOSTILE = """
import json, os, socket, sys
home, agent, outside = {home!r}, {agent!r}, {outside!r}
found = {{}}

def attempt(name, what):
    try:
        found[name] = str(what())
    except Exception as error:
        found[name] = "refused"

def connect():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(agent)
    return "connected"

def dial():
    with socket.create_connection(("127.0.0.1", {port}), 2):
        return "connected"

attempt("key", lambda: os.environ["ANTHROPIC_API_KEY"])
attempt("agent variable", lambda: os.environ["SSH_AUTH_SOCK"])
attempt("home", lambda: open(home + "/.ssh/id_rsa").read())
attempt("agent", connect)
attempt("network", dial)
attempt("outside", lambda: open(outside, "w").write("mine"))
here = os.path.dirname(os.path.abspath(__file__))
attempt("beside", lambda: open(os.path.join(here, "x.py"), "w").write("1"))
attempt("parents", lambda: [open(f"/proc/{{pid}}/environ").read() for pid in os.listdir("/proc")
                            if pid.isdigit()
                            and "sk-secret" in open(f"/proc/{{pid}}/environ").read()][0])
attempt("path", lambda: [p for p in sys.path if p == "" or p == os.getcwd()][0])
open(os.path.join(os.environ["AUTORESEARCH_CACHE"], "found.json"), "w").write(json.dumps(found))
"""


def test_a_hostile_one_finds_nothing(
    tmp_path: Path, cache: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("the key")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    with socket.socket(socket.AF_UNIX) as agent, socket.create_server(("127.0.0.1", 0)) as server:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        text = HOSTILE.format(
            home=str(home),
            agent=str(tmp_path / "agent"),
            outside=str(tmp_path / "outside"),
            port=server.getsockname()[1],
        )
        data = made(script(tmp_path, text + MAKE + SAY), runner)
    found = json.loads((Path(data.data).parent / "found.json").read_text())
    assert set(found.values()) == {"refused"} and len(found) == 9, found
    assert not (tmp_path / "outside").exists()


LEAVES = {
    "a link to a folder outside": """
import shutil; shutil.rmtree(data / "train"); os.symlink("/etc", data / "train")""",
    "a link as tokens": """
(data / "val" / "tokens.bin").unlink(); os.symlink("/etc/passwd", data / "val" / "tokens.bin")""",
    "a link deeper down": """
(data / "train" / "more").mkdir(); os.symlink("/etc/passwd", data / "train" / "more" / "x")""",
    "the folder itself as a link": 'os.rename(data, root / "other"); os.symlink("/etc", data)',
    "a pipe": 'os.mkfifo(data / "train" / "pipe")',
    "a second name": 'os.link(data / "val" / "tokens.bin", root / "again")',
    "sizes that do not fit": '(data / "val" / "tokens.bin").write_bytes(b"123")',
    "a huge claim": """
claim = {"dtype": "uint16", "tokens": 2**70, "sequence_length": 8}
(data / "val" / "meta.json").write_text(json.dumps(claim))""",
    "no JSON": '(data / "train" / "meta.json").write_text("[" * 60000)',
    "a large meta": '(data / "val" / "meta.json").write_text(" " * 10**6 + "{}")',
    "a strange type": """
claim = {"dtype": ["x"], "tokens": 64, "sequence_length": 8}
(data / "val" / "meta.json").write_text(json.dumps(claim))""",
    "elsewhere": 'data = Path("/etc")',
    "above": 'data = root / ".."',
    "beside": 'data = Path(str(root) + "x")',
    "a relative place": 'data = "made"',
    "a strange name": 'data = str(root) + "/a\\0b"',
}


@pytest.mark.parametrize("what", LEAVES)
def test_data_that_leads_elsewhere_is_not_used(tmp_path: Path, runner: Runner, what: str) -> None:
    with pytest.raises(ProjectFault, match="made data that cannot be used"):
        made(script(tmp_path, MAKE + LEAVES[what] + "\n" + SAY), runner)
    with pytest.raises(ProjectFault):
        made(script(tmp_path, MAKE + LEAVES[what] + "\n" + SAY), runner, wanted="f")


@pytest.mark.parametrize(
    "text",
    [
        "raise SystemExit(3)",
        "",
        "print('no json')",
        "print('{}')",
        "print('[1]')",
        "print('[' * 9999)",
    ],
)
def test_anything_else_is_a_fault_with_the_command_to_type(
    tmp_path: Path, runner: Runner, text: str
) -> None:
    with pytest.raises(ProjectFault) as fault:
        made(script(tmp_path, text), runner)
    assert "prepare.py" in str(fault.value.next_command)
    assert not isinstance(fault.value, NetworkWanted)


FETCH = "import urllib.request\nurllib.request.urlopen('http://example.org/corpus', timeout=5)\n"
NEEDS = """import json
print(json.dumps({"needs": "network", "from": ["https://example.org/x", 7]}))
raise SystemExit(1)
"""


@pytest.mark.parametrize(("text", "sources"), [(FETCH, ()), (NEEDS, ("https://example.org/x",))])
def test_a_want_of_network_is_told_apart(
    tmp_path: Path, runner: Runner, text: str, sources: tuple[str, ...]
) -> None:
    path = script(tmp_path, text)
    with pytest.raises(NetworkWanted) as want:
        made(path, runner)
    assert want.value.sources == sources and want.value.last_line
    assert want.value.message.endswith(f"prepare.py needs the network: {want.value.last_line}")
    assert str(want.value.next_command).startswith("less /")
    assert want.value.code.files == 1 and want.value.code.places == ()


def test_consent_covers_an_environment_and_folders_of_the_repository(
    tmp_path: Path, runner: Runner
) -> None:
    repository = tmp_path / "r"
    own = repository / ".venv"
    (own / "bin").mkdir(parents=True)
    (own / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (own / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    library = own / "lib" / f"python3.{sys.version_info.minor}"
    for folder in (library, repository / "more", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    source = replace(file_source(script(tmp_path, NEEDS)), repository=repository)
    shown = (str(repository / "more"), str(tmp_path / "elsewhere"))
    with (
        pytest.raises(NetworkWanted) as want,
        prepare_data(source, runner, read_only=shown, python=str(own / "bin" / "python")),
    ):
        pass
    assert set(want.value.code.places) >= {str(repository / "more"), str(own / "lib")}
    assert str(tmp_path / "elsewhere") not in want.value.code.places


def test_with_consent_this_very_code_reaches_the_network(tmp_path: Path, runner: Runner) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"('127.0.0.1', {server.getsockname()[1]})"
        dial = f"import socket\nsocket.create_connection({address}, 5).close()\n"
        needs = NEEDS.replace("\n", "\n    ")
        asks = f"import os\nif os.environ['AUTORESEARCH_NETWORK'] == '0':\n    {needs}\n"
        path = script(tmp_path, asks + dial + MAKE + SAY)
        with pytest.raises(NetworkWanted) as want:
            made(path, runner)
        assert made(path, runner, agreed=want.value.code).fingerprint == "f"
        path.write_text(path.read_text() + "# another\n")
        with pytest.raises(ProjectFault, match="can run changed"):
            made(path, runner, agreed=want.value.code)


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, cache: Path, runner: Runner
) -> None:
    cache.write_text("a file")
    with pytest.raises(ProjectFault, match="Cannot keep the data") as fault:
        made(script(tmp_path, MAKE + SAY), runner)
    assert "AUTORESEARCH_CACHE" in str(fault.value.next_command)


def test_the_bundled_one_says_that_it_needs_the_network(tmp_path: Path, runner: Runner) -> None:
    workspace = Path(__file__).parents[3] / "workspace"
    text = (workspace / "prepare.py").read_text()
    (tmp_path / "corpora.py").write_text((workspace / "corpora.py").read_text())
    start = text.index("CORPUS = ")
    text = text[:start] + 'CORPUS = "tinystories"' + text[text.index("\n", start) :]
    with pytest.raises(NetworkWanted) as want:
        made(script(tmp_path, text), runner)
    assert want.value.sources[0].startswith("https://huggingface.co/")


def test_the_folder_is_where_the_environment_says(cache: Path) -> None:
    code = "from agent.git.cache import data_root; print(data_root())"
    environment = {**os.environ, "AUTORESEARCH_CACHE": str(cache)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(cache.resolve()) == str(data_root())


def test_what_prepare_imports_beside_it_counts_as_its_own_text(tmp_path: Path) -> None:
    alone = script(tmp_path, "import corpora\n")
    before = file_source(alone).sha256
    (tmp_path / "corpora.py").write_text("A = 1\n")
    first = file_source(alone).sha256
    (tmp_path / "corpora.py").write_text("A = 2\n")
    assert len({before, first, file_source(alone).sha256}) == 3
