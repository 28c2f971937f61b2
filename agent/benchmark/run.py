"""Plays a game: one method on one task under one seed, from its first trial or from where its results end."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from agent.benchmark.methods import suggest_of
from agent.benchmark.results import Game, Line
from agent.benchmark.task import Evaluate, Task
from agent.errors import Fault
from agent.llm.model import Model
from agent.propose import METHODS, Context, Observation, Proposer, Suggest, Unreadable
from agent.propose.search.observe import constants_of
from agent.records.proposals import Configuration, Proposal, Provenance
from agent.records.results import Failure, Result, Score, Trial

# What a model is told that a trial trains for.
BUDGET = "one evaluation"


@dataclass(frozen=True)
class Move:
    """What a method would try next: constants, or None with the reason where a model's answer was none."""

    configuration: Configuration | None
    proposal: Proposal | None = None
    reason: str = ""


class Player:
    """A method as it plays: asked for its next move behind the trials so far, keeping nothing."""

    def __init__(self, task: Task, method: str, seed: int, model: Model | None) -> None:
        self._task, self._seed = task, seed
        self._suggest: Suggest | None = suggest_of(method)
        self._proposer: Proposer | None = None if self._suggest else METHODS[method].build(model)

    def move(self, lines: Sequence[Line]) -> Move:
        """The next move; UsageFault where the space is used up."""
        if self._suggest:
            return Move(self._suggest(self._task.space, observations(lines), self._seed))
        assert self._proposer is not None
        made = self._proposer.propose(self._context(lines))
        if isinstance(made, Unreadable):
            proposal = Proposal(
                hypothesis="(a reply that is no proposal)", rationale=made.reply, by=made.by
            )
            return Move(None, proposal, str(made.reason))
        space = self._task.space
        return Move(space.repair({**space.default, **constants_of(made)}), made)

    def _context(self, lines: Sequence[Line]) -> Context:
        trials = tuple(trial_of(line) for line in lines)
        seed = self._seed * 1_000_003 + len(lines)
        return Context(
            self._task.program, self._task.source, self._task.space, trials, (), seed, BUDGET
        )


def play(
    task: Task, game: Game, before: Sequence[Line], trials: int, model: Model | None
) -> Iterator[Line]:
    """The trials of `game` that `before` lacks, up to number `trials`; the baseline is number 0."""
    player, evaluate, lines = (
        Player(task, game.method, game.seed, model),
        task.make(game.seed),
        list(before),
    )
    while len(lines) <= trials:
        began = time.process_time() if not model else time.monotonic()
        move = player.move(lines) if lines else Move(task.space.repair(task.space.default))
        asked = (time.process_time() if not model else time.monotonic()) - began
        lines.append(_line(game, len(lines), move, evaluate, asked))
        if len(lines) == 1 and lines[0].value is None:
            raise Fault(
                f"the constants that {game.task} starts from fail ({lines[0].failure})",
                "autoresearch bench --list",
            )
        yield lines[-1]


def _line(game: Game, number: int, move: Move, evaluate: Evaluate, asked: float) -> Line:
    told = {
        "game": game,
        "number": number,
        "asked": round(asked, 6),
        "proposal": move.proposal,
        "reason": move.reason,
    }
    if move.configuration is None:
        return Line(configuration={}, failure="refused", **told)
    began = time.monotonic()
    outcome = evaluate(move.configuration, number)
    ran = round(time.monotonic() - began, 6)
    if isinstance(outcome.measured, str):
        return Line(
            configuration=move.configuration,
            failure=outcome.measured,
            curve=outcome.curve,
            ran=ran,
            **told,
        )
    value = float(outcome.measured)
    assert math.isfinite(value), f"{game.task} gave {value}"
    return Line(
        configuration=move.configuration,
        value=value,
        true=outcome.true,
        curve=outcome.curve,
        ran=ran,
        **told,
    )


def observations(lines: Sequence[Line]) -> list[Observation]:
    """What a search method learns from."""
    return [
        Observation(
            line.configuration,
            line.value if line.value is not None else cast(Failure, line.failure),
            line.curve,
        )
        for line in lines
        if line.failure != "refused"
    ]


def trial_of(line: Line) -> Trial:
    """A line as the trial of a run, which is what a method with a model reads. The tip stays at the baseline."""
    by = Provenance(method="baseline", origin="baseline")
    proposal = line.proposal or Proposal(hypothesis="as it is", by=by)
    status = (
        "baseline" if line.number == 0 else "discard" if line.value is not None else line.failure
    )
    return Trial(
        number=line.number,
        status=status,
        proposal=proposal,
        reason=line.reason or "of a bench",
        result=_result(line),
        configuration=line.configuration,
    )


def _result(line: Line) -> Result | None:
    if line.failure == "refused":
        return None
    scores = (
        ()
        if line.value is None
        else (Score(value=line.value, seed=line.game.seed, kind="self-reported"),)
    )
    status = "scored" if line.failure is None else line.failure
    return Result(status=status, scores=scores, curve=line.curve, seconds=line.ran)
