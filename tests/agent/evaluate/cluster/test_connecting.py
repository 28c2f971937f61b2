"""Which cluster is meant, what Ray is told, and what of the environment it gets; without Ray."""

import os
import socket
import stat
from importlib.util import find_spec
from pathlib import Path

import pytest

from agent.errors import UsageFault
from agent.evaluate.cluster import ray_cluster
from agent.evaluate.engines import read_where
from agent.evaluate.where import Where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (None, Where("local")),
        ("local", Where("local")),
        ("ray", Where("ray")),
        ("ray://head:10001", Where("ray", "ray://head:10001")),
        ("ray:10.0.0.7:6379", Where("ray", "10.0.0.7:6379")),
    ],
)
def test_where_trials_run_is_read_and_written(text: str | None, where: Where) -> None:
    assert read_where(text) == where
    assert where.is_local is (text in (None, "local"))
    assert read_where(str(where)) == where


@pytest.mark.parametrize(
    "text", ["ray:", "ray://", "ray://a b", "ray:$(id)", "ray:\n", "moon", "local:x", ""]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UsageFault):
        read_where(text)


def test_a_cluster_that_is_started_here_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    before = dict(os.environ)
    with ray_cluster._bare_environment():
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1" and "RAY_AUTH_MODE" in os.environ
        assert "OPENAI_API_KEY" not in os.environ and "PATH" in os.environ
    assert dict(os.environ) == before


def test_a_token_is_made_once_and_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ray_cluster.TOKEN:
        monkeypatch.delenv(name, raising=False)
    ray_cluster._make_token()
    file = tmp_path / ".ray/auth_token"
    token = file.read_text()
    assert len(token) == 64 and stat.S_IMODE(file.stat().st_mode) == 0o600
    ray_cluster._make_token()
    assert file.read_text() == token


def test_only_a_cluster_that_answers_is_this_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert ray_cluster._own_cluster() == ""
    (tmp_path / "ray").mkdir()
    note = tmp_path / "ray/ray_current_cluster"
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        note.write_text(f"{address}\n")
        assert ray_cluster._own_cluster() == address
        note.rename(tmp_path / "other")
        note.symlink_to(tmp_path / "other")  # anybody may make one in /tmp
        assert ray_cluster._own_cluster() == ""
        note.unlink()
    assert ray_cluster._own_cluster() == ""
    note.write_text("nonsense")
    assert ray_cluster._own_cluster() == ""
    for nobody in ("", "auto", "local"):
        monkeypatch.setenv("RAY_ADDRESS", nobody)
        assert ray_cluster._own_cluster() == ""
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert ray_cluster._own_cluster() == "head:6379"


def test_without_authentication_or_ray_nothing_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in ray_cluster.DEMANDED.items():  # set again, and given back at the end
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(UsageFault, match="not installed") as fault:
        ray_cluster.RayCluster("ray://head:10001")
    assert fault.value.next_command == "pip install 'autoresearch[cluster]'"
    there = find_spec("json")
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: there if name == "ray" else None)
    with pytest.raises(UsageFault, match="its client is not installed"):
        ray_cluster.RayCluster("auto")
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: there)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(UsageFault, match="token authentication only"):
        ray_cluster.RayCluster("ray://head:10001")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    with pytest.raises(UsageFault, match=r"^ray://head:10001 needs a token"):
        ray_cluster.RayCluster("ray://head:10001")
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    with pytest.raises(UsageFault, match=r"^head:6379 needs a token"):
        ray_cluster.RayCluster("")
