"""What reaches out of a project is listed, hashed and remembered: the parts of it."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from agent.errors import TrustFault, UsageFault
from agent.git.programs import Program, Setting
from agent.project.prepare_code import Code
from agent.project.trust import (
    MAX_SHOWN,
    Asking,
    Item,
    Reach,
    check_readable,
    digest_of,
    inputs_item,
    network_item,
    notes_item,
)
from agent.project.trust_store import TrustStore
from agent.records.inputs import Input, Tell

ITEM = Item(kind="read", what=("/x", "/x"), line="the training may read /x")
DIGEST = "ab" * 32
CODE = Code(sha256="f" * 64, files=2, places=("/r/.venv",))


def lines(reach: Reach) -> list[str]:
    return [item.line for item in reach.items()]


def test_a_project_that_keeps_to_itself_has_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert Reach(root=tmp_path).items() == ()
    assert Reach(root=tmp_path, readable=[str(tmp_path / "data")]).items() == ()


def test_paths_outside_are_listed_by_where_they_lead(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    (tmp_path / "keys").mkdir()
    (root / "link").symlink_to(tmp_path / "keys")
    reach = Reach(
        root=root,
        readable=[
            str(root / "data"),
            str(root / "link"),
            str(root / "data" / ".." / ".." / "keys"),
        ],
    )
    first, second = reach.items()
    assert first.line == f"the training may read {root / 'link'}, which is {tmp_path / 'keys'}"
    assert second.what[1] == str(tmp_path / "keys")


def test_a_model_and_its_bound_are_one_line(tmp_path: Path) -> None:
    def said(model: str | None, bound: float | None, typed: bool = False) -> str:
        return lines(Reach(root=tmp_path, asking=Asking(model, bound, typed, "the record")))[0]

    assert "the model claude-code is asked; no bound on cost" in said("claude-code", None)
    assert "the model opus is asked; up to $1,000.00" in said("opus", 1000.0)
    assert "bound" not in said("opus", None, typed=True)
    assert said("scripted:/home/x/key", None).startswith("/home/x/key is read")
    assert said(None, 20.0) == "the model may cost up to $20.00, by the record"


def test_the_hash_is_of_exactly_this_list_in_this_repository(tmp_path: Path) -> None:
    other = network_item("prepare.py", CODE, ("https://x",), "")
    both = digest_of(tmp_path, [ITEM, other])
    assert both == digest_of(tmp_path, [other, ITEM])
    assert (
        len(
            {
                both,
                digest_of(tmp_path, [ITEM]),
                digest_of(tmp_path, [other]),
                digest_of(tmp_path / "a", [ITEM, other]),
            }
        )
        == 4
    )
    reworded = other.model_copy(update={"line": "said otherwise"})
    assert digest_of(tmp_path, [reworded]) == digest_of(tmp_path, [other]), (
        "by what it is, not by how it is put"
    )
    program = other.model_copy(update={"kind": "program"})
    assert digest_of(tmp_path, [program]) != digest_of(tmp_path, [other]), "and of which kind"


def test_consent_to_notes_is_to_these_notes_of_this_run() -> None:
    item = notes_item("autoresearch/a", ["one", "two"])
    assert item.line.startswith("the model reads 2 notes of autoresearch/a")
    others = [notes_item("autoresearch/b", ["one", "two"]), notes_item("autoresearch/a", ["one"])]
    assert item.what not in [other.what for other in others]
    assert "reads 1 note of" in notes_item("autoresearch/a", ["no text: \ud800"]).line


def test_consent_to_an_inbox_is_to_all_that_waits_in_it() -> None:
    asks = [Tell(text=f"remark {number}") for number in range(MAX_SHOWN + 2)]
    waiting = [
        Input(id=f"{number:032x}", ask=ask, sent="2026-01-01T00:00:00Z")
        for number, ask in enumerate(asks)
    ]
    item = inputs_item("autoresearch/a", waiting)
    assert "7 inputs in the inbox of autoresearch/a" in item.line
    assert item.line.endswith("tell: remark 4, …")
    another = waiting[-1].model_copy(update={"ask": Tell(text="another")})
    for other in ([*waiting[:-1], another], waiting[:-1], [*waiting[1:], waiting[0]]):
        assert inputs_item("autoresearch/a", other).what != item.what
    assert inputs_item("autoresearch/b", waiting).what != item.what
    assert inputs_item("autoresearch/a", waiting[:1]).line.endswith("here: tell: remark 0")


@pytest.mark.parametrize(
    "path", ["/", "/proc", "/proc/self", "/sys/kernel", "/dev/shm", "/run", "/var/run/docker.sock"]
)
def test_what_no_mount_protects_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageFault, match="read_only"):
        check_readable([path], tmp_path, ())


def test_the_repository_and_what_is_hidden_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "home" / "repository"
    hidden = tmp_path / "home" / "cache" / "data"
    (root / "data").mkdir(parents=True)
    hidden.mkdir(parents=True)
    (root / "way").symlink_to(hidden.parent)
    for path in (root, tmp_path, hidden, hidden.parent, hidden / "val", root / "way"):
        with pytest.raises(UsageFault, match="read_only"):
            check_readable([str(path)], root, [hidden])
    check_readable([str(root / "data")], root, [hidden])


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "autoresearch" / "trust"


def test_what_is_confirmed_is_remembered_for_this_user_alone(tmp_path: Path, state: Path) -> None:
    store = TrustStore(tmp_path / "repository")
    assert not store.holds(DIGEST)
    store.add(DIGEST, tmp_path, ("a line",))
    assert store.holds(DIGEST) and not store.holds("cd" * 32)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / DIGEST).stat().st_mode) == 0o600
    assert [path.name for path in state.iterdir()] == [DIGEST]
    (state / DIGEST).unlink()
    assert not store.holds(DIGEST), "taken back"


def test_what_somebody_else_could_have_put_there_is_not_believed(
    tmp_path: Path, state: Path
) -> None:
    store = TrustStore(tmp_path / "repository")
    store.add(DIGEST, tmp_path, ())
    other = "cd" * 32
    (state / other).symlink_to(state / DIGEST)
    assert not store.holds(other)
    (state / ("ef" * 32)).write_text("torn")
    assert not store.holds("ef" * 32)
    os.mkfifo(state / ("01" * 32))
    assert not store.holds("01" * 32)
    planted = tmp_path / "planted"
    planted.write_text(json.dumps({"hash": "23" * 32}))
    (state / ("23" * 32)).symlink_to(planted)
    assert not store.holds("23" * 32), "a link may lead to a file of anybody's"
    os.mkfifo(state / ("45" * 32))
    pipe = os.open(state / ("45" * 32), os.O_RDWR | os.O_NONBLOCK)
    os.write(pipe, json.dumps({"hash": "45" * 32}).encode())
    assert not store.holds("45" * 32)
    os.close(pipe)
    state.chmod(0o777)
    assert not store.holds(DIGEST)
    with pytest.raises(TrustFault, match="written by others"):
        store.add(other, tmp_path, ())


def test_a_linked_folder_and_one_in_the_repository_are_not_used(
    tmp_path: Path, state: Path
) -> None:
    with pytest.raises(TrustFault, match="in the repository itself"):
        TrustStore(tmp_path / "state").add(DIGEST, tmp_path, ())
    (tmp_path / "elsewhere").mkdir()
    state.parent.mkdir(parents=True)
    state.symlink_to(tmp_path / "elsewhere")
    store = TrustStore(tmp_path / "repository")
    with pytest.raises(TrustFault, match="cannot remember"):
        store.add(DIGEST, tmp_path, ())
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_written_consent_says_what_to_whom_and_is_on_the_disk(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync = os.fsync
    rename = os.rename
    monkeypatch.setattr(os, "fsync", lambda file: (steps.append("fsync"), fsync(file)))
    monkeypatch.setattr(os, "rename", lambda *a, **k: (steps.append("rename"), rename(*a, **k)))
    TrustStore(tmp_path / "repository").add(DIGEST, tmp_path, ("one", "two"))
    assert steps == ["fsync", "rename"], "whole on the disk before it has its name"
    about = json.loads((state / DIGEST).read_text())
    assert (about["hash"], about["root"], about["lines"]) == (DIGEST, str(tmp_path), ["one", "two"])
    assert about["at"].endswith("+00:00")


def test_a_consent_under_another_name_is_not_believed(tmp_path: Path, state: Path) -> None:
    store = TrustStore(tmp_path / "repository")
    store.add(DIGEST, tmp_path, ())
    other = "cd" * 32
    (state / other).write_bytes((state / DIGEST).read_bytes())
    assert not store.holds(other)
    for text in ("[]", "{}", '{"hash": null}', "3", ""):
        (state / other).write_text(text)
        assert not store.holds(other), text


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_the_group_or_others_may_write_is_not_used(
    tmp_path: Path, state: Path, mode: int
) -> None:
    store = TrustStore(tmp_path / "repository")
    store.add(DIGEST, tmp_path, ())
    state.chmod(mode)
    assert not store.holds(DIGEST)
    with pytest.raises(TrustFault, match="written by others") as fault:
        store.add("cd" * 32, tmp_path, ())
    assert fault.value.next_command == f"chmod 700 {state}"
    state.chmod(0o755)
    assert store.holds(DIGEST), "others may read"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("which", ["file", "folder"])
def test_what_belongs_to_another_user_is_not_believed(
    tmp_path: Path, state: Path, which: str
) -> None:
    store = TrustStore(tmp_path / "repository")
    store.add(DIGEST, tmp_path, ())
    os.chown(state / DIGEST if which == "file" else state, 12345, -1)
    assert not store.holds(DIGEST)


def test_a_link_to_a_folder_in_the_repository_is_no_consent(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    planted = repository / "state" / "autoresearch" / "trust"
    planted.mkdir(parents=True, mode=0o700)
    (planted / DIGEST).write_text(json.dumps({"hash": DIGEST}))
    (tmp_path / "link").symlink_to(repository / "state")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "link"))
    assert not TrustStore(repository).holds(DIGEST)
    assert TrustStore(tmp_path / "another").holds(DIGEST), "only the repository may not bring it"


# ---------------------------------------------------------------- what consent is bound to


def digest(root: Path, **fields: Any) -> str:
    return digest_of(root, Reach(root=root, **fields).items())


def test_consent_to_a_model_is_to_this_model_bound_and_place(tmp_path: Path) -> None:
    digests = [
        digest(tmp_path, asking=Asking(model, bound, typed, where))
        for model, bound, typed, where in (
            ("opus", 5.0, False, "program.md"),
            ("sonnet", 5.0, False, "program.md"),
            ("opus", 6.0, False, "program.md"),
            ("opus", None, False, "program.md"),
            ("opus", None, True, "program.md"),
            ("opus", 5.0, False, "the record"),
            (None, 5.0, False, "program.md"),
            (None, 6.0, False, "program.md"),
            (None, 5.0, False, "the record"),
        )
    ]
    assert len(set(digests)) == len(digests)
    typed = [digest(tmp_path, asking=Asking("opus", b, True, "program.md")) for b in (1.0, 2.0)]
    assert typed[0] == typed[1], "what the user typed needs no consent"


def test_programs_and_trackers_are_listed_and_bound(tmp_path: Path) -> None:
    program = Program("/r/.git", Setting("core.fsmonitor", "./spy"))
    tracker = ("wandb/settings", "a" * 64)
    reach = Reach(root=tmp_path, readable=["/opt"], programs=[program], trackers=[tracker])
    assert [item.kind for item in reach.items()] == ["read", "program", "tracker"]
    _, second, third = lines(reach)
    assert second.endswith(f"configuration says: {program}")
    assert "wandb/settings" in third and "a" * 16 in third and "a" * 17 not in third
    digests = {
        digest(tmp_path, programs=[program]),
        digest(tmp_path, programs=[Program("/r/.git", Setting("core.fsmonitor", "./other"))]),
        digest(tmp_path, programs=[Program("/s/.git", Setting("core.fsmonitor", "./spy"))]),
        digest(tmp_path, trackers=[tracker]),
        digest(tmp_path, trackers=[("wandb/other", "a" * 64)]),
        digest(tmp_path, trackers=[("wandb/settings", "b" * 64)]),
        digest(tmp_path, readable=["/opt"]),
        digest(tmp_path, readable=["/srv"]),
        digest(tmp_path),
    }
    assert len(digests) == 9


def test_a_path_whose_link_leads_elsewhere_now_needs_another_consent(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    link = tmp_path / "link"
    digests = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / name)
        digests.append(digest(root, readable=[str(link)]))
    assert digests[0] != digests[1]
    assert len(Reach(root=root, readable=[str(link), str(link)]).items()) == 1


def test_a_path_beside_the_repository_is_outside(tmp_path: Path) -> None:
    root = tmp_path / "work"
    (tmp_path / "work2").mkdir()
    assert Reach(root=root, readable=[str(root)]).items() == ()
    [item] = Reach(root=root, readable=[str(tmp_path / "work2")]).items()
    assert item.line == f"the training may read {tmp_path / 'work2'}"
    check_readable([str(tmp_path / "work2")], root, [tmp_path / "hidden"])


def test_a_command_of_the_users_own_is_said_to_run(tmp_path: Path) -> None:
    asking = Asking("claude-code:opus", None, True, "program.md")
    [line] = lines(Reach(root=tmp_path, asking=asking))
    assert line == (
        "the model claude-code:opus is asked; it runs as your own command (as program.md says)"
    )
    [line] = lines(Reach(root=tmp_path, asking=Asking("opus", 2.0, False, "program.md")))
    assert line == "the model opus is asked; up to $2.00 (as program.md says)"


def test_a_prepare_that_needs_the_network_is_bound_to_its_code() -> None:
    named = network_item("prepare.py", CODE, ("https://x", "https://y"), "ignored")
    assert named.line.endswith("it names https://x, https://y") and "f" * 17 not in named.line
    unnamed = network_item("prepare.py", CODE, (), "no route to host")
    assert "of 2 files /r/.venv)" in named.line
    assert unnamed.line.endswith("without it, it ended with: no route to host")
    assert named.what == unnamed.what == ("f" * 64,)
