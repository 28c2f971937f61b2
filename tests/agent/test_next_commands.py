"""The next command of a fault is typed as it stands: a repository's name is one word of it."""

import shlex
from pathlib import Path

import optuna
import pytest

from agent.errors import Fault, UsageFault
from agent.exchange.read import read_prior
from agent.project.settings import read_settings

EVIL = "a'; touch evil; $(evil) b"


def words(fault: Fault) -> list[str]:
    """Return the words of its next command, as a shell takes them."""
    lexer = shlex.shlex(fault.next_command or "", posix=True, punctuation_chars=True)
    return list(lexer)


def test_a_study_in_a_file_of_the_repository(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/study.db"
    for name in (EVIL, "b"):
        optuna.create_study(storage=storage, study_name=name)
    with pytest.raises(UsageFault) as fault:
        read_prior(f"{tmp_path}/study.db")
    assert f"{tmp_path}/study.db#{EVIL}" in words(fault.value)


def test_a_folder_with_settings(tmp_path: Path) -> None:
    folder = tmp_path / EVIL
    folder.mkdir()
    (folder / "autoresearch.toml").write_text("x")
    with pytest.raises(UsageFault) as fault:
        read_settings(folder)
    assert words(fault.value)[-1] == f"{folder}/autoresearch.toml"
