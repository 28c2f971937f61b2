"""One run: a method on a task under a seed, from its first trial or from where its results end."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agent.benchmark.methods import suggest_of
from agent.benchmark.results import Line, Run
from agent.benchmark.task import Evaluate, Task
from agent.edit.files import Sources
from agent.errors import Fault
from agent.llm.model import Model
from agent.propose import Context, Observation, Proposer, Suggest, Unreadable, find_method
from agent.propose.search.observe import constants_of
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.records.results import Failure, Result, Score, Status, Trial

# What a model is told that a trial trains for.
BUDGET = "one evaluation"
# Far apart, so that no two runs share a seed of a proposal.
SEED_STRIDE = 1_000_003


@dataclass(frozen=True)
class Suggestion:
    """What an optimizer would try next."""

    configuration: Configuration | None
    """None if a model's reply was no proposal."""
    proposal: Proposal | None = None
    reason: str = ""
    """Why there is no configuration."""


class Optimizer:
    """A method on one task: asked for its next suggestion given the trials so far, stateless."""

    def __init__(self, task: Task, method: str, seed: int, model: Model | None) -> None:
        self._task = task
        self._seed = seed
        self._sources = Sources.of(task.source)
        self._suggest: Suggest | None = suggest_of(method)
        self._proposer: Proposer | None = None
        if self._suggest is None:
            self._proposer = find_method(method, typed=True).build(model)

    def suggest(self, lines: Sequence[Line]) -> Suggestion:
        """Return the next suggestion; raise UsageFault if the space is exhausted."""
        space = self._task.space
        if self._suggest:
            return Suggestion(self._suggest(space, observations(lines), self._seed))
        assert self._proposer is not None
        proposal = self._proposer.propose(self._context(lines))
        if isinstance(proposal, Unreadable):
            return _refused(proposal)
        configuration = space.repair({**space.default, **constants_of(proposal, self._sources)})
        return Suggestion(configuration, proposal)

    def _context(self, lines: Sequence[Line]) -> Context:
        return Context(
            self._task.program,
            self._sources,
            self._task.space,
            tuple(trial_of(line) for line in lines),
            (),
            self._seed * SEED_STRIDE + len(lines),
            BUDGET,
        )


def _refused(reply: Unreadable) -> Suggestion:
    hypothesis = "(a reply that is no proposal)"
    proposal = Proposal(hypothesis=hypothesis, rationale=reply.reply, by=reply.by)
    return Suggestion(None, proposal, str(reply.reason))


def run_trials(
    task: Task, run: Run, done: Sequence[Line], trials: int, model: Model | None
) -> Iterator[Line]:
    """Yield the trials of `run` after those `done`, up to number `trials`.

    Number 0 is the baseline. Raise Fault if it fails.
    """
    optimizer = Optimizer(task, run.method, run.seed, model)
    evaluate = task.make(run.seed)
    # A search method's own time is processor time; a model is waited for.
    clock = time.monotonic if model else time.process_time
    lines = list(done)
    if not lines:
        baseline = Suggestion(task.space.repair(task.space.default))
        lines.append(_evaluated(run, 0, baseline, evaluate, 0.0))
        if lines[0].value is None:
            raise Fault(
                f"the constants that {run.task} starts from fail ({lines[0].failure})",
                "autoresearch bench --list",
            )
        yield lines[0]
    while len(lines) <= trials:
        began = clock()
        suggestion = optimizer.suggest(lines)
        lines.append(_evaluated(run, len(lines), suggestion, evaluate, clock() - began))
        yield lines[-1]


def _evaluated(
    run: Run, number: int, suggestion: Suggestion, evaluate: Evaluate, seconds: float
) -> Line:
    about: dict[str, Any] = {
        "run": run,
        "number": number,
        "propose_seconds": round(seconds, 6),
        "proposal": suggestion.proposal,
        "reason": suggestion.reason,
    }
    if suggestion.configuration is None:
        return Line(configuration={}, failure="refused", **about)
    began = time.monotonic()
    outcome = evaluate(suggestion.configuration, number)
    about["evaluate_seconds"] = round(time.monotonic() - began, 6)
    about["configuration"] = suggestion.configuration
    about["curve"] = outcome.curve
    if isinstance(outcome.measured, str):
        return Line(failure=outcome.measured, **about)
    value = float(outcome.measured)
    assert math.isfinite(value), f"{run.task} gave {value}"
    return Line(value=value, true=outcome.true, **about)


def observations(lines: Sequence[Line]) -> list[Observation]:
    """Return what a search method learns from."""
    return [
        Observation(line.configuration, _measured(line), line.curve)
        for line in lines
        if line.failure != "refused"
    ]


def _measured(line: Line) -> float | Failure:
    return line.value if line.value is not None else cast(Failure, line.failure)


def trial_of(line: Line) -> Trial:
    """Return a line as a trial of a research run, for methods that ask a model.

    The tip stays at the baseline.
    """
    baseline = Provenance(method="baseline", origin="baseline")
    return Trial(
        number=line.number,
        status=_status(line),
        proposal=line.proposal or Proposal(hypothesis="as it is", by=baseline),
        reason=line.reason or "of a benchmark",
        result=_result(line),
        configuration=line.configuration,
    )


def _status(line: Line) -> Status:
    if line.number == 0:
        return "baseline"
    return line.failure or "discard"


def _result(line: Line) -> Result | None:
    if line.failure == "refused":
        return None
    if line.value is None:
        return Result(status=line.failure, curve=line.curve, seconds=line.evaluate_seconds)
    score = Score(value=line.value, seed=line.run.seed, kind="self-reported")
    return Result(status="scored", scores=(score,), curve=line.curve, seconds=line.evaluate_seconds)
