"""Git without the user's hooks, signing, identity, index and environment."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import IO, BinaryIO

from agent.errors import FULL_BYTES, HistoryFault, Unanswered
from agent.git.answers import MAX_FILE, Answer, Computes, NoAnswer, TooLong, answer_of
from agent.git.bond import Bond
from agent.git.endless import refuse_endless, walked_by
from agent.git.library import git
from agent.git.odd import odd_files
from agent.git.programs import HOME_OF, LISTING, Setting, programs_in, runs_programs, silencing
from agent.git.room import NoRoom, Room
from sandbox.ground.fault import SandboxFault
from sandbox.ground.lacks import next_after
from sandbox.ground.leftovers import temporary_folder
from sandbox.ground.redaction import redacted
from sandbox.ground.text import one_line

# Programs of the user's that git would run, and settings that would change what is read or
# written here.
_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.splitIndex=false",
    "core.safecrlf=false",
    "core.quotePath=false",
    "submodule.recurse=false",
    "grep.patternType=basic",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "advice.detachedHead=false",
    "core.pager=cat",
    "core.editor=false",
    "sequence.editor=false",
    "core.askPass=",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "fetch.recurseSubmodules=false",
    "protocol.ext.allow=never",
    # A folder of the checkout that looks like git's own would bring settings with a clone.
    "safe.bareRepository=explicit",
    # A received one may say that commits have other parents and files than they have.
    "core.commitGraph=false",
    # Settings by which a command waits, reads or starts processes without end.
    "log.mailmap=false",
    "diff.orderFile=/dev/null",
    "core.filesRefLockTimeout=100",
    "core.packedRefsTimeout=1000",
    # Larger files are written in pieces, and no difference of them is sought.
    "core.bigFileThreshold=16m",
    "checkout.workers=1",
    # Git LFS takes what is here: a repository may name the server of what is missing.
    "lfs.url=none://",
)
# Options behind a command: a submodule has settings of its own, and git would start programs that
# these name. No setting holds against what .git/config may say of single submodules.
_OPTIONS = {
    "status": ("--ignore-submodules=all",),
    # A reference that leads to another one, such as a branch of the user's, is replaced itself.
    "update-ref": ("--no-deref",),
    "diff": ("--submodule=short", "--no-ext-diff", "--no-textconv"),
}
_NAME = "autoresearch"
_EMAIL = "autoresearch@localhost"
AUTHOR = f"{_NAME} <{_EMAIL}>"
"""Whose commits ours are."""
_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": _NAME,
    "GIT_AUTHOR_EMAIL": _EMAIL,
    "GIT_COMMITTER_NAME": _NAME,
    "GIT_COMMITTER_EMAIL": _EMAIL,
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": "/dev/null/none",
    # An object that is missing would be fetched, by a program that a repository may name.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_LFS_SKIP_DOWNLOAD_ERRORS": "1",
}
_NO_GIT = "git is not installed, or not on the PATH"
# What git says of a lock that another git command holds, or that a killed one left.
_LOCKED = re.compile(r"Unable to create '([^'\n]+\.lock)'")
# What git says of a file that it may not read.
_DENIED = re.compile(r"(?:'([^'\n]+)(?<!\.lock)'|couldn't read (\S+)): Permission denied")
# What git says, in its versions, of an object that it may not fetch.
_NOT_FETCHED = ("lazy fetching disabled", "not allowed")
# What git says of a reference whose file is empty or makes no sense.
_TORN = re.compile(r"unable to resolve reference '(refs/[\w./-]+)': reference broken")
# What git says of a reference that was deleted or moved since it was read.
_MOVED = re.compile(r"unable to resolve reference '[^'\n]+'$|is at \w+ but expected", re.MULTILINE)
# What git says of an object that is torn or gone.
_DAMAGED = re.compile(
    r"\bis (?:corrupt|empty)\b|\bmissing\b|bad object|unable to read"
    r"|[Cc]ould not read|failed to unpack"
)
# What git says of a disk that is full.
_FULL = ("no space left", "out of diskspace", "quota exceeded")
# What git says of an index that is torn.
_INDEX = re.compile(r"index file (?:smaller|corrupt)|bad (?:index|signature)|index uses \S+ ext")
_FIND_PATTERNS = r"grep -rn '\*\*' . --include='.git[ai]*' --include=exclude --include=attributes"
_FSCK = "git fsck --full   # names what is damaged; a clone or a backup may have it whole"
# What a hook, an alias or a wrapper script leaves set: it would send these commands to another
# repository or index.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_CONFIG",
    "GIT_ATTR_SOURCE",
    "GIT_QUARANTINE_PATH",
    "GIT_INTERNAL_SUPER_PREFIX",
)


MAX_COMMAND = 200
"""Characters of a command that a message repeats."""
INDEX = "index"
"""The kind of temporary folder that scratch_index makes."""


class Plumbing:
    """Git commands in `folder`. Every failure is a HistoryFault with git's own words.

    heeds: whether filters run that the user's settings name, or the repository's once the user
    agreed. Git LFS, where it is the user's own, runs in any case.
    """

    def __init__(self, folder: Path, *, heeds: bool = True) -> None:
        self.folder = folder.absolute()
        self._heeds = heeds
        self._git = git.Git(self.folder)
        self._programs: list[Setting] | None = None
        """What settings name, once it matters."""
        self._home = ""
        """The repository's folder, once it matters; empty where no filter may run."""

    def start(
        self, arguments: tuple[str, ...], words: IO[bytes], bond: Bond, passed: tuple[int, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """Return the process of a command that stays, with pipes to talk through.

        words: the file that it writes its errors to. bond: what ends it with the harness. passed:
        descriptors that it gets, too.
        """
        try:
            process = subprocess.Popen(
                self._command(arguments, _ENVIRONMENT),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                env={**os.environ, "LANGUAGE": "C", **_ENVIRONMENT, **self._silence(arguments)},
                cwd="/",
                pass_fds=(bond.passed, *passed),
                start_new_session=True,  # as below
            )
            bond.tie(process.pid)
            return process
        except FileNotFoundError:
            raise HistoryFault(_NO_GIT, "autoresearch doctor") from None
        except OSError as error:
            message = f"git {arguments[0]} failed: {error}"
            raise HistoryFault(message, next_after(error, "df -h .")) from None

    def fault(self, command: str, words: str) -> HistoryFault:
        """Return the fault of a command that failed with these words of git's."""
        text = redacted(words.strip())
        return HistoryFault(f"git {command} failed: {text}", _next_command(text, self.folder))

    def __call__(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        index: Path | None = None,
        room: Room | None = None,
        most: int | None = None,
    ) -> str:
        """Return the standard output of `git ARGUMENTS`, exactly.

        index: used instead of the user's. room: the command is ended before this disk is full.
        most: bytes of the answer, by default MAX_ANSWER; the command is ended if it has more.
        """
        output = self.bytes(*arguments, stdin=stdin, index=index, room=room, most=most)
        return output.decode("utf-8", "surrogateescape")

    def bytes(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        index: Path | None = None,
        room: Room | None = None,
        most: int | None = None,
    ) -> bytes:
        """Return the standard output likewise, as bytes."""
        walked = walked_by(arguments, stdin)
        if walked:
            self.refuse_endless(*walked)
        environment = {**_ENVIRONMENT, **self._silence(arguments)}
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        try:
            with tempfile.TemporaryFile() as file:
                file.write(stdin or b"")
                file.seek(0)
                command = self._command(arguments, environment)
                answer = self._answer(command, environment, file, room, most)
        except git.GitCommandNotFound:
            raise HistoryFault(_NO_GIT, "autoresearch doctor") from None
        except NoAnswer as error:
            raise self.unanswered(arguments, error) from None
        except OSError as error:
            message = f"git {arguments[0]} failed: {error}"
            raise HistoryFault(message, next_after(error, "df -h .")) from None
        if answer.status:
            words = answer.words.decode("utf-8", "surrogateescape").strip()
            asked = next(word for word in arguments if not word.startswith("-"))
            raise self.fault(asked, words or f"exit status {answer.status}")
        return answer.output

    def refuse_endless(self, *states: str) -> None:
        """Raise HistoryFault for a commit or tree with more files than a machine has room for."""
        refuse_endless(states, lambda names: self.bytes("cat-file", "--batch", stdin=names))

    def unanswered(self, arguments: Sequence[str], error: NoAnswer) -> HistoryFault:
        """Return the fault of a command that was ended before it answered."""
        message = f"git {arguments[0]} was ended: {error}"
        if isinstance(error, NoRoom):
            return Unanswered(message, error.next_command)
        if isinstance(error, Computes):
            return Unanswered(message, _FIND_PATTERNS)
        if isinstance(error, TooLong):
            return Unanswered(message, one_line(shlex.join(("git", *arguments)), MAX_COMMAND))
        pipe = next(odd_files(self.folder), None)
        if pipe is None:
            return Unanswered(message, "git fsck")
        message = f"{message}; {one_line(str(pipe))} is no file"
        return Unanswered(message, f"rm {quote(str(pipe))}")

    def _answer(
        self,
        command: list[str],
        environment: dict[str, str],
        file: BinaryIO,
        room: Room | None,
        most: int | None,
    ) -> Answer:
        """Return the answer of a command that reads from `file`."""
        with closing(Bond()) as bond:
            begun = self._git.execute(
                command,
                istream=file,
                env=environment,
                as_process=True,
                # Ctrl-C and the hang-up of a terminal reach us alone, never half a commit.
                start_new_session=True,
                pass_fds=(bond.passed,),
            )
            process = begun.proc
            begun.proc = None  # it would be ended with the object
            assert process is not None
            bond.tie(process.pid)
            return answer_of(process, room.check if room else None, most)

    def _silence(self, arguments: tuple[str, ...]) -> dict[str, str]:
        """Return the environment in which nothing of the repository's is run unasked."""
        if not runs_programs(arguments):
            return {}
        if self._programs is None:
            self._programs = programs_in(self(*LISTING), with_users=not self._heeds)
        if self._programs and self._heeds:
            self._home = self._home or self.try_(*HOME_OF) or ""
        return silencing(self._programs, self._home)

    def _command(self, arguments: tuple[str, ...], environment: dict[str, str]) -> list[str]:
        """Return the whole command line.

        GitPython adds to the environment but takes nothing away, hence `env`; and it works
        elsewhere if the folder is gone, hence `-C`.
        """
        command: list[str] = []
        foreign = [name for name in _FOREIGN if name in os.environ and name not in environment]
        if foreign:
            command.append("env")
        for name in foreign:
            command += ["-u", name]
        command += ["git", "-C", str(self.folder)]
        for setting in _CONFIG:
            command += ["-c", setting]
        first = next((n for n, word in enumerate(arguments) if not word.startswith("-")), 0)
        more = _OPTIONS.get(arguments[first], ())
        return [*command, *arguments[: first + 1], *more, *arguments[first + 1 :]]

    def try_(self, *arguments: str, most: int | None = None) -> str | None:
        """Return the standard output without its line end, or None if the command fails.

        Raise Unanswered if it was ended before it answered.
        """
        try:
            return self(*arguments, most=most).rstrip("\n")
        except Unanswered:
            raise
        except HistoryFault:
            return None


def content_of(git: Plumbing, name: str) -> bytes:
    """Return the content of one file: code, a brief, a table of results.

    name: the blob's, or COMMIT:PATH. Raise Unanswered for one of more than MAX_FILE bytes.
    """
    return git.bytes("cat-file", "blob", name, most=MAX_FILE)


@contextmanager
def scratch_index(folder: Path) -> Iterator[Path]:
    """Yield the path of a new index in `folder`, which is removed afterwards.

    What a killed process left there is removed first. Raise HistoryFault if nothing can be
    written there.
    """
    try:
        with temporary_folder(INDEX, folder) as room:
            yield room / "index"
    except (OSError, SandboxFault) as error:
        raise HistoryFault(f"cannot write in {folder}: {error}", "df -h .") from None


def _next_command(words: str, folder: Path) -> str:
    """Return what to type next: git does not always say that a disk is full."""
    if any(sign in words for sign in _NOT_FETCHED):
        return "git fetch --refetch   # the clone is a partial one"
    lock = _LOCKED.search(words)
    if lock:
        return f"rm {quote(lock[1])}   # if no git command is at work: one that was killed left it"
    denied = _DENIED.search(words)
    if denied:
        return f"ls -l {quote(str(folder / (denied[1] or denied[2])))}"
    if ".git/packed-refs" in words:
        return "$EDITOR .git/packed-refs   # take that line out"
    if "bad shallow line" in words:
        return "mv .git/shallow .git/shallow.old   # or git fetch --unshallow"
    torn = _TORN.search(words)
    if torn:
        return f'rm "$(git rev-parse --git-path {torn[1]})"   # it is damaged, and leads nowhere'
    if _MOVED.search(words):
        return "autoresearch resume   # somebody else deleted or moved that reference meanwhile"
    if "nonexistent object" in words:
        return "autoresearch resume   # `git gc --prune=now` or `git prune` took it away meanwhile"
    if _INDEX.search(words):
        return 'rm "$(git rev-parse --git-path index)" && git reset   # makes the index anew'
    full = any(sign in words.lower() for sign in _FULL)
    with suppress(OSError):
        full = full or shutil.disk_usage(folder).free < FULL_BYTES
    if full:
        return "df -h .   # free some space, and type the command again"
    return _FSCK if _DAMAGED.search(words) else "git status"
