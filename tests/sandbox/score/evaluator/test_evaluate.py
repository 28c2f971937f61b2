"""What an evaluator measures, and how one fails that crashes, hangs or babbles."""

import pytest

from sandbox.score.evaluator import evaluate, relay
from sandbox.score.measure import Measured
from tests.sandbox.score.evaluator.stage import evaluated, refused

PREDICTIONS = 'open("left.bin", "w").write("0.5")'


def test_a_score_is_what_the_evaluator_reports(place):
    result = evaluated(
        place,
        """
        with open("hidden.txt") as file:
            assert file.read() == "a secret"
        import train
        assert train.AT_THE_START
        assert split() == "val"
        with Candidate() as candidate:
            four = candidate.call("train:double", 2.0)
            value = candidate.call("train:echo", {"a": [1, None, "x", b"raw"]}, more=True)
            assert value == [{"a": [1, None, "x", b"raw"]}, {"more": True}], value
            words = ["python", "-c", "import sys; print(sys.stdin.read()[::-1])"]
            ran = candidate.run(words, b"ba")
            assert ran.stdout == b"ab\\n" and ran.code == 0 and ran.seconds > 0
        report(acc=four / 8, seconds=candidate.seconds)
        report(loss=2)
        print("acc: 99")
        """,
    )
    assert isinstance(result, Measured)
    assert (result.value, result.score, result.reading) == (0.5, "evaluated", None)
    assert result.also["loss"] == 2 and 0 < result.also["seconds"] < 30


def test_a_score_may_be_printed_instead(best):
    result = evaluated(best, 'print("loss: 2\\nacc: 0.25")')
    assert isinstance(result, Measured)
    assert (result.value, result.also) == (0.25, {"loss": 2})


def test_arrays_come_back_as_they_went(best):
    numpy = pytest.importorskip("numpy")
    assert numpy.__version__
    evaluator = """
        import numpy as np

        with Candidate() as candidate:
            for dtype in ("<f4", ">i8", "|b1", "<c16", "<f2", "|u1"):
                sent = np.arange(6).reshape(2, 3).astype(dtype)
                got = candidate.call("train:echo", sent)
                assert got.dtype == sent.dtype and (got == sent).all(), dtype
            assert candidate.call("train:echo", np.float32(0.5)) == 0.5
            assert candidate.call("train:echo", np.zeros((0, 4))).shape == (0, 4)
            try:
                candidate.call("train:echo", np.array([object()]))
            except TypeError:
                report(acc=1)
        """
    result = evaluated(best, evaluator)
    assert isinstance(result, Measured), result


FAILURES = {
    "crashes": (
        'raise ValueError("a secret")',
        "the evaluator failed: ValueError in evaluate.py, line 2",
    ),
    "crashes in its own way": (
        'class ASecret(KeyError): pass\nraise ASecret("a secret")',
        "the evaluator failed: KeyError in evaluate.py, line 3",
    ),
    "exits": (
        'raise SystemExit("a secret")',
        "the evaluator exited with an error in evaluate.py, line 2",
    ),
    "leaves": (
        "import os\nos._exit(7)",
        "the evaluator ended without a word: it exited with status 7",
    ),
    "reports and leaves": (
        "import os\nreport(acc=1)\nos._exit(0)",
        "the evaluator ended without a word",
    ),
    "dies": (
        "import os\nos.kill(os.getpid(), 11)",
        "the evaluator ended without a word: it died of signal 11",
    ),
    "says nothing": ("pass", "the evaluator neither reported nor printed acc: report(acc=…)"),
    "says something else": ("report(loss=1)", "the evaluator reported only loss, but no acc"),
    "reports NaN": ('report(acc=float("nan"))', "the evaluator reported acc nan"),
    "prints garbage": (
        "import os\nos.write(1, bytes(range(256)) * 99)",
        "the evaluator neither reported nor printed acc: report(acc=…)",
    ),
    "calls what is no function": (
        'Candidate().call("train.double", 1)',
        'the evaluator called what is not written as "module:function"',
    ),
    "closes twice": (
        "with Candidate() as candidate:\n    candidate.close()",
        "the evaluator named a candidate that it has not, or closed",
    ),
}


@pytest.mark.parametrize("what", FAILURES)
def test_an_evaluator_that(best, what):
    text, detail = FAILURES[what]
    assert refused(best, text) == ("invalid", detail)


def test_an_evaluator_that_hangs(best, monkeypatch):
    monkeypatch.setattr(evaluate, "MIN_SECONDS", 1.0)
    monkeypatch.setattr(evaluate.Bout, "seconds", 1.0)
    status, detail = refused(best, "while True: pass")
    assert status == "timeout" and detail.startswith("the evaluation was killed after")


def test_an_evaluator_that_dies_while_it_waits(best):
    text = """
    import os, signal, threading

    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
    Candidate().call("train:sleep")
    """
    detail = "the evaluator ended without a word: it died of signal 9"
    assert refused(best, text) == ("invalid", detail)


def test_an_evaluator_that_calls_without_end(best, monkeypatch):
    monkeypatch.setattr(relay, "MAX_CALLS", 3)
    text = 'candidate = Candidate()\nwhile True:\n    candidate.call("train:double", 1)'
    assert refused(best, text) == ("invalid", "the evaluator made more than 3 calls")


def test_an_evaluator_that_closes_none(best):
    status, detail = refused(best, "while True:\n    Candidate()")
    assert status == "invalid"
    assert detail.startswith("the evaluator has 8 candidates that it did not close")


CALL = "the evaluator's call failed in evaluate.py, line 2: "
CALLS = {
    "fails": (
        'Candidate().call("train:fail", 7)',
        (
            "crash",
            f"{CALL}train:fail: ValueError in train.py, line 11",
        ),
    ),
    "is not there": (
        'Candidate().call("nowhere:fail")',
        (
            "crash",
            f"{CALL}nowhere:fail: ModuleNotFoundError",
        ),
    ),
    "leaves": (
        'Candidate().call("train:leave")',
        (
            "crash",
            f"{CALL}train:leave: its process ended",
        ),
    ),
    "sleeps": (
        'Candidate().call("train:sleep", timeout=0.2)',
        (
            "timeout",
            f"{CALL}train:sleep: it did not answer in time",
        ),
    ),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_function_of_the_run_that(best, what):
    text, expected = CALLS[what]
    assert refused(best, text) == expected


TELLING = """
    def tell(secret):
        code = compile("1/0", secret + ".py", "exec")
        exec(code)

    def say(secret):
        raise type(secret, (LookupError,), {"__module__": secret})(secret)
    """


@pytest.mark.parametrize("how", ["tell", "say"])
def test_what_a_candidate_was_given_does_not_leave_with_its_failure(best, how):
    text = f'Candidate().call("train:{how}", open("hidden.txt").read().replace(" ", "_"))'
    status, detail = refused(best, text, train=TELLING)
    assert (status, "secret" in detail) == ("crash", False)


def test_an_evaluator_may_catch_what_a_candidate_does(best):
    text = """
    candidate = Candidate()
    try:
        candidate.call("train:leave")
    except CandidateError as error:
        assert error.kind == "crash"
    try:
        candidate.call("train:double", 1)
    except CandidateError:
        report(acc=0)
    """
    result = evaluated(best, text)
    assert isinstance(result, Measured) and result.value == 0


def test_a_candidate_has_what_the_run_left_in_fresh_files(best):
    text = """
    for _ in range(2):
        with Candidate() as candidate:
            assert candidate.call("train:read", "left.bin") == "0.5"
            candidate.run(["python", "-c", "open('left.bin', 'w').write('1')"])
    report(acc=1)
    """
    result = evaluated(best, text, run=PREDICTIONS, outputs=("left.bin",))
    assert isinstance(result, Measured), result


ODD = {
    "nothing": ("pass", "crash", "it exited with 0, but it left no left.bin"),
    "a link": (
        "import os; os.symlink('/etc/passwd', 'left.bin')",
        "invalid",
        "left.bin cannot be opened as a file: a part of its path is a symbolic link",
    ),
    "a FIFO": ("import os; os.mkfifo('left.bin')", "invalid", "left.bin is not a regular file"),
    "a folder": ("import os; os.mkdir('left.bin')", "invalid", "left.bin is a folder"),
    "two names": (
        "import os; open('a', 'w'); os.link('a', 'left.bin')",
        "invalid",
        "left.bin is also another file: it has 2 links",
    ),
    "a giant": (
        "open('left.bin', 'wb').truncate(4 * 2**20)",
        "invalid",
        "left.bin has 4194304 bytes (up to 4194303 are read)",
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_an_output_that_is(best, what):
    run, status, detail = ODD[what]
    outputs = ("one.txt", "left.bin")
    run = f"open('one.txt', 'w').write('1')\n{run}"
    text = "report(acc=1)"
    committed = {"left.bin": "as committed"}
    assert refused(best, text, run=run, outputs=outputs, files=committed) == (status, detail)


LOOKS = """
    found = []
    for name in ("data/train.txt", "data/val.txt"):
        try:
            with open(name) as file:
                found.append(file.read())
        except OSError:
            found.append("nothing")
    with open("found.txt", "w") as file:
        file.write(" ".join(found))
    """


def test_hidden_data_that_git_ignores_is_seen_by_the_evaluator_alone(walled):
    checkout = walled.home / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/train.txt").write_text("shown")
    (checkout / "data/val.txt").write_text("a secret")
    text = """
    with open("data/val.txt") as file:
        assert file.read() == "a secret"
    with Candidate() as candidate:
        assert candidate.call("train:read", "data/train.txt") == "shown"
        try:
            value = candidate.call("train:read", "data/val.txt")
        except CandidateError:
            value = ""
    found = open(output("found.txt")).read()
    report(acc="secret" not in value, loss="secret" not in found and "shown" in found)
    """
    result = evaluated(
        walled,
        text,
        run=LOOKS,
        outputs=("found.txt",),
        checkout=str(checkout),
        data=(str(checkout / "data"),),
        hidden=(str(checkout / "data/val.txt"),),
    )
    assert isinstance(result, Measured), result
    assert (result.value, result.also["loss"]) == (1, 1)


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_files_of_the_test_split_are_seen_on_it_alone(best, split):
    checkout = best.home / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "data/test.txt").write_text("of the test split")
    text = f"""
    assert split() == "{split}"
    try:
        with open("data/test.txt") as file:
            report(acc=file.read() == "of the test split")
    except OSError:
        report(acc=0)
    """
    data = (str(checkout / "data"),)
    test = (str(checkout / "data/test.txt"),)
    result = evaluated(best, text, split=split, checkout=str(checkout), data=data, test=test)
    assert isinstance(result, Measured), result
    assert result.value == (split == "test")


def test_an_output_in_a_linked_folder_is_refused(best):
    run = "import os; os.mkdir('b'); open('b/left.bin', 'w'); os.symlink('b', 'a')"
    status, detail = refused(best, "report(acc=1)", run=run, outputs=("a/left.bin",))
    assert (status, "symbolic link" in detail) == ("invalid", True)
