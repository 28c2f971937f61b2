"""Advisers see values of the metric as measured, and better is what the metric says."""

from dataclasses import replace
from typing import Any

import pytest

from agent.propose import METHODS, Context, Unreadable
from agent.propose.advise import centaur
from agent.propose.advise.llambo_paper import PREDICTIONS
from agent.records.objective import Objective
from agent.records.proposals import Proposal
from agent.records.results import PriorTrial, Trial
from tests.agent.propose.advise.test_advice import ADVISERS, DEEPER, Listening, script, tried
from tests.agent.propose.example import DEFAULT, context, trial

ACCURACY = Objective(metric="accuracy", direction="maximize")
LATENCY = Objective(metric="latency_ms", scale="log")
TRIALS = (trial(0, 0.5), *(trial(n, 0.5 + n / 100, DEPTH=8 + n) for n in range(1, 13)))
ASKING = next(
    seed for seed in range(100) if centaur.generator(seed, len(TRIALS)).random() < centaur.SHARE
)


def printed(objective: Objective, trials: tuple[Trial, ...] = TRIALS, **changes: Any) -> Context:
    base = context(*trials, seed=ASKING)
    return replace(base, objective=objective, score="printed", **changes)


def asked(method: str, answers: list[dict[str, Any]], at: Context) -> tuple[Proposal, str]:
    model = Listening(answers)
    made = METHODS[method].build(model).propose(at)
    assert not isinstance(made, Unreadable), made
    texts = []
    for request in model.requests:
        texts += [request.system, *request.blocks, str(request.tool)]
    return made, "\n".join(texts)


@pytest.mark.parametrize("method", ADVISERS)
def test_the_best_of_an_accuracy_is_the_highest_as_measured(method: str) -> None:
    proposal, shown = asked(method, script(method, DEEPER), printed(ACCURACY))
    constants = tried(proposal)
    constants.pop("PATTERN", None)
    assert constants == DEEPER
    assert "You tune the constants of a program. Each trial runs it for 300 s" in shown
    assert "accuracy; higher is better" in shown
    best = shown[shown.index("The best, best first:") :].split("```")[1].split("\n")[1]
    assert best == "0.620000 DEPTH=20"
    assert "-0.6" not in shown and "val_bpb" not in shown and "score lower" not in shown
    assert "Why this should score higher." in shown


@pytest.mark.parametrize("method", ADVISERS)
def test_logarithms_stay_inside(method: str) -> None:
    slow = tuple(trial(n, 150.0 - n, **({"DEPTH": 8 + n} if n else {})) for n in range(13))
    _, shown = asked(method, script(method, DEEPER), printed(LATENCY, slow))
    best = shown[shown.index("The best, best first:") :].split("```")[1].split("\n")[1]
    assert best == "138.000000 DEPTH=20"
    assert "latency_ms; lower is better" in shown and "Why this should score lower." in shown


def test_what_is_good_and_aimed_at_lies_on_the_better_side() -> None:
    _, shown = asked("llambo", script("llambo", DEEPER), printed(ACCURACY))
    assert "Good is 0.596000 or more." in shown
    _, shown = asked("llambo-paper", script("llambo-paper", DEEPER), printed(ACCURACY))
    assert "that should score 0.631950." in shown


def test_predictions_of_an_accuracy_choose_the_highest() -> None:
    many = {"reason": "two", "configurations": [{"DEPTH": 22}, {"DEPTH": 23}]}
    scores = [{"scores": [0.1, 0.7]}] * PREDICTIONS
    proposal, _ = asked("llambo-paper", [many, *scores], printed(ACCURACY))
    assert tried(proposal) == {"DEPTH": 23}
    assert "predicted 0.700000" in str(proposal)


def test_a_prediction_that_the_scale_does_not_have_is_no_prediction() -> None:
    slow = tuple(trial(n, 150.0 - n, **({"DEPTH": 8 + n} if n else {})) for n in range(13))
    many = {"reason": "two", "configurations": [{"DEPTH": 22}]}
    model = Listening([many, *[{"scores": [-5.0]}] * PREDICTIONS])
    made = METHODS["llambo-paper"].build(model).propose(printed(LATENCY, slow))
    assert isinstance(made, Unreadable)


def test_prior_trials_of_an_accuracy_are_shown_as_measured() -> None:
    prior = tuple(
        PriorTrial(number=depth, configuration={**DEFAULT, "DEPTH": depth}, outcome=value)
        for depth, value in ((9, 0.7), (10, 0.9))
    )
    _, shown = asked(
        "llm-hps", script("llm-hps", DEEPER), printed(ACCURACY, (trial(0, 0.5),), prior=prior)
    )
    assert "prior 0.900000 DEPTH=10" in shown
    assert shown.index("prior 0.900000") < shown.index("prior 0.700000"), "the best comes first"
