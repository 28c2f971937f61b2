"""The run's rules over its history: what may be tried, what a result is worth, and what is written down. No threads here."""

from collections.abc import Callable
from datetime import UTC, datetime

from agent.edit import apply, fingerprint, guard
from agent.errors import HistoryFault
from agent.history import History
from agent.judge import Noise, Verdict, incumbent_of, judge, noise_of
from agent.propose import Context, Unreadable
from agent.records import Attempt, Proposal, Provenance, Refused, Result, Trial
from agent.space import Space, changes, read_constants
from sandbox.record import Record


class Fixed(Record):
    """Names in train.py that no edit may change (protected), and names that may change but not vanish (required)."""

    protected: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()


NOTHING_FIXED = Fixed()


class Ledger:
    """Admits proposals, begins attempts and settles them, each in one or two commits.

    space_of: the search space of a source. fixed: what an edit may not touch.
    """

    def __init__(self, history: History, space_of: Callable[[str], Space], fixed: Fixed = NOTHING_FIXED) -> None:
        self.history = history
        self._space_of, self._fixed = space_of, fixed
        self._tried = {trial.fingerprint for trial in history.trials if trial.fingerprint}
        self._tried |= {fingerprint(history.source_at(attempt.commit)) for attempt in history.in_flight}

    # ------------------------------------------------------------ reading

    @property
    def needs_baseline(self) -> bool:
        """True until the tip's own train.py has a score: at the start, and after a change by a human hand."""
        return incumbent_of(self.history.trials) is None or bool(self.history.foreign_commits)

    @property
    def noise(self) -> Noise:
        """The noise of one run's score, as the newest baseline showed it."""
        return noise_of(self.history.trials)

    @property
    def baseline_seconds(self) -> float | None:
        """How long one training of the newest baseline took in all; None before there is one."""
        for trial in reversed(self.history.trials):
            if trial.status == "baseline" and trial.result:
                return trial.result.seconds / len(trial.result.scores)
        return None

    def context(self, pending: tuple[Proposal, ...]) -> Context:
        """Everything a method may look at, with a seed that differs for each proposal and is the same after a resume."""
        history = self.history
        return Context(
            program=history.program,
            source=history.source,
            space=self._space_of(history.source),
            trials=history.trials,
            pending=pending,
            seed=history.run.seed * 1_000_003 + len(history.trials) + len(pending),
            budget=str(history.run.budget),
        )

    # ------------------------------------------------------------ proposals

    def admit(self, proposal: Proposal) -> str | Refused:
        """The train.py that `proposal` makes of the tip's, or why it is not worth a budget."""
        applied = apply(self.history.source, proposal.edits)
        if isinstance(applied, Refused):
            return applied
        fixed = self._fixed
        before = self.history.source
        refused = guard(before, applied.source, tried=self._tried, protected=fixed.protected, required=fixed.required)
        return refused or applied.source

    def begin(self, proposal: Proposal) -> Attempt | Trial:
        """Commit `proposal` on the tip as an attempt in flight; a refused trial where it no longer applies."""
        source = self.admit(proposal)
        if isinstance(source, Refused):
            return self.refuse(proposal, source)
        self._tried.add(fingerprint(source))
        return self.history.commit_attempt(self.history.next_number, proposal, source)

    def begin_baseline(self) -> Attempt:
        """The tip as it is, as an attempt: the one left in flight by a killed run, or a new one."""
        for attempt in self.history.in_flight:
            if attempt.proposal.by.origin == "baseline":
                if self.history.same_files(attempt.commit, self.history.tip):
                    return attempt
                self._refuse(attempt, "the branch moved on before this baseline was measured")
        proposal = Proposal(hypothesis="train.py as it is", by=Provenance(method="baseline", origin="baseline"))
        return self.history.commit_attempt(self.history.next_number, proposal, self.history.source)

    def refuse(self, proposal: Proposal | Unreadable, refused: Refused) -> Trial:
        """Record a proposal that was not trained. It cost tokens, and the next proposal will see why."""
        if isinstance(proposal, Unreadable):
            proposal = Proposal(hypothesis="(a reply that is no proposal)", rationale=proposal.reply, by=proposal.by)
        return self._refuse(self.history.draft(self.history.next_number, proposal, self.history.source), str(refused))

    def _refuse(self, attempt: Attempt, reason: str) -> Trial:
        trial = Trial(number=attempt.number, status="refused", proposal=attempt.proposal, reason=reason, at=_now())
        return self.history.commit_verdict(attempt, trial)

    # ------------------------------------------------------------ results

    def settle(self, attempt: Attempt, result: Result) -> tuple[Trial, Proposal | None]:
        """Judge `result` and record it; with it, the replay to train next where the tip has moved on under an improvement."""
        base, source = self.history.source_at(attempt.parent), self.history.source_at(attempt.commit)
        verdict = judge(result, self._incumbent_value(attempt), self.noise)
        replay = None
        if verdict.status == "keep" and not self.history.same_files(attempt.parent, self.history.tip):
            verdict, replay = self._superseded(attempt, verdict)
        trial = Trial(
            number=attempt.number, status=verdict.status, proposal=attempt.proposal, reason=verdict.reason, result=result,
            delta=verdict.delta, changes=changes(base, source), configuration=read_constants(source),
            fingerprint=fingerprint(source), at=_now(),
        )  # fmt: skip
        return self.history.commit_verdict(attempt, trial), replay

    def _incumbent_value(self, attempt: Attempt) -> float | None:
        """The score of the state that `attempt` was made on: what it has to beat. None for a baseline."""
        if attempt.proposal.by.origin == "baseline":
            return None
        before = []
        for trial in self.history.trials:
            before.append(trial)
            if trial.verdict == attempt.parent:
                break
        incumbent = incumbent_of(before)
        if incumbent is None:
            raise HistoryFault(f"attempt #{attempt.number} stands before any baseline", "autoresearch log")
        return incumbent.value

    def _superseded(self, attempt: Attempt, verdict: Verdict) -> tuple[Verdict, Proposal]:
        """An improvement on a state that is no longer the tip is not merged unmeasured: it is tried again on the tip."""
        number, proposal = attempt.number, attempt.proposal
        self._tried.discard(fingerprint(self.history.source_at(attempt.commit)))  # beside other files it is another experiment
        by = Provenance(method=proposal.by.method, origin="replay", model=proposal.by.model, replays=number)
        reason = f"{verdict.reason}, but the tip has moved since: tried again on it"
        return verdict.model_copy(update={"status": "discard", "reason": reason}), proposal.model_copy(update={"by": by})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
