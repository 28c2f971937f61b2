"""Validation text in what a training sees is found before the first one; hidden files are not."""

import importlib.util
import json
import lzma
import random
import shutil
import sys
import time
from pathlib import Path

import pytest

from agent.errors import ProjectFault
from agent.evaluate.bench import Plan
from agent.project import leaks
from agent.project.data import Prepared
from agent.project.find import CORPORA
from agent.project.leaks import needles_of, refuse_leaks, search_room
from agent.project.template import (
    PREPARE,
    beside_prepare,
    corpus_places,
    template_files,
)
from agent.project.unseen import held_out, shown
from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Limits, RunSpec

WORDS = [
    *"abdefghijklmnopq",
    "government",
    "machine",
    "weather",
    "however",
    "between",
    "winter",
    "measure",
    "another",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data of sixty made-up documents, by the template's prepare.py."""
    home = tmp_path_factory.mktemp("prepared")
    draw = random.Random(0)
    (home / "texts").mkdir()
    for number in range(60):
        (home / "texts" / f"{number}.txt").write_text(
            " ".join(draw.choice(WORDS) for _ in range(200)) + ".\n"
        )
    (home / "prepare.py").write_text(template_files()[PREPARE])
    (home / CORPORA).write_text(beside_prepare()[CORPORA])
    spec = importlib.util.spec_from_file_location("prepare_for_leaks", home / "prepare.py")
    assert spec and spec.loader
    prepare = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = prepare
    spec.loader.exec_module(prepare)
    prepare.CORPUS, prepare.VOCAB_SIZE = f"folder:{home / 'texts'}", 300
    prepare.VAL_TOKENS, prepare.SEQUENCE_LENGTH = 2**10, 32
    folder, _ = prepare.prepare(home / "cache")
    assert isinstance(folder, Path)
    return folder


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSpec:
    """A training with an interpreter of its own to search, and no memory of earlier searches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for folder in ("workspace", "scratch", "prefix/bin", "prefix/lib/python3.11/site-packages/pkg"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "prefix/bin/python").write_text("")
    (tmp_path / "workspace/train.py").write_text("print('innocent government')\n" * 100)
    return RunSpec(
        argv=(str(tmp_path / "prefix/bin/python"), "train.py"),
        folder=str(tmp_path / "workspace"),
        scratch=str(tmp_path / "scratch"),
        log=str(tmp_path / "log"),
        limits=Limits(wall_seconds=1),
    )


def validation_text(data: Path) -> str:
    documents = leaks._documents(data)
    assert len(documents) > 2
    return b"\n".join(documents).decode()


def test_passages_are_those_of_every_document(data: Path) -> None:
    needles = needles_of(data)
    assert needles.found_in(validation_text(data).encode())
    for document in leaks._documents(data):
        if len(document) > 800:
            assert needles.found_in(b"before " + document + b" after")
    texts = [path.read_bytes() for path in (data.parents[1] / "texts").iterdir()]
    matching = [text for text in texts if needles.found_in(text)]
    assert 3 <= len(matching) <= len(leaks._documents(data)), "training documents are no leak"


def test_a_folder_without_a_tokenizer_gives_nothing_to_search(
    data: Path, tmp_path: Path, room: RunSpec
) -> None:
    shutil.copytree(data / "val", tmp_path / "bare" / "val")
    assert not needles_of(tmp_path / "bare").snippets
    refuse_leaks(room, tmp_path / "bare", "f")


@pytest.mark.parametrize("form", ["as it is", "as JSON", "in a listing"])
def test_a_copy_in_the_workspace_is_refused(data: Path, room: RunSpec, form: str) -> None:
    text = validation_text(data)
    text = {
        "as it is": text,
        "as JSON": json.dumps({"text": text}),
        "in a listing": f"DATA = {text!r}\n",
    }[form]
    path = Path(room.folder) / "deep" / "notes.bin"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(
        ProjectFault, match=r"deep/notes\.bin in the workspace holds validation text"
    ) as fault:
        refuse_leaks(room, data, "f")
    assert "git rm deep/notes.bin" in str(fault.value.next_command)


def test_a_copy_in_a_folder_that_is_shown_is_refused_or_hidden(
    data: Path, room: RunSpec, tmp_path: Path
) -> None:
    texts = tmp_path / "shown" / "texts"
    texts.mkdir(parents=True)
    (texts / "all.txt").write_text(validation_text(data))
    room = room.model_copy(update={"read_only": (str(texts.parent),)})
    with pytest.raises(ProjectFault, match=r"shown/texts/all\.txt holds validation text") as fault:
        refuse_leaks(room, data, "f")
    assert "read_only" in str(fault.value.next_command)
    refuse_leaks(room.model_copy(update={"hidden": (str(texts),)}), data, "f")


def test_a_copy_beside_the_interpreter_s_packages_is_refused_until_it_is_gone(
    data: Path, room: RunSpec, tmp_path: Path
) -> None:
    path = tmp_path / "prefix/lib/python3.11/site-packages/pkg/corpus.txt"
    path.write_text(validation_text(data))
    for _ in range(2):
        with pytest.raises(ProjectFault, match=r"pkg/corpus\.txt holds validation text"):
            refuse_leaks(room, data, "f")
    path.unlink()
    refuse_leaks(room, data, "f")


def test_the_machine_is_searched_once_for_the_same_data(
    data: Path, room: RunSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_leaks(room, data, "f")
    searched: list[object] = []
    monkeypatch.setattr(leaks, "_large_first", lambda *_: searched.append(1) or [])
    refuse_leaks(room, data, "f")
    assert not searched
    refuse_leaks(room, data, "other data")
    (tmp_path / "prefix/lib/python3.11/site-packages/new").mkdir()
    refuse_leaks(room, data, "f")
    assert len(searched) == 2


def test_the_default_corpus_is_nowhere_on_this_machine_and_that_is_found_out_quickly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No installed package holds a passage of the whole shipped corpus."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines = lzma.decompress(corpus_places()[0].read_bytes()).decode().splitlines()
    addresses = [json.loads(line)["text"].encode() for line in lines]
    anchors = leaks._anchors(addresses[::4])
    held = leaks.Needles(
        {
            anchor: frozenset(
                passage
                for text in addresses[::4]
                for part in text.split(anchor)[1:]
                if leaks.PLAIN.fullmatch(passage := part[:40])
            )
            for anchor in anchors
        }
    )
    assert sum(map(len, held.snippets.values())) > 200 and held.found_in(addresses[0])
    monkeypatch.setattr(leaks, "needles_of", lambda _: held)
    plan = Plan(
        score="sealed",
        train="train.py",
        data=None,
        read_only=(),
        budget=Budget(amount=1),
        memory_bytes=None,
        hidden=held_out(str(tmp_path), template_files()[PREPARE]),
    )

    def export(folder: Path) -> None:
        folder.mkdir()
        (folder / "train.py").write_text(template_files()["workspace/train.py"])

    began = time.monotonic()
    search_room(tmp_path / "search", plan, Prepared(data=str(tmp_path), fingerprint="f"), export)
    assert time.monotonic() - began < 30, (
        "a few seconds, on a machine that is busy with other things"
    )
    assert not (tmp_path / "search").exists()


def test_held_out_is_the_data_its_caches_and_every_place_of_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTORESEARCH_CACHE", str(tmp_path / "own"))
    assert str(tmp_path / "named") not in held_out(str(tmp_path), "CORPUS = 3\n")
    assert held_out(str(tmp_path), 'CORPUS = "folder:~nobody9/x"\n')[-1].endswith("~nobody9/x")
    monkeypatch.setenv("AUTORESEARCH_CORPUS", str(tmp_path / "named"))
    hidden = held_out(str(tmp_path), 'CORPUS = "named elsewhere"\n')
    assert str(tmp_path / "named") in hidden and not any("elsewhere" in path for path in hidden)
    hidden = held_out(str(tmp_path / "data"), f'CORPUS = "folder:{tmp_path}/texts"\n')
    assert {str(tmp_path / "data"), str(tmp_path / "own"), str(tmp_path / "texts")} <= set(hidden)
    assert {str(place) for place in corpus_places()} <= set(hidden)
    paths = (
        str(tmp_path / "texts"),
        str(tmp_path / "texts" / "more"),
        str(tmp_path),
        str(tmp_path / "text"),
    )
    assert shown(paths, hidden) == (str(tmp_path), str(tmp_path / "text"))
