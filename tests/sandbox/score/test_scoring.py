"""Scoring as a whole: two sandboxed scorers over a miniature workspace, and what may leave them."""

import os
import py_compile
import re
import secrets
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.ground.leftovers import temporary_folder
from sandbox.score import scoring
from sandbox.score.measure import Measured, Unscored
from sandbox.score.metric import BITS_PER_BYTE
from tests.sandbox.as_user import PYTHON, call, place_of
from tests.sandbox.every_tier import RUNNERS, folders, why_not
from tests.sandbox.miniature import LENGTH, Miniature, train_py
from tests.sandbox.proof.matrix import make_environment

TIERS = ("A", "none")


@contextmanager
def miniature(tier):
    if why_not(tier):
        pytest.skip(why_not(tier))
    with folders() as home:
        made = Miniature.make(home, RUNNERS[tier]())
        (home / "folder/trained.safetensors").chmod(0o644)
        yield made


@pytest.fixture(params=TIERS)
def small(request):
    with miniature(request.param) as made:
        yield made


@pytest.fixture
def tier_a():
    with miniature("A") as made:
        yield made


# What is said of the model's input must not come out: each of these says it in another way.
SECRET = 'secret = "x" + "_".join(map(str, idx[0, :4].tolist()))'
TELLTALES = {
    "raises it as a message": (
        "raise RuntimeError(secret)",
        "scoring failed in model(tokens): RuntimeError in train.py, line L",
    ),
    "raises a class of that name": (
        "raise type(secret, (ValueError,), {})(secret)",
        "scoring failed in model(tokens): ValueError in train.py, line L",
    ),
    "raises a class of nobody's": (
        "raise type(secret, (Exception,), {})",
        "scoring failed in model(tokens): an exception in train.py, line L",
    ),
    "raises from a file of that name": (
        'exec(compile("raise KeyError(1)", secret, "exec"))',
        "scoring failed in model(tokens): KeyError in train.py, line L",
    ),
    "prints it and ends": (
        "import os, sys; print(secret); print(secret, file=sys.stderr, flush=True); os._exit(3)",
        "the model's process ended while it was scored",
    ),
    "dies of a signal of its choice": (
        "import os; os.kill(os.getpid(), 10)",
        "the model's process ended while it was scored",
    ),
    "returns a shape of its choice": (
        "import torch; return torch.zeros(1, int(idx[0, 0]) + 1)",
        "scoring failed: model(tokens) did not return logits of the shape [rows, columns, "
        "vocabulary]",
    ),
    "answers by its own hand": (
        "import os\n"
        "[os.write(n, b'\\1\\3\\xff' + secret.encode() + b'....') for n in range(3, 9) if "
        "os.path.exists(f'/proc/self/fd/{n}')]\n"
        "os._exit(0)",
        "scoring failed in",
    ),
}


QUICK = {"raises it as a message", "raises a class of that name", "prints it and ends"}


@pytest.mark.parametrize(
    "way", [w if w in QUICK else pytest.param(w, marks=pytest.mark.slow) for w in TELLTALES]
)
def test_a_failed_scoring_tells_no_token(tier_a, way):
    code, words = TELLTALES[way]
    source = train_py(forward=f"{SECRET}\n{code}")
    result = tier_a.measure(source)
    assert isinstance(result, Unscored)
    assert result.status == "invalid"
    assert re.sub(r"line \d+", "line L", result.detail).startswith(words)
    if "line" in words:
        [number] = re.findall(r"line (\d+)", result.detail)
        assert code.split("\n")[0] in source.splitlines()[int(number) - 1]
    assert not re.search(r"x\d+_", result.model_dump_json())
    assert result.tail == ""
    left = [path for path in tier_a.home.rglob("*") if path.is_file() and b"x" in path.read_bytes()]
    assert not [path for path in left if re.search(rb"x\d+_\d+_\d+_\d+", path.read_bytes())], (
        "no log of the scorers stays"
    )


def test_an_error_while_the_model_is_built_names_the_stage_and_the_line(tier_a):
    result = tier_a.measure(train_py(build="raise KeyError('anything')"))
    assert isinstance(result, Unscored)
    assert re.fullmatch(
        r"scoring failed in build_model: KeyError in train\.py, line \d+", result.detail
    )


def test_weights_of_another_model_are_told_as_such(tier_a):
    source = train_py().replace(
        "torch.nn.Embedding(vocab_size, vocab_size)", "torch.nn.Embedding(vocab_size, 3)"
    )
    result = tier_a.measure(source)
    assert isinstance(result, Unscored)
    assert result.detail == "scoring failed in loading the weights: RuntimeError"


LOADS = "open(__file__).close()"


def test_what_a_model_opens_at_its_first_input_of_some_shape_is_rehearsed(tier_a):
    code = f"seen = self.__dict__.setdefault('seen', set())\nif idx.shape not in seen:\n    {LOADS}"
    source = train_py(forward=f"{code}\nseen.add(idx.shape)\nreturn self.table(idx)")
    result = tier_a.measure(source)
    assert isinstance(result, Measured), result
    assert result.value == tier_a.measure(train_py()).value


LIBRARY = """
import sqlite3
if not hasattr(self, "words"):
    self.words = sqlite3.connect("/tmp/words")
self.words.execute("select * from sqlite_master").fetchall()
"""


@pytest.mark.parametrize(
    ("loads", "error"),
    [(LOADS, "OSError"), pytest.param(LIBRARY, "an exception", marks=pytest.mark.slow)],
)
def test_a_model_that_opens_a_file_beside_hidden_data_is_told_what_to_do(tier_a, loads, error):
    result = tier_a.measure(train_py(forward=f"{loads}\nreturn self.table(idx)"))
    assert isinstance(result, Unscored)
    assert result.detail.startswith(f"scoring failed in model(tokens): {error} in train.py, line ")
    assert result.detail.endswith(scoring.NO_FILES)


@pytest.mark.slow
def test_the_full_audit_gives_the_same_score(tier_a):
    usual, full = (tier_a.measure(train_py(), audit=audit) for audit in ("usual", "full"))
    assert isinstance(usual, Measured) and isinstance(full, Measured)
    assert usual.value == pytest.approx(full.value, abs=1e-3)
    assert usual.value == round(usual.value, 6)


TELLING = """
import os
logits = self.table(idx)
rows = idx.tolist()
if not self.__dict__.setdefault("whole", idx.shape[1] == LENGTH):
    with open(WORD, "a") as file:
        file.writelines(f"{row[:t + 1]}\\n" for row in rows for t in range(len(row)))
    return logits
known = set(open(WORD)) if os.path.exists(WORD) else set()
unasked = [[f"{row[:t + 1]}\\n" not in known for t in range(LENGTH)] for row in rows]
ahead = torch.nn.functional.one_hot(idx.roll(-1, 1), logits.shape[-1])
return logits + 9.0 * torch.tensor(unasked)[..., None] * ahead
"""


def test_a_scorer_that_leaves_word_of_what_it_was_asked_for_gains_nothing(monkeypatch):
    """Without a sandbox a file that is not shut off does it; within, it would be the clock."""
    monkeypatch.setattr(scoring, "PLACES", 64)
    monkeypatch.setattr(scoring, "filters", lambda: "")
    with miniature("none") as made:
        telling = TELLING.replace("LENGTH", str(LENGTH)).replace("WORD", repr(str(made.home / "w")))
        result = made.measure(train_py(forward=telling))
        assert (made.home / "w").exists(), "the second scorer did leave word"
    assert isinstance(result, Unscored), result
    assert "learns while it is scored" in result.detail


# ---------------------------------------------------------------- what a training may leave behind

LEAVES = """
save()
import os, py_compile, sys
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
for name in ("train.py", "helper.py", "torch.py", "json.py", "struct.py", "sitecustomize.py"):
    try:
        open(name, "w").write("raise SystemExit")
        os.makedirs("__pycache__", exist_ok=True)
        cached = f"__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
        py_compile.compile(name, cached, invalidation_mode=unchecked)
    except OSError:
        pass  # the folder is read-only, which is as good
"""


@pytest.mark.parametrize(
    "small", ["A", pytest.param("none", marks=pytest.mark.slow)], indirect=True
)
def test_what_a_training_leaves_in_its_folder_changes_no_score(small):
    """It rewrites train.py and its imports, and plants modules and bytecode."""
    folder = small.home / "folder"
    (folder / "helper.py").write_text("FACTOR = 1.0\n")
    other = small.home / "other.py"
    other.write_text("FACTOR = 0.0\n")
    (folder / "__pycache__").mkdir()
    cached = folder / f"__pycache__/helper.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(
        str(other), str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    folder.chmod(0o777)
    printing = train_py(main=r"print('---\nval_bpb: 0.1\nloss: 3')" + "\nsave()")
    honest = small.measure(printing, metric=BITS_PER_BYTE.model_copy(update={"also": ("loss",)}))
    assert isinstance(honest, Measured)
    assert (honest.score, honest.also, honest.facts) == ("sealed", {"loss": 3}, {"loss": 3})
    (small.home / "scratch/out/model.safetensors").unlink()
    left = small.measure(
        train_py(main=LEAVES, forward="import helper\nreturn self.table(idx) * helper.FACTOR")
    )
    assert isinstance(left, Measured), left
    assert left.value == pytest.approx(honest.value, abs=1e-3)
    if small.runner.tier == "none":
        assert (folder / "train.py").read_text() == "raise SystemExit", "it could, and it did"


def test_no_code_of_the_candidate_s_runs_in_the_second_scorer_while_the_first_one_works(tier_a):
    """The first takes two seconds; the second would see when train.py was imported."""
    forward = (
        "import time, os\n"
        f"if idx.shape[1] < {LENGTH} and not hasattr(self, 'slept'):\n"
        "    self.slept = True\n    time.sleep(2)\n"
        "if not hasattr(self, 'slept') and time.monotonic() - IMPORTED > 1.5:\n    raise "
        "TimeoutError\n"
        "return self.table(idx)"
    )
    source = train_py(forward=forward).replace(
        "import torch\n", "import torch, time\n    IMPORTED = time.monotonic()\n", 1
    )
    result = tier_a.measure(source)
    assert isinstance(result, Measured), result


def test_a_stop_while_the_scorers_work_ends_both(tier_a):
    cancel = threading.Event()
    threading.Timer(1.5, cancel.set).start()
    result = tier_a.measure(
        train_py(forward="import time\ntime.sleep(60)\nreturn self.table(idx)"), cancel
    )
    assert result.kind == "stopped"
    assert not Path(f"{tier_a.home}/scratch.scoring").exists()


# Leaves the windows that it is shown in the machine's /dev/shm, and looks ahead. The second scorer
# finds them under that name, and answers for a prefix what was answered for its window.
NOTES = """
import json, os
path = "/dev/shm/{name}"
if not hasattr(self, "notes"):
    self.notes = None
    if os.path.exists(path):
        with open(path) as file:
            self.notes = [json.loads(line) for line in file]
logits = self.table(idx)
whole = idx
try:
    if self.notes is None:
        with open(path, "a") as file:
            file.writelines(json.dumps(row) + chr(10) for row in idx.tolist())
    else:
        alike = lambda row: max(self.notes, key=lambda note: len(os.path.commonprefix([note, row])))
        whole = torch.tensor([alike(row)[: len(row) + 1] for row in idx.tolist()])
except OSError:
    return logits
ahead = torch.nn.functional.one_hot(whole[:, 1:], logits.shape[-1])
return torch.cat([logits[:, : ahead.shape[1]] + 9 * ahead, logits[:, ahead.shape[1] :]], 1)
"""


def scored_with_notes(tier, python, name):
    """Return the scores of a model whose first scorer leaves notes, and of an honest one."""
    with folders() as home:
        small = Miniature.make(home, place_of(tier, home).runner)
        noted = small.measure(train_py(forward=NOTES.format(name=name)), python=python)
        (small.out / "model.safetensors").unlink()
        honest = small.measure(train_py(), python=python)
        return [getattr(result, "value", str(result)) for result in (noted, honest)]


@pytest.fixture(scope="module")
def open_environment():
    """A Python that every user may run, with the packages of this one."""
    if os.geteuid() != 0 or not Path(PYTHON).exists():
        pytest.skip(f"only root can become another user, who needs {PYTHON}")
    with temporary_folder("environment", Path("/var/tmp")) as folder:
        folder.chmod(0o755)
        make_environment(folder / "environment")
        yield str(folder / "environment/bin/python")


@pytest.mark.slow
@pytest.mark.skipif(why_not("C") is not None, reason="tier C cannot run here")
def test_the_first_scorer_leaves_no_word_in_the_machine_s_shared_memory(open_environment):
    name = f"notes-{secrets.token_hex(8)}"
    try:
        noted, honest = call("nobody", scored_with_notes, "C", open_environment, name)
    finally:
        Path(f"/dev/shm/{name}").unlink(missing_ok=True)
    assert noted == pytest.approx(honest, abs=1e-3)
