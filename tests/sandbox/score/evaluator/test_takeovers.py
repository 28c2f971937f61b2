"""An evaluator that hands itself over to the run is ended: by pickles, imports, programs, text."""

import pytest

from sandbox.score.measure import Measured
from tests.sandbox.score.evaluator.stage import evaluated, refused

PICKLE = """
    import pickle
    from fractions import Fraction

    with open("left.bin", "wb") as file:
        pickle.dump(Fraction(1, 2), file)
    """
PREDICTIONS = 'open("left.bin", "w").write("0.5")'
CALL_IT = 'call the run\'s code instead: candidate.call("module:function", …)'


LOADS = {
    "pickle.load": "import pickle\npickle.load(open(output('left.bin'), 'rb'))",
    "pickle.loads, later": (
        "import pickle\ndata = open('left.bin', 'rb').read()\ntry:\n    pickle.loads(data)\n"
        "except BaseException:\n    pass\nreport(acc=1)"
    ),
    "an unpickler in Python": "import pickle\npickle._Unpickler(open('left.bin', 'rb')).load()",
    "numpy": "import numpy\nnumpy.load(output('left.bin'), allow_pickle=True)",
    "torch": "import torch\ntorch.load(output('left.bin'))",
}


@pytest.mark.parametrize("how", [pytest.param("torch", marks=pytest.mark.slow), *list(LOADS)[:4]])
def test_an_evaluator_that_unpickles(best, how):
    pytest.importorskip(how if how in ("numpy", "torch") else "pickle")
    status, detail = refused(best, LOADS[how], run=PICKLE, outputs=("left.bin",))
    assert status == "invalid"
    assert detail.startswith("the evaluator unpickled something of the run's in evaluate.py, line ")
    assert detail.endswith(CALL_IT)


def test_an_evaluator_that_imports_an_output(best):
    text = """
    from importlib.machinery import SourceFileLoader

    SourceFileLoader("left", output("left.bin")).load_module()
    """
    status, detail = refused(best, text, run=PREDICTIONS, outputs=("left.bin",))
    assert (status, detail) == (
        "invalid",
        f"the evaluator imported something of the run's in evaluate.py, line 5; {CALL_IT}",
    )


@pytest.mark.parametrize("name", ["sh", "{left}"])
def test_an_evaluator_that_starts_an_output(best, name):
    words = [name] if name == "{left}" else [name, "{left}"]
    text = f"""
    import subprocess

    left = output("left.bin")
    subprocess.run([word.format(left=left) for word in {words}])
    """
    status, detail = refused(best, text, run=PREDICTIONS, outputs=("left.bin",))
    assert (status, detail) == (
        "invalid",
        f"the evaluator started something of the run's in evaluate.py, line 6; {CALL_IT}",
    )


def test_what_an_evaluator_unpickles_of_its_own_is_its_business(best):
    text = """
    import pickle
    from fractions import Fraction

    half = pickle.loads(pickle.dumps(Fraction(1, 2)))
    report(acc=half + float(open(output("left.bin")).read()))
    """
    result = evaluated(best, text, run=PREDICTIONS, outputs=("left.bin",))
    assert isinstance(result, Measured) and result.value == 1


EXECUTES = {
    "eval": "eval(open('left.bin').read())",
    "exec": "import autoresearch_evaluate as a\na.output('left.bin')\nexec('import os')",
    "a compiled text": "text = open('left.bin').read()\neval(compile(text, '<text>', 'eval'))",
}


@pytest.mark.parametrize("how", EXECUTES)
def test_an_evaluator_that_executes_text(best, how):
    run = "with open('left.bin', 'w') as file: file.write('print(1)')"
    status, detail = refused(best, EXECUTES[how], run=run, outputs=("left.bin",))
    assert status == "invalid"
    assert detail.startswith("the evaluator executed something of the run's in evaluate.py, line ")


def test_an_evaluator_that_reads_constants_by_eval_may(best):
    text = """
    from collections import namedtuple
    from dataclasses import make_dataclass

    rows = eval(open(output("left.bin")).read())
    pair = namedtuple("Pair", "a b")(*rows)
    report(acc=make_dataclass("Sum", ["of"])(pair.a + pair.b).of)
    """
    run = "with open('left.bin', 'w') as file: file.write('[0.25, -0.5 + 1]')"
    result = evaluated(best, text, run=run, outputs=("left.bin",))
    assert isinstance(result, Measured) and result.value == 0.75


def test_an_evaluator_that_unmarshals(best):
    text = "import marshal\nmarshal.loads(open('left.bin', 'rb').read())"
    run = "import marshal\nwith open('left.bin', 'wb') as file: file.write(marshal.dumps(1))"
    _, detail = refused(best, text, run=run, outputs=("left.bin",))
    assert detail.startswith("the evaluator unpickled something of the run's in evaluate.py, line ")


def test_an_evaluator_that_has_a_shell_start_an_output(best):
    text = "import os\nos.system('sh ./left.bin')"
    _, detail = refused(best, text, run=PREDICTIONS, outputs=("left.bin",))
    assert detail.startswith("the evaluator started something of the run's in evaluate.py, line 3")
