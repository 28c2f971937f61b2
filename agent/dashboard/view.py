"""A run as pages show it, computed from its ledger: best, gains, noise, cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from agent.display.format import Formatter
from agent.display.places import HERE, Places, place_lines
from agent.display.places_file import read_places
from agent.display.scores import about_scores, axis_title, gain_of, share_of
from agent.display.state import baseline_of
from agent.display.steering import state_lines
from agent.git.home import files_in
from agent.history.history import History
from agent.history.lineage import parent_text
from agent.history.runs import trials_folder
from agent.judge.comparison import Comparison, Measurement, replication_of
from agent.judge.decide import incumbent_of
from agent.judge.noise import Noise, noise_of
from agent.project.settings import RunSettings
from agent.records.inputs import Admitted
from agent.records.losses import Loss
from agent.records.marks import starred
from agent.records.pace import Pace, pace_of
from agent.records.results import (
    KEPT,
    TAKEN,
    Attempt,
    Score,
    Trial,
    kept_in,
    on_newest_data,
)
from agent.records.steering import steering_of
from sandbox.limits.usage import SUFFIX


@dataclass(frozen=True)
class Gain:
    """A kept trial and its gain."""

    trial: Trial
    size: float
    """How much less the loss is than the incumbent's of its time; positive is better."""
    sigmas: float | None
    """Size over the noise; None while the noise is not measured."""


@dataclass(frozen=True)
class View:
    """One run at one moment."""

    branch: str
    run: RunSettings
    trials: tuple[Trial, ...]
    in_flight: tuple[Attempt, ...] = ()
    pid: int | None = None
    """The process that works on it, if any."""
    measurements: tuple[Measurement, ...] = ()
    """Later measurements, oldest first."""
    begun: Mapping[str, int] = field(default_factory=dict)
    """When each attempt was committed, which is when its slot began to work on it: seconds since
    1970, by commit."""
    parent: str = ""
    """The state of another run that it began at, in words."""
    inputs: tuple[Admitted, ...] = ()
    """The inputs to the run, oldest first."""
    places: Places = HERE
    """What trains where now; no places for a run on this machine alone."""
    losses: Mapping[int, tuple[Loss, ...]] = field(default_factory=dict)
    """Places that were lost during the runs of attempts in flight, by number."""

    @property
    def paused(self) -> bool:
        """Return whether somebody has paused the run."""
        return steering_of(self.inputs, len(self.trials)).paused is not None

    @cached_property
    def starred(self) -> frozenset[int]:
        """Return the numbers of the trials with a star."""
        return starred(self.inputs)

    @cached_property
    def state(self) -> list[str]:
        """Return lines on what holds now: a pause, a hold, remarks."""
        return state_lines(steering_of(self.inputs, len(self.trials)))

    @cached_property
    def where(self) -> list[str]:
        """Return a line for each place of the run."""
        return list(map(self.formatter.line, place_lines(self.places)))

    def doing(self, number: int) -> str:
        """Return the state of an attempt in flight: it trains, waits, or was interrupted."""
        if self.pid is None:
            return "interrupted"
        for waits in self.places.waiting:
            if waits.number == number:
                return f"paused, waits for its run {waits.run}"
        return "in training"

    @cached_property
    def formatter(self) -> Formatter:
        """Return the formatter of the run's metric."""
        return Formatter(objective=self.run.goal)

    @cached_property
    def about(self) -> str:
        """Return which way scores are better and who computed them, in words; see about_scores."""
        return about_scores(self.trials, self.formatter)

    @cached_property
    def axis(self) -> str:
        """Return the title of an axis of scores: `accuracy, higher is better, self-reported`."""
        return axis_title(self.trials, self.formatter)

    @cached_property
    def baseline(self) -> Trial | None:
        """Return the trial that gains are counted from."""
        return baseline_of(self.trials)

    @cached_property
    def best(self) -> Trial | None:
        """Return the trial at the tip."""
        return incumbent_of(self.trials)

    @cached_property
    def noise(self) -> Noise:
        """Return the noise measured over the run."""
        return noise_of(self.trials, self.run.sense)

    @property
    def gain(self) -> float | None:
        """Return the loss of the best score minus the baseline's; None without both.

        Negative is better.
        """
        size = gain_of(self.best, self.baseline, self.formatter)
        return None if size is None else -size

    @property
    def share(self) -> float | None:
        """Return the gain as a share of the baseline's score; None where share_of gives none."""
        if self.best is None or self.baseline is None:
            return None
        return share_of(self.best, self.baseline, self.formatter)

    @property
    def replicated(self) -> Comparison | None:
        """Return the best against the baseline under fresh seeds, if `replicate` measured it."""
        return replication_of(self.measurements, self.best)

    @property
    def kept(self) -> int:
        """Return how many trials were kept, the baseline aside."""
        return kept_in(self.trials)

    @cached_property
    def gains(self) -> tuple[Gain, ...]:
        """Return the kept changes, the largest first."""
        kept = [
            self.gain_of(trial)
            for trial in on_newest_data(self.trials)
            if trial.status in TAKEN and trial.delta is not None
        ]
        return tuple(sorted(kept, key=lambda gain: gain.size, reverse=True))

    def gain_of(self, trial: Trial) -> Gain:
        """Return the gain of a trial that has a delta."""
        size = -(trial.delta or 0.0)
        return Gain(trial, size, self.sigmas(size))

    def sigmas(self, size: float) -> float | None:
        """Return a difference of losses as a multiple of the noise."""
        return size / self.noise.scatter if self.noise.scatter else None

    @property
    def band(self) -> float:
        """Return half the height of the band around the staircase: twice the noise, or 0."""
        return 2 * (self.noise.scatter or 0.0)

    def shifted(self, value: float, size: float) -> float:
        """Return the score whose loss is larger than that of `value` by `size`."""
        sense = self.run.sense
        return sense.value(sense.loss(value) + size) if size and sense.has(value) else value

    @cached_property
    def counts(self) -> Counter[str]:
        """Return the number of trials by status, in the order in which the statuses occurred."""
        return Counter(trial.status for trial in self.trials)

    @cached_property
    def incumbents(self) -> tuple[Trial, ...]:
        """Return the trials that were the branch's tip in turn, oldest first."""
        return tuple(
            trial for trial in self.trials if trial.status in KEPT and trial.value is not None
        )

    @cached_property
    def reigns(self) -> tuple[Trial, ...]:
        """Return the incumbents on the run's present data: the steps of the staircase."""
        newest = {trial.number for trial in on_newest_data(self.trials)}
        return tuple(trial for trial in self.incumbents if trial.number in newest)

    def beaten_by(self, trial: Trial) -> Trial | None:
        """Return the incumbent when `trial` was judged; None for a baseline on new data."""
        if trial.new_data:
            return None
        earlier = [kept for kept in self.incumbents if kept.number < trial.number]
        return earlier[-1] if earlier else None

    @cached_property
    def tips(self) -> dict[int, Trial | None]:
        """Return the branch's tip right after each verdict, by the trial's number."""
        tips: dict[int, Trial | None] = {}
        tip: Trial | None = None
        for trial in self.trials:
            if trial.status in KEPT and trial.value is not None:
                tip = trial
            tips[trial.number] = tip
        return tips

    @cached_property
    def parents(self) -> dict[int, Trial | None]:
        """Return the kept trial that each trial was proposed on, by the trial's number.

        It is the one that the trial was compared with, else the tip of its time.
        """
        incumbents = {trial.number: trial for trial in self.incumbents}
        parents: dict[int, Trial | None] = {}
        tip: Trial | None = None
        for trial in self.trials:
            parents[trial.number] = tip
            if trial.against is not None:
                parents[trial.number] = incumbents.get(trial.against)
            tip = self.tips[trial.number]
        return parents

    @property
    def machines(self) -> frozenset[str]:
        """Return the names of the machines that scores were measured on."""
        return frozenset(score.machine for score in self.scores if score.machine)

    @property
    def scores(self) -> list[Score]:
        """Return every score of every trial."""
        results = [trial.result for trial in self.trials if trial.result]
        return list(chain.from_iterable(result.scores for result in results))

    # ------------------------------------------------------------ cost

    @property
    def proposed(self) -> tuple[Trial | Attempt, ...]:
        """Everything that was proposed: trials with a verdict, and attempts in flight."""
        return (*self.trials, *self.in_flight)

    @cached_property
    def pace(self) -> Pace:
        """Return how long the run took."""
        return pace_of(self.trials)

    @property
    def training_seconds(self) -> float:
        """Return the time spent in training, over all trials and seeds."""
        return self.pace.training

    @property
    def elapsed_seconds(self) -> float | None:
        """Return the time that the run worked, without pauses between sessions."""
        return self.pace.elapsed

    @property
    def per_hour(self) -> float | None:
        """Return trained trials per hour; None before the second."""
        return self.pace.per_hour

    @property
    def tokens(self) -> tuple[int, int]:
        """Return the input tokens and the output tokens of models."""
        paid = [entry.proposal.by for entry in self.proposed]
        return sum(by.input_tokens for by in paid), sum(by.output_tokens for by in paid)

    @property
    def tiers(self) -> str:
        """Return the sandbox tiers that the trials ran in."""
        tiers = {trial.result.tier for trial in self.trials if trial.result}
        return ", ".join(sorted(filter(None, tiers))) or "unknown"


def comparable(views: Sequence[View]) -> bool:
    """Return whether these runs measure the same, so that scores can stand on one axis."""
    return len({(view.run.goal.metric, view.run.goal.direction) for view in views}) < 2


def differences(views: Sequence[View]) -> list[str]:
    """Return the conditions in which these runs differ, so that scores cannot be compared."""
    conditions: dict[str, set[str]] = {
        "metric": {f"{view.run.goal.metric}, {view.run.goal.better}" for view in views},
        "time of a trial": {view.run.allowance for view in views},
        "validation data": {str(view.run.data_fingerprint) for view in views},
        "kind of score": {str(view.run.score) for view in views},
    }
    return [name for name, values in conditions.items() if len(values) > 1]


def read_view(history: History) -> View:
    """Return the present view of a run; its settings have the fingerprint of its present data."""
    run = history.run.model_copy(update={"data_fingerprint": history.data_fingerprint})
    return View(
        history.branch,
        run,
        history.trials,
        history.in_flight,
        history.owner,
        tuple(history.measurements),
        history.begun(),
        parent_text(history.project, history.run),
        history.inputs,
        read_places(Path(history.project.root), history.tag) if history.owner else HERE,
        {attempt.number: history.losses(attempt) for attempt in history.in_flight},
    )


def own_diffs(history: History, trials: Sequence[Trial]) -> dict[int, str]:
    """Return each trial's unified diff, attempt against parent, by number."""
    texts = history.diffs([trial.attempt for trial in trials])
    return {trial.number: texts.get(trial.attempt, "") for trial in trials}


def log_paths(history: History, number: int) -> list[Path]:
    """Return the training logs of a trial that this machine has."""
    return _own_files(history, number, ".log")


def usage_paths(history: History, number: int) -> list[Path]:
    """Return the traces of a trial's trainings that this machine has."""
    return _own_files(history, number, SUFFIX)


def _own_files(history: History, number: int, suffix: str) -> list[Path]:
    return files_in(trials_folder(history.project, history.tag, f"{number:04d}"), suffix)
