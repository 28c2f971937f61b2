"""What a page tells of one run, worked out from its ledger alone: where it stands, what did it, what it cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agent.display.state import baseline_of
from agent.git.home import files_in
from agent.history.history import History
from agent.history.runs import trials_folder
from agent.judge.comparison import Comparison, Measurement, replication_of
from agent.judge.decide import Noise, incumbent_of, noise_of
from agent.llm.recorded import Exchange
from agent.project.settings import RunSettings
from agent.records.results import KEPT, TAKEN, Attempt, Trial, on_newest_data


@dataclass(frozen=True)
class Gain:
    """A kept trial and what it was worth. size: bits per byte below the incumbent of its time, positive is better.

    sigmas: size over the noise; None while the noise is not measured.
    """

    trial: Trial
    size: float
    sigmas: float | None


@dataclass(frozen=True)
class View:
    """One run. pid: the process that works on it, None where none does. measurements: what was found afterwards, oldest first."""

    branch: str
    run: RunSettings
    trials: tuple[Trial, ...]
    in_flight: tuple[Attempt, ...] = ()
    pid: int | None = None
    measurements: tuple[Measurement, ...] = ()

    @cached_property
    def baseline(self) -> Trial | None:
        """What all the gain is counted from."""
        return baseline_of(self.trials)

    @cached_property
    def best(self) -> Trial | None:
        """The trial at the tip."""
        return incumbent_of(self.trials)

    @cached_property
    def noise(self) -> Noise:
        """The noise that the run has shown."""
        return noise_of(self.trials)

    @property
    def gain(self) -> float | None:
        """The best score minus the baseline's in bits per byte, negative is better; None without both."""
        if (
            self.best is None
            or self.baseline is None
            or self.best.value is None
            or self.baseline.value is None
        ):
            return None
        return self.best.value - self.baseline.value

    @property
    def replicated(self) -> Comparison | None:
        """The best against the baseline under fresh seeds, where `replicate` has measured it."""
        return replication_of(self.measurements, self.best)

    @cached_property
    def gains(self) -> tuple[Gain, ...]:
        """The kept changes, the largest first."""
        kept = [
            self.gain_of(trial)
            for trial in on_newest_data(self.trials)
            if trial.status in TAKEN and trial.delta is not None
        ]
        return tuple(sorted(kept, key=lambda gain: gain.size, reverse=True))

    def gain_of(self, trial: Trial) -> Gain:
        """What a trial with a delta was worth."""
        size = -(trial.delta or 0.0)
        return Gain(trial, size, self.sigmas(size))

    def sigmas(self, size: float) -> float | None:
        """A difference in scores as a multiple of the noise."""
        return size / self.noise.scatter if self.noise.scatter else None

    @property
    def band(self) -> float:
        """Twice the noise: half the height of the band around the staircase; 0 while the noise is not measured."""
        return 2 * (self.noise.scatter or 0.0)

    @cached_property
    def counts(self) -> Counter[str]:
        """How many trials ended how; names of statuses, the first seen first."""
        return Counter(trial.status for trial in self.trials)

    @cached_property
    def incumbents(self) -> tuple[Trial, ...]:
        """The trials that were the branch's tip in turn, oldest first."""
        return tuple(
            trial for trial in self.trials if trial.status in KEPT and trial.value is not None
        )

    @cached_property
    def reigns(self) -> tuple[Trial, ...]:
        """Those that were measured on the data that the run has now: what the staircase is made of."""
        newest = {trial.number for trial in on_newest_data(self.trials)}
        return tuple(trial for trial in self.incumbents if trial.number in newest)

    def beaten_by(self, trial: Trial) -> Trial | None:
        """The incumbent when `trial` was judged: what its curve is drawn over. None for a baseline on other data."""
        if trial.new_data:
            return None
        earlier = [one for one in self.incumbents if one.number < trial.number]
        return earlier[-1] if earlier else None

    @cached_property
    def tips(self) -> dict[int, Trial | None]:
        """The kept state that was the branch's right behind each verdict, by the trial's number."""
        tips, tip = dict[int, Trial | None](), None
        for trial in self.trials:
            tip = trial if trial.status in KEPT and trial.value is not None else tip
            tips[trial.number] = tip
        return tips

    @cached_property
    def parents(self) -> dict[int, Trial | None]:
        """The kept state that each trial was proposed on: what it was compared with, or the tip of its time where nothing was."""
        known = {trial.number: trial for trial in self.incumbents}
        before = (None, *self.tips.values())
        return {
            trial.number: tip if trial.against is None else known.get(trial.against)
            for trial, tip in zip(self.trials, before, strict=False)
        }

    @property
    def machines(self) -> frozenset[str]:
        """The names of the machines that scores were measured on."""
        scores = (score for trial in self.trials if trial.result for score in trial.result.scores)
        return frozenset(score.machine for score in scores if score.machine)

    # ------------------------------------------------------------ cost

    @property
    def training_seconds(self) -> float:
        """Time spent in training, over all trials and seeds."""
        return sum(trial.result.seconds for trial in self.trials if trial.result)

    @property
    def elapsed_seconds(self) -> float | None:
        """From the first verdict to the last, pauses between sessions included; None before the second."""
        times = [datetime.fromisoformat(trial.at) for trial in self.trials if trial.at]
        return (max(times) - min(times)).total_seconds() if len(times) > 1 else None

    @property
    def per_hour(self) -> float | None:
        """Verdicts an hour, pauses between sessions included."""
        return (
            (len(self.trials) - 1) * 3600 / self.elapsed_seconds if self.elapsed_seconds else None
        )

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens that went into models and came out of them."""
        paid = [trial.proposal.by for trial in self.trials]
        return sum(by.input_tokens for by in paid), sum(by.output_tokens for by in paid)

    @property
    def tiers(self) -> str:
        """The sandbox tiers that the trials ran in."""
        return (
            ", ".join(
                sorted(
                    {
                        trial.result.tier
                        for trial in self.trials
                        if trial.result and trial.result.tier
                    }
                )
            )
            or "unknown"
        )


@dataclass(frozen=True)
class Local:
    """What this machine alone has of a trial. logs: name and tail of each training log. exchanges: with the model."""

    logs: tuple[tuple[str, str], ...] = ()
    exchanges: tuple[Exchange, ...] = ()


def when(stamp: str) -> str:
    """An ISO 8601 time as `2026-11-24 15:04 UTC`; whatever else it is as it is."""
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return stamp


def differences(views: Sequence[View]) -> list[str]:
    """Why the scores of these runs cannot be compared as they are: conditions that are not the same in all of them."""
    conditions: dict[str, set[str]] = {
        "budget of a trial": {str(view.run.budget) for view in views},
        "validation data": {str(view.run.data_fingerprint) for view in views},
        "kind of score": {str(view.run.score) for view in views},
    }
    return [name for name, values in conditions.items() if len(values) > 1]


def read_view(history: History) -> View:
    """The view that `history` holds right now. Its run is told with the data that it has now."""
    run = history.run.model_copy(update={"data_fingerprint": history.data_fingerprint})
    return View(
        history.branch,
        run,
        history.trials,
        history.in_flight,
        history.owner,
        tuple(history.measurements),
    )


def own_diffs(history: History, trials: Sequence[Trial]) -> dict[int, str]:
    """Each trial's unified diff, its attempt against its parent, by number."""
    texts = history.diffs([trial.attempt for trial in trials])
    return {trial.number: texts.get(trial.attempt, "") for trial in trials}


def log_paths(history: History, number: int) -> list[Path]:
    """The training logs of a trial, where this machine has them."""
    return files_in(trials_folder(history.project, history.tag, f"{number:04d}"), ".log")
