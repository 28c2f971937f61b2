"""The skill: what an install writes and an uninstall removes, and that its commands exist."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import typer

from agent.cli import app
from agent.errors import UsageFault
from agent.serve.grants import Grant
from agent.serve.skill import is_unchanged, skill_text
from tests.agent.cli.night import fault, git, output_of
from tests.agent.serve.client import inside

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "plugin"
FILES = (".agents/skills/autoresearch/SKILL.md", ".claude/skills/autoresearch/SKILL.md")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty repository, which is the current folder."""
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    return tmp_path


def files(folder: Path) -> list[str]:
    """Return what is in a repository, git's own aside."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if path.parts[0] != ".git")


def test_install_lists_the_files_and_asks(empty: Path) -> None:
    problem = fault("skill", "install")
    assert "there is no terminal to ask in" in problem.message
    assert files(empty) == []


def test_uninstall_removes_exactly_what_install_wrote(empty: Path) -> None:
    (empty / ".claude").mkdir()
    (empty / ".claude" / "settings.json").write_text("{}")
    text = output_of("skill", "install", "--yes")
    assert all(f"writes {empty / name}" in text for name in FILES)
    assert [name for name in files(empty) if (empty / name).is_file()] == [
        FILES[0],
        ".claude/settings.json",
        FILES[1],
    ]
    assert "installed already" in output_of("skill", "install", "--yes")
    output_of("skill", "uninstall", "--yes")
    assert files(empty) == [".claude", ".claude/settings.json"]
    assert "nothing to remove" in output_of("skill", "uninstall", "--yes")


def test_one_client_and_one_user(empty: Path) -> None:
    output_of("skill", "install", "--codex", "--user", "--yes")
    assert (empty / "home" / FILES[0]).read_text() == skill_text()
    assert not (empty / FILES[0]).exists() and not (empty / "home" / ".claude").exists()
    output_of("skill", "uninstall", "--user", "--yes")
    assert not list((empty / "home").iterdir())


def test_a_file_that_was_changed_is_left_alone(empty: Path) -> None:
    output_of("skill", "install", "--claude", "--yes")
    place = empty / FILES[1]
    place.write_text(place.read_text().replace("Rules", "My rules"))
    assert "was changed" in fault("skill", "install", "--yes").message
    assert "was changed by hand, so it is not removed" in output_of("skill", "uninstall", "--yes")
    assert "My rules" in place.read_text()


def test_an_older_version_is_replaced(empty: Path) -> None:
    output_of("skill", "install", "--claude", "--yes")
    place = empty / FILES[1]
    body = "---\nname: autoresearch\n---\nolder\n"
    place.write_text(skill_of(body))
    assert is_unchanged(place.read_text())
    output_of("skill", "install", "--claude", "--yes")
    assert place.read_text() == skill_text()


def skill_of(body: str) -> str:
    """Return a text with the line of an install."""
    line = skill_text().splitlines()[-1]
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{body}\n{re.sub('[0-9a-f]{64}', digest, line)}\n"


def test_a_link_that_came_with_a_repository_is_not_followed(empty: Path) -> None:
    (empty / "elsewhere").mkdir()
    (empty / ".claude").symlink_to(empty / "elsewhere")
    assert "is a symbolic link" in fault("skill", "install", "--yes").message
    assert not list((empty / "elsewhere").iterdir())
    with pytest.raises(UsageFault, match="not both"):
        raise fault("skill", "install", "--user", "--project")


def test_every_command_and_option_that_the_skill_names_exists() -> None:
    group = typer.main.get_command(app)
    text = skill_text()
    for name, rest in re.findall(r"`autoresearch ([a-z]+)([^`]*)`", text):
        command = group.commands[name]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= {*options, "--help"}, (name, rest)


def test_every_tool_that_the_skill_names_is_served(home: Path) -> None:
    tools = inside(home, [], Grant.STEER.value).tools
    named = re.findall(r"\(?tools? ((?:`[a-z_]+`(?:, )?)+)", skill_text())
    words = re.findall(r"`([a-z_]+)`", " ".join(named))
    assert set(words) >= {"status", "ledger", "trial", "try", "wait", "tell"}
    assert set(words) <= set(tools)


def test_the_plug_ins_name_one_version_and_the_least_grant() -> None:
    manifests = [
        json.loads((PLUGIN / folder / "plugin.json").read_text())
        for folder in (".claude-plugin", ".codex-plugin")
    ]
    versions = {manifest["version"] for manifest in manifests}
    assert len(versions) == 1, "a release checks that it is its own: .ci/release_notes.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", versions.pop())
    server = json.loads((PLUGIN / ".mcp.json").read_text())["mcpServers"]["autoresearch"]
    assert server == {"command": "autoresearch", "args": ["mcp", "--allow", "read"]}
