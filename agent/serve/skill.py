"""The skill for coding agents: the text that ships here, and the files that an install writes."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from shlex import quote

from agent.errors import UsageFault
from agent.git.home import no_link, remove_file

NAME = "autoresearch"
FILE = "SKILL.md"
MARK = "<!-- Written by `autoresearch skill install`; unchanged, `uninstall` removes it: "
END = " -->"
MAX_BYTES = 1 << 20


class Client(StrEnum):
    """A coding agent that reads skills."""

    CLAUDE = "claude"
    CODEX = "codex"


FOLDERS: Mapping[Client, str] = {Client.CLAUDE: ".claude", Client.CODEX: ".agents"}
"""Where each client looks for skills/NAME/SKILL.md, below a repository or a home folder."""


@dataclass(frozen=True)
class Place:
    """A file that an install writes."""

    client: Client
    base: Path
    """The repository or the user's home folder."""
    inside: str
    """The path below it."""
    in_repository: bool

    @property
    def path(self) -> Path:
        """Return the whole path."""
        return self.base / self.inside


def skill_text() -> str:
    """Return the skill as an install writes it: its text, and a line with a hash of it."""
    package = Path(__file__).parents[1]
    folder = package / "_plugin"
    if not folder.is_dir():
        folder = package.parent / "plugin"
    text = (folder / "skills" / NAME / FILE).read_text(encoding="utf-8")
    return f"{text}\n{MARK}{_digest(text)}{END}\n"


def is_unchanged(text: str) -> bool:
    """Return whether an install of any version wrote this text, and nobody changed it since."""
    body, mark, end = text.rpartition(f"\n{MARK}")
    return bool(mark) and end == f"{_digest(body)}{END}\n"


def places_in_repository(root: Path, clients: Iterable[Client]) -> list[Place]:
    """Return where the skill is for everybody who works in a repository."""
    return [Place(client, root, _inside(FOLDERS[client]), True) for client in clients]


def places_of_user(clients: Iterable[Client], environment: Mapping[str, str]) -> list[Place]:
    """Return where the skill is for one user, in every repository."""
    places = []
    for client in clients:
        place = Place(client, Path.home(), _inside(FOLDERS[client]), False)
        own = environment.get("CLAUDE_CONFIG_DIR") if client is Client.CLAUDE else None
        if own:
            place = Place(client, Path(own), _inside(""), False)
        places.append(place)
    return places


def to_write(places: Iterable[Place]) -> list[Place]:
    """Return the places whose file is missing or has another version.

    Raise UsageFault for a file that no install wrote, or that was changed since.
    """
    text = skill_text()
    wanted = []
    for place in places:
        present = _read(place)
        if present is not None and not is_unchanged(present):
            message = f"{place.path} is there already, and is not an install's or was changed"
            raise UsageFault(message, f"mv {quote(str(place.path))} OTHER")
        if present != text:
            wanted.append(place)
    return wanted


def write(place: Place) -> None:
    """Write the skill. Raise UsageFault if that fails."""
    try:
        place.path.parent.mkdir(parents=True, exist_ok=True)
        with open(place.path, "w", encoding="utf-8", opener=no_link) as file:
            file.write(skill_text())
    except OSError as error:
        raise UsageFault(f"Cannot write {place.path}: {error.strerror}.", "df -h .") from None


def to_remove(places: Iterable[Place]) -> tuple[list[Place], list[Place]]:
    """Return the places with an unchanged file of an install, and those with a changed one."""
    ours: list[Place] = []
    changed: list[Place] = []
    for place in places:
        present = _read(place)
        if present is not None:
            (ours if is_unchanged(present) else changed).append(place)
    return ours, changed


def remove(place: Place) -> None:
    """Remove the file, and the folders around it that are empty then."""
    remove_file(place.path)
    folder = place.path.parent
    while folder != place.base:
        with suppress(OSError):
            folder.rmdir()
        folder = folder.parent


def _inside(folder: str) -> str:
    return "/".join(part for part in (folder, "skills", NAME, FILE) if part)


def _read(place: Place) -> str | None:
    """Return the text of a file, or None if there is none. Raise UsageFault for a link."""
    if place.in_repository:
        _refuse_links(place)
    try:
        with open(place.path, encoding="utf-8", errors="replace", opener=no_link) as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{place.path} cannot be read: {os.strerror(error.errno or 0)}"
        raise UsageFault(message, f"ls -l {quote(str(place.path))}") from None


def _refuse_links(place: Place) -> None:
    """Raise UsageFault for a link in a repository, by which it would send the skill elsewhere."""
    here = place.base
    for part in Path(place.inside).parts:
        here = here / part
        if here.is_symlink():
            message = f"{here} is a symbolic link, and none is followed in a repository"
            raise UsageFault(message, f"ls -l {quote(str(here))}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
