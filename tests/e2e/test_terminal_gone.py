"""A night without its terminal: tmux closes the window, and the run goes on; `| head` ends it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import join, quote

import pytest

from tests.e2e.researcher import (
    AUTORESEARCH,
    TRAIN,
    clean_environment,
    fsck,
    git,
    in_flight,
    miniature,
    start_typing,
    statuses,
    type_in,
    wait_for,
)

START = ("start", "--model", "none", "--method", "random", "--tag", "t", "--budget", "1steps")
NIGHT = (*START, "--baseline-repeats", "2", "--trials", "2")
SLOWER = TRAIN.replace("pause = 0.0", "pause = 0.5")


class Tmux:
    """A tmux server of the test's own, with one window, in a folder."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self._socket = str(socket)
        words = ("new-session", "-d", "-x", "100", "-y", "30", "-s", "night", "-c", str(folder))
        environment = {**clean_environment(), "TERM": "xterm-256color", "TMUX": ""}
        self._tmux(*words, "bash --norc --noprofile", env=environment)

    def type_in(self, line: str) -> None:
        """Type a line, and Enter."""
        self._tmux("send-keys", "-t", "night", "-l", line)
        self._tmux("send-keys", "-t", "night", "Enter")

    def press(self, key: str) -> None:
        """Press a key, C-c say."""
        self._tmux("send-keys", "-t", "night", key)

    def screen(self) -> str:
        """What is to be seen."""
        return self._tmux("capture-pane", "-p", "-t", "night")

    def close(self, what: str) -> None:
        """Close the window, or end the server with all of its windows."""
        self._tmux(what, check=what != "kill-server")

    def _tmux(self, *words: str, check: bool = True, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-f", os.devnull, "-S", self._socket, *words]
        return subprocess.run(command, check=check, capture_output=True, text=True, env=env).stdout


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal in the miniature's folder."""
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    terminal = Tmux(miniature(tmp_path / "home", SLOWER), tmp_path / "socket")
    yield terminal
    terminal.close("kill-server")


def log_of(home: Path) -> str:
    """The log of the run."""
    path = home / ".autoresearch" / "runs" / "t" / "run.log"
    return path.read_text() if path.exists() else ""


def command(*words: str) -> str:
    """A command line that finds our program."""
    return f"{quote(str(AUTORESEARCH))} {join(words)}"


MOMENTS: dict[str, Callable[[str], bool]] = {
    "baseline": lambda log: "#0 trains" in log,
    "proposing": lambda log: "#0 baseline" in log,
    "trial": lambda log: "#1 trains" in log,
    "judge": lambda log: re.search("#1.* run 2:", log) is not None,
    "later trial": lambda log: "#2 trains" in log,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "what"),
    [
        ("trial", "kill-window"),
        ("baseline", "kill-server"),
        ("proposing", "kill-window"),
        ("judge", "kill-server"),
        ("later trial", "kill-window"),
    ],
)
def test_a_run_goes_on_without_its_terminal(
    tmux: Tmux, tmp_path: Path, moment: str, what: str
) -> None:
    home = tmp_path / "home"
    tmux.type_in(command(*NIGHT))
    wait_for(lambda: MOMENTS[moment](log_of(home)), what=moment)
    tmux.close(what)
    wait_for(lambda: "autoresearch resume t" in log_of(home), what="the end")
    assert "the terminal is gone" in log_of(home)
    assert "finished: 2 trials measured" in log_of(home)
    assert "error:" not in log_of(home)
    assert statuses(home, "t")[0] == "baseline"
    assert len(statuses(home, "t")) == 3
    assert in_flight(home) == []
    fsck(home)


@pytest.mark.slow
def test_what_a_reader_beside_the_run_prints_goes_with_the_terminal(
    tmux: Tmux, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    tmux.type_in(f"{command(*NIGHT)} | tee out.txt")
    wait_for(lambda: "#1 trains" in log_of(home), what="a trial")
    tmux.close("kill-window")
    wait_for(lambda: "finished: 2 trials measured" in log_of(home), what="the end")
    assert "finished" not in (home / "out.txt").read_text()


@pytest.mark.slow
def test_a_question_that_waits_ends_with_its_terminal(tmux: Tmux, tmp_path: Path) -> None:
    home = tmp_path / "home"
    git(home, "config", "filter.x.clean", "cat")
    tmux.type_in(command(*NIGHT))
    wait_for(lambda: "Trust this?" in tmux.screen(), what="the question")
    tmux.close("kill-window")
    wait_for(lambda: "next:" in log_of(home), what="the end")
    assert "closed before an answer to 'Trust this?'" in log_of(home)
    assert git(home, "branch", "--list", "autoresearch/*") == ""


@pytest.mark.slow
def test_a_watcher_attaches_and_leaves_and_the_run_goes_on(tmux: Tmux, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = type_in(home, *START, "--detach")
    assert run.returncode == 0, run.stderr
    assert "status --watch t" in run.stdout
    assert log_of(home).count("works on autoresearch/t") == 1
    tmux.type_in(command("status", "--watch"))
    wait_for(lambda: "running as process" in tmux.screen(), what="the page")
    tmux.press("C-c")
    wait_for(lambda: "goes on; `autoresearch stop t` ends it" in tmux.screen(), what="the end")
    (home / "below").mkdir()
    stopped = type_in(home / "below", "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert "autoresearch/t has stopped" in stopped.stdout
    trained = set(re.findall(r"#(\d+) trains", log_of(home)))
    assert not trained & {ref.rpartition("/")[2] for ref in in_flight(home)}
    assert type_in(home, "stop").stdout.startswith("No process works on a run")


def test_detach_still_tells_what_is_wrong_with_its_exit_code(tmp_path: Path) -> None:
    home = miniature(tmp_path)
    git(home, "config", "filter.x.clean", "cat")
    refused = type_in(home, *START, "--detach")
    assert refused.returncode == 6
    assert "--detach --trust" in refused.stderr
    assert not (home / ".autoresearch" / "runs" / "t" / "run.log").exists()


@pytest.mark.slow
def test_what_was_trusted_holds_in_the_background_even_if_it_cannot_be_remembered(
    tmp_path: Path,
) -> None:
    home = miniature(tmp_path / "home", SLOWER)
    git(home, "config", "filter.x.clean", "cat")
    state = tmp_path / "no folder"
    state.write_text("")
    settings = {"XDG_CONFIG_HOME": str(state), "XDG_DATA_HOME": str(state)}
    started = type_in(home, *NIGHT, "--trust", "--detach", **settings)
    assert started.returncode == 0, started.stderr
    assert type_in(home, "stop", "t", "--now").returncode == 0


@pytest.mark.slow
def test_a_reader_that_goes_away_ends_the_run_cleanly(tmp_path: Path) -> None:
    home = miniature(tmp_path, SLOWER)
    with start_typing(home, *NIGHT) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(60) == 141
    assert "Traceback" not in errors
    assert "error" not in errors
    assert "nobody reads the output; `autoresearch resume t` continues" in log_of(home)
    assert type_in(home, "resume", "t", "--trials", "1").returncode == 0
    assert statuses(home, "t")[0] == "baseline"
    assert len(statuses(home, "t")) == 2
    assert in_flight(home) == []
