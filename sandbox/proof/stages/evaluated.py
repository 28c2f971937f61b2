"""Rows that attack the project's own evaluator, from the training and from the code that it calls.

Each function yields what went wrong, a phrase each.
"""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from sandbox.ground.budget import Budget
from sandbox.ground.outcome import Limits
from sandbox.proof.attacks.evaluated import FORGED, SECRET
from sandbox.proof.stage import ATTACKS, QUOTA, SECONDS, Stage
from sandbox.score.evaluator.evaluation import Evaluation
from sandbox.score.measure import Job, Measured, Stopped, Unscored, measure
from sandbox.score.metric import Metric

HONEST = 6.0
POISONS = ("length", "brackets", "objects", "another's")
EVALUATOR = f'''
from autoresearch_evaluate import Candidate, output, report

SECRET = "{SECRET}"
with open("answers.txt") as file:
    assert SECRET in file.read()
with Candidate() as candidate:
    first = candidate.call("train:answer", 3.0)
with Candidate() as candidate:
    second = candidate.call("train:answer", 3.0)
    extra = second[1]
with open(output("found.txt")) as file:
    found = file.read()
leaks = SECRET in found or SECRET in str(first) + str(second)
calls = extra if isinstance(extra, int) else 1
report(score=second[0], first=first[0], leaks=leaks, calls=calls, patched=extra == "reached")
'''


OF_A_PROGRAM = f'''
import importlib.util

SECRET = "{SECRET}"


def evaluate(path):
    with open("answers.txt") as file:
        assert SECRET in file.read()
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    first, extra = program.answer(3.0)
    second, _ = program.answer(3.0)
    with open("found.txt") as file:
        found = file.read()
    leaks = SECRET in found or SECRET in str(extra)
    calls = extra if isinstance(extra, int) else 1
    patched = extra == "reached"
    return {{"score": second, "first": first, "leaks": leaks, "calls": calls, "patched": patched}}
'''
"""An evaluate(path), as evolutionary frameworks have one: its calls go to one candidate."""
EVALUATORS = {"": EVALUATOR, "train.py": OF_A_PROGRAM}


def reads(stage: Stage) -> Iterator[str]:
    """Look for the evaluator and what it hides, on disk and in other processes."""
    result = _evaluated(stage, "read")
    yield from _honest(result)
    if isinstance(result, Measured) and result.also.get("leaks") != 0:
        yield "it read what the evaluator hides"


def forges(stage: Stage) -> Iterator[str]:
    """Print a score, and write the evaluator's frames to every descriptor."""
    yield from _not_forged(_evaluated(stage, "forge"))


def patches(stage: Stage) -> Iterator[str]:
    """Leave modules by the helper's name, and write to the helper's own files."""
    result = _evaluated(stage, "patch")
    yield from _honest(result)
    if isinstance(result, Measured) and result.also.get("patched") != 0:
        yield "it may write the helper's files"


def poisons(stage: Stage) -> Iterator[str]:
    """Answer calls by what is no frame."""
    for form in POISONS:
        result = _evaluated(stage, f"poison {form}")
        if not isinstance(result, Unscored) or result.status not in ("invalid", "crash"):
            yield f"{form}: it came to {result!r}"


def keeps_state(stage: Stage) -> Iterator[str]:
    """Leave a note for the next candidate wherever something may be written."""
    result = _evaluated(stage, "state")
    yield from _honest(result)
    if isinstance(result, Measured) and result.also.get("calls") != 1:
        yield f"the second candidate knows of {result.also.get('calls'):g} calls"


def rewrites(stage: Stage) -> Iterator[str]:
    """Rewrite its own source, in training and when it is called."""
    yield from _honest(_evaluated(stage, "rewrite"))


def reads_of_a_program(stage: Stage) -> Iterator[str]:
    """Look for an evaluate(path), plant modules for it, and rewrite the program that it calls."""
    for form in ("read", "patch", "rewrite"):
        result = _evaluated(stage, form, "train.py")
        yield from _honest(result)
        if isinstance(result, Measured) and (result.also["leaks"] or result.also["patched"]):
            yield f"{form}: it reached the evaluator"


def forges_of_a_program(stage: Stage) -> Iterator[str]:
    """Print a score, write the evaluator's frames, and answer by what is no frame."""
    yield from _not_forged(_evaluated(stage, "forge", "train.py"))
    for form in POISONS[:1] + POISONS[-1:]:
        result = _evaluated(stage, f"poison {form}", "train.py")
        if not isinstance(result, Unscored) or result.status not in ("invalid", "crash"):
            yield f"{form}: it came to {result!r}"


def keeps_state_of_a_program(stage: Stage) -> Iterator[str]:
    """Leave a note for the next evaluation of an evaluate(path)."""
    for _ in range(2):
        result = _evaluated(stage, "state", "train.py")
        yield from _honest(result)
    if isinstance(result, Measured) and result.also["calls"] != 1:
        yield f"the second evaluation knows of {result.also['calls']:g} calls"


def _honest(result: Measured | Unscored | Stopped) -> Iterator[str]:
    if not isinstance(result, Measured):
        yield f"it came to {result!r}"
    elif result.value != HONEST or result.also.get("first") != HONEST:
        yield f"the score is {result.value:g}"


def _not_forged(result: Measured | Unscored | Stopped) -> Iterator[str]:
    if isinstance(result, Measured) and result.value == FORGED:
        yield "the forged score counts"


def _evaluated(stage: Stage, form: str, program: str = "") -> Measured | Unscored | Stopped:
    """Measure a run that makes this attack, as a trial is measured.

    program: what the evaluator's evaluate(path) gets; "" for a script that is run.
    """
    shutil.rmtree(stage.scratch)
    folder = stage.scratch / "workspace"
    folder.mkdir(parents=True)
    shutil.copyfile(ATTACKS / "evaluated.py", folder / "train.py")
    (folder / "form").write_text(form)
    (folder / "mark").write_text(f"{stage.mark}-called")
    (folder / "places").write_text(f"{stage.home}\n{stage.scratch}.scoring/evaluator\n")
    hidden = stage.home / "hidden"
    hidden.mkdir(exist_ok=True)
    _write_evaluator(hidden, program)
    job = Job(
        folder=str(folder),
        scratch=str(stage.scratch),
        log=str(stage.log),
        data=None,
        seed=0,
        read_only=stage.read_only,
        hidden=(str(hidden),),
        budget=Budget(amount=1, unit="steps"),
        limits=Limits(wall_seconds=SECONDS, disk_bytes=QUOTA),
        score="evaluated",
        evaluation=Evaluation(
            script="evaluate.py",
            outputs=("found.txt",),
            stale=("found.txt",),
            program=program or None,
        ),
        metric=Metric(name="score", also=("first", "leaks", "calls", "patched")),
        python=stage.python,
    )

    def export(folder: Path, _: str) -> None:
        _write_evaluator(folder, program)

    return measure(job, stage.runner, threading.Event(), export=export)


def _write_evaluator(folder: Path, program: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "evaluate.py").write_text(EVALUATORS[program])
    (folder / "answers.txt").write_text(SECRET)
