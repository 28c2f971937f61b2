"""What a run waits for, as other processes read it."""

from pathlib import Path

from agent.git.home import run_folder
from agent.history.waits import FILE, Waits, awaited_by
from agent.records.events import ModelWaited, Note
from tests.agent.study import make_repository, project_of

UNTIL = "2026-11-29T15:00:00+00:00"


def test_a_wait_is_there_until_the_model_is_asked_again_or_the_session_ends(
    tmp_path: Path,
) -> None:
    project = project_of(make_repository(tmp_path))
    with Waits(project, "t") as waits:
        assert awaited_by(project, "t") is None
        waits.hear(Note("waiting"))
        assert awaited_by(project, "t") is None
        waits.hear(ModelWaited(UNTIL, "the session limit"))
        awaited = awaited_by(project, "t")
        assert awaited and (awaited.until, awaited.reason) == (UNTIL, "the session limit")
        waits.hear(ModelWaited("", ""))
        assert awaited_by(project, "t") is None
        assert not (run_folder(tmp_path, "t") / FILE).exists()
        waits.hear(ModelWaited(UNTIL, "x" * 10_000))
        assert awaited_by(project, "t")
    assert awaited_by(project, "t") is None


def test_what_a_killed_process_left_is_gone_with_the_next_session(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    Waits(project, "t").hear(ModelWaited(UNTIL, "the session limit"))
    assert awaited_by(project, "t")
    with Waits(project, "t"):
        assert awaited_by(project, "t") is None


def test_a_file_of_others_is_none(tmp_path: Path) -> None:
    project = project_of(make_repository(tmp_path))
    path = run_folder(tmp_path, "t", make=True) / FILE
    for text in (
        "",
        "{",
        '{"until": "soon", "reason": ""}',
        '{"until": "2026-01-01T00:00:00", "reason": ""}',
    ):
        path.write_text(text)
        assert awaited_by(project, "t") is None
    path.unlink()
    secret = tmp_path / "secret"
    secret.write_text('{"until": "2026-01-01T00:00:00Z", "reason": "a secret"}')
    path.symlink_to(secret)
    assert awaited_by(project, "t") is None
    Waits(project, "t").hear(ModelWaited(UNTIL, "the session limit"))
    assert "a secret" in secret.read_text(), "nothing is written through a link"
