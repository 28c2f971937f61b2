"""A script's evaluate(path) gets a program whose functions run outside of the evaluator."""

from sandbox.score.measure import Measured
from tests.sandbox.score.evaluator.stage import evaluated, refused

OF_A_PATH = """
    import importlib.util

    def evaluate(path):
        spec = importlib.util.spec_from_file_location("program", path)
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        four = program.double(2.0)
        both = program.echo([1, 2])
        assert type(both) is tuple
        return {"acc": four / 8, "loss": both[1], "note": "no number"}
    """


def test_evaluate_of_a_path_gets_functions_that_run_outside_of_the_evaluator(best):
    result = evaluated(best, OF_A_PATH, program="train.py")
    assert isinstance(result, Measured)
    assert (result.value, result.also) == (0.5, {"loss": 2})


def test_evaluate_of_a_path_that_calls_nothing_gives_no_score(best):
    what = refused(best, "def evaluate(path): return {'acc': 1.0}", program="train.py")
    assert what == ("invalid", "the evaluator called no function of train.py")


def test_a_function_that_fails_in_evaluate_of_a_path_is_the_runs_own_failure(best):
    status, detail = refused(best, OF_A_PATH.replace("double", "lost"), program="train.py")
    assert status == "crash"
    assert "evaluate.py, line 9: train:lost" in detail
