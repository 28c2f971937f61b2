"""What a prepare.py is run with, and what is made of its answer; a scripted run in its place."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.evaluate.machine import total_memory
from agent.project.data import NetworkWanted, Prepared, file_source, prepare_data
from agent.project.template import shipped_corpus
from sandbox.ground.outcome import (
    Cancelled,
    Crashed,
    Finished,
    LimitExceeded,
    Outcome,
    OutOfMemory,
    RunSpec,
    TimedOut,
    Usage,
)
from sandbox.tiers.scripted import ScriptedRunner

USAGE = Usage(seconds=1.0, peak_memory_bytes=1)
DONE = Finished(usage=USAGE)
WANTS = Crashed(usage=USAGE, exit_code=1), 'say\n{"needs": "network"}'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def prepare(tmp_path: Path) -> Path:
    """A prepare.py with what it imports beside it."""
    (tmp_path / "prepare.py").write_text("import corpora\n")
    (tmp_path / "corpora.py").write_text("A = 1\n")
    return tmp_path / "prepare.py"


def make(folder: Path) -> None:
    """Make data as a prepare.py does."""
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True, exist_ok=True)
        if not (folder / split / "tokens.bin").exists():
            (folder / split / "tokens.bin").write_bytes(bytes(range(128)))
            meta = {"dtype": "uint16", "tokens": 64, "sequence_length": 8}
            (folder / split / "meta.json").write_text(json.dumps(meta))
            (folder / split / "token_bytes.bin").write_bytes(bytes(128))


def answer(folder: Path, **changes: object) -> str:
    return f"done\n{json.dumps({'data': str(folder), 'fingerprint': 'f', **changes})}\n"


class Plays:
    """Makes data and answers; keeps what it was run with."""

    def __init__(self, name: str = "made") -> None:
        self.name = name
        self.specs: list[RunSpec] = []

    def __call__(self, spec: RunSpec) -> tuple[Outcome, str]:
        """Play one run."""
        self.specs.append(spec)
        assert not Path(spec.log).exists(), "what it says is of another time"
        make(Path(spec.scratch) / self.name)
        return DONE, answer(Path(spec.scratch) / self.name)


def made(path: Path, script: Callable[[RunSpec], tuple[Outcome, str]], **more: object) -> Prepared:
    with prepare_data(file_source(path), ScriptedRunner(script), **more) as data:  # type: ignore[arg-type]
        return data


def test_it_runs_alone_without_a_network_and_with_the_corpus(prepare: Path) -> None:
    seen: list[str] = []

    class Looks(Plays):
        def __call__(self, spec: RunSpec) -> tuple[Outcome, str]:
            seen.extend(sorted(path.name for path in Path(spec.folder).iterdir()))
            seen.append(Path(spec.argv[-1]).read_text())
            return super().__call__(spec)

    script = Looks()
    made(prepare, script, read_only=("/srv/a",))
    [spec] = script.specs
    corpus = str(shipped_corpus())
    assert spec.environment == {
        "AUTORESEARCH_CACHE": spec.scratch,
        "AUTORESEARCH_NETWORK": "0",
        "HF_HUB_OFFLINE": "1",
        "AUTORESEARCH_CORPUS": corpus,
    }
    assert (spec.argv[:3], spec.network) == ((sys.executable, "-I", "-u"), False)
    assert spec.read_only == ("/srv/a", corpus)
    assert 0 < (spec.limits.memory_bytes or 0) < total_memory()
    assert seen == ["corpora.py", "prepare.py", "import corpora\n"]
    assert not Path(spec.folder).exists(), "its copy of the project is removed"


def test_with_consent_it_gets_the_network_and_the_proxies(
    prepare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{kind}_proxy" for kind in ("http", "https", "no")]
    for name in (*names, *map(str.upper, names)):
        monkeypatch.setenv(name, f"proxy of {name}")
    with pytest.raises(NetworkWanted) as want:
        made(prepare, lambda _: WANTS)
    script = Plays()
    made(prepare, script, agreed=want.value.code)
    environment = script.specs[0].environment
    assert script.specs[0].network
    assert (environment["AUTORESEARCH_NETWORK"], environment["HF_HUB_OFFLINE"]) == ("1", "0")
    assert {name for name in environment if environment[name] == f"proxy of {name}"} == {
        *names,
        *map(str.upper, names),
    }
    with pytest.raises(ProjectFault, match="failed with exit code 1") as fault:
        made(prepare, lambda _: WANTS, agreed=want.value.code)
    assert not isinstance(fault.value, NetworkWanted), "it has the network"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Crashed(usage=USAGE, exit_code=3), "failed with exit code 3"),
        (Crashed(usage=USAGE, signal=9), "was ended by signal 9"),
        (TimedOut(usage=USAGE), "took longer than 12 hours"),
        (OutOfMemory(usage=USAGE, evidence="e"), "needs more than 80% of the memory"),
        (LimitExceeded(usage=USAGE, limit="disk"), "wrote or printed more than it may"),
        (Cancelled(usage=USAGE), "was stopped"),
    ],
)
def test_how_it_failed_is_said_with_the_end_of_its_log(
    prepare: Path, outcome: Outcome, words: str
) -> None:
    with pytest.raises(ProjectFault) as fault:
        made(prepare, lambda _: (outcome, "the first line\nthe last line\n"))
    assert fault.value.message.endswith(f"prepare.py {words}\nthe first line\nthe last line")
    with pytest.raises(ProjectFault) as fault:
        made(prepare, lambda _: (outcome, ""))
    assert fault.value.message.endswith(words)
    assert str(fault.value.next_command).startswith(f"$EDITOR {prepare}   # its log: /")


@pytest.mark.parametrize("changes", [{"data": 3}, {"data": ""}, {"fingerprint": 3}])
def test_an_answer_names_a_folder_and_a_hash(prepare: Path, changes: dict[str, object]) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        return DONE, answer(Path(spec.scratch) / "made", **changes)

    with pytest.raises(ProjectFault, match="must print as its last line JSON"):
        made(prepare, script)


def test_what_a_killed_start_left_is_removed(prepare: Path) -> None:
    script = Plays()
    made(prepare, script)
    scratch = Path(script.specs[0].scratch)
    copy = scratch.with_suffix(".source")
    for leftover in (copy / "old", scratch / ".private-a"):
        leftover.mkdir(parents=True)

    class Looks(Plays):
        def __call__(self, spec: RunSpec) -> tuple[Outcome, str]:
            assert not (copy / "old").exists() and not (scratch / ".private-a").exists()
            return super().__call__(spec)

    made(prepare, Looks())
    assert not copy.exists()


def test_data_is_made_again_only_where_another_is_wanted(prepare: Path) -> None:
    script = Plays()
    first = made(prepare, script)
    assert made(prepare, script, wanted="f") == first and len(script.specs) == 1
    assert made(prepare, script, wanted="g") == first and len(script.specs) == 2
    assert made(prepare, script) == first and len(script.specs) == 3
    tokens = Path(first.data) / "val/tokens.bin"
    tokens.chmod(0o644)
    tokens.write_bytes(bytes(128))
    assert made(prepare, script, wanted="f") == first and len(script.specs) == 4, "it changed"
    other = made(prepare, Plays("other"))
    assert Path(other.data).name == "other", "under the same hash, in another folder"


def test_data_that_changes_while_it_is_used_is_told(prepare: Path) -> None:
    script = Plays()
    with prepare_data(file_source(prepare), ScriptedRunner(script)) as data:
        (Path(data.data) / "val/tokens.bin").unlink()
        with (
            pytest.raises(ProjectFault, match="changed while it was in use") as fault,
            prepare_data(file_source(prepare), ScriptedRunner(script)),
        ):
            pass
    assert fault.value.next_command == "autoresearch start" and len(script.specs) == 1


def test_data_without_a_sensible_size_of_tokens_is_not_used(prepare: Path) -> None:
    def script(spec: RunSpec) -> tuple[Outcome, str]:
        make(Path(spec.scratch) / "made")
        (Path(spec.scratch) / "made/val/token_bytes.bin").write_bytes(b"")
        return DONE, answer(Path(spec.scratch) / "made")

    with pytest.raises(ProjectFault, match=r"token_bytes\.bin has no sensible size"):
        made(prepare, script)
