"""What a candidate says of itself is not believed: answers ahead of questions, odd places."""

from tests.sandbox.score.evaluator.stage import refused

CALL = "the evaluator's call failed in evaluate.py, line 2: "
AHEAD = """
    import sys

    def ahead():
        frame = sys._getframe()
        while "sink" not in frame.f_locals:
            frame = frame.f_back
        write = sys.modules["autoresearch_frames"].write
        asked = frame.f_locals["request"]["id"]
        for number in (asked, asked + 1):
            write(frame.f_locals["sink"], {"ok": True, "value": 7, "id": number})
    """


def test_what_was_not_asked_yet_cannot_be_answered(best):
    text = """
    candidate = Candidate()
    assert candidate.call("train:ahead") == 7
    report(acc=candidate.call("train:ahead"))
    """
    status, detail = refused(best, text, train=AHEAD)
    assert (status, detail.endswith("it answered what was not asked")) == ("invalid", True)


LONG_NAME = """
    import os

    def fail():
        exec(compile("1/0", os.path.join(os.path.dirname(__file__), "a" * 5000), "exec"))
    """


def test_a_failure_in_what_no_file_can_be_called_has_no_place(best):
    text = 'Candidate().call("train:fail", timeout=10**400)'
    status, detail = refused(best, text, train=LONG_NAME)
    assert (status, detail) == ("crash", f"{CALL}train:fail: ZeroDivisionError")


def test_a_number_beyond_all_floats_is_no_report(best):
    text = """
    import autoresearch_evaluate as own

    own._harness.ask({"do": "report", "values": {"acc": 10**400}})
    """
    detail = "the evaluator reported something that is no number"
    assert refused(best, text) == ("invalid", detail)
