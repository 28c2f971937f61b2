"""What reaches out of a project is listed, hashed and remembered: the parts of it."""

import os
import stat
from pathlib import Path

import pytest

from agent.errors import TrustFault, UsageFault
from agent.project.trust import Asking, Item, Reach, check_readable, digest_of, network_item
from agent.project.trust_store import TrustStore

ITEM = Item(kind="read", what=("/x", "/x"), line="the training may read /x")
DIGEST = "ab" * 32


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
    other = network_item("prepare.py", "f" * 64, ("https://x",), "")
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
