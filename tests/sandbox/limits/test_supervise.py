"""A run and its dialogue, held to their end: who ends it, what is waited for, what it comes to."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from sandbox.ground.outcome import Cancelled, Crashed, Finished, TimedOut
from sandbox.limits.launch import Launch
from sandbox.limits.supervise import FAREWELL_SECONDS
from sandbox.limits.tree import Tree
from sandbox.limits.vram import Vram
from sandbox.tiers.plain import Plain
from tests.sandbox.every_tier import Place, folders, living


@pytest.fixture
def plain():
    """One tier will do: the watch is the same for all, and every tier keeps the contract."""
    with folders() as home:
        yield Place(Plain(), home)


def say(stdin, stdout):
    """Send one word, and read its echo."""
    stdin.write(b"word\n")
    stdin.flush()
    assert stdout.readline() == b"word\n"


ECHO = "import sys, time\nprint(sys.stdin.readline(), end='', flush=True)\n"


def test_after_its_dialogue_a_command_has_a_moment_to_end_by_itself(plain):
    done = plain.scratch / "done"
    code = f"{ECHO}sys.stdin.read()\ntime.sleep(0.5)\nopen({str(done)!r}, 'w').close()"
    assert isinstance(plain.converse(code, say).outcome, Finished)
    assert done.exists(), "its stdin was closed, and it was waited for"


def test_a_command_that_fails_after_its_dialogue_has_failed(plain):
    outcome = plain.converse(f"{ECHO}raise SystemExit(3)", say).outcome
    assert isinstance(outcome, Crashed)
    assert outcome.exit_code == 3


def test_a_command_that_stays_after_its_dialogue_is_ended_and_has_finished(plain):
    outcome = plain.converse(f"{ECHO}time.sleep(60)  # {plain.mark}", say).outcome
    assert isinstance(outcome, Finished)
    assert outcome.usage.seconds >= FAREWELL_SECONDS
    assert living(plain.mark) == []


@pytest.mark.parametrize("error", [ValueError, EOFError, BrokenPipeError, KeyboardInterrupt])
def test_what_a_dialogue_raises_while_its_command_lives_is_raised(plain, error):
    def broken(stdin, stdout):
        say(stdin, stdout)
        raise error("by itself")

    began = time.monotonic()
    with pytest.raises(error, match="by itself"):
        plain.converse(f"{ECHO}time.sleep(60)  # {plain.mark}", broken)
    assert time.monotonic() - began < 30
    assert living(plain.mark) == []


def test_a_dialogue_that_ends_because_its_command_died_is_a_consequence(plain):
    def longer(stdin, stdout):
        say(stdin, stdout)
        raise EOFError if not stdout.readline() else AssertionError

    outcome = plain.converse(f"{ECHO}raise SystemExit(7)", longer).outcome
    assert isinstance(outcome, Crashed)
    assert outcome.exit_code == 7


def test_words_that_a_dead_command_never_read_are_no_failure(plain):
    def unread(stdin, stdout):
        say(stdin, stdout)
        assert not stdout.readline()
        stdin.write(b"still in the buffer")

    outcome = plain.converse(f"{ECHO}raise SystemExit(7)", unread).outcome
    assert isinstance(outcome, Crashed)


def test_a_bug_of_a_dialogue_whose_command_died_is_raised(plain):
    def wrong(stdin, stdout):
        say(stdin, stdout)
        assert not stdout.readline()
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        plain.converse(f"{ECHO}raise SystemExit(7)", wrong)


@pytest.mark.parametrize(("limit", "kind"), [(1.0, TimedOut), (30.0, Cancelled)])
def test_a_dialogue_that_waits_is_ended_with_its_command(plain, limit, kind):
    cancel = threading.Event()

    def wait(stdin, stdout):
        say(stdin, stdout)
        if kind is Cancelled:
            cancel.set()
        raise EOFError if not stdout.readline() else AssertionError

    code = f"{ECHO}time.sleep(60)  # {plain.mark}"
    outcome = plain.converse(code, wait, cancel, wall_seconds=limit).outcome
    assert isinstance(outcome, kind)
    assert living(plain.mark) == []


def test_in_a_dialogue_the_log_has_what_is_no_part_of_it(plain):
    threads = []

    def noted(stdin, stdout):
        threads.append(threading.current_thread())
        say(stdin, stdout)

    ran = plain.converse(f"{ECHO}print('aside', file=sys.stderr)", noted)
    assert ran.output == "aside\n"
    assert ran.outcome.usage.output_bytes == 6
    assert threads == [threading.current_thread()], "it is the caller's own thread"


def test_a_cancelled_run_is_cancelled_whatever_else_it_passed(plain):
    cancel = threading.Event()
    cancel.set()
    code = f"import time; time.sleep(60)  # {plain.mark}"
    assert isinstance(plain.run(code, cancel, wall_seconds=0.01).outcome, Cancelled)
    assert living(plain.mark) == []


def test_a_run_says_how_long_it_took_and_how_much_it_wrote(plain):
    ran = plain.run("import time; print('x' * 99, flush=True); time.sleep(0.4)")
    assert isinstance(ran.outcome, Finished)
    assert 0.4 <= ran.outcome.usage.seconds < 30
    assert ran.outcome.usage.output_bytes == 100
    assert ran.outcome.usage.peak_memory_bytes > 2**20


def test_a_tree_without_a_first_process_is_swept_until_nobody_is_left():
    left = [2, 1, 0]
    swept = []

    def sweep(pid):
        swept.append(pid)
        return left.pop(0)

    launch = Launch(pytest.fail, {"supervise": "parent"}, namespace=False, sweep=sweep)
    with subprocess.Popen(["sleep", "60"]) as process:
        tree = Tree(launch, None, talking=False)
        tree.process = process
        tree.vram = Vram(())
        tree.kill()
        assert tree.dead and process.returncode == -signal.SIGKILL
    assert swept == [process.pid] * 3


def test_a_launcher_that_is_slow_to_name_its_second_process_is_not_taken_for_the_run():
    """The second one may use all cores: a run without a sandbox was ended for that."""
    launch = Launch(pytest.fail, {"supervise": "subreaper"}, namespace=False)
    script = "import subprocess; subprocess.run(['cat'])"
    argv = [sys.executable, "-c", script]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        tree = Tree(launch, None, talking=False)
        tree.process = process
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.read(1)  # of the process below it
        assert tree.members() == []
        tree.reports.add({"inner": process.pid})
        assert len(tree.members()) == 1
        process.stdin.close()
