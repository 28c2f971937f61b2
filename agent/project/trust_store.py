"""Remembers what the user confirmed, outside of every repository.

Each confirmed list is a file in the user's state folder, named by the list's hash.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

import platformdirs

from agent.errors import TrustFault
from agent.git.home import write_whole

MAX_BYTES = 1 << 20


def trust_folder() -> Path:
    """Return the folder of confirmed lists; $XDG_STATE_HOME moves it.

    Removing the folder, or a file in it, takes the trust back.
    """
    return platformdirs.user_state_path("autoresearch") / "trust"


class TrustStore:
    """The lists that this user confirmed.

    root: the repository that asks; it cannot bring its own consent along.
    """

    def __init__(self, root: Path) -> None:
        self.folder = trust_folder()
        self._inside = Path(os.path.realpath(self.folder)).is_relative_to(root)

    def holds(self, digest: str) -> bool:
        """Return whether the list with this hash was confirmed; an unreadable one was not."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with self._opened(make=False) as folder:
                descriptor = os.open(digest, flags, dir_fd=folder)
                with os.fdopen(descriptor, "rb") as file:
                    status = os.fstat(descriptor)
                    own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
                    return own and json.loads(file.read(MAX_BYTES))["hash"] == digest
        except (OSError, TrustFault, ValueError, KeyError, TypeError):
            return False

    def add(self, digest: str, root: Path, lines: tuple[str, ...]) -> None:
        """Remember a list; raise TrustFault where it cannot be written."""
        about = {
            "hash": digest,
            "root": str(root),
            "lines": lines,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        text = json.dumps(about, indent=2, ensure_ascii=True).encode()
        try:
            with self._opened(make=True) as folder:
                write_whole(Path(digest), text, folder=folder)
        except OSError as error:
            raise TrustFault(
                f"cannot remember in {self.folder} what is trusted: {error.strerror}", "df -h ~"
            ) from None

    @contextmanager
    def _opened(self, *, make: bool) -> Iterator[int]:
        """Yield a descriptor of the folder; raise TrustFault where others could write there."""
        if self._inside:
            raise TrustFault(
                f"{self.folder} lies in the repository itself",
                "export XDG_STATE_HOME=~/.local/state",
            )
        if make:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with suppress(FileExistsError):
                self.folder.mkdir(mode=0o700)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(folder)
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise TrustFault(
                    f"{self.folder} can be written by others",
                    f"chmod 700 {quote(str(self.folder))}",
                )
            yield folder
        finally:
            os.close(folder)
