"""What a model is told of the objective is so: in both directions, printed and sealed."""

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.edit.files import Sources
from agent.llm.model import Reply, Request
from agent.propose import Context
from agent.propose.code.code import request_of
from agent.propose.code.policy import Policy
from agent.propose.code.reply import Draft, read_reply
from agent.propose.views.lines import trial_line
from agent.propose.views.prompt import ledger_text, source_text
from agent.propose.views.signals import signals
from agent.propose.views.signatures import MAX_LINES, outlines_of
from agent.records.edits import SetConstant
from agent.records.objective import VAL_BPB, Evaluator, Objective, Sense
from agent.records.results import Trial
from tests.agent.propose.example import SOURCE, context, trial

ACCURACY = Objective(metric="test accuracy", direction="maximize")
LATENCY = Objective(metric="latency_ms", scale="log")
UNTRUE = ("language model", "bits per byte", "val_bpb", "the weights", "validation data")


def scored(number: int, value: float, status: str = "discard", **changes: Any) -> Trial:
    """Return a trial with this accuracy; the baseline's is 0.8."""
    constants = {"DEPTH": 8 + number} if number else {}
    made = trial(number, value, **constants)
    if number:
        made = made.model_copy(update={"delta": 0.8 - value, "status": status})
    return made.model_copy(update=changes)


def printed(*trials: Trial, objective: Objective = ACCURACY, **changes: Any) -> Context:
    sources = Sources({"fit.py": SOURCE}, main="fit.py", patterns=("fit.py",))
    base = replace(context(*trials), sources=sources, objective=objective, score="printed")
    return replace(base, **changes)


def whole(request: Request) -> str:
    tool = json.dumps(request.tool.model_dump())
    return "\n".join((request.system, *request.blocks, tool))


NIGHT = (
    scored(0, 0.8),
    *(scored(n, 0.8 - n / 100) for n in range(1, 12)),
    scored(12, 0.83, "keep"),
    scored(13, 0.815),
)


@pytest.mark.parametrize("objective", [ACCURACY, LATENCY])
def test_nothing_of_language_models_is_said_where_there_is_none(objective: Objective) -> None:
    text = whole(request_of(printed(*NIGHT, objective=objective)))
    for words in UNTRUE:
        assert words not in text, words
    assert f"reads {objective.metric} ({objective.better}) from what it prints" in text
    assert "train.py" not in text and "fit.py" in text
    assert "one more summary than the incumbent" in text


def test_the_command_that_runs_is_named() -> None:
    ours = ACCURACY.model_copy(update={"command": "make fit"})
    assert "runs make fit\nfor 300 s" in request_of(printed(objective=ours)).system
    assert "runs fit.py\nfor 300 s" in request_of(printed()).system


def test_protected_names_are_named() -> None:
    system = request_of(printed(protected=("report", "LOGIT_CAP"))).system
    assert "- protected names (report, LOGIT_CAP); any file outside" in system
    assert "- protected names; any file outside" in request_of(printed()).system


def test_upstreams_layout_is_told_that_the_run_prints_its_score() -> None:
    text = whole(request_of(printed(objective=VAL_BPB)))
    assert "reads val_bpb (lower is better) from what it prints" in text
    for words in ("scores the weights", "it is not there", "bits per byte", "language model"):
        assert words not in text, words


def test_a_sealed_score_is_spoken_of_as_such() -> None:
    text = whole(request_of(context(trial(0, 1.0))))
    assert "measures val_bpb (bits per byte on held-out text, lower is better)" in text
    assert "the harness scores the weights" in text
    assert "why it should lower val_bpb" in text
    assert "the change of val_bpb that you predict, such as -0.004. The ledger" in text


def test_an_evaluator_of_the_project_is_spoken_of_as_such() -> None:
    judged = ACCURACY.model_copy(update={"evaluate": Evaluator(command="python evaluate.py")})
    text = whole(request_of(printed(objective=judged)))
    assert "has the project's own evaluator measure test accuracy (higher is better)" in text
    assert "from what it prints" not in text and "the weights" not in text
    assert "by calling functions of it" not in text


def test_a_program_whose_functions_an_evaluator_calls_is_named() -> None:
    evaluate = Evaluator(command="python evaluator.py", program="initial_program.py")
    judged = ACCURACY.model_copy(update={"evaluate": evaluate})
    text = request_of(printed(objective=judged)).system
    assert "measures initial_program.py by calling functions of it: keep their names" in text


def test_guards_checks_and_further_metrics_are_told() -> None:
    full = ACCURACY.model_copy(
        update={
            "guards": ("latency_ms <= 30",),
            "checks": ("pytest -q tests",),
            "also": ("params_m",),
            "target": 0.95,
        }
    )
    text = request_of(printed(objective=full)).system
    assert "A limit that a kept trial must meet too: latency_ms <= 30." in text
    assert "A command that must succeed with a trial before it is kept: pytest -q tests." in text
    assert "Recorded beside the score and not judged: params_m." in text
    assert "The run has reached its goal at test accuracy 0.950000." in text
    plain = request_of(printed()).system
    assert "A limit" not in plain and "not judged" not in plain and "its goal" not in plain


def test_a_gain_of_an_accuracy_is_positive_wherever_it_is_shown() -> None:
    text = ledger_text(printed(*NIGHT))
    assert "the change of test accuracy (positive is better;" in text
    assert "the expected one; positive is better)" in text
    assert "#12 keep 0.830000 (+0.030000)" in text and "#1 discard 0.790000 (-0.010000)" in text
    assert 'Near misses: #13 +0.015000 "an idea", #1 -0.010000' in text
    assert "9 .. 11 -0.0300 .. -0.0100" in text
    assert "The incumbent is #12 with a score of 0.830000" in text


def test_an_accuracy_in_percent_has_its_unit() -> None:
    result = NIGHT[0].result
    assert result
    scores = tuple(score.model_copy(update={"unit": "%"}) for score in result.scores)
    first = NIGHT[0].model_copy(update={"result": result.model_copy(update={"scores": scores})})
    assert "with a score of 0.800500 %" in ledger_text(printed(first))


def test_where_the_owner_says_that_scores_are_exact_nothing_is_called_noise() -> None:
    exact = ACCURACY.model_copy(update={"noise": "none"})
    text = whole(request_of(printed(*NIGHT, objective=exact)))
    assert "Equal code gives equal scores here" in text and "the score improves.\n" in text
    assert "Noise of the scores" not in text and "more than the noise" not in text
    usual = whole(request_of(printed(*NIGHT)))
    assert "Noise of the scores" in usual and "improves by more than the noise.\n" in usual


def test_nothing_is_said_of_noise_that_nobody_knows_or_that_is_none() -> None:
    unknown = ledger_text(printed())
    assert "The noise of the scores is not known yet" in unknown and "chase" not in unknown
    result = NIGHT[0].result
    assert result
    alike = tuple(score.model_copy(update={"value": 0.8}) for score in result.scores)
    same = NIGHT[0].model_copy(update={"result": result.model_copy(update={"scores": alike})})
    text = ledger_text(printed(same))
    assert "None has shown so far." in text and "chase" not in text


def test_a_cap_on_steps_is_told_where_there_are_steps() -> None:
    cap = "The time is capped by what the baseline takes for these steps."
    for base in (printed(), context(trial(0, 1.0))):
        assert cap not in request_of(base).system
        stepped = request_of(replace(base, budget="200steps")).system
        assert cap in stepped and "for 200 steps" in stepped
    assert "for 1 step," in request_of(printed(budget="1steps")).system


def test_a_model_knows_that_less_code_is_kept_too() -> None:
    for base in (printed(), context(trial(0, 1.0))):
        assert "Less code with the same score is kept, too.\n" in request_of(base).system


def test_noise_on_a_logarithm_is_called_that() -> None:
    assert "do not chase them. It is the scatter of the score's logarithm: 0.01" in ledger_text(
        printed(*NIGHT, objective=LATENCY)
    )


def test_curves_of_the_best_are_those_of_the_highest_scores() -> None:
    curved = []
    for number, value in enumerate((0.80, 0.90, 0.81, 0.82, 0.83, 0.84, 0.85)):
        made = scored(number, value)
        assert made.result
        curve = tuple((n / 4, 2.0 - n / 4) for n in range(1, 5))
        result = made.result.model_copy(update={"curve": curve})
        curved.append(made.model_copy(update={"result": result}))
    text = ledger_text(printed(*curved))
    shown = text[text.index("Training loss by share") :]
    assert "#1 discard 25%" in shown, "the best of all, though not among the newest"
    assert "#0 baseline 25%" not in shown and "#2 discard 25%" not in shown


def test_overfitting_is_a_lower_loss_with_a_score_on_the_worse_side() -> None:
    def with_loss(number: int, value: float, loss: float) -> Trial:
        made = scored(number, value)
        assert made.result
        result = made.result.model_copy(update={"curve": ((1.0, loss),)})
        return made.model_copy(update={"result": result})

    incumbent = with_loss(1, 0.8, 2.0)
    worse = signals(with_loss(2, 0.7, 1.0), incumbent, None, ACCURACY)
    assert worse == ("overfitting: training loss below the incumbent's, test accuracy below it",)
    assert signals(with_loss(2, 0.9, 1.0), incumbent, None, ACCURACY) == ()
    up = signals(with_loss(2, 0.9, 1.0), incumbent, None, LATENCY)
    assert up == ("overfitting: training loss below the incumbent's, latency_ms above it",)


def test_near_misses_that_a_plateau_names_have_their_own_sign() -> None:
    impatient = Policy(patience=1, kinds=("combine",))
    misses = tuple(scored(n, 0.8 + n / 10_000) for n in range(1, 4))
    text = whole(request_of(printed(scored(0, 0.8), *misses, policy=impatient)))
    assert "#3 discard +0.000300:\n" in text and "#2 discard +0.000200:\n" in text


@pytest.mark.parametrize(
    ("sense", "answer", "delta", "shown"),
    [
        (Sense(), -0.004, -0.004, "expected -0.004"),
        (Sense(direction="maximize"), 0.4, -0.4, "expected +0.4"),
        (Sense(direction="maximize"), "+0.4 %", -0.4, "expected +0.4"),
        (Sense(scale="log"), -50, -0.6931471805599453, "expected -50.00%"),
        (Sense(direction="maximize", scale="log"), 100, -0.6931471805599453, "expected +100.00%"),
        (Sense(direction="maximize", scale="logit"), 0.5, -0.5, "expected +0.500000 logit"),
        (Sense(scale="log"), -100, None, ""),
        (Sense(), "a little", None, ""),
        (Sense(), True, None, ""),
        (Sense(), "nan", None, ""),
        (Sense(), 1e308, None, ""),
    ],
)
def test_an_expected_change_is_read_in_the_direction_of_the_metric(
    sense: Sense, answer: object, delta: float | None, shown: str
) -> None:
    edits = [{"kind": "set_constant", "name": "DEPTH", "value": "9"}]
    arguments = {"hypothesis": "deeper", "expected": answer, "edits": edits}
    drafts = read_reply(Reply(model="m", arguments=arguments), Sources.of(SOURCE), sense)
    assert isinstance(drafts, tuple) and isinstance(drafts[0], Draft)
    expected = drafts[0].expected
    assert expected == (None if delta is None else pytest.approx(delta))
    made = trial(1, "crash")
    proposal = made.proposal.model_copy(
        update={"expected": expected, "edits": (SetConstant(name="DEPTH", value="9"),)}
    )
    line = trial_line(made.model_copy(update={"proposal": proposal}), sense)
    assert (shown in line) if shown else ("expected" not in line)


def test_the_tool_asks_in_the_direction_and_on_the_scale_of_the_metric() -> None:
    up = request_of(printed()).tool.parameters["properties"]
    assert up["hypothesis"]["description"].endswith("should raise test accuracy.")
    assert up["expected"]["description"] == (
        "The change of test accuracy that you predict, such as +0.004 (positive is better)."
    )
    down = request_of(printed(objective=LATENCY)).tool.parameters["properties"]
    assert down["expected"]["description"] == (
        "The change of latency_ms in percent that you predict, such as -2 (negative is better)."
    )


def test_further_metrics_stand_in_a_trials_line() -> None:
    made = scored(1, 0.81)
    assert made.result
    score = made.result.scores[0].model_copy(update={"also": {"params_m": 12.5}})
    result = made.result.model_copy(update={"scores": (score,)})
    assert "[512 MB, params_m 12.5]" in trial_line(
        made.model_copy(update={"result": result}), ACCURACY.sense
    )


PREPARE = '''"""Data."""
import os
MAX_SEQ_LEN = 2048

def evaluate_bpb(model, batch_size: int) -> float:
    """Return bits per byte.

    More of it.
    """
    return secret_inside()


class Tokenizer:
    def encode(self, text, *, prepend=None):
        return []
'''


def test_imported_files_are_shown_by_their_signatures() -> None:
    text = source_text(printed(imported={"prepare.py": PREPARE}))
    assert "from files that no edit may touch" in text
    for line in (
        "# prepare.py",
        "MAX_SEQ_LEN = 2048",
        "def evaluate_bpb(model, batch_size: int) -> float: ...  # Return bits per byte.",
        "class Tokenizer:",
        "    def encode(self, text, *, prepend=None): ...",
    ):
        assert line in text.splitlines(), line
    assert "secret_inside" not in text
    assert "no edit may touch" not in source_text(printed())


def test_signatures_are_bounded_and_broken_files_show_nothing() -> None:
    many = "".join(f"A{n} = {n}\n" for n in range(MAX_LINES + 7))
    assert outlines_of({"a.py": many}, 100_000)[0].endswith("# and 7 more")
    assert outlines_of({"a.py": "def (", "b.py": "X = 1\n"}, 1000) == ["# a.py", "# b.py\nX = 1"]
    assert outlines_of({"a.py": many}, 50) == ["# a.py: too long to be shown"]
