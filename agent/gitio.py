"""Git as the harness uses it: plumbing that ignores the user's hooks, signing, identity, index and checkout."""

import tempfile
from pathlib import Path

import git

from agent.errors import HistoryFault

# Hooks and signing are the user's; conversions would commit other bytes than those that ran.
_CONFIG = (
    "core.hooksPath=/dev/null", "commit.gpgSign=false", "core.autocrlf=false", "core.safecrlf=false", "gc.auto=0",
    "maintenance.auto=false", "core.quotePath=false", "log.showSignature=false", "advice.detachedHead=false",
)  # fmt: skip
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "autoresearch"), ("EMAIL", "autoresearch@localhost"))
}


class Plumbing:
    """Git commands in `folder`. Every failure is a HistoryFault with git's own words."""

    def __init__(self, folder: Path) -> None:
        self._git = git.Git(folder)
        self._environment = {**_IDENTITY, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}

    def __call__(self, *arguments: str, stdin: bytes | None = None, index: Path | None = None) -> str:
        """Standard output of `git ARGUMENTS`, exactly; `index` is used instead of the user's."""
        return self.bytes(*arguments, stdin=stdin, index=index).decode("utf-8", "surrogateescape")

    def bytes(self, *arguments: str, stdin: bytes | None = None, index: Path | None = None) -> bytes:
        """Likewise, undecoded."""
        environment = {**self._environment, **({"GIT_INDEX_FILE": str(index)} if index else {})}
        command = ["git", *(part for setting in _CONFIG for part in ("-c", setting)), *arguments]
        try:
            with tempfile.TemporaryFile() as file:
                file.write(stdin or b"")
                file.seek(0)
                out = self._git.execute(
                    command, istream=file, env=environment, stdout_as_string=False, strip_newline_in_stdout=False
                )
        except git.GitCommandError as error:
            raise HistoryFault(f"git {arguments[0]} failed: {_words(error)}", "git status") from None
        except OSError as error:
            raise HistoryFault(f"git {arguments[0]} failed: {error}", "df -h .") from None
        assert isinstance(out, bytes)
        return out

    def try_(self, *arguments: str) -> str | None:
        """Standard output without its line end, or None where the command fails."""
        try:
            return self(*arguments).rstrip("\n")
        except HistoryFault:
            return None


def _words(error: git.GitCommandError) -> str:
    text = error.stderr
    return str(text).strip().removeprefix("stderr: '").removesuffix("'") or f"exit status {error.status}"
